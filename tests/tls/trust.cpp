#include "room.hpp"

using namespace sallyport;
using namespace sallyport::tls;
using namespace sallyport::tls::testing;
using support::minted;
using support::usage;
using namespace std::chrono_literals;

namespace {

struct revoking : material {
  minted good = mint.issue({.common_name = "good", .purpose = usage::client}, ca);
  minted bad = mint.issue({.common_name = "bad", .purpose = usage::client}, ca);
  minted intermediate = mint.authority("intermediate", ca);
  minted below = mint.issue({.common_name = "below", .purpose = usage::client}, intermediate);

  policy_settings policy(std::vector<std::string> crls, policy_settings::crl_scope scope = policy_settings::crl_scope::leaf,
                         policy_settings::stale_crl stale = policy_settings::stale_crl::refuse) {
    return {.certificates = {{server.cert, server.key}},
            .clients = client_certificates::required,
            .client_ca = ca.cert,
            .crls = std::move(crls),
            .crl_for = scope,
            .stale = stale};
  }
};

// Nothing: let in; else why not.
std::string reason_for(const std::shared_ptr<const context>& by, const client_options& shown) {
  room worker;
  pair ends(worker, by, shown);
  return ends.shake() ? std::string() : ends.server.failure().reason;
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_crl_turns_away_what_it_names, revoking) {
  const auto by = load(policy({mint.crl(ca, {&bad})}));
  BOOST_TEST(reason_for(by, {.certificate = &good}) == "");
  BOOST_TEST(reason_for(by, {.certificate = &bad}) == "certificate revoked");
  room worker;
  pair ends(worker, by, {.certificate = &bad});
  BOOST_TEST(ends.shake().error() == errc::handshake_failed);
  BOOST_TEST((ends.server.failure().result == telemetry::handshake_result::certificate_revoked));
  BOOST_TEST(ends.drive([&] { return ends.peer.alert >= 0; }));
  BOOST_TEST(ends.peer.alert == SSL_AD_CERTIFICATE_REVOKED);
}

BOOST_FIXTURE_TEST_CASE(where_crls_are_given_an_issuer_without_one_is_not_believed, revoking) {
  const client_options shown{.certificate = &below, .chain = {&intermediate}};
  const auto of_ca = mint.crl(ca, {});
  BOOST_TEST(reason_for(load(policy({of_ca})), shown) == "unable to get certificate CRL");
  const auto both = mint.crl(intermediate, {}, -1h, 24h, of_ca);
  BOOST_TEST(reason_for(load(policy({both})), shown) == "");
  // One file with two, or two files.
  BOOST_TEST(reason_for(load(policy({of_ca, mint.crl(intermediate, {&below})})), shown) == "certificate revoked");
}

BOOST_FIXTURE_TEST_CASE(a_revoked_intermediate_counts_when_the_whole_chain_is_checked, revoking) {
  const client_options shown{.certificate = &below, .chain = {&intermediate}};
  const auto crls = mint.crl(intermediate, {}, -1h, 24h, mint.crl(ca, {&intermediate}));
  BOOST_TEST(reason_for(load(policy({crls})), shown) == "");
  BOOST_TEST(reason_for(load(policy({crls}, policy_settings::crl_scope::chain)), shown) == "certificate revoked");
}

BOOST_FIXTURE_TEST_CASE(a_stale_crl_turns_away_unless_the_operator_says_otherwise, revoking) {
  const auto stale = mint.crl(ca, {&bad}, -48h, -1h);
  const auto strict = load(policy({stale}));
  BOOST_TEST(reason_for(strict, {.certificate = &good}) == "CRL has expired");
  BOOST_REQUIRE_EQUAL(strict->warnings().size(), 1U);
  BOOST_TEST(strict->warnings()[0].find("is stale since 20") != std::string::npos);
  const auto lenient = load(policy({stale}, policy_settings::crl_scope::leaf, policy_settings::stale_crl::accept));
  BOOST_TEST(reason_for(lenient, {.certificate = &good}) == "");
  BOOST_TEST(reason_for(lenient, {.certificate = &bad}) == "certificate revoked");
}

BOOST_FIXTURE_TEST_CASE(a_crl_that_is_damaged_or_none_is_a_fault, revoking) {
  for (const auto& file :
       {mint.write("cut.pem", "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n"), ca.cert, mint.path("missing.pem")})
    BOOST_TEST(context::load({policy({file})}).has_error());
}

BOOST_FIXTURE_TEST_CASE(an_allow_rule_decides_after_the_chain_and_says_so, revoking) {
  auto settings = policy({});
  settings.allow = {{.common_name = "good"}};
  const auto by = load(settings);
  BOOST_TEST(reason_for(by, {.certificate = &good}) == "");
  BOOST_TEST(reason_for(by, {.certificate = &bad}) == "no allow rule matches the certificate");
  const auto stranger = mint.issue({.common_name = "good", .purpose = usage::client}, other_ca);
  BOOST_TEST(reason_for(by, {.certificate = &stranger}) == "unable to get local issuer certificate");
}

BOOST_FIXTURE_TEST_CASE(the_identity_has_what_rules_ask_for, revoking) {
  const auto who = mint.issue({.common_name = "who", .emails = {"who@example.org"}, .unit = "data", .purpose = usage::client}, ca);
  room worker;
  pair ends(worker, load(policy({})), {.certificate = &who});
  ends.connect();
  const auto seen = ends.server.identity();
  BOOST_TEST(seen->emails == std::vector<std::string>{"who@example.org"}, boost::test_tools::per_element());
  BOOST_TEST(seen->organizational_units == std::vector<std::string>{"data"}, boost::test_tools::per_element());
  BOOST_TEST(seen->key_pin.size() == 52U);
  BOOST_TEST(is_allowed(*seen, {{.organizational_unit = "data", .email = "who@example.org", .key = seen->key_pin}}));
  const auto end = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + 365 * 24h);
  BOOST_TEST(std::abs(seen->good_until - end) < 60);
}

