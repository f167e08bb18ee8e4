// admin.listen: the page for operators is on the loopback, or nowhere.
#include "support.hpp"

using namespace sallyport::config;
using namespace sallyport::config::tests;

BOOST_AUTO_TEST_SUITE(admin_listen)

BOOST_AUTO_TEST_CASE(without_it_there_is_no_page) {
  const settings s = loaded_from(good);
  BOOST_TEST(s.admin.page_host == "");
  BOOST_TEST(!s.origins.contains("admin.listen"));
}

BOOST_AUTO_TEST_CASE(every_address_of_the_loopback_will_do) {
  const struct {
    const char *text, *host;
    std::uint16_t port;
  } table[] = {
      {"127.0.0.1:9090", "127.0.0.1", 9090}, {"127.3.4.5:1", "127.3.4.5", 1}, {"[::1]:9090", "::1", 9090}, {"localhost:0", "localhost", 0}};
  for (const auto& row : table) {
    const settings s = loaded_from(good + "admin: {listen: '" + row.text + "'}\n");
    BOOST_TEST(s.admin.page_host == row.host);
    BOOST_TEST(s.admin.page_port == row.port);
    BOOST_TEST(s.origins.at("admin.listen").shown == row.text);
  }
}

BOOST_AUTO_TEST_CASE(an_address_that_others_reach_is_refused_and_no_unsafe_key_permits_it) {
  for (const std::string address : {"0.0.0.0:9090", "[::]:9090", "10.1.2.3:9090", "milvus.example:9090", "[::ffff:10.1.2.3]:9090"}) {
    const std::string said =
        "F/c.yaml:3:17: error: 'admin.listen' is " + address +
        ", which is not the loopback: the page for operators asks nobody for a password (write 127.0.0.1:9090, and let an "
        "agent or a proxy on this machine pass it on)\n";
    const std::string text = good + "admin: {listen: '" + address + "'}\n";
    BOOST_TEST(told_about(text) == said);
    BOOST_TEST(told_about(text + "unsafe_plaintext_listener: true\nunsafe_no_tokens: true\n") == said);
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_address_is_told_once) {
  BOOST_TEST(told_about(good + "admin: {listen: 9090}\n") ==
             "F/c.yaml:3:17: error: 'admin.listen': no port (write HOST:PORT, for example 127.0.0.1:19530)\n");
}

BOOST_AUTO_TEST_CASE(it_may_not_be_the_address_of_a_listener) {
  BOOST_TEST(told_about(good + "admin: {listen: '127.0.0.1:19530'}\n") ==
             "F/c.yaml:3:17: error: 'admin.listen' has the address of listener 'a' on 127.0.0.1:19530 (give it a port of its own)\n");
  // A listener on every address has the loopback's port, too.
  const std::string everywhere =
      "listeners: [{name: a, address: '0.0.0.0:19530', backend: b, tls: {certificates: [{cert: c, key: k}]}}]\n"
      "backends: [{name: b, endpoints: ['127.0.0.1:19540']}]\n";
  BOOST_TEST(told_about(everywhere + "admin: {listen: '127.0.0.1:19530'}\n") ==
             "F/c.yaml:3:17: error: 'admin.listen' has the address of listener 'a' on 0.0.0.0:19530 (give it a port of its own)\n");
  BOOST_TEST(told_about(everywhere + "admin: {listen: '127.0.0.1:19531'}\n") == "");
}

BOOST_AUTO_TEST_CASE(the_environment_says_it_too_and_is_judged_alike) {
  const folder in;
  sources from = one_file(in.write("c.yaml", good));
  from.environment["SALLYPORT_ADMIN_LISTEN"] = "127.0.0.1:9091";
  BOOST_TEST_REQUIRE(load(from).value.has_value());
  BOOST_TEST(load(from).value->admin.page_port == 9091);
  from.environment["SALLYPORT_ADMIN_LISTEN"] = "0.0.0.0:9091";
  BOOST_TEST(told(in, load(from).problems).find("which is not the loopback") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
