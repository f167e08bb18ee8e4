// The kit: what is in it, and that OpenSSL says of each set what the kit says it does.
#include "judge.hpp"

#include <boost/test/unit_test.hpp>

#include <set>

using namespace sallyport;
using namespace sallyport::certs;
using namespace sallyport::certs::tests;

namespace {

const kit& the_kit() {
  static const kit made;
  return made;
}

bool by_tls_layer(const fixture& set) { return set.check == "size" || set.check == "curve"; }

// RFC 8446 4.4.2 without its extensions, but for their lengths.
std::size_t message_bytes(const shown_chain& shown) {
  std::size_t size = 1 + 3;
  for (const auto& each : shown.encoded) size += 3 + each.size() + 2;
  return size;
}

bool has_key_of_its_own(const fixture& set) {
  const shown_chain shown(set);
  return !shown.all.empty() && X509_check_private_key(shown.leaf(), key_in(set.key).get()) == 1;
}

}  // namespace

BOOST_AUTO_TEST_CASE(sixty_sets_in_eight_families_each_with_an_id_and_words_of_its_own) {
  std::set<std::string> ids, sentences;
  std::set<family> families;
  for (const auto& set : the_kit().all()) {
    BOOST_TEST(ids.insert(set.id).second, set.id);
    BOOST_TEST((!set.id.empty() && set.id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos), set.id);
    BOOST_TEST(set.says.ends_with('.'), set.id);
    BOOST_TEST(set.fault.empty() == set.good(), set.id);
    sentences.insert(set.says);
    families.insert(set.family);
  }
  BOOST_TEST(ids.size() >= 60u);
  BOOST_TEST(families.size() == 8u);
  BOOST_TEST(sentences.size() + 1 >= ids.size());
}

BOOST_AUTO_TEST_CASE(openssl_says_of_every_set_what_the_kit_says) {
  const trust server(the_kit());
  for (const auto& set : the_kit().all()) {
    const int said = server.verify(shown_chain(set));
    if (set.check == "parse")
      BOOST_TEST(said == unparsed, set.id << ": " << name_of_error(said));
    else
      BOOST_TEST(name_of_error(said) == set.openssl_error, set.id << ": " << name_of_error(said));
  }
}

BOOST_AUTO_TEST_CASE(the_added_checks_find_what_openssl_does_not_and_nothing_else) {
  const trust server(the_kit());
  for (const auto& set : the_kit().all()) {
    const shown_chain shown(set);
    if (shown.all.empty() || !set.openssl_error.empty() || by_tls_layer(set)) continue;
    std::vector<std::size_t> used;
    BOOST_TEST(server.verify(shown, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL, &used) == X509_V_OK, set.id);
    BOOST_TEST(!used.empty(), set.id);
    BOOST_TEST(found_by_checks(shown, used) == set.check, set.id);
  }
}

BOOST_AUTO_TEST_CASE(a_set_is_refused_where_it_has_a_fault_and_a_certificate_is_asked_for) {
  std::size_t good = 0, bad = 0;
  for (const auto& set : the_kit().all()) {
    const bool faulty = !set.openssl_error.empty() || !set.check.empty();
    BOOST_TEST((set.openssl_error.empty() || set.check.empty()), set.id);
    BOOST_TEST((set.expect.none == verdict::accept), set.id);
    BOOST_TEST((set.expect.optional == set.expect.required), set.id);
    BOOST_TEST((set.expect.required == verdict::refuse) == faulty, set.id);
    BOOST_TEST(set.alert.empty() == !faulty, set.id);
    ++(faulty ? bad : good);
  }
  BOOST_TEST(good >= 20u);
  BOOST_TEST(bad >= 40u);
}

BOOST_AUTO_TEST_CASE(a_check_of_the_leaf_alone_does_not_see_a_revoked_intermediate) {
  const shown_chain shown(the_kit().client("revoked-intermediate"));
  BOOST_TEST(trust(the_kit()).verify(shown, X509_V_FLAG_CRL_CHECK) == X509_V_OK);
}

BOOST_AUTO_TEST_CASE(without_crls_nothing_is_revoked) {
  const trust server(the_kit());
  for (const auto& set : the_kit().all())
    if (set.family == family::revocation) BOOST_TEST(server.verify(shown_chain(set), 0) == X509_V_OK, set.id);
}

BOOST_AUTO_TEST_CASE(every_key_is_its_certificates_but_for_a_certificate_that_has_none) {
  for (const auto& set : the_kit().all())
    BOOST_TEST(has_key_of_its_own(set) == (set.check != "parse" && set.id != "point-off-the-curve"), set.id);
  const auto server = the_kit().server();
  BOOST_TEST(X509_check_private_key(certificate_in(server.cert).get(), key_in(server.key).get()) == 1);
}

