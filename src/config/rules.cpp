#include "build.hpp"
#include "values.hpp"

namespace sallyport::config {

namespace {

const origin& origin_at(const settings& s, const std::string& name) {
  static const origin nowhere;
  const auto found = s.origins.find(name);
  return found == s.origins.end() ? nowhere : found->second;
}
std::string path_of(std::size_t i) { return "listeners[" + std::to_string(i) + "]"; }
std::string address_of(const proxy::listener_settings& l) { return show(host_port{l.address.host, l.address.port}); }

const upstream::settings* backend_of(const settings& s, const proxy::listener_settings& l) {
  for (const upstream::settings& b : s.backends)
    if (b.name == l.backend) return &b;
  return nullptr;
}

// What each unsafe key permits, listener by listener.
bool needs_no_tokens(const proxy::listener_settings& l) {
  return l.tokens == auth::tokens::none && !l.certificate_user && !is_loopback(l.address.host);
}
bool needs_plaintext_listener(const proxy::listener_settings& l) {
  return l.tokens == auth::tokens::required && !l.tls && !is_loopback(l.address.host);
}
bool needs_default_root(const proxy::listener_settings& l) {
  return l.tokens == auth::tokens::required && !is_loopback(l.address.host) && !(l.tls && tls::always_requires_certificates(*l.tls));
}
bool needs_insecure_upstream(const upstream::settings& b) { return b.tls && !b.tls->files.verify; }
bool needs_plaintext_backend(const upstream::settings& b) {
  if (b.credential != upstream::credentials::forward || b.tls) return false;
  for (const auto* endpoints : {&b.endpoints, &b.rest_endpoints})
    for (const upstream::endpoint& e : *endpoints)
      if (!is_loopback(e.host)) return true;
  return false;
}

void check_listener(const settings& s, std::size_t i, std::vector<problem>& problems) {
  const proxy::listener_settings& l = s.listeners[i];
  const std::string name = "listener '" + l.address.name + "' on " + address_of(l);
  if (needs_no_tokens(l) && !s.unsafe_.no_tokens)
    problems.push_back(fault_at(origin_at(s, path_of(i) + ".tokens"),
                                name + " would let everybody in: door 2 is off (tokens: none) and the address is not the loopback",
                                "require tokens, listen on 127.0.0.1, or spell out unsafe_no_tokens: true"));
  if (needs_plaintext_listener(l) && !s.unsafe_.plaintext_listener)
    problems.push_back(fault_at(origin_at(s, path_of(i) + ".address"),
                                name + " would take passwords in plaintext: it has no TLS and the address is not the loopback",
                                "add tls, listen on 127.0.0.1, or spell out unsafe_plaintext_listener: true"));
  for (std::size_t j = 0; j < i; ++j) {
    const proxy::listener_settings& other = s.listeners[j];
    const bool same = l.address.port != 0 && l.address.port == other.address.port && l.address.host == other.address.host;
    if (same)
      problems.push_back(fault_at(origin_at(s, path_of(i) + ".address"), name + " has the address of listener '" + other.address.name + "'",
                                  "give each an address of its own"));
  }
  const bool of_page = !s.admin.page_host.empty() && l.address.port != 0 && l.address.port == s.admin.page_port &&
                       reaches(s.admin.page_host, l.address.host);
  if (of_page)
    problems.push_back(fault_at(origin_at(s, "admin.listen"), "'admin.listen' has the address of " + name, "give it a port of its own"));
  const upstream::settings* backend = backend_of(s, l);
  if (!backend || l.address.port == 0) return;
  const auto check_loop = [&](const std::vector<upstream::endpoint>& endpoints, const std::string& key) {
    for (std::size_t at = 0; at < endpoints.size(); ++at) {
      const upstream::endpoint& e = endpoints[at];
      if (e.port != l.address.port || !reaches(e.host, l.address.host)) continue;
      problems.push_back(
          fault_at(origin_at(s, "backends[" + std::to_string(backend - s.backends.data()) + "]." + key + "[" + std::to_string(at) + "]"),
                   "backend '" + backend->name + "' is listener '" + l.address.name + "' itself: " + show(host_port{e.host, e.port}),
                   "name the address of Milvus; when both run on this machine, one of them needs another port"));
    }
  };
  check_loop(backend->endpoints, "endpoints");
  check_loop(backend->rest_endpoints, "rest_endpoints");
}

}  // namespace

void check_rules(const built& b, std::vector<problem>& problems) {
  const settings& s = b.value;
  for (std::size_t i = 0; i < s.listeners.size(); ++i)
    if (b.sound[i]) check_listener(s, i, problems);
  for (std::size_t i = 0; i < s.backends.size(); ++i) {
    const upstream::settings& backend = s.backends[i];
    if (needs_plaintext_backend(backend) && !s.unsafe_.plaintext_backend)
      problems.push_back(
          fault_at(origin_at(s, "backends[" + std::to_string(i) + "].credentials"),
                   "backend '" + backend.name + "' would be sent passwords in plaintext over the network (credentials: forward)",
                   "add tls, strip the credentials, use a backend on this machine, or spell out unsafe_plaintext_backend: true"));
    if (needs_insecure_upstream(backend) && !s.unsafe_.insecure_upstream)
      problems.push_back(fault_at(origin_at(s, "backends[" + std::to_string(i) + "].tls.verify"),
                                  "whoever answers in the place of backend '" + backend.name +
                                      "' would be taken for it, and get all that is sent there (tls.verify: false)",
                                  "name the CA of its certificate with tls.ca, or spell out unsafe_insecure_upstream: true"));
  }
}

std::vector<problem> unsafe_default_root(const settings& s, bool root_has_default_password) {
  std::vector<problem> problems;
  if (!root_has_default_password || s.unsafe_.default_root) return problems;
  for (std::size_t i = 0; i < s.listeners.size(); ++i)
    if (needs_default_root(s.listeners[i]))
      problems.push_back(
          fault_at(origin_at(s, path_of(i) + ".address"),
                   "user root still has Milvus' default password, and listener '" + s.listeners[i].address.name + "' on " +
                       address_of(s.listeners[i]) + " lets everybody try it",
                   "set one with 'sallyport user passwd root', require client certificates, or spell out unsafe_default_root: true"));
  return problems;
}

std::vector<std::string> unsafe_in_force(const settings& s) {
  std::vector<std::string> sentences;
  const auto tell = [&](bool set, const std::string& key, const std::string& permits, const std::vector<std::string>& who) {
    if (!set) return;
    std::string list;
    for (const std::string& one : who) list += (list.empty() ? "" : ", ") + one;
    sentences.push_back(list.empty() ? key + " is set, and nothing needs it: remove it" : key + " is set: " + permits + ": " + list);
  };
  const auto listeners = [&](bool (*needs)(const proxy::listener_settings&)) {
    std::vector<std::string> who;
    for (const auto& l : s.listeners)
      if (needs(l)) who.push_back("listener " + l.address.name + " on " + address_of(l));
    return who;
  };
  const auto backends = [&](bool (*needs)(const upstream::settings&)) {
    std::vector<std::string> who;
    for (const auto& b : s.backends)
      if (needs(b)) who.push_back("backend " + b.name);
    return who;
  };
  tell(s.unsafe_.no_tokens, "unsafe_no_tokens", "everybody who reaches the address is let in without a password",
       listeners(needs_no_tokens));
  tell(s.unsafe_.plaintext_listener, "unsafe_plaintext_listener", "passwords cross the network in plaintext",
       listeners(needs_plaintext_listener));
  tell(s.unsafe_.plaintext_backend, "unsafe_plaintext_backend", "passwords cross the network to the backend in plaintext",
       backends(needs_plaintext_backend));
  tell(s.unsafe_.default_root, "unsafe_default_root", "root may keep Milvus' default password where strangers can try it",
       listeners(needs_default_root));
  tell(s.unsafe_.insecure_upstream, "unsafe_insecure_upstream", "whoever answers in its place is taken for the backend",
       backends(needs_insecure_upstream));
  tell(s.unsafe_.serve_stale, "unsafe_serve_stale", "", {});
  return sentences;
}

}  // namespace sallyport::config
