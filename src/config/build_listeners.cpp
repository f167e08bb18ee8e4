#include "builder.hpp"

#include <boost/algorithm/string/case_conv.hpp>

namespace sallyport::config {

void builder::listeners() {
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

void builder::implied_listener(const std::optional<host_port>& flag) {
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

void builder::listener(const node& item, const std::string& path, std::set<std::string>& taken, const std::optional<host_port>& flag) {
  if (item.is != node::kind::map) return;
  bool sound = true;
  proxy::listener_settings made;
  made.address.name = name_at(item, path, taken, sound);
  address_of(item, path, made, flag, sound);
  using protocol = proxy::listener_settings::protocol;
  word(&item, path, "protocol", made.speaks, {protocol::http, protocol::tcp, protocol::connect}, &sound);
  word(&item, path, "certificate_user", made.certificate_user, {false, true}, &sound);
  using health = proxy::listener_settings::health;
  word(&item, path, "health", made.health_for, {health::token, health::open}, &sound);
  tls_of(&item, path, made, sound);
  tokens_of(&item, path, made, sound);
  bytes_of(item, made);
  const node* backend = scalar(&item, path, "backend", &sound);
  if (backend)
    backend_of(*backend, made);
  else if (!item.find("backend"))
    complain(item.at, "'listeners[].backend' is missing", "name one of 'backends'");
  s().listeners.push_back(std::move(made));
  out_.sound.push_back(sound);
}

void builder::address_of(const node& item, const std::string& path, proxy::listener_settings& made, const std::optional<host_port>& flag,
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

// What holds for protocols tcp and connect alone.
void builder::bytes_of(const node& item, proxy::listener_settings& made) {
  using protocol = proxy::listener_settings::protocol;
  const bool tcp = made.speaks == protocol::tcp;
  if (const node* named = item.find("certificate_user"); named && made.certificate_user && !tcp)
    complain(named->at, "'listeners[].certificate_user' is for protocol: tcp",
             "other protocols ask for a password; tls.client_certificates: required asks for a certificate besides");
  else if (named && made.certificate_user && made.tls && !tls::always_requires_certificates(*made.tls))
    complain(named->at, "'certificate_user: required' needs client certificates", "set tls.client_certificates: required, and client_ca");
  else if (named && made.certificate_user && !made.tls && (!item.find("tls") || item.find("tls")->is == node::kind::map))
    complain(named->at, "'certificate_user: required' needs TLS", "add tls with client_certificates: required, and client_ca");
  if (tcp && made.tokens == auth::tokens::required && !made.certificate_user)
    complain(item.find("protocol")->at, "protocol tcp carries bytes, which have no tokens: 'tokens: required' cannot hold",
             "protocol: connect asks for a password before the bytes; certificate_user: required takes the client's certificate for "
             "one; tokens: none asks nobody");
  if (const node* health = item.find("health"); health && made.speaks != protocol::http)
    complain(health->at, "'listeners[].health' is for protocol: auto", "leave it out");
  if (made.tls) made.tls->any_protocol = tcp;
}

void builder::backend_of(const node& named, proxy::listener_settings& made) {
  made.backend = named.text;
  std::vector<std::string_view> names;
  for (const auto& b : s().backends) names.push_back(b.name);
  if (std::find(names.begin(), names.end(), named.text) != names.end() || !list_below(merged_, "backends")) return;
  const auto near = meant(named.text, names);
  complain(named.at, "no backend is called '" + named.text.substr(0, 80) + "'",
           near.empty() ? "it must be the name of one of 'backends'" : "did you mean '" + std::string(near) + "'?");
}

void builder::tokens_of(const node* item, const std::string& path, proxy::listener_settings& made, bool& sound) {
  word(item, path, "tokens", made.tokens, {auth::tokens::required, auth::tokens::none}, &sound);
  if ((item && item->find("tokens")) || !milvus_ || !milvus_->authorization_enabled) return;
  made.tokens = milvus_->authorization_enabled->value ? auth::tokens::required : auth::tokens::none;
  s().origins[path + ".tokens"] = origin_of(milvus_->authorization_enabled->at, made.tokens == auth::tokens::none ? "none" : "required");
}

void builder::tls_of(const node* item, const std::string& path, proxy::listener_settings& made, bool& sound) {
  const node* block = item ? item->find("tls") : nullptr;
  if (!block) return milvus_tls(path, made, sound);
  if (block->is != node::kind::map) {
    sound = false;
    return;
  }
  tls::server_settings tls;
  const std::string below = path + ".tls";
  policy_of(*block, below, tls, sound);
  using unknown = tls::server_settings::unknown_name;
  word(block, below, "unknown_name", tls.unknown, {unknown::serve_default, unknown::refuse}, &sound);
  tls.ticket_keys_file = path_at(block, below, "ticket_keys", &sound);
  names_of(*block, below, tls, sound);
  made.tls = std::move(tls);
}

// Of a listener, or of some of its server names.
void builder::policy_of(const node& block, const std::string& below, tls::policy_settings& into, bool& sound) {
  word(&block, below, "profile", into.versions, {tls::profile::modern, tls::profile::intermediate}, &sound);
  using tls::client_certificates;
  word(&block, below, "client_certificates", into.clients,
       {client_certificates::none, client_certificates::optional, client_certificates::required}, &sound);
  certificates(block, below, into, sound);
  into.client_ca = path_at(&block, below, "client_ca", &sound);
  client_rules(block, below, into, sound);
  const node* mode = block.find("client_certificates");
  if (into.clients != client_certificates::none && !block.find("client_ca"))
    complain(mode->at, "client certificates need '" + key_of(below) + ".client_ca'", "name the PEM file of the CA that signs them");
  if (into.clients != client_certificates::none || (mode && mode->text != "none")) return;
  for (const char* name : {"client_ca", "crl", "allow", "require_client_eku"})
    if (const node* unused = block.find(name))
      problems_.push_back(warning_at(unused->at, "'" + key_of(below) + "." + name + "' has no effect: no client certificate is asked for",
                                     "set client_certificates: required, or remove it"));
}

void builder::client_rules(const node& block, const std::string& below, tls::policy_settings& into, bool& sound) {
  if (auto crl = path_at(&block, below, "crl", &sound); !crl.empty()) into.crls.push_back(std::move(crl));
  using policy = tls::policy_settings;
  word(&block, below, "crl_check", into.crl_for, {policy::crl_scope::leaf, policy::crl_scope::chain}, &sound);
  word(&block, below, "crl_stale", into.stale, {policy::stale_crl::refuse, policy::stale_crl::accept}, &sound);
  if (const node* eku = scalar(&block, below, "require_client_eku", &sound)) into.require_client_eku = eku->text == "true";
  const auto* rules = block.find("allow") ? list_below(block, "allow") : nullptr;
  if (!rules) return;
  if (rules->empty())
    complain(block.find("allow")->at, "'" + key_of(below) + ".allow' is empty", "leave it out to let every certificate of the CA in");
  for (std::size_t i = 0; i < rules->size(); ++i) {
    const node& item = (*rules)[i];
    if (item.is != node::kind::map) continue;
    const std::string path = below + ".allow[" + std::to_string(i) + "]";
    const auto text = [&](std::string_view name) {
      const node* found = scalar(&item, path, name, &sound);
      return found ? found->text : std::string();
    };
    tls::allow_rule rule{text("cn"), text("ou"), text("dns"), text("uri"), text("email"), text("key")};
    if (auto words = tls::fault_of(rule); !words.empty()) {
      sound = false;
      complain(item.at, std::move(words));
    }
    into.allow.push_back(std::move(rule));
  }
}

void builder::names_of(const node& block, const std::string& below, tls::server_settings& into, bool& sound) {
  const auto* items = block.find("names") ? list_below(block, "names") : nullptr;
  if (!items) return;
  std::set<std::string> taken;
  for (std::size_t i = 0; i < items->size(); ++i) {
    const node& item = (*items)[i];
    if (item.is != node::kind::map) continue;
    const std::string path = below + ".names[" + std::to_string(i) + "]";
    tls::name_settings made;
    policy_of(item, path, made.policy, sound);
    if (const auto* names = item.find("names") ? list_below(item, "names") : nullptr) {
      for (const node& name : *names) {
        if (name.is != node::kind::scalar) continue;
        const auto words = tls::fault_of(tls::allow_rule{.dns = name.text});
        if (!words.empty()) complain(name.at, words);
        if (!taken.insert(boost::algorithm::to_lower_copy(name.text)).second)
          complain(name.at, "'" + name.text + "' has a policy already", "name it once");
        made.names.push_back(name.text);
      }
    }
    into.by_name.push_back(std::move(made));
  }
}

void builder::certificates(const node& block, const std::string& below, tls::policy_settings& into, bool& sound) {
  const node* whole = block.find("certificates");
  if (!whole || (whole->is == node::kind::sequence && whole->items.empty())) {
    complain(whole ? whole->at : block.at, "'" + key_of(below) + ".certificates' " + std::string(whole ? "is empty" : "is missing"),
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
    tls::certificate_files files;
    files.cert = path_at(&item, path, "cert", &sound);
    files.key = path_at(&item, path, "key", &sound);
    files.ocsp = path_at(&item, path, "ocsp", &sound);
    into.certificates.push_back(std::move(files));
  }
}

void builder::milvus_tls(const std::string& path, proxy::listener_settings& made, bool& sound) {
  if (!milvus_ || !milvus_->tls_mode || milvus_->tls_mode->value == 0) return;
  const place& mode_at = milvus_->tls_mode->at;
  const bool mutual = milvus_->tls_mode->value == 2;
  tls::server_settings tls;
  const auto take = [&](const std::optional<placed<std::string>>& file, const std::string& name, const std::string& as, std::string& into) {
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

}  // namespace sallyport::config
