// Which endpoint gets a request.
#include "several.hpp"

#include "connection.hpp"

#include <algorithm>

namespace sallyport::upstream {
namespace {

// The only way to a stream id that takes days: what an explicit instantiation names may be private.
template <class Which, typename Which::type Member>
struct reached {
  friend typename Which::type member(Which) { return Member; }
};
struct members {
  using type = std::vector<std::shared_ptr<endpoint_pool>> balancer::*;
  friend type member(members);
};
struct connections {
  using type = std::vector<std::shared_ptr<connection>> pool::*;
  friend type member(connections);
};
struct next_id {
  using type = std::uint32_t http2::client_session::*;
  friend type member(next_id);
};
template struct reached<members, &balancer::members_>;
template struct reached<connections, &pool::connections_>;
template struct reached<next_id, &http2::client_session::next_id_>;

}  // namespace

BOOST_AUTO_TEST_SUITE(balancing)

BOOST_AUTO_TEST_CASE(three_endpoints_share_evenly_one_by_one_and_many_at_once) {
  several on(3);
  for (int i = 0; i < 900; ++i) BOOST_REQUIRE(on.call());
  for (std::size_t i = 0; i < 3; ++i) BOOST_TEST(on.seen(i) == 300U);
  for (int round = 0; round < 70; ++round) {
    std::vector<told> all(30);
    for (auto& who : all) BOOST_REQUIRE(on.open(who, "Echo"));
    BOOST_REQUIRE(on.until([&] { return std::all_of(all.begin(), all.end(), [](const auto& who) { return who.ended; }); }));
  }
  for (std::size_t i = 0; i < 3; ++i) {
    BOOST_TEST(on.seen(i) >= 900U);
    BOOST_TEST(on.seen(i) <= 1'100U);
    BOOST_TEST(on[i].connections() == 1U);
  }
}

BOOST_AUTO_TEST_CASE(an_endpoint_that_is_slow_gets_fewer) {
  several on(3, still(), {always("Hang")});
  std::vector<std::unique_ptr<told>> under_way;
  std::size_t answered = 0;
  for (int i = 0; i < 300; ++i) {
    std::erase_if(under_way, [&](const auto& who) { return who->ended ? ++answered : 0; });
    BOOST_REQUIRE(on.until([&] { return under_way.size() < 30; }));
    under_way.push_back(std::make_unique<told>());
    BOOST_REQUIRE(on.open(*under_way.back(), "Echo"));
    on.until([&] { return std::count_if(under_way.begin(), under_way.end(), [](const auto& who) { return !who->ended; }) < 25; });
  }
  BOOST_TEST(on.until([&] { return on.seen(0) + on.seen(1) + on.seen(2) == 300; }));
  BOOST_TEST(on.seen(0) <= 12U);
}

BOOST_AUTO_TEST_CASE(requests_that_wait_are_bounded_over_all_endpoints_together) {
  auto chosen = narrow();
  chosen.waiters_max = 2;
  several on(2, chosen);
  told hang[2], waiting[2], late;
  on.open_and_wait(hang[0], "Hang", 0);
  on.open_and_wait(hang[1], "Hang", 1);
  for (auto& who : waiting) BOOST_REQUIRE(on.open(who, "Echo"));  // one in each line
  failure why{};
  BOOST_TEST(!on.open(late, "Echo", true, why));
  BOOST_TEST((why == failure::no_slot));
  waiting[0].cancel();
  BOOST_TEST(on.open(late, "Echo", true, why));
}

BOOST_AUTO_TEST_CASE(one_endpoint_alone_is_never_probed) {
  auto chosen = still();
  chosen.health.interval = 10ms;
  several on(1, chosen);
  BOOST_TEST(!on.until([&] { return on[0].connections() > 0; }, 150ms));
  BOOST_TEST(on.call());
  BOOST_TEST(on[0].connections() == 1U);
}

BOOST_AUTO_TEST_CASE(a_connection_of_some_age_takes_no_new_requests_finishes_and_closes) {
  auto chosen = still();
  chosen.max_connection_age = 5s;
  several on(1, chosen);
  told old_one;
  on.open_and_wait(old_one, "Hang", 0);
  on.sweep_in(3'900ms);
  BOOST_TEST(on.call());
  BOOST_TEST(on[0].connections() == 1U);
  on.sweep_in(6'100ms);
  BOOST_TEST(on.call());
  BOOST_TEST(on[0].connections() == 2U);
  BOOST_TEST(!old_one.over());
  BOOST_TEST(on.counted.connections.value() == 2);
  old_one.cancel();
  BOOST_TEST(on.until([&] { return on.counted.connections.value() == 1; }));
  BOOST_TEST(on.call());
  BOOST_TEST(on[0].connections() == 2U);
}

// A stream may last for ever, and keeps its connection as long. What we end for others is none of the endpoint's faults.
BOOST_AUTO_TEST_CASE(however_many_connections_only_finish_there_is_one_for_what_comes) {
  auto chosen = still();
  chosen.connections = 2;
  chosen.max_connection_age = 5s;
  several on(2, chosen);
  // On each of the two four connections: five streams, one, one and one.
  std::vector<std::unique_ptr<told>> old_ones;
  const auto open_on_both = [&](std::size_t streams) {
    for (std::size_t left = 2 * streams; left > 0; --left) BOOST_REQUIRE(on.open(*old_ones.emplace_back(std::make_unique<told>()), "Hang"));
    BOOST_REQUIRE(on.until([&] { return on.seen(0) + on.seen(1) == old_ones.size(); }));
    BOOST_TEST(on.seen(0) == on.seen(1));
    on.sweep_in(6'100ms);
  };
  for (const std::size_t streams : {5U, 1U, 1U, 1U}) open_on_both(streams);
  for (const std::size_t which : {0U, 1U}) BOOST_TEST(on[which].connections() == 4U);
  BOOST_TEST(on.call());
  BOOST_TEST(on[0].connections() + on[1].connections() == 9U);
  BOOST_TEST(on.counted.connections.value() == 8);
  const auto is_broken = [](const auto& one) { return one->why == failure::broken; };
  BOOST_TEST(std::count_if(old_ones.begin(), old_ones.begin() + 10, is_broken) == 5);  // of the endpoint that got the call
  BOOST_TEST(std::none_of(old_ones.begin() + 10, old_ones.end(), [](const auto& one) { return one->over(); }));
  for (const auto why : {telemetry::ejection::died_young, telemetry::ejection::broken}) BOOST_TEST(on.ejected(why) == 0U);
}

BOOST_AUTO_TEST_CASE(a_connection_that_has_come_to_stream_2_to_the_30th_takes_no_new_requests) {
  several on(1);
  BOOST_REQUIRE(on.call());
  auto& endpoint = static_cast<pool&>(*((*on.at).*member(members{})).front());
  auto& first = *(endpoint.*member(connections{})).front();
  first.session().*member(next_id{}) = (1U << 30) - 1;
  told last;
  on.open_and_wait(last, "Hang", 0);
  BOOST_TEST(on[0].last().id == (1U << 30) - 1);
  BOOST_TEST(on[0].connections() == 1U);
  BOOST_TEST(on.call());
  BOOST_TEST(on[0].connections() == 2U);
  BOOST_TEST(!last.over());
  last.cancel();
  BOOST_TEST(on.until([&] { return on.counted.connections.value() == 1; }));
}

BOOST_AUTO_TEST_CASE(an_age_of_0_is_for_ever) {
  auto chosen = still();
  chosen.max_connection_age = 0ms;
  several on(1, chosen);
  told old_one;
  on.open_and_wait(old_one, "Hang", 0);
  on.sweep_in(5s);  // (later a PING would ask)
  on.sweep_in(9s);
  BOOST_TEST(on.call());
  BOOST_TEST(on[0].connections() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::upstream
