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

// The key whose file the words are about.
struct named_file {
  const std::string& words;
  std::string best;
  std::size_t longest = 0;  // certs/a.pem is in the words about certs/a.pem.key, too

  void consider(const std::string& file, const std::string& name) {
    if (file.size() <= longest || words.find(file) == std::string::npos) return;
    longest = file.size();
    best = name;
  }
  void consider(const tls::policy_settings& of, const std::string& path) {
    for (std::size_t i = 0; i < of.certificates.size(); ++i) {
      const std::string pair = path + ".certificates[" + std::to_string(i) + "]";
      consider(of.certificates[i].cert, pair + ".cert");
      consider(of.certificates[i].key, pair + ".key");
      consider(of.certificates[i].ocsp, pair + ".ocsp");
    }
    consider(of.client_ca, path + ".client_ca");
    for (const auto& crl : of.crls) consider(crl, path + ".crl");
  }
};

// The tls room names a file in its words; this finds the key that named it.
const origin& origin_of_file(const settings& s, std::size_t listener, const std::string& words) {
  const tls::server_settings& tls = *s.listeners[listener].tls;
  const std::string path = "listeners[" + std::to_string(listener) + "].tls";
  named_file found{words, path + ".client_certificates"};
  found.consider(tls, path);
  for (std::size_t i = 0; i < tls.by_name.size(); ++i) found.consider(tls.by_name[i].policy, path + ".names[" + std::to_string(i) + "]");
  found.consider(tls.ticket_keys_file, path + ".ticket_keys");
  return origin_at(s, found.best);
}

void examine_tls(const settings& s, std::size_t i, std::vector<problem>& problems) {
  const auto context = tls::context::load(*s.listeners[i].tls);
  if (context) {
    for (const std::string& words : (*context)->warnings()) problems.push_back(warning_at(origin_of_file(s, i, words), words));
    return;
  }
  for (const core::fault& f : context.error()) problems.push_back(fault_at(origin_of_file(s, i, f.text), f.text));
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
    examine_paths(s, problems);
    examine_loops(s, problems);
  } catch (const std::exception& e) {
    problems.push_back(fault_at(place{}, std::string("the configuration cannot be examined: ") + e.what()));
  }
  return problems;
}

}  // namespace sallyport::config
