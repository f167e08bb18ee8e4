#include "build.hpp"

#include "schema.hpp"
#include "values.hpp"

#include <algorithm>
#include <set>

namespace sallyport::config {

namespace {

std::string label(std::string_view path, std::string_view name) {
  return path.empty() ? std::string(name) : std::string(path) + "." + std::string(name);
}

// "listeners[3].tls" is the key "listeners[].tls".
std::string key_of(const std::string& path) {
  std::string out;
  bool inside = false;
  for (const char c : path) {
    if (c == ']') inside = false;
    if (!inside) out += c;
    if (c == '[') inside = true;
  }
  return out;
}

place of_flag(std::string name) { return {std::make_shared<source>(source{origin::layer::flag, std::move(name), {}}), 0, 0}; }

class builder {
 public:
  builder(const node& merged, const sources& from, const std::optional<milvus_values>& milvus, std::vector<problem>& problems)
      : merged_(merged), from_(from), milvus_(milvus), problems_(problems) {}

  built run() {
    unsafe_keys();
    backends();
    listeners();
    users();
    if (milvus_) user_calls();
    scalars();
    return std::move(out_);
  }

 private:
  settings& s() { return out_.value; }
  void complain(const place& at, std::string text, std::string hint = {}) {
    problems_.push_back(fault_at(at, std::move(text), std::move(hint)));
  }

  // The scalar `name` of `parent`, when it is there and good; its origin is noted, the default's too. `sound` turns false for what is there
  // and no good.
  const node* scalar(const node* parent, const std::string& path, std::string_view name, bool* sound = nullptr) {
    const std::string whole = label(path, name);
    const key* known = find_key(key_of(whole));
    const node* found = parent && parent->is == node::kind::map ? parent->find(name) : nullptr;
    if (!found) {
      if (!known->initial.empty()) s().origins[whole] = origin{origin::layer::built_in, {}, 0, 0, std::string(known->initial)};
      return nullptr;
    }
    std::vector<problem> told_already;
    if (!known->later.empty() || !check_scalar(*known, *found, told_already)) {
      if (sound) *sound = false;
      return nullptr;
    }
    s().origins[whole] = origin_of(found->at, found->text);
    return found;
  }

  std::string path_at(const node* parent, const std::string& path, std::string_view name, bool* sound = nullptr) {
    const node* found = scalar(parent, path, name, sound);
    if (!found) return {};
    std::string whole = resolved(found->text, found->at);
    s().origins[label(path, name)].shown = whole;
    return whole;
  }

  template <class Enum>
  void word(const node* parent, const std::string& path, std::string_view name, Enum& into, std::initializer_list<Enum> values,
            bool* sound = nullptr) {
    const node* found = scalar(parent, path, name, sound);
    if (!found) return;
    const auto words = split(find_key(key_of(label(path, name)))->words, '|');
    const auto at = static_cast<std::size_t>(std::find(words.begin(), words.end(), found->text) - words.begin());
    into = *(values.begin() + at);
  }

  const node* map_below(std::string_view name) const {
    const node* found = merged_.find(name);
    return found && found->is == node::kind::map ? found : nullptr;
  }
  const std::vector<node>* list_below(const node& parent, std::string_view name) const {
    const node* found = parent.find(name);
    return found && found->is == node::kind::sequence ? &found->items : nullptr;
  }

  // A name that others refer to, unique among its kind.
  std::string name_at(const node& item, const std::string& path, std::set<std::string>& taken, bool& sound) {
    const bool there = item.find("name") != nullptr;
    const node* found = scalar(&item, path, "name", &sound);
    if (!there) complain(item.at, "'" + key_of(path) + ".name' is missing", "give it a name, it appears in the log");
    if (!found) return {};
    const bool plain =
        found->text.size() <= 64 &&
        found->text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == std::string::npos;
    if (!plain) complain(found->at, "'" + key_of(path) + ".name' may have letters, digits, '_', '.' and '-', 64 at most");
    if (plain && !taken.insert(found->text).second)
      complain(found->at, "the name '" + found->text + "' is taken", "give each a name of its own");
    sound = sound && plain;
    return found->text;
  }

