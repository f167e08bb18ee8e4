// One more certificate, and its end: issue, revoke, and what libcrypto says to both.
#include "support.hpp"

#include <sallyport/certs/issue.hpp>
#include <sallyport/certs/revoke.hpp>

#include <openssl/ocsp.h>

#include <boost/test/unit_test.hpp>

#include <thread>

using namespace sallyport;
using namespace sallyport::certs::tests;

namespace {

using list = std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)>;

struct house {
  temporary_folder folder;
  house() { BOOST_REQUIRE(certs::init(dir(), {})); }

  std::string dir() const { return folder.at("certs"); }
  std::string at(const std::string& name) const { return folder.at("certs/" + name); }
  std::vector<std::string> issue(const certs::issue_request& asked) {
    const auto made = certs::issue(dir(), asked);
    BOOST_REQUIRE_MESSAGE(made.has_value(), (made.has_error() ? made.error().text : ""));
    return *made;
  }
  certs::revoked revoke(const certs::revoke_request& asked) {
    const auto done = certs::revoke(dir(), asked);
    BOOST_REQUIRE_MESSAGE(done.has_value(), (done.has_error() ? done.error().text : ""));
    return *done;
  }
  list crl() const { return {read_pem<X509_CRL>(at("crl.pem"), PEM_read_bio_X509_CRL), X509_CRL_free}; }
  std::int64_t number() const {
    const auto read = crl();
    auto* found = static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(read.get(), NID_crl_number, nullptr, nullptr));
    const auto value = ASN1_INTEGER_get(found);
    ASN1_INTEGER_free(found);
    return value;
  }

  // The chain of a file under ca.pem, strictly, with the list, at a time.
  int judge(const std::string& file, int purpose, bool with_list, std::time_t when = std::time(nullptr)) const {
    const auto root = certificate_in(at("ca.pem"));
    BIO* from = BIO_new_file(file.c_str(), "r");
    std::vector<certificate> all;
    while (X509* one = PEM_read_bio_X509(from, nullptr, nullptr, nullptr)) all.emplace_back(one, X509_free);
    BIO_free(from);
    BOOST_REQUIRE(!all.empty());
    STACK_OF(X509)* others = sk_X509_new_null();
    for (std::size_t i = 1; i < all.size(); ++i) sk_X509_push(others, all[i].get());
    X509_STORE* store = X509_STORE_new();
    X509_STORE_add_cert(store, root.get());
    const auto revoked = with_list ? crl() : list(nullptr, X509_CRL_free);
    if (with_list) X509_STORE_add_crl(store, revoked.get());
    X509_STORE_CTX* context = X509_STORE_CTX_new();
    X509_STORE_CTX_init(context, store, all.front().get(), others);
    X509_STORE_CTX_set_purpose(context, purpose);
    X509_STORE_CTX_set_time(context, 0, when);
    X509_STORE_CTX_set_flags(context, X509_V_FLAG_X509_STRICT | (with_list ? X509_V_FLAG_CRL_CHECK : 0UL));
    X509_verify_cert(context);
    const int answer = X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    sk_X509_free(others);
    return answer;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(what_is_issued_verifies_for_its_purpose_and_has_the_names_that_were_asked_for, house) {
  const auto server =
      issue({.kind = certs::issue_kind::server, .name = "db.example", .dns = {"*.db.example"}, .ips = {"10.0.0.7", "2001:db8::7"}});
  BOOST_TEST(server[0] == at("db.example.key"));
  BOOST_TEST(server[1] == at("db.example.pem"));
  BOOST_TEST(mode_of(server[0]) == 0600u);
  BOOST_TEST(judge(server[1], X509_PURPOSE_SSL_SERVER, false) == X509_V_OK);
  BOOST_TEST(judge(server[1], X509_PURPOSE_SSL_CLIENT, false) == X509_V_ERR_INVALID_PURPOSE);
  const auto made = certificate_in(server[1]);
  for (const char* name : {"db.example", "a.db.example"}) BOOST_TEST(X509_check_host(made.get(), name, 0, 0, nullptr) == 1);
  for (const char* address : {"10.0.0.7", "2001:db8::7"}) BOOST_TEST(X509_check_ip_asc(made.get(), address, 0) == 1);
  BOOST_TEST(X509_check_private_key(made.get(), key_in(server[0]).get()) == 1);

  const auto client = issue({.kind = certs::issue_kind::client,
                             .name = "alice",
                             .uris = {"spiffe://corp/alice"},
                             .emails = {"alice@corp.example"},
                             .keys = certs::key_kind::rsa_2048});
  BOOST_TEST(judge(client[1], X509_PURPOSE_SSL_CLIENT, false) == X509_V_OK);
  const auto alice = certificate_in(client[1]);
  BOOST_TEST(X509_check_email(alice.get(), "alice@corp.example", 0, 0) == 1);
  BOOST_TEST(EVP_PKEY_get_bits(X509_get0_pubkey(alice.get())) == 2048);
  BOOST_TEST(subject_of(X509_get_subject_name(alice.get())) == "CN=alice");
}

BOOST_FIXTURE_TEST_CASE(an_intermediate_signs_leaves_whose_file_brings_it_along, house) {
  const auto inter = issue({.kind = certs::issue_kind::intermediate, .name = "issuing CA", .out = "issuing"});
  BOOST_TEST(inter[1] == at("issuing.pem"));
  const auto leaf = issue({.kind = certs::issue_kind::client, .name = "bob", .ca_cert = inter[1], .ca_key = inter[0]});
  BOOST_TEST(judge(leaf[1], X509_PURPOSE_SSL_CLIENT, false) == X509_V_OK);
  // It may sign no further authority.
  const auto below =
      certs::issue(dir(), {.kind = certs::issue_kind::intermediate, .name = "deeper", .ca_cert = inter[1], .ca_key = inter[0]});
  BOOST_REQUIRE(below.has_error());
  BOOST_TEST((below.error().code == certs::errc::bad_option));
  BOOST_TEST(!std::filesystem::exists(at("deeper.pem")));
}

BOOST_FIXTURE_TEST_CASE(issue_overwrites_nothing_and_leaves_nothing_behind, house) {
  const auto before = folder.names("certs");
  const auto text = text_of(at("server.pem"));
  const auto again = certs::issue(dir(), {.kind = certs::issue_kind::server, .name = "localhost", .out = "server"});
  BOOST_REQUIRE(again.has_error());
  BOOST_TEST((again.error().code == certs::errc::already_exists));
  BOOST_TEST(text_of(at("server.pem")) == text);
  BOOST_TEST(folder.names("certs") == before, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(what_cannot_be_in_a_certificate_is_refused_before_anything_is_made, house) {
  using enum certs::issue_kind;
  const certs::issue_request rows[] = {
      {.kind = server, .name = "not a name"},
      {.kind = server, .name = ""},
      {.kind = client, .name = "a\nb"},
      {.kind = server, .name = "a", .dns = {"10.0.0.1"}},
      {.kind = server, .name = "a", .ips = {"10.0.0"}},
      {.kind = client, .name = "a", .uris = {"no uri"}},
      {.kind = client, .name = "a", .emails = {"nobody"}},
      {.kind = client, .name = "a", .days = 40'000},
      {.kind = client, .name = "a", .out = "../a"},
      {.kind = client, .name = "a", .out = ".a"},
      {.kind = intermediate, .name = "a", .dns = {"a.example"}},
      {.kind = client, .name = "a", .dns = std::vector<std::string>(101, "a.example")},
  };
  const auto before = folder.names("certs");
  for (const auto& row : rows) {
    const auto made = certs::issue(dir(), row);
    BOOST_REQUIRE(made.has_error());
    BOOST_TEST((made.error().code == certs::errc::bad_option), made.error().text);
  }
  BOOST_TEST(folder.names("certs") == before, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_leaf_is_no_authority_and_a_key_must_be_its_authoritys, house) {
  for (const auto& [cert, key] :
       {std::pair("server.pem", "server.key"), std::pair("ca.pem", "server.key"), std::pair("ca.key", "ca.key")}) {
    const auto made = certs::issue(dir(), {.kind = certs::issue_kind::client, .name = "x", .ca_cert = at(cert), .ca_key = at(key)});
    BOOST_REQUIRE(made.has_error());
    BOOST_TEST((made.error().code == certs::errc::cannot_read), made.error().text);
  }
}

BOOST_FIXTURE_TEST_CASE(an_issued_certificate_ends_with_its_authority_at_the_latest, house) {
  const auto made = issue({.kind = certs::issue_kind::client, .name = "long", .days = certs::days_max});
  BOOST_TEST(ASN1_TIME_compare(X509_get0_notAfter(certificate_in(made[1]).get()), X509_get0_notAfter(certificate_in(at("ca.pem")).get())) ==
             0);
}

BOOST_FIXTURE_TEST_CASE(a_revoked_certificate_is_refused_with_the_list_and_another_is_not, house) {
  const auto alice = issue({.kind = certs::issue_kind::client, .name = "alice"})[1];
  const auto bob = issue({.kind = certs::issue_kind::client, .name = "bob"})[1];
  const auto done = revoke({.certificates = {alice}, .reason = "keyCompromise"});
  BOOST_TEST(done.number == 1u);
  BOOST_TEST(done.entries == 1u);
  BOOST_TEST(mode_of(at("crl.pem")) == 0644u);
  BOOST_TEST(judge(alice, X509_PURPOSE_SSL_CLIENT, true) == X509_V_ERR_CERT_REVOKED);
  BOOST_TEST(judge(bob, X509_PURPOSE_SSL_CLIENT, true) == X509_V_OK);
  const auto read = crl();
  X509_REVOKED* entry = nullptr;
  BOOST_REQUIRE(X509_CRL_get0_by_cert(read.get(), &entry, certificate_in(alice).get()) == 1);
  auto* reason = static_cast<ASN1_ENUMERATED*>(X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, nullptr, nullptr));
  BOOST_TEST(ASN1_ENUMERATED_get(reason) == CRL_REASON_KEY_COMPROMISE);
  ASN1_ENUMERATED_free(reason);
}

BOOST_FIXTURE_TEST_CASE(the_list_grows_keeps_its_entries_and_counts_its_numbers, house) {
  const auto alice = issue({.kind = certs::issue_kind::client, .name = "alice"})[1];
  BOOST_TEST(revoke({}).entries == 0u);
  BOOST_TEST(number() == 1);
  BOOST_TEST(revoke({.certificates = {at("client.pem")}}).entries == 1u);
  const auto third = revoke({.certificates = {alice, at("client.pem")}});
  BOOST_TEST(third.entries == 2u);
  BOOST_TEST(third.already == std::vector<std::string>{at("client.pem")}, boost::test_tools::per_element());
  BOOST_TEST(number() == 3);
  for (const auto& one : {alice, at("client.pem")}) BOOST_TEST(judge(one, X509_PURPOSE_SSL_CLIENT, true) == X509_V_ERR_CERT_REVOKED);
}

BOOST_FIXTURE_TEST_CASE(the_list_is_stale_after_its_days, house) {
  revoke({.days = 3});
  const auto client = at("client.pem");
  constexpr std::time_t day = 86'400;
  BOOST_TEST(judge(client, X509_PURPOSE_SSL_CLIENT, true, std::time(nullptr) + 3 * day - 60) == X509_V_OK);
  BOOST_TEST(judge(client, X509_PURPOSE_SSL_CLIENT, true, std::time(nullptr) + 3 * day + 60) == X509_V_ERR_CRL_HAS_EXPIRED);
}

BOOST_FIXTURE_TEST_CASE(a_list_of_somebody_else_and_a_certificate_of_somebody_else_change_nothing, house) {
  BOOST_REQUIRE(certs::init(folder.at("other"), {}));
  const auto strange = certs::revoke(dir(), {.certificates = {folder.at("other/client.pem")}});
  BOOST_REQUIRE(strange.has_error());
  BOOST_TEST((strange.error().code == certs::errc::bad_option));
  BOOST_TEST(!std::filesystem::exists(at("crl.pem")));
  BOOST_TEST(certs::revoke(dir(), {.certificates = {at("ca.pem")}}).has_error());
  BOOST_TEST(certs::revoke(dir(), {.reason = "boredom"}).has_error());

  BOOST_REQUIRE(certs::revoke(folder.at("other"), {}));
  for (const auto& text : {text_of(folder.at("other/crl.pem")), std::string("half a list")}) {
    write(at("crl.pem"), text);
    const auto refused = certs::revoke(dir(), {.certificates = {at("client.pem")}});
    BOOST_REQUIRE(refused.has_error());
    BOOST_TEST((refused.error().code == certs::errc::cannot_read));
    BOOST_TEST(text_of(at("crl.pem")) == text);
  }
}

BOOST_FIXTURE_TEST_CASE(two_at_once_lose_no_entry, house) {
  std::vector<std::string> all;
  for (int i = 0; i < 8; ++i) all.push_back(issue({.kind = certs::issue_kind::client, .name = "c" + std::to_string(i)})[1]);
  std::vector<std::thread> threads;
  for (const auto& one : all) threads.emplace_back([&, one] { (void)certs::revoke(dir(), {.certificates = {one}}); });
  for (auto& one : threads) one.join();
  for (const auto& one : all) BOOST_TEST(judge(one, X509_PURPOSE_SSL_CLIENT, true) == X509_V_ERR_CERT_REVOKED);
  BOOST_TEST(number() == 8);
  for (const auto& name : folder.names("certs")) BOOST_TEST(!name.starts_with("."), name);
}

BOOST_FIXTURE_TEST_CASE(an_ocsp_response_says_what_the_list_says_and_verifies_against_the_authority, house) {
  const auto alice = issue({.kind = certs::issue_kind::client, .name = "alice"})[1];
  const auto done = revoke({.certificates = {alice}, .reason = "superseded", .ocsp = {at("server.pem"), alice}});
  BOOST_TEST(done.responses == (std::vector<std::string>{at("server.ocsp"), at("alice.ocsp")}), boost::test_tools::per_element());
  const auto ca = certificate_in(at("ca.pem"));
  X509_STORE* store = X509_STORE_new();
  X509_STORE_add_cert(store, ca.get());
  for (const bool revoked : {false, true}) {
    const auto der = text_of(revoked ? at("alice.ocsp") : at("server.ocsp"));
    const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
    OCSP_RESPONSE* response = d2i_OCSP_RESPONSE(nullptr, &bytes, static_cast<long>(der.size()));
    BOOST_REQUIRE(response != nullptr);
    OCSP_BASICRESP* basic = OCSP_response_get1_basic(response);
    STACK_OF(X509)* issuer = sk_X509_new_null();
    sk_X509_push(issuer, ca.get());
    BOOST_TEST(OCSP_basic_verify(basic, issuer, store, 0) == 1);
    sk_X509_free(issuer);
    OCSP_CERTID* id = OCSP_cert_to_id(EVP_sha1(), certificate_in(revoked ? alice : at("server.pem")).get(), ca.get());
    int status = -1, reason = -1;
    ASN1_GENERALIZEDTIME *when = nullptr, *since = nullptr, *until = nullptr;
    BOOST_TEST(OCSP_resp_find_status(basic, id, &status, &reason, &when, &since, &until) == 1);
    BOOST_TEST(status == (revoked ? V_OCSP_CERTSTATUS_REVOKED : V_OCSP_CERTSTATUS_GOOD));
    if (revoked) BOOST_TEST(reason == OCSP_REVOKED_STATUS_SUPERSEDED);
    BOOST_TEST(OCSP_check_validity(since, until, 0, -1) == 1);
    OCSP_CERTID_free(id);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
  }
  X509_STORE_free(store);
}
