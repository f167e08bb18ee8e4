#include "build.hpp"
#include "values.hpp"

#include <boost/asio/ip/address.hpp>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace sallyport::config {

namespace {

const origin& origin_at(const settings& s, const std::string& name) {
  static const origin nowhere;
  const auto found = s.origins.find(name);
  return found == s.origins.end() ? nowhere : found->second;
}

// Files, each with its key.
using named_files = std::vector<std::pair<std::string, std::string>>;

// The tls room names a file in its words; this finds the key that named it. `files`: each with its key.
const origin& origin_of_file(const settings& s, const named_files& files, const std::string& otherwise, const std::string& words) {
  std::string best = otherwise;
  std::size_t longest = 0;  // certs/a.pem is in the words about certs/a.pem.key, too
  for (const auto& [file, name] : files) {
    if (file.size() <= longest || words.find(file) == std::string::npos) continue;
    longest = file.size();
    best = name;
  }
  return origin_at(s, best);
}

template <class Loaded>
void tell(const settings& s, const Loaded& loaded, const named_files& files, const std::string& otherwise, std::vector<problem>& problems) {
  if (loaded) {
    for (const std::string& words : (*loaded)->warnings())
      problems.push_back(warning_at(origin_of_file(s, files, otherwise, words), words));
    return;
  }
  for (const core::fault& f : loaded.error()) problems.push_back(fault_at(origin_of_file(s, files, otherwise, f.text), f.text));
}

void add_files(const tls::policy_settings& of, const std::string& path, named_files& to) {
  for (std::size_t i = 0; i < of.certificates.size(); ++i) {
    const std::string pair = path + ".certificates[" + std::to_string(i) + "]";
    to.emplace_back(of.certificates[i].cert, pair + ".cert");
    to.emplace_back(of.certificates[i].key, pair + ".key");
    to.emplace_back(of.certificates[i].ocsp, pair + ".ocsp");
  }
  to.emplace_back(of.client_ca, path + ".client_ca");
  for (const auto& crl : of.crls) to.emplace_back(crl, path + ".crl");
}

void examine_tls(const settings& s, std::size_t i, std::vector<problem>& problems) {
  const tls::server_settings& tls = *s.listeners[i].tls;
  const std::string path = "listeners[" + std::to_string(i) + "].tls";
  named_files files;
  add_files(tls, path, files);
  for (std::size_t n = 0; n < tls.by_name.size(); ++n) add_files(tls.by_name[n].policy, path + ".names[" + std::to_string(n) + "]", files);
  files.emplace_back(tls.ticket_keys_file, path + ".ticket_keys");
  tell(s, tls::context::load(tls), files, path + ".client_certificates", problems);
}

void examine_backend_tls(const settings& s, std::size_t i, std::vector<problem>& problems) {
  const tls::client_settings& tls = s.backends[i].tls->files;
  const std::string path = "backends[" + std::to_string(i) + "].tls";
  tell(s, tls::client_trust::load(tls), {{tls.ca, path + ".ca"}, {tls.cert, path + ".cert"}, {tls.key, path + ".key"}}, path + ".verify",
       problems);
}

// Can a file be made there: the folder, or the nearest one above that exists, may be written. Empty when it can.
std::string fault_of_folder(const std::string& file) {
  std::filesystem::path folder = std::filesystem::absolute(file).parent_path();
  struct stat status{};
  while (::stat(folder.c_str(), &status) != 0) {
    if (errno != ENOENT) return "cannot look into " + folder.string() + ": " + std::strerror(errno);
    if (folder == folder.parent_path()) return "no such folder: " + folder.string();
    folder = folder.parent_path();
  }
  if (!S_ISDIR(status.st_mode)) return folder.string() + " is not a folder";
  if (::access(folder.c_str(), W_OK | X_OK) != 0) return "cannot write into " + folder.string() + ": " + std::strerror(errno);
  return {};
}

void examine_paths(const settings& s, std::vector<problem>& problems) {
  struct stat status{};
  const bool store_exists = ::stat(s.users.path.c_str(), &status) == 0;
  if (store_exists && !S_ISREG(status.st_mode))
    problems.push_back(fault_at(origin_at(s, "users.store"), s.users.path + " is not a file", "name the SQLite file of the users"));
  else if (store_exists && ::access(s.users.path.c_str(), R_OK | W_OK) != 0)
    problems.push_back(fault_at(origin_at(s, "users.store"), "cannot read and write " + s.users.path + ": " + std::strerror(errno),
                                "run as the user who owns it"));
  const auto folder = [&](const std::string& file, const char* key) {
    if (file.empty()) return;
    if (const std::string what = fault_of_folder(file); !what.empty())
      problems.push_back(fault_at(origin_at(s, key), what, "choose another place, or make the folder writable"));
  };
  folder(s.users.path, "users.store");
  folder(s.admin.socket, "admin.socket");
  folder(s.log.file, "log.file");
  if (!s.log.file.empty() && ::stat(s.log.file.c_str(), &status) == 0 && S_ISDIR(status.st_mode))
    problems.push_back(fault_at(origin_at(s, "log.file"), s.log.file + " is a folder", "name a file"));
  if (store_exists || s.users.default_root_password != "Milvus") return;
  for (problem& p : unsafe_default_root(s, true)) {
    p.weight = problem::severity::warning;  // somebody may still set it before the start, on another machine too
    p.text = "at the first start " + p.text;
    problems.push_back(std::move(p));
  }
}

std::vector<std::string> own_addresses() {
  std::vector<std::string> found;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return found;
  for (const ifaddrs* a = all; a; a = a->ifa_next) {
    char text[INET6_ADDRSTRLEN] = {};
    if (a->ifa_addr && a->ifa_addr->sa_family == AF_INET)
      ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(a->ifa_addr)->sin_addr, text, sizeof text);
    if (a->ifa_addr && a->ifa_addr->sa_family == AF_INET6)
      ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(a->ifa_addr)->sin6_addr, text, sizeof text);
    if (text[0]) found.emplace_back(text);
  }
  ::freeifaddrs(all);
  return found;
}

