#include "room.hpp"

#include <filesystem>

using namespace sallyport;
using namespace sallyport::tls;
using namespace sallyport::tls::testing;
using namespace std::chrono_literals;

namespace {

std::vector<std::string> faults_of(const policy_settings& settings) {
  std::vector<std::string> texts;
  const auto loaded = context::load({settings});
  BOOST_REQUIRE(loaded.has_error());
  for (const auto& one : loaded.error()) {
    BOOST_TEST(one.code.failed());
    texts.push_back(one.text);
  }
  return texts;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

BOOST_FIXTURE_TEST_CASE(all_faults_come_at_once_each_with_its_file, material) {
  const auto garbage = mint.write("garbage.pem", "this is no PEM\n");
  const auto cut = mint.write("cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
  const auto texts =
      faults_of({.certificates = {{mint.path("missing.pem"), mint.encrypted_key(server)}, {garbage, garbage}, {cut, server.key}},
                 .clients = client_certificates::required,
                 .client_ca = mint.folder().string()});
  BOOST_REQUIRE_EQUAL(texts.size(), 6U);
  BOOST_TEST(has(texts[0], "missing.pem: No such file or directory"));
  BOOST_TEST(has(texts[1], "the key is encrypted"));
  BOOST_TEST(has(texts[1], "openssl pkey -in "));
  BOOST_TEST(has(texts[2], "garbage.pem: holds no certificate"));
  BOOST_TEST(has(texts[3], "garbage.pem: holds no private key"));
  BOOST_TEST(has(texts[4], "cut.pem: certificate 1 is damaged"));
  BOOST_TEST(has(texts[5], ": Is a directory"));
}

BOOST_FIXTURE_TEST_CASE(a_key_of_another_certificate_is_refused, material) {
  const auto texts = faults_of({.certificates = {{server.cert, ca.key}}});
  BOOST_REQUIRE_EQUAL(texts.size(), 1U);
  BOOST_TEST(has(texts[0], ca.key + ": is not the key of the first certificate in " + server.cert));
}

BOOST_FIXTURE_TEST_CASE(silence_opens_no_door, material) {
  BOOST_TEST(has(faults_of({})[0], "needs a certificate"));
  BOOST_TEST(has(faults_of({.certificates = {{server.cert, server.key}}, .clients = client_certificates::optional})[0], "no client_ca"));
}

BOOST_FIXTURE_TEST_CASE(a_key_that_is_too_weak_is_refused, material) {
  const auto weak = mint.issue({.common_name = "localhost", .key = support::key_kind::rsa1024}, ca);
  const auto texts = faults_of({.certificates = {{weak.cert, weak.key}}});
  BOOST_TEST(has(texts[0], weak.cert + ": OpenSSL refuses it: ee key too small"));
}

BOOST_FIXTURE_TEST_CASE(a_file_without_end_is_not_read_to_the_end, material) {
  const auto texts = faults_of({.certificates = {{"/dev/zero", server.key}}});
  BOOST_TEST(has(texts[0], "/dev/zero: is larger than 1 MiB"));
}

BOOST_FIXTURE_TEST_CASE(one_certificate_of_each_key_type_is_served, material) {
  const auto rsa = mint.issue({.common_name = "rsa", .dns = {"localhost"}, .key = support::key_kind::rsa2048}, ca);
  const auto both = load({.certificates = {{server.cert, server.key}, {rsa.cert, rsa.key}}});
  for (const std::string kind : {"ECDSA", "RSA"}) {
    room worker;
    pair ends(worker, both, {.newest = TLS1_2_VERSION});
    SSL_set_cipher_list(ends.peer.ssl(), ("ECDHE-" + kind + "-AES128-GCM-SHA256").c_str());
    ends.connect();
    const auto* shown = SSL_get0_peer_certificate(ends.peer.ssl());
    BOOST_TEST(X509_cmp(shown, kind == "RSA" ? rsa.certificate.get() : server.certificate.get()) == 0);
  }
  const auto texts = faults_of({.certificates = {{server.cert, server.key}, {server.cert, server.key}}});
  BOOST_TEST(has(texts[0], "a second certificate with a key of type EC"));
}

BOOST_FIXTURE_TEST_CASE(the_whole_chain_of_the_file_is_sent, material) {
  const auto intermediate = mint.authority("intermediate", ca);
  const auto leaf = mint.issue({.common_name = "localhost"}, intermediate);
  room worker;
  pair ends(worker, load({.certificates = {{mint.bundle({leaf, intermediate}), leaf.key}}}));
  ends.connect();
  BOOST_TEST(sk_X509_num(SSL_get_peer_cert_chain(ends.peer.ssl())) == 2);
}

BOOST_FIXTURE_TEST_CASE(what_an_operator_should_know_is_a_warning_and_not_a_fault, material) {
  const auto late = mint.issue({.common_name = "late", .dns = {"localhost"}, .since = -48h, .until = -1h}, ca);
  const auto soon = mint.issue({.common_name = "soon", .dns = {"localhost"}, .until = 24h * 6, .key = support::key_kind::rsa2048}, ca);
  std::filesystem::permissions(soon.key, std::filesystem::perms::group_read, std::filesystem::perm_options::add);
  const auto loaded = load({.certificates = {{late.cert, late.key}, {soon.cert, soon.key}}, .client_ca = ca.cert});
  const auto& told = loaded->warnings();
  BOOST_REQUIRE_EQUAL(told.size(), 4U);
  BOOST_TEST(has(told[0], late.cert + ": the certificate of CN=late,O=milvus expired on 20"));
  BOOST_TEST(has(told[1], soon.key + ": the key may be read by others"));
  BOOST_TEST(has(told[2], "CN=soon,O=milvus expires soon, on 20"));
  BOOST_TEST(has(told[3], "is not used"));
  BOOST_TEST(trust()->warnings().empty());
}

BOOST_FIXTURE_TEST_CASE(a_certificate_that_is_not_valid_yet_is_a_warning, material) {
  const auto early = mint.issue({.common_name = "early", .dns = {"localhost"}, .since = 1h}, ca);
  const auto loaded = load({.certificates = {{early.cert, early.key}}});
  BOOST_REQUIRE_EQUAL(loaded->warnings().size(), 1U);
  BOOST_TEST(has(loaded->warnings()[0], "is not valid before"));
}

BOOST_FIXTURE_TEST_CASE(what_clients_will_say_to_a_certificate_is_a_warning, material) {
  const auto bare = mint.issue({.common_name = "localhost", .purpose = support::usage::none}, ca);
  const auto clients = mint.issue({.common_name = "localhost", .dns = {"localhost"}, .purpose = support::usage::client}, ca);
  const auto intermediate = mint.authority("intermediate", ca);
  const auto leaf = mint.issue({.common_name = "localhost", .dns = {"localhost"}}, intermediate);
  const auto only = [](const std::shared_ptr<const context>& of) {
    BOOST_REQUIRE_EQUAL(of->warnings().size(), 1U);
    return of->warnings()[0];
  };
  BOOST_TEST(has(only(load({.certificates = {{bare.cert, bare.key}}})), "has no subjectAltName"));
  BOOST_TEST(has(only(load({.certificates = {{clients.cert, clients.key}}})), "is not for servers"));
  BOOST_TEST(has(only(load({.certificates = {{mint.bundle({leaf, ca, intermediate}), leaf.key}}})),
                 "certificate 2 (CN=test CA,O=milvus) did not issue"));
  BOOST_TEST(load({.certificates = {{mint.bundle({leaf, intermediate, ca}), leaf.key}}})->warnings().empty());
}
