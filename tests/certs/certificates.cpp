// What is in the nine files, read back and judged by libcrypto.
#include "support.hpp"

#include <openssl/ec.h>

#include <boost/test/unit_test.hpp>

using namespace sallyport;
using namespace sallyport::certs::tests;

namespace {

struct made {
  temporary_folder folder;
  certs::recipe options;

  void init() {
    const auto paths = certs::init(folder.at("certs"), options);
    BOOST_TEST_REQUIRE(paths.has_value(), (paths.has_error() ? paths.error().text : ""));
  }
  std::string at(const std::string& name) const { return folder.at("certs/" + name); }
  certificate pem(const std::string& name) const {
    certificate read = certificate_in(at(name));
    BOOST_TEST_REQUIRE(read.get() != nullptr);
    return read;
  }
};

long days_between(const ASN1_TIME* from, const ASN1_TIME* to) {
  int days = 0, seconds = 0;
  ASN1_TIME_diff(&days, &seconds, from, to);
  return days + (seconds > 0 ? 1 : 0);
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(the_leaves_verify_strictly_for_their_own_purpose_only, made) {
  init();
  const auto ca = pem("ca.pem"), server = pem("server.pem"), client = pem("client.pem");
  BOOST_TEST(verdict(ca.get(), server.get(), X509_PURPOSE_SSL_SERVER) == X509_V_OK);
  BOOST_TEST(verdict(ca.get(), client.get(), X509_PURPOSE_SSL_CLIENT) == X509_V_OK);
  BOOST_TEST(verdict(ca.get(), server.get(), X509_PURPOSE_SSL_CLIENT) == X509_V_ERR_INVALID_PURPOSE);
  BOOST_TEST(verdict(ca.get(), client.get(), X509_PURPOSE_SSL_SERVER) == X509_V_ERR_INVALID_PURPOSE);
  BOOST_TEST(verdict(ca.get(), ca.get(), X509_PURPOSE_ANY) == X509_V_OK);
}

BOOST_FIXTURE_TEST_CASE(rsa_verifies_too_and_is_2048_bits_long, made) {
  options.keys = certs::key_kind::rsa_2048;
  init();
  const auto ca = pem("ca.pem"), server = pem("server.pem");
  BOOST_TEST(verdict(ca.get(), server.get(), X509_PURPOSE_SSL_SERVER) == X509_V_OK);
  BOOST_TEST(EVP_PKEY_is_a(X509_get0_pubkey(server.get()), "RSA") == 1);
  BOOST_TEST(EVP_PKEY_get_bits(X509_get0_pubkey(server.get())) == 2048);
  BOOST_TEST(X509_get_key_usage(server.get()) == (KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT));
}

BOOST_FIXTURE_TEST_CASE(the_keys_are_p256_and_each_belongs_to_its_certificate, made) {
  init();
  std::set<std::string> publics;
  for (const std::string name : {"ca", "server", "client"}) {
    const auto key = key_in(at(name + ".key"));
    BOOST_TEST_REQUIRE(key.get() != nullptr);
    char group[32] = {};
    std::size_t size = 0;
    BOOST_TEST(EVP_PKEY_get_group_name(key.get(), group, sizeof group, &size) == 1);
    BOOST_TEST(std::string(group) == "prime256v1");
    BOOST_TEST(X509_check_private_key(pem(name + ".pem").get(), key.get()) == 1);
    publics.insert(text_of(at(name + ".key")));
  }
  BOOST_TEST(publics.size() == 3u);
}

BOOST_FIXTURE_TEST_CASE(the_subjects_are_the_recipes, made) {
  options.client_common_name = "alice, the \"first\"";
  init();
  const std::string rest = ",OU=milvus,O=milvus,L=Shanghai,ST=Shanghai,C=CN";
  BOOST_TEST(subject_of(X509_get_subject_name(pem("server.pem").get())) == "CN=localhost" + rest);
  BOOST_TEST(subject_of(X509_get_subject_name(pem("client.pem").get())) == "CN=alice\\, the \\\"first\\\"" + rest);
  BOOST_TEST(subject_of(X509_get_subject_name(pem("ca.pem").get())) == "CN=milvus CA" + rest);
  BOOST_TEST(subject_of(X509_get_issuer_name(pem("server.pem").get())) == "CN=milvus CA" + rest);
}

BOOST_FIXTURE_TEST_CASE(the_server_answers_to_localhost_and_to_each_name_that_was_added, made) {
  options.server_dns_names.push_back("*.milvus.example");
  options.server_ip_addresses.push_back("2001:db8::7");
  init();
  const auto server = pem("server.pem");
  for (const char* name : {"localhost", "a.milvus.example"}) BOOST_TEST(X509_check_host(server.get(), name, 0, 0, nullptr) == 1);
  for (const char* name : {"milvus.example", "a.b.milvus.example", "otherhost"})
    BOOST_TEST(X509_check_host(server.get(), name, 0, 0, nullptr) == 0);
  for (const char* address : {"127.0.0.1", "::1", "2001:db8::7"}) BOOST_TEST(X509_check_ip_asc(server.get(), address, 0) == 1);
  BOOST_TEST(X509_check_ip_asc(server.get(), "127.0.0.2", 0) == 0);
}

BOOST_FIXTURE_TEST_CASE(the_ca_may_sign_leaves_crls_and_one_level_of_intermediates, made) {
  init();
  const auto ca = pem("ca.pem");
  BOOST_TEST(X509_check_ca(ca.get()) == 1);
  BOOST_TEST(X509_get_pathlen(ca.get()) == 1);
  BOOST_TEST(X509_get_key_usage(ca.get()) == (KU_KEY_CERT_SIGN | KU_CRL_SIGN));
  for (const char* name : {"server.pem", "client.pem"}) {
    const auto leaf = pem(name);
    BOOST_TEST(X509_check_ca(leaf.get()) == 0);
    BOOST_TEST(X509_get_key_usage(leaf.get()) == KU_DIGITAL_SIGNATURE);
    BOOST_TEST(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(leaf.get()), X509_get0_subject_key_id(ca.get())) == 0);
  }
  BOOST_TEST(X509_get_extended_key_usage(pem("server.pem").get()) == XKU_SSL_SERVER);
  BOOST_TEST(X509_get_extended_key_usage(pem("client.pem").get()) == XKU_SSL_CLIENT);
}

BOOST_FIXTURE_TEST_CASE(the_certificates_are_valid_now_and_for_the_days_that_were_asked_for, made) {
  init();
  const auto ca = pem("ca.pem"), server = pem("server.pem");
  BOOST_TEST(days_between(X509_get0_notBefore(ca.get()), X509_get0_notAfter(ca.get())) == 3650);
  BOOST_TEST(days_between(X509_get0_notBefore(server.get()), X509_get0_notAfter(server.get())) == 825);
  // Apple counts 825 * 86400 s at most.
  int days = 0, seconds = 0;
  BOOST_TEST(ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(server.get()), X509_get0_notAfter(server.get())) == 1);
  BOOST_TEST(days == 824);
  BOOST_TEST(X509_cmp_current_time(X509_get0_notBefore(server.get())) < 0);
  BOOST_TEST(X509_cmp_current_time(X509_get0_notAfter(server.get())) > 0);
}

