// What protocols connect and tcp need, and what is wrong with them.
#include "support.hpp"

using namespace sallyport;
using namespace sallyport::config;
using namespace sallyport::config::tests;

namespace {

using protocol = proxy::listener_settings::protocol;

std::string listener(const std::string& more, const std::string& host = "127.0.0.1") {
  return "listeners:\n- name: a\n  backend: b\n  address: '" + host + ":19530'\n" + more +
         "backends: [{name: b, endpoints: ['127.0.0.1:19540']}]\n";
}
const std::string mutual = "  tls: {certificates: [{cert: c, key: k}], client_certificates: required, client_ca: a}\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(tunnels)

BOOST_AUTO_TEST_CASE(the_good_ones_load) {
  const auto plain = loaded_from(listener("  protocol: connect\n"));
  BOOST_TEST((plain.listeners[0].speaks == protocol::connect));
  BOOST_TEST((plain.listeners[0].tokens == auth::tokens::required));
  BOOST_TEST(plain.backends[0].tunnels == 1024U);
  BOOST_TEST((plain.limits.tunnel_idle == std::chrono::milliseconds(0)));

  const auto connect = loaded_from(listener("  protocol: connect\n  tls: {certificates: [{cert: c, key: k}]}\n", "0.0.0.0"));
  BOOST_TEST(!connect.listeners[0].tls->any_protocol);

  const auto open = loaded_from(listener("  protocol: tcp\n  tokens: none\n"));
  BOOST_TEST((open.listeners[0].speaks == protocol::tcp));
  BOOST_TEST(!open.listeners[0].certificate_user);

  const auto named = loaded_from(listener("  protocol: tcp\n  certificate_user: required\n" + mutual, "0.0.0.0"));
  BOOST_TEST(named.listeners[0].certificate_user);
  BOOST_TEST(named.listeners[0].tls->any_protocol);
  BOOST_TEST(unsafe_in_force(named).empty());
  BOOST_TEST(unsafe_default_root(named, true).empty());

  const auto sized = loaded_from(
      "listeners: [{name: a, address: '127.0.0.1:1', backend: b, protocol: connect}]\n"
      "backends: [{name: b, endpoints: ['127.0.0.1:2'], tunnels: 7}]\nlimits: {tunnel_idle: 10m}\n");
  BOOST_TEST(sized.backends[0].tunnels == 7U);
  BOOST_TEST((sized.limits.tunnel_idle == std::chrono::minutes(10)));
}

BOOST_AUTO_TEST_CASE(bytes_that_nobody_is_asked_before_are_an_error_that_names_both_ways_out) {
  const std::string said =
      "error: protocol tcp carries bytes, which have no tokens: 'tokens: required' cannot hold (protocol: connect asks for a password "
      "before the bytes; certificate_user: required takes the client's certificate for one; tokens: none asks nobody)\n";
  BOOST_TEST(told_about(listener("  protocol: tcp\n")) == "F/c.yaml:5:13: " + said);
  BOOST_TEST(told_about(listener("  protocol: tcp\n  tokens: required\n")) == "F/c.yaml:5:13: " + said);
  BOOST_TEST(told_about(listener("  protocol: tcp\n" + mutual)) == "F/c.yaml:5:13: " + said);
  BOOST_TEST(told_about(listener("  protocol: tcp\n  certificate_user: none\n" + mutual)) == "F/c.yaml:5:13: " + said);
}

BOOST_AUTO_TEST_CASE(a_certificates_user_needs_a_certificate_and_bytes) {
  const std::string start = "  protocol: tcp\n  certificate_user: required\n";
  BOOST_TEST(told_about(listener(start)) ==
             "F/c.yaml:6:21: error: 'certificate_user: required' needs TLS (add tls with client_certificates: required, and client_ca)\n");
  for (const std::string mode : {"", ", client_certificates: none", ", client_certificates: optional, client_ca: a"})
    BOOST_TEST(told_about(listener(start + "  tls: {certificates: [{cert: c, key: k}]" + mode + "}\n")) ==
               "F/c.yaml:6:21: error: 'certificate_user: required' needs client certificates (set tls.client_certificates: required, and "
               "client_ca)\n");
  for (const std::string other : {"", "  protocol: connect\n"})
    BOOST_TEST(told_about(listener("  certificate_user: required\n" + other + mutual)) ==
               "F/c.yaml:5:21: error: 'listeners[].certificate_user' is for protocol: tcp (other protocols ask for a password; "
               "tls.client_certificates: required asks for a certificate besides)\n");
}

BOOST_AUTO_TEST_CASE(the_unsafe_ones_need_their_keys_as_on_any_listener) {
  for (const std::string spoken : {"connect", "tcp"}) {
    const std::string open = listener("  protocol: " + spoken + "\n  tokens: none\n", "0.0.0.0");
    BOOST_TEST(told_about(open).find("unsafe_no_tokens: true") != std::string::npos, spoken);
    BOOST_TEST(told_about(open + "unsafe_no_tokens: true\n") == "");
  }
  const std::string plaintext = listener("  protocol: connect\n", "0.0.0.0");
  BOOST_TEST(told_about(plaintext).find("unsafe_plaintext_listener: true") != std::string::npos);
  BOOST_TEST(told_about(plaintext + "unsafe_plaintext_listener: true\n") == "");
}

BOOST_AUTO_TEST_CASE(health_is_for_http) {
  BOOST_TEST(told_about(listener("  protocol: connect\n  health: public\n")) ==
             "F/c.yaml:6:11: error: 'listeners[].health' is for protocol: auto (leave it out)\n");
}

BOOST_AUTO_TEST_SUITE_END()