  void backends() {
    const auto flag = endpoint_flag(from_.backend, "--backend", false);
    const node* whole = merged_.find("backends");
    if (!whole) {
      if (flag) implied_backend(*flag);
      if (!flag && from_.backend.empty() && !from_.users_only)
        complain(merged_.at, "no backend is named", "add 'backends' to the configuration, or pass --backend HOST:PORT");
      return;
    }
    const auto* items = list_below(merged_, "backends");
    if (!items) return;
    if (items->empty() && !from_.users_only) complain(whole->at, "'backends' is empty", "name at least one");
    if (flag && items->size() != 1)
      complain(of_flag("--backend"), "the configuration has " + std::to_string(items->size()) + " backends", "set its endpoints there");
    std::set<std::string> taken;
    for (std::size_t i = 0; i < items->size(); ++i)
      backend((*items)[i], "backends[" + std::to_string(i) + "]", taken, items->size() == 1 ? flag : std::nullopt);
  }

  void implied_backend(const host_port& at) {
    s().backends.push_back({});
    s().backends.back().name = "milvus";
    s().backends.back().endpoints = {{at.host, at.port}};
    s().origins["backends[0].name"] = origin{origin::layer::built_in, {}, 0, 0, "milvus"};
    s().origins["backends[0].credentials"] = origin{origin::layer::built_in, {}, 0, 0, "strip"};
    s().origins["backends[0].endpoints[0]"] = origin_of(of_flag("--backend"), show(at));
  }

  void backend(const node& item, const std::string& path, std::set<std::string>& taken, const std::optional<host_port>& flag) {
    if (item.is != node::kind::map) return;
    bool sound = true;
    upstream::settings made;
    made.name = name_at(item, path, taken, sound);
    word(&item, path, "credentials", made.credential, {upstream::credentials::strip, upstream::credentials::forward}, &sound);
    if (flag) {
      made.endpoints = {{flag->host, flag->port}};
      s().origins[path + ".endpoints[0]"] = origin_of(of_flag("--backend"), show(*flag));
    } else {
      endpoints(item, path, made);
    }
    s().backends.push_back(std::move(made));
  }

  void endpoints(const node& item, const std::string& path, upstream::settings& made) {
    const node* whole = item.find("endpoints");
    if (!whole) return complain(item.at, "'backends[].endpoints' is missing", "for example endpoints: [127.0.0.1:19540]");
    if (whole->is != node::kind::sequence) return;
    if (whole->items.empty()) return complain(whole->at, "'backends[].endpoints' is empty", "for example endpoints: [127.0.0.1:19540]");
    if (whole->items.size() > 1)
      complain(whole->items[1].at, "several endpoints of one backend are not in this version", "name exactly one");
    std::string why, hint;
    const node& first = whole->items.front();
    if (first.is != node::kind::scalar) return;
    if (const auto parsed = parse_host_port(first.text, false, why, hint)) {
      made.endpoints = {{parsed->host, parsed->port}};
      s().origins[path + ".endpoints[0]"] = origin_of(first.at, show(*parsed));
    }
  }

  std::optional<host_port> endpoint_flag(const std::string& value, const std::string& name, bool port_zero) {
    if (value.empty()) return {};
    std::string why, hint;
    auto parsed = parse_host_port(value, port_zero, why, hint);
    if (!parsed) complain(of_flag(name), why, hint);
    return parsed;
  }