BOOST_FIXTURE_TEST_CASE(a_leaf_does_not_outlive_its_ca, made) {
  options.ca_days = 10;
  options.leaf_days = 100;
  init();
  BOOST_TEST(ASN1_TIME_compare(X509_get0_notAfter(pem("server.pem").get()), X509_get0_notAfter(pem("ca.pem").get())) <= 0);
}

BOOST_FIXTURE_TEST_CASE(dates_beyond_2050_are_written_as_rfc_5280_demands, made) {
  options.ca_days = options.leaf_days = certs::days_max;
  init();
  const auto ca = pem("ca.pem"), server = pem("server.pem");
  BOOST_TEST(ASN1_STRING_type(X509_get0_notAfter(server.get())) == V_ASN1_GENERALIZEDTIME);
  BOOST_TEST(ASN1_STRING_type(X509_get0_notBefore(server.get())) == V_ASN1_UTCTIME);
  BOOST_TEST(verdict(ca.get(), server.get(), X509_PURPOSE_SSL_SERVER) == X509_V_OK);
}

BOOST_FIXTURE_TEST_CASE(serial_numbers_are_random_and_the_last_one_is_kept_for_openssl, made) {
  init();
  std::set<std::string> serials;
  for (const char* name : {"ca.pem", "server.pem", "client.pem"}) {
    const auto read = pem(name);
    const auto serial = X509_get0_serialNumber(read.get());
    serials.insert(serial_of(read.get()));
    // 159 random bits are shorter than 128 once in 2^31 times.
    BOOST_TEST(ASN1_STRING_length(serial) >= 16);
    BOOST_TEST(ASN1_STRING_length(serial) <= 20);
  }
  BOOST_TEST(serials.size() == 3u);
  BOOST_TEST(text_of(at("ca.srl")) == serial_of(pem("client.pem").get()) + "\n");
}

BOOST_FIXTURE_TEST_CASE(the_requests_are_signed_by_their_keys_and_ask_for_the_same_names, made) {
  options.server_dns_names.push_back("db.example");
  init();
  for (const std::string name : {"server", "client"}) {
    const auto asked = request_in(at(name + ".csr"));
    BOOST_TEST_REQUIRE(asked.get() != nullptr);
    BOOST_TEST(X509_REQ_verify(asked.get(), key_in(at(name + ".key")).get()) == 1);
    const auto issued = pem(name + ".pem");
    BOOST_TEST(X509_NAME_cmp(X509_REQ_get_subject_name(asked.get()), X509_get_subject_name(issued.get())) == 0);
    auto* extensions = X509_REQ_get_extensions(asked.get());
    auto* in_request = static_cast<GENERAL_NAMES*>(X509V3_get_d2i(extensions, NID_subject_alt_name, nullptr, nullptr));
    auto* in_leaf = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(issued.get(), NID_subject_alt_name, nullptr, nullptr));
    BOOST_TEST(names_of(in_request) == names_of(in_leaf), boost::test_tools::per_element());
    BOOST_TEST(names_of(in_leaf).contains("DNS:db.example") == (name == "server"));
    GENERAL_NAMES_free(in_request);
    GENERAL_NAMES_free(in_leaf);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  }
}
