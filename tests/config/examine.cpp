// What can be validated without serving, beside the text of the files. Good certificates are in tests/app, where they can be made.
#include "support.hpp"

#include <ifaddrs.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace sallyport;
using namespace sallyport::config;
using namespace sallyport::config::tests;

namespace {

std::string examined(const folder& in, const std::string& text) {
  const loaded result = load(one_file(in.write("c.yaml", text)));
  BOOST_TEST_REQUIRE(result.value.has_value(), told(in, result.problems));
  return told(in, examine(*result.value));
}

// An address of this machine that is not the loopback; empty when it has none.
std::string own_address() {
  std::string found;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return found;
  for (const ifaddrs* a = all; a; a = a->ifa_next) {
    char text[NI_MAXHOST] = {};
    const bool v4 = a->ifa_addr && a->ifa_addr->sa_family == AF_INET;
    if (v4 && ::getnameinfo(a->ifa_addr, sizeof(sockaddr_in), text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0 &&
        !std::string(text).starts_with("127."))
      found = text;
  }
  ::freeifaddrs(all);
  return found;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(examining)

BOOST_AUTO_TEST_CASE(a_set_up_whose_files_are_in_place_is_good) {
  const folder in;
  BOOST_TEST(examined(in, good + "users: {store: 'sqlite:new/folder/users.db'}\n") == "");
}

BOOST_AUTO_TEST_CASE(certificates_that_cannot_be_used_are_told_at_the_key_that_names_them) {
  const folder in;
  in.write("text.pem", "hello\n");
  const std::string said =
      examined(in,
               "listeners:\n- name: a\n  address: 127.0.0.1:1\n  backend: b\n  tls:\n    certificates:\n    - cert: text.pem\n"
               "      key: missing.key\n    client_certificates: required\n    client_ca: missing-ca.pem\n"
               "backends: [{name: b, endpoints: ['127.0.0.1:2']}]\nusers: {store: 'sqlite:u.db'}\n");
  BOOST_TEST(said.find("F/c.yaml:7:13: error: ") != std::string::npos, said);
  BOOST_TEST(said.find("text.pem") != std::string::npos, said);
  BOOST_TEST(said.find("F/c.yaml:8:12: error: ") != std::string::npos, said);
  BOOST_TEST(said.find("missing.key") != std::string::npos, said);
  BOOST_TEST(said.find("F/c.yaml:10:16: error: ") != std::string::npos, said);
  BOOST_TEST(said.find("missing-ca.pem") != std::string::npos, said);
}

BOOST_AUTO_TEST_CASE(places_that_cannot_hold_a_file_are_told) {
  const folder in;
  in.write("file", "x");
  std::filesystem::create_directory(in.at("dir"));
  const std::string hint = " (choose another place, or make the folder writable)\n";
  BOOST_TEST(examined(in, good + "users: {store: 'sqlite:file/users.db'}\nadmin: {socket: s.sock}\n") ==
             "F/c.yaml:3:16: error: F/file is not a folder" + hint);
  BOOST_TEST(examined(in, good + "users: {store: 'sqlite:dir'}\n") ==
             "F/c.yaml:3:16: error: F/dir is not a file (name the SQLite file of the users)\n");
  BOOST_TEST(examined(in, good + "users: {store: 'sqlite:u.db'}\nadmin: {socket: file/s.sock}\n") ==
             "F/c.yaml:4:17: error: F/file is not a folder" + hint);
  BOOST_TEST(examined(in, good + "users: {store: 'sqlite:u.db'}\nlog: {file: dir}\n") ==
             "F/c.yaml:4:13: error: F/dir is a folder (name a file)\n");
}

BOOST_AUTO_TEST_CASE(a_store_that_does_not_exist_yet_is_warned_about_where_its_root_would_be_open_to_strangers) {
  const folder in;
  const std::string open =
      "listeners: [{name: a, address: '0.0.0.0:19530', backend: b}]\nbackends: [{name: b, endpoints: ['127.0.0.1:19540']}]\n"
      "unsafe_plaintext_listener: true\nusers: {store: 'sqlite:u.db'}\n";
  BOOST_TEST(examined(in, open) ==
             "F/c.yaml:1:32: warning: at the first start user root still has Milvus' default password, and listener 'a' on 0.0.0.0:19530 "
             "lets everybody "
             "try it (set one with 'sallyport user passwd root', require client certificates, or spell out unsafe_default_root: true)\n");
  BOOST_TEST(examined(in, open + "unsafe_default_root: true\n") == "");
  in.write("u.db", "");
  BOOST_TEST(examined(in, open) == "");
}

// The client chooses the name, and with it the policy.
BOOST_AUTO_TEST_CASE(client_certificates_are_required_where_every_name_requires_them) {
  tls::server_settings s;
  s.clients = tls::client_certificates::required;
  BOOST_TEST(tls::always_requires_certificates(s));
  s.by_name.push_back({{"open.example"}, {}});
  BOOST_TEST(!tls::always_requires_certificates(s));
  s.by_name[0].policy.clients = tls::client_certificates::required;
  BOOST_TEST(tls::always_requires_certificates(s));
}

BOOST_AUTO_TEST_CASE(a_backend_that_is_this_machine_by_its_other_address_is_found) {
  const folder in;
  const std::string mine = own_address();
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  const auto with = [&](const std::string& listen, const std::string& to) {
    return "listeners: [{name: a, address: '" + listen + "', backend: b}]\nbackends: [{name: b, endpoints: ['" + to +
           "']}]\nunsafe_plaintext_listener: true\nunsafe_default_root: true\nusers: {store: 'sqlite:u.db'}\n";
  };
  const std::string wanted =
      "F/c.yaml:2:34: error: backend 'b' is this machine, and listener 'a' has the port on every address (name the address of Milvus, or "
      "give the "
      "listener another port)\n";
  BOOST_TEST(examined(in, with("0.0.0.0:7", std::string(host) + ":7")) == (std::string(host) == "localhost" ? "" : wanted));
  // A machine in a network namespace of its own has the loopback alone: there the rule of `load` finds all.
  BOOST_TEST(examined(in, with("0.0.0.0:7", (mine.empty() ? "192.0.2.1" : mine) + ":7")) == (mine.empty() ? "" : wanted));
  BOOST_TEST(examined(in, with("0.0.0.0:7", "192.0.2.1:7")) == "");
  if (std::string(host) != "localhost")  // any of several
    BOOST_TEST(examined(in, with("0.0.0.0:7", "192.0.2.1:7', '" + std::string(host) + ":7")).starts_with("F/c.yaml:2:49: error: backend"));
  BOOST_TEST(examined(in, with("0.0.0.0:7", std::string(host) + ":8")) == "");
}

BOOST_AUTO_TEST_SUITE_END()
