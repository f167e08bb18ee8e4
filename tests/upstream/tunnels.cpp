// Which endpoint a tunnel gets.
#include <sallyport/upstream/tunnels.hpp>

#include "room.hpp"
#include "slow_names.hpp"

#include "support/byte_backend.hpp"

#include <vector>

namespace sallyport::upstream {
namespace {

using support::byte_backend;
using made = std::unique_ptr<tunnels::connection>;

settings with_probes(std::chrono::milliseconds interval) {
  settings chosen;
  chosen.health = {interval, 1s, 2, 2};
  return chosen;
}

struct tunnelling : loop {
  byte_backend backends[2];
  std::optional<tunnels> from;

  // Without an endpoint each backend is one.
  explicit tunnelling(settings s = with_probes(0ms), const slow_names* slow = nullptr) {
    if (slow) names.instead.emplace(slow->look_up());
    if (s.endpoints.empty()) s.endpoints = {at_backend(0), at_backend(1)};
    make(std::move(s));
    from.emplace(surroundings{io.get_executor(), tasks, turn, bench, buffers, scratch, log, counts}, chosen, names, *at);
  }
  endpoint at_backend(std::size_t which) const { return {"127.0.0.1", backends[which].port()}; }
  core::task<void> open_into(tunnels::opened& into, std::optional<endpoint> named, bool& over) {
    auto attempt = from->open(permit, std::move(named));
    into = co_await std::move(attempt);
    over = true;
  }
  made open(std::optional<endpoint> named = {}) {
    tunnels::opened answer;
    bool over = false;
    tasks.spawn(open_into(answer, std::move(named), over));
    BOOST_TEST(until([&over] { return over; }));
    return std::move(answer.made);
  }
  std::vector<made> open(std::size_t n) {
    std::vector<made> all;
    for (; n > 0; --n) BOOST_REQUIRE(all.emplace_back(open()));
    return all;
  }
  std::size_t seen(std::size_t which) { return backends[which].connections(); }
  std::uint64_t came_to(telemetry::connect_result what) const { return counted.connects[static_cast<std::size_t>(what)].value(); }
  std::uint64_t refused() const { return came_to(telemetry::connect_result::refused); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(endpoints_of_tunnels)

BOOST_AUTO_TEST_CASE(the_endpoint_with_the_fewest_tunnels_is_next_and_equal_ones_take_turns) {
  tunnelling on;
  auto open = on.open(6);
  BOOST_TEST(on.seen(0) == 3U);
  BOOST_TEST(on.seen(1) == 3U);
  for (std::size_t i = 1; i < 6; i += 2) open[i].reset();
  auto more = on.open(3);
  BOOST_TEST(on.seen(0) == 3U);
  BOOST_TEST(on.seen(1) == 6U);
}

BOOST_AUTO_TEST_CASE(one_that_refuses_is_tried_once_and_left_out) {
  tunnelling on(with_probes(1h));
  on.backends[0].stop();
  auto open = on.open(10);
  BOOST_TEST(on.seen(1) == 10U);
  BOOST_TEST(on.refused() == 1U);
  BOOST_TEST(on.ejected(telemetry::ejection::connect_failed) == 1U);
  BOOST_TEST(on.counted.endpoints_up.value() == 1);
  // Last, and not never: what is named is tried, too, when its pause is over.
  on.backends[1].stop();
  BOOST_TEST(!on.open());
  on.backends[0].start_again();
  BOOST_TEST(on.until([&] { return on.open() != nullptr; }));
  BOOST_TEST(on.until([&] { return on.open(on.at_backend(0)) != nullptr; }));
}

BOOST_AUTO_TEST_CASE(what_the_probes_know_to_be_down_costs_no_tunnel_anything_until_they_say_it_is_back) {
  tunnelling on(with_probes(20ms));
  on.backends[0].stop();
  BOOST_REQUIRE(on.until_up(1));
  const auto before = on.refused();
  auto open = on.open(10);
  BOOST_TEST(on.seen(1) >= 10U);
  BOOST_TEST(on.refused() == before);
  on.backends[0].start_again();
  BOOST_REQUIRE(on.until_up(2));
  const auto probed = on.seen(0);
  auto more = on.open(10);
  BOOST_TEST(on.seen(0) >= probed + 10U);
}

BOOST_AUTO_TEST_CASE(without_probes_one_that_refused_is_tried_again_after_its_pause) {
  tunnelling on;
  on.backends[0].stop();
  auto open = on.open(3);
  BOOST_TEST(on.refused() == 1U);
  on.backends[0].start_again();
  BOOST_TEST(on.until([&] {
    BOOST_TEST(on.open());
    on.seen(1);  // the kernel keeps few that nobody takes
    return on.seen(0) > 0;
  }));
  BOOST_TEST(on.counted.endpoints_up.value() == 2);
  BOOST_TEST(on.refused() == 1U);
}

BOOST_AUTO_TEST_CASE(when_all_are_down_tunnels_fail_at_once_until_the_next_attempt_is_due) {
  tunnelling on;
  for (auto& b : on.backends) b.stop();
  BOOST_TEST(!on.open());
  BOOST_TEST(on.refused() == 2U);
  for (int i = 0; i < 5; ++i) BOOST_TEST(!on.open());
  BOOST_TEST(on.refused() == 2U);
  on.backends[1].start_again();
  BOOST_TEST(on.until([&] { return on.open() != nullptr; }));
}

BOOST_AUTO_TEST_CASE(each_address_of_a_name_is_an_endpoint) {
  settings chosen = with_probes(0ms);
  chosen.endpoints = {{"db.test", 5432}};
  tunnelling on(chosen);
  on.names.say("db.test", {on.backends[0].port(), on.backends[1].port()});
  auto open = on.open(4);
  BOOST_TEST(on.seen(0) == 2U);
  BOOST_TEST(on.seen(1) == 2U);
  on.backends[0].stop();
  for (int i = 0; i < 4; ++i) BOOST_TEST(on.open(endpoint{"db.test", 5432}));
  BOOST_TEST(on.counted.endpoints_up.value() == 1);
}

BOOST_AUTO_TEST_CASE(a_name_that_is_slow_to_resolve_costs_a_tunnel_its_time_to_connect_and_no_more) {
  slow_names slow;
  settings chosen = with_probes(0ms);
  chosen.endpoints = {{"db.test", 5432}};
  chosen.connect = 50ms;
  tunnelling on(chosen, &slow);
  BOOST_TEST(!on.open());
  BOOST_TEST(on.came_to(telemetry::connect_result::timed_out) == 1U);
  BOOST_TEST(on.until([&] { return !on.open() && on.came_to(telemetry::connect_result::timed_out) == 2; }));
  BOOST_TEST(on.names.asked == 3U);  // by the balancer, and for each tunnel
  BOOST_TEST(slow.asked("db.test") == 1U);
  slow.say("db.test", {on.backends[0].port()});
  BOOST_TEST(on.until([&] { return on.open() != nullptr; }));
  BOOST_TEST(slow.asked("db.test") == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::upstream
