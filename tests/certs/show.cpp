// What is said of a chain: facts, and each finding where it belongs and nowhere else.
#include "support.hpp"

#include <sallyport/certs/show.hpp>

#include <support/cert_mint.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>

using namespace sallyport;
using namespace sallyport::certs::tests;
using namespace std::chrono_literals;
using support::minted;
using support::usage;

namespace {

struct material {
  support::cert_mint mint;
  minted ca = mint.authority("test CA");
  minted good =
      mint.issue({.common_name = "db.example", .dns = {"db.example", "localhost"}, .purpose = usage::server, .until = 24h * 300}, ca);

  std::set<std::string> said(const std::vector<minted>& chain, certs::show_options how = {}) {
    const auto read = certs::read_chain(mint.bundle(chain));
    BOOST_REQUIRE(read);
    const auto all = certs::show(*read, how);
    BOOST_REQUIRE(all);
    std::set<std::string> ids;
    for (const auto& one : all->findings) {
      BOOST_TEST(!one.text.empty());
      ids.insert(one.id);
    }
    return ids;
  }
};

using words = std::set<std::string>;

}  // namespace

BOOST_FIXTURE_TEST_CASE(the_facts_of_a_certificate_are_told, material) {
  const auto who = mint.issue({.common_name = "Jürgen\n",
                               .dns = {"a.example"},
                               .uris = {"spiffe://x/y"},
                               .purpose = usage::both,
                               .until = 24h * 10 + 1h,
                               .key = support::key_kind::rsa2048,
                               .serial = 0x0badcafe},
                              ca);
  const auto all = certs::show(*certs::read_chain(mint.bundle({who, ca})), {});
  BOOST_REQUIRE(all);
  BOOST_REQUIRE_EQUAL(all->chain.size(), 2U);
  const auto& leaf = all->chain[0];
  BOOST_TEST(leaf.subject == "CN=J\\C3\\BCrgen\\0A,O=milvus");
  BOOST_TEST(leaf.issuer == "CN=test CA,O=milvus");
  BOOST_TEST(leaf.serial == "0BADCAFE");
  BOOST_TEST(leaf.days_left == 10);
  BOOST_TEST(leaf.key == "RSA 2048");
  BOOST_TEST(leaf.signature == "ecdsa-with-SHA256");
  BOOST_TEST(leaf.dns == std::vector<std::string>{"a.example"}, boost::test_tools::per_element());
  BOOST_TEST(leaf.uris == std::vector<std::string>{"spiffe://x/y"}, boost::test_tools::per_element());
  BOOST_TEST(leaf.purposes == (std::vector<std::string>{"serverAuth", "clientAuth"}), boost::test_tools::per_element());
  BOOST_TEST((!leaf.authority && !leaf.self_signed));
  BOOST_TEST(leaf.sha256.size() == 64U);
  BOOST_TEST((all->chain[1].authority && all->chain[1].self_signed));
  BOOST_TEST(all->chain[1].key == "EC P-256");
}

BOOST_FIXTURE_TEST_CASE(there_is_nothing_to_say_against_a_good_chain_whose_ca_is_known, material) {
  BOOST_TEST(said({good}, {.host = "localhost", .ca = ca.cert}).empty());
  BOOST_TEST(said({good}) == words{"needs-issuer"});
  BOOST_TEST(said({good, ca}) == words{"root-sent"});
}

BOOST_FIXTURE_TEST_CASE(each_fault_of_a_certificate_is_a_finding_of_its_own, material) {
  const certs::show_options how{.host = "localhost", .ca = ca.cert};
  const auto made = [&](support::recipe from) {
    if (from.dns.empty()) from.dns = {"localhost"};
    return said({mint.issue(from, ca)}, how);
  };
  BOOST_TEST(made({.purpose = usage::server, .since = -48h, .until = -1h}) == words{"expired"});
  BOOST_TEST(made({.purpose = usage::server, .since = 1h, .until = 24h * 300}) == words{"not-yet-valid"});
  BOOST_TEST(made({.purpose = usage::server, .until = 24h * 5}) == words{"expires-soon"});
  BOOST_TEST(made({.dns = {"elsewhere"}, .purpose = usage::server}) == words{"wrong-name"});
  BOOST_TEST(made({.purpose = usage::client}) == words{"wrong-eku"});
  BOOST_TEST(made({.purpose = usage::none}) == words{"no-eku"});
  BOOST_TEST(made({.purpose = usage::server, .until = 24h * 900}) == words{"long-life"});
  BOOST_TEST(made({.purpose = usage::server, .key = support::key_kind::rsa1024}) == words{"weak-key"});
  BOOST_TEST(said({mint.issue({.common_name = "localhost", .purpose = usage::server}, ca)}, how) == words{"no-san"});
}