  void listeners() {
    const auto flag = endpoint_flag(from_.listen, "--listen", true);
    const node* whole = merged_.find("listeners");
    if (!whole) {
      if (from_.users_only) return;
      if (milvus_ || !from_.backend.empty() || !from_.listen.empty()) return implied_listener(flag);
      return complain(merged_.at, "'listeners' is missing", "see the examples, or pass --milvus-config FILE and --backend HOST:PORT");
    }
    const auto* items = list_below(merged_, "listeners");
    if (!items) return;
    if (items->empty() && !from_.users_only) complain(whole->at, "'listeners' is empty", "name at least one");
    if (flag && items->size() != 1)
      complain(of_flag("--listen"), "the configuration has " + std::to_string(items->size()) + " listeners", "set their addresses there");
    std::set<std::string> taken;
    for (std::size_t i = 0; i < items->size(); ++i)
      listener((*items)[i], "listeners[" + std::to_string(i) + "]", taken, items->size() == 1 ? flag : std::nullopt);
  }

  void implied_listener(const std::optional<host_port>& flag) {
    bool sound = from_.listen.empty() || flag;
    proxy::listener_settings made;
    const host_port at = flag ? *flag : host_port{"127.0.0.1", 19530};
    made.address = {"milvus", at.host, at.port};
    s().origins["listeners[0].name"] = origin{origin::layer::built_in, {}, 0, 0, "milvus"};
    s().origins["listeners[0].address"] =
        flag ? origin_of(of_flag("--listen"), show(at)) : origin{origin::layer::built_in, {}, 0, 0, show(at)};
    if (s().backends.size() == 1) {
      made.backend = s().backends.front().name;
      s().origins["listeners[0].backend"] = origin{origin::layer::built_in, {}, 0, 0, made.backend};
    } else if (s().backends.size() > 1) {
      complain(merged_.at, "several backends and no 'listeners' that choose one", "add 'listeners' to the configuration");
    }
    tls_of(nullptr, "listeners[0]", made, sound);
    tokens_of(nullptr, "listeners[0]", made, sound);
    s().listeners.push_back(std::move(made));
    out_.sound.push_back(sound);
  }

  void listener(const node& item, const std::string& path, std::set<std::string>& taken, const std::optional<host_port>& flag) {
    if (item.is != node::kind::map) return;
    bool sound = true;
    proxy::listener_settings made;
    made.address.name = name_at(item, path, taken, sound);
    address_of(item, path, made, flag, sound);
    if (const node* protocol = item.find("protocol");
        protocol && protocol->text == "tcp" && !(item.find("tokens") && item.find("tokens")->text == "none"))
      complain(protocol->at, "protocol tcp carries bytes, which have no tokens: 'tokens: required' cannot hold",
               "connect asks for a password before the bytes, certificate_user for a certificate; both are not in this version");
    scalar(&item, path, "protocol", &sound);
    scalar(&item, path, "health", &sound);
    tls_of(&item, path, made, sound);
    tokens_of(&item, path, made, sound);
    const node* backend = scalar(&item, path, "backend", &sound);
    if (backend)
      backend_of(*backend, made);
    else if (!item.find("backend"))
      complain(item.at, "'listeners[].backend' is missing", "name one of 'backends'");
    s().listeners.push_back(std::move(made));
    out_.sound.push_back(sound);
  }

  void address_of(const node& item, const std::string& path, proxy::listener_settings& made, const std::optional<host_port>& flag,
                  bool& sound) {
    std::string why, hint;
    const node* found = scalar(&item, path, "address", &sound);
    std::optional<host_port> at = found ? parse_host_port(found->text, true, why, hint) : std::nullopt;
    if (flag) {
      at = flag;
      s().origins[path + ".address"] = origin_of(of_flag("--listen"), show(*flag));
      sound = true;
    } else if (!found && !item.find("address")) {
      complain(item.at, "'listeners[].address' is missing", "for example address: 127.0.0.1:19530");
    }
    sound = sound && at;
    if (!at) return;
    made.address.host = at->host;
    made.address.port = at->port;
  }

  void backend_of(const node& named, proxy::listener_settings& made) {
    made.backend = named.text;
    std::vector<std::string_view> names;
    for (const auto& b : s().backends) names.push_back(b.name);
    if (std::find(names.begin(), names.end(), named.text) != names.end() || !list_below(merged_, "backends")) return;
    const auto near = meant(named.text, names);
    complain(named.at, "no backend is called '" + named.text.substr(0, 80) + "'",
             near.empty() ? "it must be the name of one of 'backends'" : "did you mean '" + std::string(near) + "'?");
  }

