// Fifteen client certificates, both versions of TLS, and the three ways in which a client is before door 1: with a new handshake, with a
// session that it saved when it was let in, or on a connection that has been open since then. What is refused in one is refused in all.
#include "room.hpp"

using namespace sallyport;
using namespace sallyport::tls;
using namespace sallyport::tls::testing;
using support::minted;
using support::usage;
using namespace std::chrono_literals;

namespace {

struct shown {
  std::string name;
  const minted* certificate;
  std::vector<const minted*> chain;
  bool passes;
};

struct fifteen : material {
  minted intermediate = mint.authority("intermediate", ca);
  minted impostor = mint.authority("test CA");  // the name of the CA, another key
  minted good = client("good", ca), below = client("below", intermediate), revoked = client("revoked", ca);
  minted plain = mint.issue({.common_name = "no EKU", .purpose = usage::none}, ca);
  minted servers = mint.issue({.common_name = "a server's", .purpose = usage::server}, ca);
  minted late = mint.issue({.common_name = "expired", .purpose = usage::client, .since = -48h, .until = -1h}, ca);
  minted early = mint.issue({.common_name = "not yet valid", .purpose = usage::client, .since = 1h}, ca);
  minted stranger = client("stranger", other_ca), forged = client("forged", impostor);
  minted alone = mint.self_signed({.common_name = "self-signed", .purpose = usage::client});
  minted under_leaf = client("under a leaf", good);
  minted weak = mint.issue({.common_name = "weak", .purpose = usage::client, .key = support::key_kind::rsa1024}, ca);
  minted huge = mint.issue({.common_name = "huge", .dns = many_names(), .purpose = usage::client}, ca);
  std::vector<minted> authorities = chain_of(11);
  minted deep = client("deep", authorities.back());
  std::shared_ptr<ticket_keys> keys = std::make_shared<ticket_keys>();
  std::string crls = mint.crl(intermediate, {}, -1h, 24h, mint.crl(ca, {&revoked}));

  std::vector<shown> all() {
    std::vector<const minted*> up;
    for (auto at = authorities.rbegin(); at != authorities.rend(); ++at) up.push_back(&*at);
    return {{"none", nullptr, {}, false},
            {"good", &good, {}, true},
            {"from an intermediate", &below, {&intermediate}, true},
            {"without EKU", &plain, {}, true},
            {"for servers only", &servers, {}, false},
            {"expired", &late, {}, false},
            {"not yet valid", &early, {}, false},
            {"revoked", &revoked, {}, false},
            {"of another CA", &stranger, {}, false},
            {"of a CA with the same name and another key", &forged, {&impostor}, false},
            {"self-signed", &alone, {}, false},
            {"under a leaf", &under_leaf, {&good}, false},
            {"a chain of twelve", &deep, up, false},
            {"RSA with 1024 bits", &weak, {}, false},
            {"of 180 KiB", &huge, {}, false}};
  }

  // What the listener asks for, and what it asked for before: nothing.
  std::shared_ptr<const context> strict() {
    return *context::load(
        {policy_settings{
            .certificates = {{server.cert, server.key}}, .clients = client_certificates::required, .client_ca = ca.cert, .crls = {crls}}},
        keys);
  }
  std::shared_ptr<const context> open() { return *context::load({policy_settings{.certificates = {{server.cert, server.key}}}}, keys); }

 private:
  minted client(const std::string& name, const minted& issuer) {
    return mint.issue({.common_name = name, .purpose = usage::client}, issuer);
  }
  std::vector<minted> chain_of(int length) {
    std::vector<minted> made{mint.authority("link 0", ca)};
    while (static_cast<int>(made.size()) < length) made.push_back(mint.authority("link " + std::to_string(made.size()), made.back()));
    return made;
  }
  static std::vector<std::string> many_names() {
    std::vector<std::string> names;
    for (int i = 0; i < 1800; ++i) names.push_back(std::string(60, 'a') + "." + std::string(30, 'b') + std::to_string(i) + ".example");
    return names;
  }
};

constexpr int both[] = {TLS1_2_VERSION, TLS1_3_VERSION};

client_options options_of(const shown& one, int newest) { return {.certificate = one.certificate, .chain = one.chain, .newest = newest}; }

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_client_is_judged_alike_when_it_is_new_when_it_comes_back_and_while_it_stays, fifteen) {
  const auto by = strict(), before = open();
  BOOST_TEST(all().size() == 15U);
  for (const auto& one : all()) {
    for (const int newest : both) {
      BOOST_TEST_CONTEXT(one.name << ", TLS " << std::hex << newest) {
        auto how = options_of(one, newest);
        room worker;
        pair fresh(worker, by, how);
        BOOST_TEST((fresh.shake() == progress::done) == one.passes);

        // Whom the listener would not let in can only have a session, or a connection, from when it asked for nothing.
        const auto session = session_from(one.passes ? by : before, how);
        how.resume = session.get();
        pair resumed(worker, by, how);
        BOOST_TEST((resumed.shake() == progress::done) == one.passes);
        if (one.passes) BOOST_TEST(resumed.server.parameters().resumed);

        how.resume = nullptr;
        pair live(worker, one.passes ? by : before, how);
        live.connect();
        BOOST_TEST(live.server.judge_again(*by) == one.passes);
      }
    }
  }
}
