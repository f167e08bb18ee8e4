// Door 2 for bytes: the name in a client certificate, and Basic of a CONNECT.
#include "kit.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

namespace sallyport::auth {
namespace {

using namespace std::string_literals;

tls::peer_identity named(const std::string& common_name) {
  tls::peer_identity who;
  who.subject = "CN=" + common_name;
  who.common_name = common_name;
  return who;
}

settled judged(gate& door, const tls::peer_identity* shown) { return door.admit_certificate(shown); }

BOOST_FIXTURE_TEST_SUITE(certificates_of_users, one_door)

BOOST_AUTO_TEST_CASE(a_certificate_in_a_users_name_is_worth_that_user_and_nothing_is_hashed) {
  BOOST_TEST(!users.create("alice", "secret1", {"admin"}));
  const auto alice = named("alice");
  const auto got = passed(judged(at->door(), &alice));
  BOOST_TEST(got.user_name() == "alice");
  BOOST_TEST(got.administrator());
  BOOST_TEST(hasher.hashes() == 0);
}

BOOST_AUTO_TEST_CASE(any_other_name_and_no_certificate_are_denied) {
  BOOST_TEST(!users.create("alice", "secret1"));
  BOOST_TEST(why(judged(at->door(), nullptr)) == denial::no_certificate);
  for (const auto& name : {""s, "Alice"s, "alice "s, " alice"s, "alic"s, "alice\0"s, "alice\0.example"s, "bob"s, "CN=alice"s}) {
    const auto who = named(name);
    BOOST_TEST(why(judged(at->door(), &who)) == denial::certificate_user, name);
  }
  // Other names in it are not asked.
  auto other = named("bob");
  other.dns_names = {"alice"};
  other.uris = {"alice"};
  BOOST_TEST(why(judged(at->door(), &other)) == denial::certificate_user);
}

BOOST_AUTO_TEST_CASE(what_a_certificate_was_worth_is_over_when_its_user_changes) {
  BOOST_TEST(!users.create("alice", "secret1"));
  const auto alice = named("alice");
  auto got = passed(judged(at->door(), &alice));
  BOOST_TEST(!users.create("bob", "secret1"));
  BOOST_TEST(at->door().still_good(got));
  BOOST_TEST(!users.change_roles("alice", {"admin"}));
  BOOST_TEST(!at->door().still_good(got));
  got = passed(judged(at->door(), &alice));
  BOOST_TEST(at->door().still_good(got));
  BOOST_TEST(!users.drop("alice"));
  BOOST_TEST(!at->door().still_good(got));
  BOOST_TEST(why(judged(at->door(), &alice)) == denial::certificate_user);
}

BOOST_AUTO_TEST_CASE(bytes_pass_without_a_token_only_where_none_is_demanded) {
  BOOST_TEST(why(at->door().admit_without_token(tokens::required)) == denial::missing_token);
  BOOST_TEST(!passed(at->door().admit_without_token(tokens::none)).user());
}

BOOST_AUTO_TEST_CASE(a_proxy_authorization_is_basic_and_nothing_else) {
  at->spoken = form::basic;
  for (const auto& good : {"Basic " + root, "basic " + root, "BASIC  " + root}) BOOST_TEST(at->passes(good), good);
  const struct {
    std::string value;
    denial expected;
  } rows[] = {
      {root, denial::invalid_token},
      {"root:Milvus", denial::invalid_token},
      {"Bearer root:Milvus", denial::invalid_token},
      {"Bearer " + root, denial::invalid_token},
      {"Basic", denial::invalid_token},
      {"Basic ", denial::api_key_unknown},
      {"Basic root:Milvus", denial::invalid_token},
      {"Basic\t" + root, denial::invalid_token},
      {"Basic " + root + " ", denial::invalid_token},
      {"Basic " + base64("rootMilvus"), denial::api_key_unknown},
      {"Basic " + root + "," + root, denial::several_tokens},
      {"Basic " + std::string(1'020, 'A'), denial::token_too_long},
      {"Basic " + base64("root:wrong"), denial::wrong_password},
      {"Basic " + base64("nobody:Milvus"), denial::unknown_user},
  };
  for (const auto& row : rows) BOOST_TEST_CONTEXT(row.value) BOOST_TEST(why(at->settle(row.value)) == row.expected);
  // What is a token in one form is none in another, though the connection has seen it pass.
  memo remembered;
  passed(at->settle("Basic " + root, remembered));
  at->spoken = form::grpc;
  BOOST_TEST(why(at->settle("Basic " + root, remembered)) == denial::invalid_token);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::auth