  void tokens_of(const node* item, const std::string& path, proxy::listener_settings& made, bool& sound) {
    word(item, path, "tokens", made.tokens, {auth::tokens::required, auth::tokens::none}, &sound);
    if ((item && item->find("tokens")) || !milvus_ || !milvus_->authorization_enabled) return;
    made.tokens = milvus_->authorization_enabled->value ? auth::tokens::required : auth::tokens::none;
    s().origins[path + ".tokens"] = origin_of(milvus_->authorization_enabled->at, made.tokens == auth::tokens::none ? "none" : "required");
  }

  void tls_of(const node* item, const std::string& path, proxy::listener_settings& made, bool& sound) {
    const node* block = item ? item->find("tls") : nullptr;
    if (!block) return milvus_tls(path, made, sound);
    if (block->is != node::kind::map) {
      sound = false;
      return;
    }
    tls::server_settings tls;
    const std::string below = path + ".tls";
    word(block, below, "profile", tls.versions, {tls::profile::modern, tls::profile::intermediate}, &sound);
    using tls::client_certificates;
    word(block, below, "client_certificates", tls.clients,
         {client_certificates::none, client_certificates::optional, client_certificates::required}, &sound);
    certificates(*block, below, tls, sound);
    tls.client_ca = path_at(block, below, "client_ca", &sound);
    const node* mode = block->find("client_certificates");
    if (tls.clients != client_certificates::none && !block->find("client_ca"))
      complain(mode->at, "client certificates need 'listeners[].tls.client_ca'", "name the PEM file of the CA that signs them");
    if (tls.clients == client_certificates::none && !tls.client_ca.empty() && (!mode || mode->text == "none"))
      problems_.push_back(warning_at(block->find("client_ca")->at,
                                     "'listeners[].tls.client_ca' has no effect: no client certificate is asked for",
                                     "set client_certificates: required, or remove it"));
    made.tls = std::move(tls);
  }

  void certificates(const node& block, const std::string& below, tls::server_settings& tls, bool& sound) {
    const node* whole = block.find("certificates");
    if (!whole || (whole->is == node::kind::sequence && whole->items.empty())) {
      complain(whole ? whole->at : block.at, "'listeners[].tls.certificates' " + std::string(whole ? "is empty" : "is missing"),
               "for example certificates: [{cert: server.pem, key: server.key}]");
      return;
    }
    for (std::size_t i = 0; i < whole->items.size(); ++i) {
      const node& item = whole->items[i];
      if (item.is != node::kind::map) continue;
      const std::string path = below + ".certificates[" + std::to_string(i) + "]";
      for (const std::string_view name : {"cert", "key"})
        if (!item.find(name))
          complain(item.at, "'" + key_of(path) + "." + std::string(name) + "' is missing", "a certificate and its key, both PEM");
      std::string cert = path_at(&item, path, "cert", &sound);
      tls.certificates.push_back({std::move(cert), path_at(&item, path, "key", &sound)});
    }
  }

