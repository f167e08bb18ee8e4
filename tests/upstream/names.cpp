// Names: resolved, moved, gone.
#include "several.hpp"
#include "slow_names.hpp"

#include <algorithm>
#include <array>

namespace sallyport::upstream {
namespace {

struct named : loop {
  fake_backend backends[2];
  explicit named(settings s = still()) {
    s.endpoints = {{"milvus.test", 19530}};
    if (s.resolve == settings{}.resolve) s.resolve = 30ms;
    make(std::move(s));
  }
  void say(std::initializer_list<std::size_t> which) {
    std::vector<core::asio::ip::tcp::endpoint> all;
    for (const auto i : which) all.emplace_back(core::asio::ip::address_v4::loopback(), backends[i].port());
    names.known.insert_or_assign("milvus.test", all);
  }
  bool asked_again(std::size_t times = 2) {
    const auto before = names.asked;
    return until([&] { return names.asked >= before + times; });
  }
  std::size_t seen(std::size_t which) const { return backends[which].requests().size(); }
  bool call() {
    told who;
    return open(who, "Echo") && until([&] { return who.over(); }) && who.ended;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(names_of_backends)

BOOST_AUTO_TEST_CASE(requests_wait_for_the_first_answer_and_each_address_is_an_endpoint) {
  named on;
  on.say({0, 1});
  told all[10];
  for (auto& who : all) BOOST_REQUIRE(on.open(who, "Echo"));
  BOOST_TEST(on.counted.endpoints_up.value() == 0);
  BOOST_REQUIRE(on.until([&] { return std::all_of(std::begin(all), std::end(all), [](const auto& who) { return who.ended; }); }));
  BOOST_TEST(on.seen(0) == 5U);
  BOOST_TEST(on.seen(1) == 5U);
  BOOST_TEST(on.counted.endpoints.value() == 2);
  BOOST_TEST(on.counted.endpoints_up.value() == 2);
}

BOOST_AUTO_TEST_CASE(literal_addresses_and_localhost_are_never_resolved) {
  fake_backend backend;
  loop on;
  auto chosen = still();
  chosen.resolve = 1ms;
  chosen.endpoints = {{"127.0.0.1", backend.port()}, {"localhost", backend.port()}};
  on.make(chosen);
  for (int i = 0; i < 2; ++i) {
    told who;
    BOOST_REQUIRE(on.open(who, "Echo"));
    BOOST_REQUIRE(on.until([&] { return who.ended; }));
  }
  on.until([] { return false; }, 20ms);
  BOOST_TEST(on.names.asked == 0U);
  BOOST_TEST(on.counted.endpoints.value() == 2);  // localhost is one, whatever loopback answers
  BOOST_TEST(backend.connections() == 2U);
}

BOOST_AUTO_TEST_CASE(an_address_that_has_left_finishes_what_it_carries_and_closes) {
  named on;
  on.say({0});
  told hang;
  BOOST_REQUIRE(on.open(hang, "Hang", false));
  BOOST_REQUIRE(on.until([&] { return on.seen(0) == 1; }));
  on.say({1});
  BOOST_REQUIRE(on.asked_again());
  for (int i = 0; i < 4; ++i) BOOST_TEST(on.call());
  BOOST_TEST(on.seen(0) == 1U);
  BOOST_TEST(on.seen(1) == 4U);
  BOOST_TEST(!hang.over());
  BOOST_TEST(on.counted.connections.value() == 2);
  on.backends[0].tell(0, h2::make_head(1, {{":status", "200"}, {"content-type", "application/grpc"}}, false) +
                             h2::make_head(1, {{"grpc-status", "0"}}, true));
  BOOST_REQUIRE(on.until([&] { return hang.over(); }));
  BOOST_TEST(hang.ended);
  BOOST_TEST(on.until([&] { return on.counted.connections.value() == 1; }));
  on.say({0, 1});  // and it may come back
  BOOST_REQUIRE(on.asked_again());
  for (int i = 0; i < 4; ++i) BOOST_TEST(on.call());
  BOOST_TEST(on.seen(0) == 3U);
}

BOOST_AUTO_TEST_CASE(requests_that_wait_at_an_address_that_leaves_move_to_the_new_one) {
  named on(narrow());
  on.say({0});
  told hang, waits;
  BOOST_REQUIRE(on.open(hang, "Hang", false));
  BOOST_REQUIRE(on.until([&] { return on.seen(0) == 1; }));
  BOOST_REQUIRE(on.open(waits, "Echo"));
  on.say({1});
  BOOST_REQUIRE(on.until([&] { return waits.over(); }));
  BOOST_TEST(waits.ended);
  BOOST_TEST(on.seen(1) == 1U);
  BOOST_TEST(!hang.over());
  hang.cancel();
}

BOOST_AUTO_TEST_CASE(an_empty_or_failed_answer_keeps_the_last_good_addresses) {
  named on;
  on.say({0});
  BOOST_REQUIRE(on.call());
  on.say({});
  BOOST_REQUIRE(on.asked_again());
  BOOST_TEST(on.call());
  on.names.known.clear();
  BOOST_REQUIRE(on.asked_again());
  BOOST_TEST(on.call());
  BOOST_TEST(on.counted.endpoints_up.value() == 1);
  BOOST_TEST(on.backends[0].connections() == 1U);
}

BOOST_AUTO_TEST_CASE(a_name_without_an_address_fails_and_is_asked_again_when_somebody_wants_it) {
  auto chosen = still();
  chosen.resolve = 1h;
  named on(chosen);
  told who;
  BOOST_REQUIRE(on.open(who, "Echo"));
  BOOST_REQUIRE(on.until([&] { return who.over(); }));
  BOOST_TEST((who.why == failure::unreachable));
  BOOST_TEST(on.counted.connects[static_cast<std::size_t>(telemetry::connect_result::unresolved)].value() == 1U);
  on.say({0});
  BOOST_TEST(!on.until([&] { return on.names.asked > 1; }, 100ms));  // nobody has wanted it
  const auto begun = core::clock::now();
  told later;
  BOOST_REQUIRE(on.until([&] { return on.open(later, "Echo") != nullptr; }));
  BOOST_REQUIRE(on.until([&] { return later.over(); }));
  BOOST_TEST(later.ended);
  BOOST_TEST((core::clock::now() - begun < 3s));
  BOOST_TEST(on.names.asked == 2U);
}

BOOST_AUTO_TEST_CASE(after_a_failed_connect_names_are_asked_at_once_but_once_a_second_at_most) {
  auto chosen = still();
  chosen.resolve = 1h;
  named on(chosen);
  on.say({0});
  const auto begun = core::clock::now();
  BOOST_REQUIRE(on.call());
  on.backends[0].stop();
  on.say({1});
  BOOST_REQUIRE(on.until([&] { return on.call(); }));
  BOOST_TEST(on.seen(1) == 1U);
  BOOST_TEST((core::clock::now() - begun >= 950ms));
  BOOST_TEST(on.names.asked == 2U);
}

BOOST_AUTO_TEST_CASE(a_name_that_is_slow_to_resolve_holds_up_no_other_and_no_end) {
  slow_names slow;
  fake_backend backend;
  auto chosen = still();
  chosen.endpoints = {{"slow.test", 19530}, {"quick.test", 19530}};
  loop on;
  on.names.instead.emplace(slow.look_up());
  on.make(chosen);
  // Whichever of the two endpoints, neither of them known, they wait for.
  std::array<told, 3> all;
  BOOST_REQUIRE(on.open(all[0], "Echo"));
  BOOST_REQUIRE(on.open(all[1], "Echo"));
  slow.say("quick.test", {backend.port()});
  BOOST_REQUIRE(on.until_up(1));
  BOOST_REQUIRE(on.open(all[2], "Echo"));
  BOOST_TEST(on.until([&] { return std::all_of(all.begin(), all.end(), [](const auto& who) { return who.ended; }); }, 3s));
  on.at->stop();
  on.tasks.cancel();
  BOOST_TEST(on.until([&] { return on.tasks.size() == 0; }));
  BOOST_TEST(slow.until_hanging(1));
}

BOOST_AUTO_TEST_CASE(when_all_are_down_one_with_an_address_is_tried_before_a_name_that_is_looked_up) {
  slow_names slow;
  fake_backend backend;
  auto chosen = still();
  chosen.health.interval = 1h;  // so that an endpoint that is down comes back by nothing but a request
  chosen.wait = 200ms;
  chosen.endpoints = {{"127.0.0.1", backend.port()}, {"slow.test", 19530}};
  loop on;
  on.names.instead.emplace(slow.look_up());
  on.make(chosen);
  const auto call = [&on] {
    told who;
    return on.open(who, "Echo") && on.until([&who] { return who.over(); }) && who.ended;
  };
  BOOST_REQUIRE(call());
  backend.stop();
  BOOST_REQUIRE(on.until_up(0));
  BOOST_TEST(!call());
  backend.start_again();
  BOOST_TEST(on.until(call));
  BOOST_TEST(slow.until_hanging(1));
  on.at->stop();
  on.tasks.cancel();
  BOOST_TEST(on.until([&] { return on.tasks.size() == 0; }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::upstream
