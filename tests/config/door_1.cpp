// Certificates by name, CRLs and rules, as the configuration says them.
#include "support.hpp"

using namespace sallyport;
using namespace sallyport::config;
using namespace sallyport::config::tests;

namespace {
const std::string backend = "backends: [{name: b, endpoints: ['127.0.0.1:19540']}]\n";
std::string listener(const std::string& tls) {
  return "listeners:\n- name: a\n  backend: b\n  address: 127.0.0.1:1\n  tls:\n    certificates: [{cert: c, key: k}]\n" + tls + backend;
}
const std::string asks = "    client_certificates: required\n    client_ca: ca\n";
}  // namespace

BOOST_AUTO_TEST_SUITE(door_1)

BOOST_AUTO_TEST_CASE(every_key_of_tls_arrives_where_it_is_used) {
  const auto made =
      loaded_from(listener(asks + "    crl: r.pem\n    crl_check: chain\n    crl_stale: accept\n    require_client_eku: true\n"
                                  "    unknown_name: refuse\n    ticket_keys: t\n"
                                  "    allow:\n    - {cn: etl, ou: data, dns: '*.example', uri: 'spiffe://a/**', email: '*@example.org'}\n"
                                  "    - {cn: other}\n"
                                  "    names:\n    - names: [x.example, '*.y.example']\n      certificates: [{cert: d, key: l, ocsp: o}]\n"
                                  "      profile: modern\n"));
  const auto& tls = *made.listeners[0].tls;
  using policy = tls::policy_settings;
  BOOST_TEST(tls.crls.size() == 1u);
  BOOST_TEST(tls.crls[0].ends_with("/r.pem"));
  BOOST_TEST((tls.crl_for == policy::crl_scope::chain));
  BOOST_TEST((tls.stale == policy::stale_crl::accept));
  BOOST_TEST(tls.require_client_eku);
  BOOST_TEST((tls.unknown == tls::server_settings::unknown_name::refuse));
  BOOST_TEST(tls.ticket_keys_file.ends_with("/t"));
  BOOST_REQUIRE(tls.allow.size() == 2u);
  BOOST_TEST(tls.allow[0].common_name == "etl");
  BOOST_TEST(tls.allow[0].organizational_unit == "data");
  BOOST_TEST(tls.allow[0].dns == "*.example");
  BOOST_TEST(tls.allow[0].uri == "spiffe://a/**");
  BOOST_TEST(tls.allow[0].email == "*@example.org");
  BOOST_TEST(tls.allow[1].common_name == "other");
  BOOST_REQUIRE(tls.by_name.size() == 1u);
  BOOST_TEST(tls.by_name[0].names.size() == 2u);
  BOOST_TEST((tls.by_name[0].policy.versions == tls::profile::modern));
  BOOST_TEST(tls.by_name[0].policy.certificates[0].ocsp.ends_with("/o"));
  BOOST_TEST((tls.by_name[0].policy.clients == tls::client_certificates::none));
}

BOOST_AUTO_TEST_CASE(a_rule_that_lets_in_more_than_it_says_is_told_with_its_place) {
  BOOST_TEST(told_about(listener(asks + "    allow: [{dns: 'a*.example'}]\n")) ==
             "F/c.yaml:9:13: error: 'a*.example' is no DNS name; a wildcard may only be its whole first label\n");
  BOOST_TEST(told_about(listener(asks + "    allow: []\n")) ==
             "F/c.yaml:9:12: error: 'listeners[].tls.allow' is empty (leave it out to let every certificate of the CA in)\n");
  BOOST_TEST(told_about(listener("    names: [{names: [x.example, x.example], certificates: [{cert: d, key: l}]}]\n")) ==
             "F/c.yaml:7:33: error: 'x.example' has a policy already (name it once)\n");
  BOOST_TEST(told_about(listener("    names: [{names: [x.example, X.Example], certificates: [{cert: d, key: l}]}]\n")) ==
             "F/c.yaml:7:33: error: 'X.Example' has a policy already (name it once)\n");
}

BOOST_AUTO_TEST_SUITE_END()