  void milvus_tls(const std::string& path, proxy::listener_settings& made, bool& sound) {
    if (!milvus_ || !milvus_->tls_mode || milvus_->tls_mode->value == 0) return;
    const place& mode_at = milvus_->tls_mode->at;
    const bool mutual = milvus_->tls_mode->value == 2;
    tls::server_settings tls;
    const auto take = [&](const std::optional<placed<std::string>>& file, const std::string& name, const std::string& as,
                          std::string& into) {
      if (file) {
        into = file->value;
        s().origins[path + ".tls." + as] = origin_of(file->at, file->value);
        return;
      }
      sound = false;
      if (milvus_tls_told_.insert(name).second)
        complain(mode_at, "tlsMode " + std::string(mutual ? "2" : "1") + " needs tls." + name,
                 "the block 'tls' stands at the top of the file, beside 'common'");
    };
    tls::certificate_files files;
    take(milvus_->server_pem, "serverPemPath", "certificates[0].cert", files.cert);
    take(milvus_->server_key, "serverKeyPath", "certificates[0].key", files.key);
    if (mutual) take(milvus_->ca_pem, "caPemPath", "client_ca", tls.client_ca);
    tls.certificates.push_back(std::move(files));
    tls.clients = mutual ? tls::client_certificates::required : tls::client_certificates::none;
    s().origins[path + ".tls.client_certificates"] = origin_of(mode_at, mutual ? "required" : "none");
    s().origins[path + ".tls.profile"] = origin{origin::layer::built_in, {}, 0, 0, "intermediate"};
    made.tls = std::move(tls);
  }

  void users() {
    const node* block = map_below("users");
    scalar(block, "users", "authority");
    const node* store = scalar(block, "users", "store");
    origin& from = s().origins["users.store"];
    if (!from_.store.empty()) {
      s().users.path = from_.store.starts_with("sqlite:") ? from_.store.substr(7) : from_.store;
      from = origin_of(of_flag("--store"), "sqlite:" + s().users.path);
    } else if (store) {
      s().users.path = resolved(store->text.substr(7), store->at);
      from.shown = "sqlite:" + s().users.path;
    } else {
      s().users.path = default_store();
      from = origin{origin::layer::built_in, {}, 0, 0, "sqlite:" + s().users.path};
      if (s().users.path.empty())
        complain(merged_.at, "no place for the users: neither STATE_DIRECTORY nor HOME is set", "set users.store, or pass --store PATH");
    }
    const node* admin = map_below("admin");
    s().admin.socket = path_at(admin, "admin", "socket");
    if (s().admin.socket.empty()) {
      s().admin.socket = s().users.path + ".sock";
      s().origins["admin.socket"] = origin{origin::layer::built_in, {}, 0, 0, s().admin.socket};
    }
    constexpr std::size_t socket_path_max = 107;  // sizeof sockaddr_un::sun_path less its NUL
    if (s().admin.socket.size() > socket_path_max)
      problems_.push_back(fault_at(s().origins["admin.socket"],
                                   "the path of the admin socket is longer than 107 bytes: " + s().admin.socket,
                                   "set admin.socket to a shorter one"));
  }

  // systemd sets STATE_DIRECTORY; several folders are separated by colons.
  std::string default_store() const {
    const auto value = [&](const char* name) {
      const auto found = from_.environment.find(name);
      return found == from_.environment.end() ? std::string() : found->second;
    };
    const std::string state = value("STATE_DIRECTORY"), home = value("HOME");
    if (!state.empty()) return state.substr(0, state.find(':')) + "/users.db";
    return home.empty() ? std::string() : home + "/.local/state/sallyport/users.db";
  }

  void user_calls() {
    const auto note = [&](const char* name, const place& at, std::string shown) { s().origins[name] = origin_of(at, std::move(shown)); };
    s().user_calls.super_users = milvus_->super_users;
    if (milvus_->super_users_at) {
      std::string shown;
      for (const auto& name : milvus_->super_users) shown += (shown.empty() ? "" : ", ") + name;
      note("common.security.superUsers", *milvus_->super_users_at, "[" + shown + "]");
    }
    const auto length = [&](const std::optional<placed<std::uint64_t>>& from, const char* name, std::uint32_t& into) {
      if (!from) return;
      into = static_cast<std::uint32_t>(from->value);
      note(name, from->at, std::to_string(into));
    };
    length(milvus_->password_min, "proxy.minPasswordLength", s().user_calls.password_min_bytes);
    length(milvus_->password_max, "proxy.maxPasswordLength", s().user_calls.password_max_bytes);
    length(milvus_->user_name_max, "proxy.maxUsernameLength", s().user_calls.user_name_max_bytes);
    if (!milvus_->default_root_password) return;
    const auto& [password, at] = *milvus_->default_root_password;
    const std::size_t least = s().user_calls.password_min_bytes, most = s().user_calls.password_max_bytes;
    note("common.security.defaultRootPassword", at, "***");
    if (password.size() < least || password.size() > most)
      complain(at,
               "'common.security.defaultRootPassword' has " + std::to_string(password.size()) + " bytes, a password has " +
                   std::to_string(least) + " to " + std::to_string(most),
               "see proxy.minPasswordLength and proxy.maxPasswordLength");
    else if (password != "Milvus")
      problems_.push_back(warning_at(at, "'common.security.defaultRootPassword' is a secret in a configuration file",
                                     "change it with 'sallyport user passwd root' and remove it here"));
    s().users.default_root_password = password;
  }