// A backend that is this machine by the address of its network card, behind a listener on every address. Names are not resolved: `check`
// asks nobody.
void examine_loops(const settings& s, std::vector<problem>& problems) {
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  for (const proxy::listener_settings& l : s.listeners) {
    if (!is_wildcard(l.address.host)) continue;
    for (std::size_t b = 0; b < s.backends.size(); ++b) {
      if (s.backends[b].name != l.backend) continue;
      for (std::size_t at = 0; at < s.backends[b].endpoints.size(); ++at) {
        const upstream::endpoint& e = s.backends[b].endpoints[at];
        if (e.port != l.address.port || reaches(e.host, l.address.host)) continue;  // load has told the latter
        bool own = e.host == host;
        for (const std::string& address : own_addresses()) own = own || reaches(e.host, address);
        if (own)
          problems.push_back(fault_at(
              origin_at(s, "backends[" + std::to_string(b) + "].endpoints[" + std::to_string(at) + "]"),
              "backend '" + s.backends[b].name + "' is this machine, and listener '" + l.address.name + "' has the port on every address",
              "name the address of Milvus, or give the listener another port"));
      }
    }
  }
}

}  // namespace

std::vector<problem> examine(const settings& s) {
  std::vector<problem> problems;
  try {
    for (std::size_t i = 0; i < s.listeners.size(); ++i)
      if (s.listeners[i].tls) examine_tls(s, i, problems);
    for (std::size_t i = 0; i < s.backends.size(); ++i)
      if (s.backends[i].tls) examine_backend_tls(s, i, problems);
    examine_paths(s, problems);
    examine_loops(s, problems);
  } catch (const std::exception& e) {
    problems.push_back(fault_at(place{}, std::string("the configuration cannot be examined: ") + e.what()));
  }
  return problems;
}

}  // namespace sallyport::config
