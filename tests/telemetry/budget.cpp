#include "budget.hpp"

#include <boost/test/unit_test.hpp>

#include <vector>

using sallyport::telemetry::budget;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(the_budget_of_an_event)

BOOST_AUTO_TEST_CASE(lets_a_burst_through_and_no_more) {
  budget b(3, 10);
  const budget::time_point now{};
  for (int i = 0; i < 3; ++i) BOOST_TEST(b.take("denied", now).value() == 0U);
  BOOST_TEST(!b.take("denied", now).has_value());
}

BOOST_AUTO_TEST_CASE(is_refilled_at_its_rate_up_to_the_burst) {
  budget b(2, 10);
  const budget::time_point start{};
  b.take("denied", start);
  b.take("denied", start);
  BOOST_TEST(!b.take("denied", start + 99ms).has_value());
  BOOST_TEST(b.take("denied", start + 101ms).has_value());
  BOOST_TEST(!b.take("denied", start + 102ms).has_value());
  int lines = 0;
  for (int i = 0; i < 10; ++i) lines += b.take("denied", start + 1h).has_value();
  BOOST_TEST(lines == 2);
}

BOOST_AUTO_TEST_CASE(tells_the_next_line_how_many_were_left_out_once) {
  budget b(1, 1);
  const budget::time_point start{};
  BOOST_TEST(b.take("denied", start).value() == 0U);
  for (int i = 0; i < 41; ++i) BOOST_TEST(!b.take("denied", start).has_value());
  BOOST_TEST(b.take("denied", start + 1s).value() == 41U);
  BOOST_TEST(b.take("denied", start + 2s).value() == 0U);
}

BOOST_AUTO_TEST_CASE(is_not_shared_with_other_events) {
  budget b(1, 0);
  const budget::time_point now{};
  BOOST_TEST(b.take("denied", now).has_value());
  BOOST_TEST(!b.take("denied", now).has_value());
  BOOST_TEST(b.take("listening", now).has_value());
}

// Two threads may take the time in one order and the mutex in the other.
BOOST_AUTO_TEST_CASE(is_neither_drained_nor_refilled_by_a_time_before_the_last_one) {
  budget b(2, 1000);
  const budget::time_point start = budget::time_point{} + 1h;
  BOOST_TEST(b.take("denied", start).has_value());
  BOOST_TEST(b.take("denied", start - 1s).has_value());
  BOOST_TEST(!b.take("denied", start).has_value());
}

BOOST_AUTO_TEST_CASE(of_nothing_still_lets_one_line_tell_of_the_rest) {
  budget b(0, 1);
  BOOST_TEST(b.take("denied", budget::time_point{}).has_value());
  BOOST_TEST(!b.take("denied", budget::time_point{}).has_value());
}

BOOST_AUTO_TEST_CASE(is_shared_by_all_names_past_the_limit_so_that_memory_is_bounded) {
  budget b(1, 0);
  const budget::time_point now{};
  std::size_t lines = 0;
  for (std::size_t i = 0; i < 10 * budget::names_max; ++i) lines += b.take("event_" + std::to_string(i), now).has_value();
  BOOST_TEST(lines == budget::names_max + 1);
}

BOOST_AUTO_TEST_CASE(settles_what_no_line_has_told_yet) {
  budget b(1, 0);
  const budget::time_point now{};
  for (int i = 0; i < 6; ++i) b.take("denied", now);
  b.take("listening", now);
  std::vector<std::pair<std::string, std::uint64_t>> told;
  const auto tell = [&told](std::string_view event, std::uint64_t count) { told.emplace_back(event, count); };
  b.settle(tell);
  BOOST_REQUIRE(told.size() == 1U);
  BOOST_TEST(told[0].first == "denied");
  BOOST_TEST(told[0].second == 5U);
  b.settle(tell);
  BOOST_TEST(told.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