  void unsafe_keys() {
    const auto take = [&](std::string_view name, bool& into) {
      const node* found = scalar(&merged_, "", name);
      into = found && found->text == "true";
    };
    auto& u = s().unsafe_;
    take("unsafe_no_tokens", u.no_tokens);
    take("unsafe_plaintext_listener", u.plaintext_listener);
    take("unsafe_plaintext_backend", u.plaintext_backend);
    take("unsafe_default_root", u.default_root);
    take("unsafe_insecure_upstream", u.insecure_upstream);
    take("unsafe_serve_stale", u.serve_stale);
  }

  template <class Number>
  void count(std::string_view block, std::string_view name, Number& into) {
    if (const node* found = scalar(map_below(block), std::string(block), name)) into = static_cast<Number>(*parse_count(found->text));
  }
  void duration(std::string_view block, std::string_view name, std::chrono::milliseconds& into) {
    if (const node* found = scalar(map_below(block), std::string(block), name)) into = *parse_duration(found->text);
  }

  void scalars() {
    if (const node* found = scalar(&merged_, "", "workers"); found && found->text != "auto")
      s().workers = static_cast<std::uint32_t>(*parse_count(found->text));
    duration("auth", "refusal_floor", s().auth.refusal_floor);
    count("auth", "hash_threads", s().auth.hash_threads);
    count("auth", "hash_queue", s().auth.hash_queue_max);
    count("auth", "cache", s().auth.cache_max);
    proxy::limits& l = s().limits;
    duration("limits", "handshake", l.handshake);
    duration("limits", "first_request", l.first_request);
    duration("limits", "idle", l.idle);
    duration("limits", "write_stall", l.write_stall);
    duration("limits", "drain", l.drain);
    count("limits", "connections", l.admission.connections);
    count("limits", "connections_per_source", l.admission.connections_per_source);
    count("limits", "handshakes", l.admission.handshakes);
    count("limits", "handshakes_per_source", l.admission.handshakes_per_source);
    count("limits", "streams", l.http2.streams);
    if (const node* found = scalar(map_below("limits"), "limits", "header_list"))
      l.http2.header_list_bytes = static_cast<std::uint32_t>(*parse_size(found->text));
    count("limits", "header_fields", l.http2.header_fields);
    count("limits", "continuations", l.http2.continuations);
    count("limits", "resets", l.http2.resets);
    count("limits", "resets_per_second", l.http2.resets_per_second);
    using telemetry::level;
    using format = telemetry::log_settings::format;
    const node* log = map_below("log");
    word(log, "log", "level", s().log.threshold, {level::trace, level::debug, level::info, level::warning, level::error, level::off});
    word(log, "log", "format", s().log.layout, {format::text, format::json});
    s().log.file = path_at(log, "log", "file");
  }

  const node& merged_;
  const sources& from_;
  const std::optional<milvus_values>& milvus_;
  std::vector<problem>& problems_;
  std::set<std::string> milvus_tls_told_;
  built out_;
};

}  // namespace

built build(const node& merged, const sources& from, const std::optional<milvus_values>& milvus, std::vector<problem>& problems) {
  return builder(merged, from, milvus, problems).run();
}

}  // namespace sallyport::config
