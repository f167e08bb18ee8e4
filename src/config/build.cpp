#include "builder.hpp"

namespace sallyport::config {

std::string label(std::string_view path, std::string_view name) {
  return path.empty() ? std::string(name) : std::string(path) + "." + std::string(name);
}

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

built builder::run() {
  unsafe_keys();
  backends();
  listeners();
  users();
  admin();
  if (milvus_) user_calls();
  scalars();
  return std::move(out_);
}

void builder::complain(const place& at, std::string text, std::string hint) {
  problems_.push_back(fault_at(at, std::move(text), std::move(hint)));
}

const node* builder::scalar(const node* parent, const std::string& path, std::string_view name, bool* sound) {
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

std::string builder::path_at(const node* parent, const std::string& path, std::string_view name, bool* sound) {
  const node* found = scalar(parent, path, name, sound);
  if (!found) return {};
  std::string whole = resolved(found->text, found->at);
  s().origins[label(path, name)].shown = whole;
  return whole;
}

const node* builder::map_below(std::string_view name) const {
  const node* found = merged_.find(name);
  return found && found->is == node::kind::map ? found : nullptr;
}

const std::vector<node>* builder::list_below(const node& parent, std::string_view name) const {
  const node* found = parent.find(name);
  return found && found->is == node::kind::sequence ? &found->items : nullptr;
}

std::string builder::name_at(const node& item, const std::string& path, std::set<std::string>& taken, bool& sound) {
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

std::optional<host_port> builder::endpoint_flag(const std::string& value, const std::string& name, bool port_zero) {
  if (value.empty()) return {};
  std::string why, hint;
  auto parsed = parse_host_port(value, port_zero, why, hint);
  if (!parsed) complain(of_flag(name), why, hint);
  return parsed;
}

void builder::unsafe_keys() {
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

void builder::backends() {
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

void builder::implied_backend(const host_port& at) {
  s().backends.push_back({});
  s().backends.back().name = "milvus";
  s().backends.back().endpoints = {{at.host, at.port}};
  s().origins["backends[0].name"] = origin{origin::layer::built_in, {}, 0, 0, "milvus"};
  s().origins["backends[0].credentials"] = origin{origin::layer::built_in, {}, 0, 0, "strip"};
  s().origins["backends[0].endpoints[0]"] = origin_of(of_flag("--backend"), show(at));
}

void builder::backend(const node& item, const std::string& path, std::set<std::string>& taken, const std::optional<host_port>& flag) {
  if (item.is != node::kind::map) return;
  bool sound = true;
  upstream::settings made;
  made.name = name_at(item, path, taken, sound);
  word(&item, path, "rest", made.speaks, {upstream::rest::off, upstream::rest::http1, upstream::rest::h2}, &sound);
  rest_endpoints(item, path, made);
  word(&item, path, "credentials", made.credential, {upstream::credentials::strip, upstream::credentials::forward}, &sound);
  word(&item, path, "identity", made.identity, {upstream::identity::none, upstream::identity::headers}, &sound);
  if (const node* most = scalar(&item, path, "tunnels", &sound)) made.tunnels = static_cast<std::uint32_t>(*parse_count(most->text));
  if (flag) {
    made.endpoints = {{flag->host, flag->port}};
    s().origins[path + ".endpoints[0]"] = origin_of(of_flag("--backend"), show(*flag));
  } else {
    endpoints(item, path, made);
  }
  backend_tls(item, path, made);
  upkeep(item, path, made);
  s().backends.push_back(std::move(made));
}

void builder::rest_endpoints(const node& item, const std::string& path, upstream::settings& made) {
  const node* whole = item.find("rest_endpoints");
  if (!whole || whole->is != node::kind::sequence) return;
  if (whole->items.empty())
    return complain(whole->at, "'backends[].rest_endpoints' is empty", "name one, or leave it out: REST is then where endpoints are");
  if (made.speaks != upstream::rest::http1)
    return complain(whole->at, "'backends[].rest_endpoints' is for rest: http1", "leave it out, or say rest: http1");
  addresses(*whole, path + ".rest_endpoints", made.rest_endpoints);
}

void builder::endpoints(const node& item, const std::string& path, upstream::settings& made) {
  const node* whole = item.find("endpoints");
  if (!whole) return complain(item.at, "'backends[].endpoints' is missing", "for example endpoints: [127.0.0.1:19540]");
  if (whole->is != node::kind::sequence) return;
  if (whole->items.empty()) return complain(whole->at, "'backends[].endpoints' is empty", "for example endpoints: [127.0.0.1:19540]");
  addresses(*whole, path + ".endpoints", made.endpoints);
}

void builder::backend_tls(const node& item, const std::string& path, upstream::settings& made) {
  const node* block = item.find("tls");
  if (!block || block->is != node::kind::map) return;
  const std::string below = path + ".tls";
  auto& tls = made.tls.emplace();
  tls.files.ca = path_at(block, below, "ca");
  tls.files.cert = path_at(block, below, "cert");
  tls.files.key = path_at(block, below, "key");
  if (const node* name = scalar(block, below, "server_name")) tls.server_name = name->text;
  if (const node* verify = scalar(block, below, "verify")) tls.files.verify = verify->text == "true";
  const node *cert = block->find("cert"), *key = block->find("key");
  if ((cert == nullptr) != (key == nullptr))
    complain((cert ? cert : key)->at, std::string("'backends[].tls.") + (cert ? "key" : "cert") + "' is missing",
             "a client certificate and its key belong together, both PEM");
  if (const node* ca = block->find("ca"); ca && !tls.files.verify)
    problems_.push_back(
        warning_at(ca->at, "'backends[].tls.ca' has no effect: with verify: false nobody is verified", "remove one of them"));
}

void builder::addresses(const node& list, const std::string& path, std::vector<upstream::endpoint>& into) {
  constexpr std::size_t most = 64;
  if (list.items.size() > most)
    return complain(list.items[most].at, "'" + key_of(path) + "' has " + std::to_string(list.items.size()) + " addresses",
                    "64 at most; a name may stand for several");
  for (const node& one : list.items) {
    std::string why, hint;
    if (one.is != node::kind::scalar) continue;
    const auto parsed = parse_host_port(one.text, false, why, hint);
    if (!parsed) continue;  // told by check_shape
    const bool twice =
        std::any_of(into.begin(), into.end(), [&](const auto& e) { return e.host == parsed->host && e.port == parsed->port; });
    if (twice) {
      complain(one.at, "'" + key_of(path) + "' has " + show(*parsed) + " twice", "name each address once");
      continue;
    }
    s().origins[path + "[" + std::to_string(into.size()) + "]"] = origin_of(one.at, show(*parsed));
    into.push_back({parsed->host, parsed->port});
  }
}

void builder::upkeep(const node& item, const std::string& path, upstream::settings& made) {
  const auto time = [&](const node* of, const std::string& at, std::string_view name, std::chrono::milliseconds& into) {
    if (const node* found = scalar(of, at, name)) into = *parse_duration(found->text);
  };
  const auto number = [&](const node* of, const std::string& at, std::string_view name, std::uint32_t& into) {
    if (const node* found = scalar(of, at, name)) into = static_cast<std::uint32_t>(*parse_count(found->text));
  };
  time(&item, path, "resolve", made.resolve);
  time(&item, path, "max_connection_age", made.max_connection_age);
  const node* health = item.find("health");
  const std::string below = path + ".health";
  time(health, below, "interval", made.health.interval);
  time(health, below, "timeout", made.health.timeout);
  number(health, below, "rise", made.health.rise);
  number(health, below, "fall", made.health.fall);
}

built build(const node& merged, const sources& from, const std::optional<milvus_values>& milvus, std::vector<problem>& problems) {
  return builder(merged, from, milvus, problems).run();
}

}  // namespace sallyport::config
