// BetterTLS: ten thousand chains that a server may show, of which a client has to believe some and to refuse the others: names against name
// constraints, and several ways to the root of which one is good, or none. Each is shown to our end in a handshake. The suite is long, and
// runs by its name alone (ctest: tls_bettertls). `bettertls export-tests`, which SALLYPORT_BETTERTLS names, makes the certificates anew;
// their numbers and verdicts stay, and so the list of exceptions below is exact.
#include "client_room.hpp"

#include <support/openssl.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <array>
#include <cstdlib>
#include <iterator>
#include <map>

using namespace sallyport;
using namespace sallyport::tls;
using namespace sallyport::tls::testing;
namespace json = boost::json;

namespace {

constexpr std::size_t how_many = 9491 + 81;

// What we refuse although it is good: only ways to the root. OpenSSL follows one way, and prefers another certificate of the same authority
// only to one that has expired. A server whose chain is a chain shows none of these. There is no list of what is believed although it is
// bad.
const std::map<std::string, std::vector<int>> refused_although_good{
    // One authority with certificates of two roots: the first that is shown is that of the root which is not trusted.
    {"unable to get local issuer certificate", {2, 23, 31, 32, 33, 34, 35}},
    // Authorities that certify each other: the first certificates that are shown lead over the one which is bad, the later ones around it.
    {"certificate has expired", {49, 55}},
    {"permitted subtree violation", {50, 56}},
    {"unsuitable certificate purpose", {51, 57}},
    {"invalid CA certificate", {52, 53, 58, 59}},
    {"CA signature digest algorithm too weak", {54, 60}},
    // A bridge between four infrastructures (RFC 4158 2.3): the good way has four intermediates, the one that is followed has more.
    {"certificate chain too long", {61, 62, 63, 64, 65, 66, 67, 68}},
};

std::map<std::string, std::string> exceptions() {
  std::map<std::string, std::string> made;
  for (const auto& [reason, numbers] : refused_although_good)
    for (const int one : numbers) made.emplace("pathbuilding " + std::to_string(one), reason);
  return made;
}

// BetterTLS keeps the keys for itself. This one has the public half of the certificate's and a private one of ours, which OpenSSL's server
// takes for a pair. What is signed with it is wrong, but a client looks at the signature when it has believed the chain, and not before.
std::shared_ptr<EVP_PKEY> half_a_key(const X509* of) {
  std::array<unsigned char, 256> point{};
  std::size_t size = 0;
  BOOST_REQUIRE_EQUAL(EVP_PKEY_get_octet_string_param(X509_get0_pubkey(of), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(), &size), 1);
  std::string group = "prime256v1";
  std::array<unsigned char, 32> secret{};
  secret.fill(7);
  std::array parameters{OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
                        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), size),
                        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, secret.data(), secret.size()), OSSL_PARAM_construct_end()};
  const std::unique_ptr<EVP_PKEY_CTX, void (*)(EVP_PKEY_CTX*)> maker(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr), EVP_PKEY_CTX_free);
  EVP_PKEY* made = nullptr;
  BOOST_REQUIRE(EVP_PKEY_fromdata_init(maker.get()) == 1 &&
                EVP_PKEY_fromdata(maker.get(), &made, EVP_PKEY_KEYPAIR, parameters.data()) == 1);
  return {made, EVP_PKEY_free};
}

support::minted certificate_of(const json::value& base64) {
  const std::string_view text = base64.as_string();
  std::vector<unsigned char> der(text.size());
  const int size = EVP_DecodeBlock(der.data(), reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  const unsigned char* at = der.data();
  support::minted made{{size > 0 ? d2i_X509(nullptr, &at, size) : nullptr, X509_free}, nullptr, {}, {}};
  BOOST_REQUIRE(made.certificate != nullptr);
  return made;
}

json::value vectors(const support::cert_mint& in) {
  const char* exporter = std::getenv("SALLYPORT_BETTERTLS");
  BOOST_REQUIRE_MESSAGE(exporter != nullptr, "SALLYPORT_BETTERTLS names no program: ./dev test --long makes it");
  const auto path = in.path("bettertls.json");
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  support::process maker({exporter, "export-tests", "--out", path}, nothing);
  ::close(nothing);
  BOOST_REQUIRE_MESSAGE(maker.succeeded(), exporter << " does not export its tests");
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  return json::parse(text);
}

// Why our end refuses the chain; nothing: it is believed.
std::string refusal(const client_trust& by, const json::value& vector) {
  std::vector<support::minted> shown;
  for (const auto& one : vector.at("certificates").as_array()) shown.push_back(certificate_of(one));
  shown.front().private_key = half_a_key(shown.front().certificate.get());
  server_options options;
  for (std::size_t i = 1; i < shown.size(); ++i) options.chain.push_back(&shown[i]);
  room worker;
  client_pair ends(worker, by, std::string(vector.at("hostname").as_string()), shown.front(), options);
  BOOST_REQUIRE(!ends.shake());
  const auto& why = ends.client.failure();
  if (why.depth) return why.reason;
  BOOST_REQUIRE_EQUAL(why.reason, "bad signature");
  return {};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(bettertls, *boost::unit_test::disabled())

BOOST_AUTO_TEST_CASE(each_chain_of_a_server_is_believed_or_refused_as_it_should_be) {
  support::cert_mint mint;
  const auto all = vectors(mint);
  const auto trusted = believe({.ca = mint.bundle({certificate_of(all.at("trustRoot"))})});
  std::map<std::string, std::string> wrongly_refused;
  std::size_t judged = 0;
  for (const auto& [suite, its] : all.at("suites").as_object()) {
    for (const auto& one : its.at("testCases").as_array()) {
      const auto name = std::string(suite) + " " + std::to_string(one.at("id").as_int64());
      BOOST_TEST_CONTEXT(name) {
        const bool is_good = one.at("expected").as_string() == "ACCEPT";
        const auto why = refusal(*trusted, one);
        BOOST_TEST((is_good || !why.empty()), "believed, and must not be");
        if (is_good && !why.empty()) wrongly_refused.emplace(name, why);
        ++judged;
      }
    }
  }
  BOOST_TEST(judged == how_many);
  for (const auto& [name, why] : wrongly_refused) BOOST_TEST((exceptions()[name] == why), name << " is good, and refused: " << why);
  for (const auto& [name, why] : exceptions()) BOOST_TEST(wrongly_refused.contains(name), name << " is no exception any more");
}

BOOST_AUTO_TEST_SUITE_END()
