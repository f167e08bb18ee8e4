#include "base64.hpp"
#include "kit.hpp"
#include "recent.hpp"
#include "support/permit_for_tests.hpp"
#include "token_key.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <string>

namespace sallyport::auth {
namespace {

using namespace std::string_literals;

std::optional<std::string> decoded(std::string_view text) {
  std::array<char, 2048> room;
  const auto made = decode_base64(text, room);
  return made ? std::optional(std::string(*made)) : std::nullopt;
}

BOOST_AUTO_TEST_SUITE(token)

BOOST_AUTO_TEST_CASE(base64_of_every_length_and_byte_is_read_back) {
  std::string bytes;
  for (int i = 0; i <= 768; ++i) {
    BOOST_TEST((decoded(base64(bytes)) == bytes));
    bytes.push_back(static_cast<char>(i * 7));
  }
}

BOOST_AUTO_TEST_CASE(what_go_refuses_is_refused) {
  const std::string refused[] = {
      "cm9vdDpNaWx2dXM",     // no padding
      "cm9vdDpNaWx2dXM==",   // too much of it
      "cm9vdDpNaWx2dXM= ",   // a space after
      " cm9vdDpNaWx2dXM=",   // before
      "cm9vdDpN aWx2dXM=",   // inside
      "cm9vdDpN\naWx2dXM=",  // Go skips it, but no field value holds it
      "cm9v=DpNaWx2dXM=",    // padding in the middle
      "cm9vdDpNaWx2dXM\0"s,  // a NUL
      "-_-_",                // the URL alphabet
      "root:Milvus",
      "Bearer cm9vdDpNaWx2dXM=",
      "Basic cm9vdDpNaWx2dXM=",
      "=",
      "==",
      "===",
      "====",
      "A===",
      "A",
      "AA",
      "AAA",
      "AA=A",
      "\xff\xff\xff\xff",
  };
  for (const auto& text : refused) BOOST_TEST_CONTEXT(text) BOOST_TEST(!decoded(text));
}

BOOST_AUTO_TEST_CASE(every_byte_outside_the_alphabet_is_refused_at_every_place) {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int byte = 0; byte < 256; ++byte) {
    const bool known = alphabet.find(static_cast<char>(byte)) != std::string::npos;
    for (std::size_t at = 0; at < 4; ++at) {
      std::string text = "AAAA";
      text[at] = static_cast<char>(byte);
      const bool padding = byte == '=' && at == 3;
      BOOST_TEST(decoded(text).has_value() == (known || padding));
    }
  }
}

BOOST_AUTO_TEST_CASE(stray_bits_before_the_padding_are_accepted_as_go_does) {
  BOOST_TEST((decoded("cm9vdDpNaWx2dXM=") == "root:Milvus"));
  BOOST_TEST((decoded("cm9vdDpNaWx2dXN=") == "root:Milvus"));
  BOOST_TEST((decoded("QQ==") == "A"));
  BOOST_TEST((decoded("QR==") == "A"));
  BOOST_TEST((decoded("") == ""));
}

BOOST_AUTO_TEST_CASE(a_key_is_the_tokens_alone_and_differs_between_makers) {
  token_key_maker first, second;
  const auto key = first("root:Milvus");
  BOOST_TEST((first("root:milvus") != key));
  BOOST_TEST((first("") != key));
  BOOST_TEST((first("root:Milvus\0"s) != key));
  BOOST_TEST((first("root:Milvus") == key));
  BOOST_TEST((second("root:Milvus") != key));
}

BOOST_AUTO_TEST_CASE(a_table_forgets_what_was_used_longest_ago) {
  token_key_maker key;
  recent<int> table(2);
  table.put(key("a"), 1);
  table.put(key("b"), 2);
  BOOST_REQUIRE(table.find(key("a")));
  table.put(key("c"), 3);
  BOOST_TEST(table.size() == 2u);
  BOOST_TEST(!table.find(key("b")));
  BOOST_REQUIRE(table.find(key("a")));
  BOOST_TEST(*table.find(key("a")) == 1);
  BOOST_TEST(*table.find(key("c")) == 3);
  table.put(key("a"), 4);
  BOOST_TEST(table.size() == 2u);
  BOOST_TEST(*table.find(key("a")) == 4);
  table.erase(key("a"));
  table.erase(key("a"));
  BOOST_TEST(table.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_table_of_nothing_holds_nothing) {
  token_key_maker key;
  recent<int> table(0);
  table.put(key("a"), 1);
  BOOST_TEST(!table.find(key("a")));
}

BOOST_AUTO_TEST_CASE(every_denial_has_milvus_text_and_status_and_a_name_for_the_log) {
  const std::string format = "invalid token format", credential = "auth check failure, please check username and password are correct";
  const struct {
    denial why;
    std::string name, text;
    std::uint32_t status;
  } rows[] = {
      {denial::missing_token, "missing_token", "missing authorization in header", 16},
      {denial::invalid_token, "invalid_token", format, 16},
      {denial::several_tokens, "several_tokens", format, 16},
      {denial::token_too_long, "token_too_long", format, 16},
      {denial::api_key_unknown, "api_key_unknown", "auth check failure, please check api key is correct", 16},
      {denial::unknown_user, "unknown_user", credential, 16},
      {denial::wrong_password, "wrong_password", credential, 16},
      {denial::overloaded, "overloaded", "too many logins are being checked, try again", 14},
      {denial::revoked, "revoked", credential, 16},
  };
  for (const auto& row : rows) {
    BOOST_TEST(name_of(row.why) == row.name);
    BOOST_TEST(denial_text(row.why) == row.text);
    BOOST_TEST(grpc_status_of(row.why) == row.status);
  }
}

BOOST_AUTO_TEST_CASE(root_and_the_role_admin_are_administrators) {
  BOOST_TEST(permit_for_tests::named("root").administrator());
  BOOST_TEST(permit_for_tests::named("alice", {"readonly", "admin"}).administrator());
  BOOST_TEST(!permit_for_tests::named("alice", {"readonly"}).administrator());
  BOOST_TEST(!permit_for_tests::named("alice").administrator());
  BOOST_TEST(!permit_for_tests::named("Root").administrator());
  BOOST_TEST(!permit_for_tests::nobody().administrator());
  BOOST_TEST(permit_for_tests::nobody().user_name() == "");
  BOOST_TEST(permit_for_tests::named("alice").user_name() == "alice");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::auth