BOOST_FIXTURE_TEST_CASE(a_client_without_eku_is_let_in_unless_one_is_demanded, revoking) {
  const auto plain = mint.issue({.common_name = "plain", .purpose = usage::none}, ca);
  auto settings = policy({});
  BOOST_TEST(reason_for(load(settings), {.certificate = &plain}) == "");
  settings.require_client_eku = true;
  BOOST_TEST(reason_for(load(settings), {.certificate = &plain}).find("no extendedKeyUsage") != std::string::npos);
  BOOST_TEST(reason_for(load(settings), {.certificate = &good}) == "");
}

// What was good when the connection began.
BOOST_FIXTURE_TEST_CASE(a_live_session_is_judged_again_by_a_newer_trust, revoking) {
  const auto before = load(policy({mint.crl(ca, {})}));
  const auto after = load(policy({mint.crl(ca, {&bad})}));
  auto other = policy({});
  other.client_ca = other_ca.cert;
  const auto elsewhere = load(other);
  for (const int newest : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    room worker;
    pair ends(worker, before, {.certificate = &bad, .newest = newest});
    ends.connect();
    BOOST_TEST(ends.server.judge_again(*before));
    BOOST_TEST(!ends.server.judge_again(*after));
    BOOST_TEST(ends.server.failure().reason == "certificate revoked");
    BOOST_TEST(ends.server.failure().serial != "");
    BOOST_TEST(!ends.server.judge_again(*elsewhere));
    pair fine(worker, before, {.certificate = &good, .newest = newest});
    fine.connect();
    BOOST_TEST(fine.server.judge_again(*after));
    BOOST_TEST(!fine.server.judge_again(*elsewhere));
    pair deep(worker, load(policy({})), {.certificate = &below, .chain = {&intermediate}, .newest = newest});
    deep.connect();
    BOOST_TEST(deep.server.judge_again(*load(policy({}))));
  }
}

BOOST_FIXTURE_TEST_CASE(a_session_without_a_certificate_is_judged_again_too, revoking) {
  auto asking = policy({});
  asking.clients = client_certificates::optional;
  room worker;
  pair ends(worker, load(asking), {});
  ends.connect();
  BOOST_TEST(ends.server.judge_again(*load(asking)));
  BOOST_TEST(!ends.server.judge_again(*load(policy({}))));
}

// A chain that was good once is not verified again; one that was not is.
BOOST_FIXTURE_TEST_CASE(what_was_found_good_is_remembered_until_it_is_over, revoking) {
  const auto brief = mint.issue({.common_name = "brief", .purpose = usage::client, .until = 3s}, ca);
  const auto by = load(policy({}));
  BOOST_TEST(reason_for(by, {.certificate = &brief}) == "");
  BOOST_TEST(reason_for(by, {.certificate = &brief}) == "");
  const auto over = X509_get0_notAfter(brief.certificate.get());
  room clock;
  BOOST_REQUIRE(clock.drive([&] { return X509_cmp_current_time(over) < 0; }, [] {}));
  BOOST_TEST(reason_for(by, {.certificate = &brief}) == "certificate has expired");
}