BOOST_FIXTURE_TEST_CASE(a_clients_certificate_is_judged_for_clients, material) {
  const auto client = mint.issue({.common_name = "alice", .purpose = usage::client}, ca);
  BOOST_TEST(said({client}, {.ca = ca.cert, .for_server = false}).empty());
  BOOST_TEST(said({good}, {.ca = ca.cert, .for_server = false}) == words{"wrong-eku"});
  const auto all = certs::show(*certs::read_chain(good.cert), {.ca = ca.cert, .for_server = false});
  BOOST_REQUIRE(all);
  BOOST_TEST(all->findings[0].said == std::vector<std::string>{"Sallyport: unsuitable certificate purpose"},
             boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_chain_is_followed_to_the_ca, material) {
  const auto middle = mint.authority("middle", ca), lower = mint.authority("lower", middle);
  const auto leaf = mint.issue({.common_name = "x", .dns = {"localhost"}, .purpose = usage::server, .until = 24h * 300}, lower);
  const certs::show_options how{.ca = ca.cert};
  BOOST_TEST(said({leaf, lower, middle}, how).empty());
  BOOST_TEST(said({leaf}, how) == words{"missing-intermediate"});
  BOOST_TEST(said({leaf, lower}, how) == words{"untrusted"});
  BOOST_TEST(said({leaf, middle, lower}, how) == words{"wrong-order"});
  BOOST_TEST((said({leaf, middle}, how) == words{"broken-chain", "untrusted"}));
  BOOST_TEST((said({leaf, middle}) == words{"broken-chain", "needs-issuer"}));
  BOOST_TEST((said({good, mint.authority("stranger")}, how) == words{"stray-certificate"}));
  BOOST_TEST(said({mint.self_signed({.dns = {"localhost"}, .purpose = usage::server, .until = 24h * 300})}) == words{"self-signed"});
}

BOOST_FIXTURE_TEST_CASE(keys_and_signatures_that_some_clients_refuse_are_told, material) {
  const auto resigned = [&](EVP_PKEY* key, const EVP_MD* hash) {
    auto made = mint.issue({.common_name = "x", .dns = {"localhost"}, .purpose = usage::server, .until = 24h * 300}, ca);
    X509_set_pubkey(made.certificate.get(), key);
    BOOST_REQUIRE(X509_sign(made.certificate.get(), ca.private_key.get(), hash) > 0);
    EVP_PKEY_free(key);
    return made;
  };
  const certs::show_options how{.ca = ca.cert};
  BOOST_TEST(said({resigned(EVP_EC_gen("P-256"), EVP_sha1())}, how) == words{"weak-signature"});
  BOOST_TEST(said({resigned(EVP_EC_gen("secp256k1"), EVP_sha256())}, how) == words{"rare-curve"});
  BOOST_TEST(said({resigned(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_sha256())}, how) == words{"rare-key"});
  BOOST_TEST(said({resigned(EVP_EC_gen("P-521"), EVP_sha256())}, how) == words{"rare-key"});
  BOOST_TEST(said({resigned(EVP_EC_gen("P-384"), EVP_sha256())}, how).empty());
}

BOOST_AUTO_TEST_CASE(what_is_no_certificate_is_refused_in_words) {
  const temporary_folder folder;
  for (const std::string text : {"", "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}) {
    write(folder.at("x.pem"), text);
    BOOST_TEST(certs::read_chain(folder.at("x.pem")).has_error());
  }
  BOOST_TEST(certs::read_chain(folder.at("none.pem")).has_error());
  BOOST_TEST(certs::show({"no DER"}, {}).has_error());
  BOOST_TEST(certs::show({}, {}).has_error());
}