BOOST_AUTO_TEST_CASE(a_set_that_any_client_can_show_parses_and_is_strong_enough_for_its_own_side) {
  for (const auto& set : the_kit().all()) {
    const bool weak = set.openssl_error == "X509_V_ERR_CA_MD_TOO_WEAK" || set.openssl_error == "X509_V_ERR_EE_KEY_TOO_SMALL" ||
                      set.openssl_error == "X509_V_ERR_CA_KEY_TOO_SMALL";
    const shown_chain shown(set);
    // OpenSSL loads what it can read, extensions and key included.
    const bool raw = shown.all.empty() || X509_check_purpose(shown.leaf(), -1, 0) != 1 || !has_key_of_its_own(set);
    BOOST_TEST(set.needs == (raw ? "raw" : weak ? "level-0" : ""), set.id);
  }
}

BOOST_AUTO_TEST_CASE(the_large_sets_are_on_their_side_of_64_kib) {
  constexpr std::size_t most = 64 * 1024;
  for (const auto& set : the_kit().all()) {
    const shown_chain shown(set);
    BOOST_TEST((message_bytes(shown) > most) == (set.check == "size"), set.id);
  }
  BOOST_TEST(message_bytes(shown_chain(the_kit().client("size-64k"))) > most - 3 * 1024);
  BOOST_TEST(message_bytes(shown_chain(the_kit().client("size-64k"))) + text_of(the_kit().ca()).size() / 2 < most);
  BOOST_TEST(shown_chain(the_kit().client("size-180k")).encoded.front().size() >= 180u * 1024);
}

BOOST_AUTO_TEST_CASE(chains_are_as_long_as_they_say) {
  BOOST_TEST(shown_chain(the_kit().client("chain-10")).encoded.size() == 10u);
  BOOST_TEST(shown_chain(the_kit().client("chain-100")).encoded.size() == 100u);
}

BOOST_AUTO_TEST_CASE(the_servers_certificate_is_good_for_localhost) {
  const auto leaf = certificate_in(the_kit().server().cert);
  BOOST_TEST(tests::verdict(certificate_in(the_kit().ca()).get(), leaf.get(), X509_PURPOSE_SSL_SERVER) == X509_V_OK);
  BOOST_TEST(X509_check_host(leaf.get(), "localhost", 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1);
  BOOST_TEST(X509_check_ip_asc(leaf.get(), "127.0.0.1", 0) == 1);
}

BOOST_AUTO_TEST_CASE(a_test_author_gets_a_server_a_good_client_and_twenty_bad_ones_in_four_lines) {
  std::string directory;
  {
    const kit kit;
    const auto server = kit.server();
    const auto good = kit.client("good");
    const auto bad = kit.bad();
    BOOST_TEST(!text_of(server.cert).empty());
    BOOST_TEST(good.good());
    BOOST_TEST(bad.size() >= 20u);
    for (const auto& each : bad) BOOST_TEST((!each.good() && each.needs.empty() && each.versions.size() == 2), each.id);
    BOOST_CHECK_THROW(kit.client("no-such-set"), std::out_of_range);
    directory = std::filesystem::path(kit.directory()).parent_path().string();
    BOOST_TEST(std::filesystem::exists(directory));
  }
  BOOST_TEST(!std::filesystem::exists(directory), "the kit takes its folder along");
}

namespace {

std::string documentation() {
  std::error_code ignored;
  for (std::filesystem::path start : {std::filesystem::read_symlink("/proc/self/exe", ignored), std::filesystem::current_path(ignored)})
    for (; start.has_relative_path(); start = start.parent_path())
      if (std::filesystem::exists(start / "docs/certificates.md")) return text_of((start / "docs/certificates.md").string());
  return {};
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_documentation_has_a_line_for_every_set_and_check_and_no_other) {
  const std::string text = documentation();
  BOOST_TEST_REQUIRE(!text.empty());
  const auto catalogue = text.substr(text.find("\n## The catalogue\n"));
  for (const auto& set : the_kit().all()) {
    const std::string line =
        "| " + set.id + " | " + (set.good() ? set.says : set.fault) + " | " + set.openssl_error + set.check + " | " + set.alert + " |";
    BOOST_TEST(count(catalogue, "\n" + line + "\n") == 1u, "docs/certificates.md lacks: " << line);
    if (!set.check.empty()) BOOST_TEST(text.find("\n| `" + set.check + "` | ") != std::string::npos, set.check);
  }
  // Beside the sets there are a head and a rule of eight tables.
  BOOST_TEST(count(catalogue, "\n| ") == the_kit().all().size() + 16);
}
