// Every unsafe set-up is refused unless its key is spelled out, and each key permits one thing.
#include "support.hpp"

#include <functional>

using namespace sallyport::config;
using namespace sallyport::config::tests;

namespace {

std::string listener(const std::string& host, const std::string& more) {
  return "listeners:\n- name: a\n  backend: b\n  address: '" + host + ":19530'\n" + more;
}
const std::string tls_block = "  tls: {certificates: [{cert: c, key: k}]}\n";
const std::string mutual_block = "  tls: {certificates: [{cert: c, key: k}], client_certificates: required, client_ca: a}\n";
std::string backend(const std::string& host, const std::string& credentials) {
  return "backends:\n- name: b\n  endpoints: ['" + host + ":19540']\n  credentials: " + credentials + "\n";
}
const std::string harmless = backend("127.0.0.1", "strip");

const std::string everybody =
    "error: listener 'a' on 0.0.0.0:19530 would let everybody in: door 2 is off (tokens: none) and the address is not the loopback "
    "(require "
    "tokens, listen on 127.0.0.1, or spell out unsafe_no_tokens: true)\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(unsafe_set_ups)

BOOST_AUTO_TEST_CASE(each_is_refused_and_only_its_own_key_permits_it) {
  const std::vector<std::string> keys = {"unsafe_no_tokens",    "unsafe_plaintext_listener", "unsafe_plaintext_backend",
                                         "unsafe_default_root", "unsafe_insecure_upstream",  "unsafe_serve_stale"};
  const struct {
    std::string text, key, told;
  } table[] = {
      {listener("0.0.0.0", tls_block + "  tokens: none\n") + harmless, "unsafe_no_tokens", "F/c.yaml:6:11: " + everybody},
      {listener("0.0.0.0", "  tokens: none\n") + harmless, "unsafe_no_tokens", "F/c.yaml:5:11: " + everybody},
      {listener("0.0.0.0", mutual_block + "  tokens: none\n") + harmless, "unsafe_no_tokens", "F/c.yaml:6:11: " + everybody},
      {listener("10.1.2.3", "") + harmless, "unsafe_plaintext_listener",
       "F/c.yaml:4:12: error: listener 'a' on 10.1.2.3:19530 would take passwords in plaintext: it has no TLS and the address is not the "
       "loopback "
       "(add tls, listen on 127.0.0.1, or spell out unsafe_plaintext_listener: true)\n"},
      {listener("milvus.example", "") + harmless, "unsafe_plaintext_listener",
       "F/c.yaml:4:12: error: listener 'a' on milvus.example:19530 would take passwords in plaintext: it has no TLS and the address is not "
       "the "
       "loopback (add tls, listen on 127.0.0.1, or spell out unsafe_plaintext_listener: true)\n"},
      {listener("127.0.0.1", "") + backend("10.1.2.3", "forward"), "unsafe_plaintext_backend",
       "F/c.yaml:8:16: error: backend 'b' would be sent passwords in plaintext over the network (credentials: forward) (add tls, "
       "strip the credentials, use "
       "a backend on this machine, or spell out unsafe_plaintext_backend: true)\n"},
      {listener("127.0.0.1", "") + backend("127.0.0.1", "strip\n  tls: {verify: false}"), "unsafe_insecure_upstream",
       "F/c.yaml:9:17: error: whoever answers in the place of backend 'b' would be taken for it, and get all that is sent there "
       "(tls.verify: "
       "false) (name the CA of its certificate with tls.ca, or spell out unsafe_insecure_upstream: true)\n"},
  };
  for (const auto& row : table) {
    BOOST_TEST(told_about(row.text) == row.told, row.text << "told " << told_about(row.text));
    for (const std::string& key : keys) {
      const std::string said = told_about(row.text + key + ": true\n");
      BOOST_TEST(said == (key == row.key ? "" : row.told), row.text << " with " << key << " told " << said);
      BOOST_TEST(told_about(row.text + key + ": false\n") == row.told);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_stays_on_this_machine_needs_no_key) {
  for (const std::string host : {"127.0.0.1", "[::1]", "localhost", "127.1.2.3"}) {
    BOOST_TEST(told_about(listener(host, "  tokens: none\n") + harmless) == "");
    BOOST_TEST(told_about(listener(host, "") + harmless) == "");
  }
  BOOST_TEST(told_about(listener("0.0.0.0", tls_block) + harmless) == "");
  BOOST_TEST(told_about(listener("127.0.0.1", "") + backend("127.0.0.1", "forward")) == "");
  BOOST_TEST(told_about(listener("127.0.0.1", "") + backend("10.1.2.3", "strip")) == "");
  BOOST_TEST(told_about(listener("127.0.0.1", "") + backend("10.1.2.3", "forward\n  tls: {}")) == "");
}

BOOST_AUTO_TEST_CASE(the_flag_that_opens_a_listener_to_the_network_is_judged_like_a_file) {
  const folder in;
  sources from = one_file(in.write("c.yaml", good));
  from.listen = "0.0.0.0:1";
  BOOST_TEST(told(in, load(from).problems) ==
             "error: --listen: listener 'a' on 0.0.0.0:1 would take passwords in plaintext: it has no TLS and the address is not the "
             "loopback (add "
             "tls, listen on 127.0.0.1, or spell out unsafe_plaintext_listener: true)\n");
}

BOOST_AUTO_TEST_CASE(roots_default_password_is_refused_where_strangers_can_try_it) {
  const struct {
    std::string text;
    bool refused;
  } table[] = {
      {listener("0.0.0.0", tls_block) + harmless, true},
      {listener("0.0.0.0", tls_block) + harmless + "unsafe_default_root: true\n", false},
      {listener("0.0.0.0", "") + harmless + "unsafe_plaintext_listener: true\n", true},
      {listener("0.0.0.0", mutual_block) + harmless, false},
      {listener("127.0.0.1", tls_block) + harmless, false},
      {listener("0.0.0.0", tls_block + "  tokens: none\n") + harmless + "unsafe_no_tokens: true\n", false},
      {listener("0.0.0.0", "  tls: {certificates: [{cert: c, key: k}], client_certificates: optional, client_ca: a}\n") + harmless, true},
  };
  for (const auto& row : table) {
    const settings s = loaded_from(row.text);
    BOOST_TEST(unsafe_default_root(s, true).size() == (row.refused ? 1u : 0u), row.text);
    BOOST_TEST(has_errors(unsafe_default_root(s, true)) == row.refused);
    BOOST_TEST(unsafe_default_root(s, false).empty());
  }
  const folder in;
  const auto told_of = unsafe_default_root(*load(one_file(in.write("c.yaml", table[0].text))).value, true);
  BOOST_TEST(told(in, told_of) ==
             "F/c.yaml:4:12: error: user root still has Milvus' default password, and listener 'a' on 0.0.0.0:19530 lets everybody try it "
             "(set one "
             "with 'sallyport user passwd root', require client certificates, or spell out unsafe_default_root: true)\n");
}

BOOST_AUTO_TEST_CASE(every_key_that_is_set_is_told_with_what_it_opens) {
  const settings s =
      loaded_from(listener("0.0.0.0", "  tokens: none\n") + harmless + "unsafe_no_tokens: true\nunsafe_plaintext_listener: true\n");
  const auto sentences = unsafe_in_force(s);
  BOOST_TEST_REQUIRE(sentences.size() == 2u);
  BOOST_TEST(sentences[0] ==
             "unsafe_no_tokens is set: everybody who reaches the address is let in without a password: listener a on 0.0.0.0:19530");
  BOOST_TEST(sentences[1] == "unsafe_plaintext_listener is set, and nothing needs it: remove it");
  const settings all = loaded_from(listener("0.0.0.0", "") + backend("10.0.0.1", "forward") +
                                   "unsafe_plaintext_listener: true\nunsafe_plaintext_backend: true\nunsafe_default_root: true\n"
                                   "unsafe_insecure_upstream: true\nunsafe_serve_stale: true\n");
  const auto more = unsafe_in_force(all);
  BOOST_TEST_REQUIRE(more.size() == 5u);
  BOOST_TEST(more[0] == "unsafe_plaintext_listener is set: passwords cross the network in plaintext: listener a on 0.0.0.0:19530");
  BOOST_TEST(more[1] == "unsafe_plaintext_backend is set: passwords cross the network to the backend in plaintext: backend b");
  BOOST_TEST(more[2] ==
             "unsafe_default_root is set: root may keep Milvus' default password where strangers can try it: listener a on 0.0.0.0:19530");
  const settings anybody =
      loaded_from(listener("127.0.0.1", "") + backend("10.0.0.1", "strip\n  tls: {verify: false}") + "unsafe_insecure_upstream: true\n");
  BOOST_TEST(
      unsafe_in_force(anybody) ==
          std::vector<std::string>{"unsafe_insecure_upstream is set: whoever answers in its place is taken for the backend: backend b"},
      boost::test_tools::per_element());
  BOOST_TEST(unsafe_in_force(loaded_from(good)).empty());
}

BOOST_AUTO_TEST_CASE(a_backend_that_is_the_listener_itself_is_refused) {
  const auto both = [](const std::string& at, const std::string& to) {
    return "listeners: [{name: a, address: '" + at + "', backend: b}]\nbackends: [{name: b, endpoints: ['" + to +
           "']}]\nunsafe_plaintext_listener: true\n";
  };
  const std::string said = ": error: backend 'b' is listener 'a' itself: ";
  BOOST_TEST(told_about(both("127.0.0.1:1", "127.0.0.1:1")) ==
             "F/c.yaml:2:34" + said +
                 "127.0.0.1:1 (name the address of Milvus; when both run on this machine, one of them needs another port)\n");
  for (const std::string to : {"127.0.0.1:1", "localhost:1", "[::1]:1", "0.0.0.0:1"})
    BOOST_TEST(told_about(both("0.0.0.0:1", to)).find(said) != std::string::npos, to);
  for (const std::string to : {"127.0.0.1:2", "127.0.0.2:1", "10.0.0.1:1"}) BOOST_TEST(told_about(both("127.0.0.1:1", to)) == "", to);
  BOOST_TEST(told_about(both("127.0.0.1:0", "127.0.0.1:1")) == "");
  // Any of several.
  BOOST_TEST(told_about(both("127.0.0.1:1", "127.0.0.1:2', '127.0.0.1:1")).starts_with("F/c.yaml:2:49" + said));
}

BOOST_AUTO_TEST_SUITE_END()
