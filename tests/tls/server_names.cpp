#include "room.hpp"

using namespace sallyport;
using namespace sallyport::tls;
using namespace sallyport::tls::testing;
using support::minted;

namespace {

// What a client that asks for `sni` is shown; nullptr: it is refused.
const X509* shown_for(const std::shared_ptr<const context>& by, const std::string& sni, std::string ciphers = {}) {
  room worker;
  pair ends(worker, by, {.newest = ciphers.empty() ? TLS1_3_VERSION : TLS1_2_VERSION, .sni = sni});
  if (!ciphers.empty()) SSL_set_cipher_list(ends.peer.ssl(), ciphers.c_str());
  if (!ends.shake()) {
    BOOST_TEST(ends.server.failure().reason != "");
    BOOST_TEST(ends.drive([&] { return ends.peer.alert >= 0; }));
    BOOST_TEST(ends.peer.alert == SSL_AD_UNRECOGNIZED_NAME);
    return nullptr;
  }
  BOOST_REQUIRE(ends.drive([&] { return ends.peer.done; }));
  static thread_local std::shared_ptr<X509> kept;
  kept.reset(SSL_get1_peer_certificate(ends.peer.ssl()), X509_free);
  return kept.get();
}

struct names : material {
  minted a = mint.issue({.common_name = "a", .dns = {"a.example"}}, ca);
  minted a_rsa = mint.issue({.common_name = "a rsa", .dns = {"a.example", "localhost"}, .key = support::key_kind::rsa2048}, ca);
  minted any = mint.issue({.common_name = "any", .dns = {"*.example"}}, ca);
  minted by_cn = mint.issue({.common_name = "cn.recipe"}, ca);
  policy_settings all{
      .certificates = {{server.cert, server.key}, {a.cert, a.key}, {a_rsa.cert, a_rsa.key}, {any.cert, any.key}, {by_cn.cert, by_cn.key}}};
};

bool same(const X509* shown, const minted& expected) { return shown != nullptr && X509_cmp(shown, expected.certificate.get()) == 0; }

}  // namespace

BOOST_FIXTURE_TEST_CASE(the_certificate_follows_the_name_exact_before_wildcard_then_the_key_type, names) {
  const auto by = load(all);
  const std::string ecdsa = "ECDHE-ECDSA-AES128-GCM-SHA256", rsa = "ECDHE-RSA-AES128-GCM-SHA256";
  BOOST_TEST(same(shown_for(by, "a.example", ecdsa), a));
  BOOST_TEST(same(shown_for(by, "A.Example", ecdsa), a));
  BOOST_TEST(same(shown_for(by, "a.example", rsa), a_rsa));
  BOOST_TEST(same(shown_for(by, "b.example"), any));
  BOOST_TEST(same(shown_for(by, "cn.recipe"), by_cn));
  BOOST_TEST(same(shown_for(by, "localhost", ecdsa), server));
  BOOST_TEST(same(shown_for(by, "localhost", rsa), a_rsa));
}

BOOST_FIXTURE_TEST_CASE(an_unknown_name_gets_the_default_or_is_refused, names) {
  auto settings = server_settings{all};
  const auto lenient = load(settings);
  settings.unknown = server_settings::unknown_name::refuse;
  const auto strict = load(settings);
  for (const std::string name : {"evil.test", "x.b.example", "example", ""}) {
    BOOST_TEST_CONTEXT(name) {
      BOOST_TEST(same(shown_for(lenient, name), server));
      BOOST_TEST((shown_for(strict, name) == nullptr));
    }
  }
  BOOST_TEST(same(shown_for(strict, "b.example"), any));
}

BOOST_FIXTURE_TEST_CASE(a_name_may_have_a_policy_of_its_own, names) {
  auto settings = server_settings{all};
  policy_settings guarded{
      .certificates = {{any.cert, any.key}}, .versions = profile::modern, .clients = client_certificates::required, .client_ca = ca.cert};
  settings.by_name.push_back({{"admin.example", "*.guarded.example"}, guarded});
  const auto by = load(settings);
  const auto good = mint.issue({.common_name = "good", .purpose = support::usage::client}, ca);
  for (const std::string name : {"admin.example", "x.guarded.example"}) {
    room worker;
    pair without(worker, by, {.sni = name});
    BOOST_TEST(without.shake().error() == errc::handshake_failed);
    BOOST_TEST(without.server.failure().reason == "peer did not return a certificate");
    pair with(worker, by, {.certificate = &good, .sni = name});
    with.connect();
    BOOST_TEST(with.server.identity()->common_name == "good");
    pair old(worker, by, {.certificate = &good, .newest = TLS1_2_VERSION, .sni = name});
    BOOST_TEST(old.shake().error() == errc::handshake_failed);
    BOOST_TEST(old.server.failure().reason == "unsupported protocol");
  }
  room worker;
  pair elsewhere(worker, by, {.certificate = &good, .newest = TLS1_2_VERSION, .sni = "a.example"});
  elsewhere.connect();
  BOOST_TEST(elsewhere.server.identity() == nullptr);
  BOOST_TEST(by->policy_for("ADMIN.example") == 1U);
  BOOST_TEST(by->policy_for("a.example") == 0U);
}

// Else a policy that asks for certificates could be there and never asked.
BOOST_FIXTURE_TEST_CASE(a_name_that_is_said_goes_before_one_that_a_certificate_has_and_two_certificates_cannot_share_one, names) {
  const policy_settings lax{.certificates = {{a_rsa.cert, a_rsa.key}}};
  const policy_settings strict{.certificates = {{a.cert, a.key}}, .clients = client_certificates::required, .client_ca = ca.cert};
  auto settings = server_settings{all};
  settings.by_name = {{{}, lax}, {{"A.example"}, strict}};
  const auto by = load(settings);
  BOOST_TEST(by->policy_for("a.example") == 2U);
  BOOST_TEST(by->policy_for("localhost") == 1U);
  settings.by_name = {{{}, lax}, {{}, strict}};
  const auto refused = context::load(settings);
  BOOST_REQUIRE(!refused);
  BOOST_REQUIRE(refused.error().size() == 1U);
  BOOST_TEST(refused.error()[0].text ==
             a.cert + ": its name a.example has a policy already, by another certificate: say in one 'names' whose it is");
  settings.by_name = {{{"a.example"}, lax}, {{}, strict}};
  BOOST_TEST(load(settings)->policy_for("a.example") == 1U);
}
