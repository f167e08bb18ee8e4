// Which CONNECT may lead where, as pure functions.
#include "connect_rules.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

namespace sallyport::proxy {
namespace {

std::string shown(connect_target what) {
  return what == connect_target::backend ? "backend" : what == connect_target::another ? "another" : "malformed";
}

const std::vector<upstream::endpoint> endpoints{{"10.0.0.7", 5432}, {"db.Example", 5433}, {"::1", 5434}};

BOOST_AUTO_TEST_SUITE(connect_rules)

BOOST_AUTO_TEST_CASE(a_target_is_compared_as_it_is_written) {
  const struct {
    std::string authority, expected;
  } table[] = {
      {"10.0.0.7:5432", "backend"},
      {"db.example:5433", "backend"},
      {"DB.EXAMPLE:5433", "backend"},
      {"[::1]:5434", "backend"},
      {"backend.invalid:1", "backend"},
      {"Backend.Invalid:1", "backend"},
      {"10.0.0.7:5433", "another"},
      {"10.0.0.8:5432", "another"},
      {"db.example.:5433", "another"},
      {"10.0.0.07:5432", "another"},
      {"[0:0:0:0:0:0:0:1]:5434", "another"},
      {"backend.invalid:5432", "another"},
      {"a.backend.invalid:1", "another"},
      {"", "malformed"},
      {"10.0.0.7", "malformed"},
      {"10.0.0.7:", "malformed"},
      {":5432", "malformed"},
      {"10.0.0.7:0", "malformed"},
      {"10.0.0.7:05432", "malformed"},
      {"10.0.0.7:+5432", "malformed"},
      {"10.0.0.7:5432 ", "malformed"},
      {"10.0.0.7:65536", "malformed"},
      {"10.0.0.7:70968", "malformed"},
      {"user@10.0.0.7:5432", "malformed"},
      {"http://10.0.0.7:5432", "malformed"},
      {"10.0.0.7/:5432", "malformed"},
      {"::1:5434", "malformed"},
      {"[10.0.0.7]:5432", "malformed"},
      {"[]:5432", "malformed"},
      {"[::1:5434", "malformed"},
      {std::string(300, 'a') + ":1", "malformed"},
  };
  for (const auto& row : table) BOOST_TEST(shown(look_at_target(row.authority, endpoints)) == row.expected, row.authority);
}

BOOST_AUTO_TEST_CASE(only_what_is_malformed_is_told_before_door_2) {
  http2::request_head head;
  head.method = "CONNECT";
  head.authority = "elsewhere.example:1";
  BOOST_TEST(!fault_of_connect(head).has_value());
  head.content_length = 0;
  BOOST_TEST(!fault_of_connect(head).has_value());
  head.content_length = 1;
  BOOST_TEST(fault_of_connect(head)->http == 400U);
  head.content_length = -1;
  head.authority = "elsewhere.example";
  BOOST_TEST(fault_of_connect(head)->http == 400U);
  head.method = "connect";
  BOOST_TEST(fault_of_connect(head)->http == 405U);
  head.too_large = true;
  BOOST_TEST(fault_of_connect(head)->http == 431U);
}

BOOST_AUTO_TEST_CASE(a_denial_is_a_407_and_what_is_temporary_a_503) {
  using enum auth::denial;
  for (const auto why :
       {missing_token, invalid_token, several_tokens, token_too_long, api_key_unknown, unknown_user, wrong_password, revoked}) {
    BOOST_TEST(connect_refusal_of(why).http == 407U);
    BOOST_TEST(connect_refusal_of(why).message == connect_refusal_of(missing_token).message);  // nobody learns which it was
  }
  BOOST_TEST(connect_refusal_of(overloaded).http == 503U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::proxy
