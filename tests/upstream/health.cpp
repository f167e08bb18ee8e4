// Endpoints that fail are left out, and come back.
#include "several.hpp"

namespace sallyport::upstream {
namespace {

using enum telemetry::ejection;

settings probing() {
  auto made = still();
  made.health = {20ms, 1s, 3, 2};
  return made;
}

// With probes, of which none is due: only requests find out.
settings found_by_requests() {
  auto made = probing();
  made.health.interval = 1h;
  return made;
}

// A port whose queue of connections is full answers no SYN.
struct deaf_port {
  deaf_port() {
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    BOOST_REQUIRE(::bind(full, reinterpret_cast<const sockaddr*>(&where), size) == 0);
    BOOST_REQUIRE(::listen(full, 0) == 0);
    ::getsockname(full, reinterpret_cast<sockaddr*>(&where), &size);
    for (int& f : fillers) {
      f = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      (void)::connect(f, reinterpret_cast<const sockaddr*>(&where), size);
    }
  }
  ~deaf_port() {
    for (const int f : fillers) ::close(f);
    ::close(full);
  }
  endpoint at() const { return {"127.0.0.1", ntohs(where.sin_port)}; }

  int full = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int fillers[4] = {};
  sockaddr_in where{};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(health_of_endpoints)

BOOST_AUTO_TEST_CASE(of_three_endpoints_one_dies_and_only_what_was_sent_to_it_fails) {
  several on(3, narrow());
  told hang[3], waiting[3];
  for (std::size_t i = 0; i < 3; ++i) on.open_and_wait(hang[i], "Hang", i);
  for (auto& who : waiting) BOOST_REQUIRE(on.open(who, "Echo", false));  // one in each line
  for (auto& who : waiting) who.on->send(bytes_of("kept"), true);
  on[0].stop();
  BOOST_REQUIRE(on.until([&] { return hang[0].over(); }));
  BOOST_TEST((hang[0].why == failure::broken));
  BOOST_TEST(on.until_up(2));
  BOOST_TEST(!waiting[0].over());
  hang[1].cancel();
  hang[2].cancel();
  BOOST_REQUIRE(on.until([&] { return waiting[0].over() && waiting[1].over() && waiting[2].over(); }));
  for (const auto& who : waiting) BOOST_TEST(who.body == "kept");
  for (int i = 0; i < 20; ++i) BOOST_TEST(on.call());
  BOOST_TEST(on.seen(0) == 1U);
  BOOST_TEST(on.resent(telemetry::retry_result::answered) == 0U);
}

BOOST_AUTO_TEST_CASE(whoever_moves_to_another_line_goes_before_those_who_came_later) {
  several on(2, narrow());
  told hang[2], waiting[4];
  for (std::size_t i = 0; i < 2; ++i) on.open_and_wait(hang[i], "Hang", i);
  std::vector<int> order;
  for (int i = 0; i < 4; ++i) {
    waiting[i].then = [&order, i] { order.push_back(i); };
    BOOST_REQUIRE(on.open(waiting[i], "Echo"));  // by turns in both lines
  }
  on[0].stop();
  BOOST_REQUIRE(on.until([&] { return hang[0].over(); }));
  hang[1].cancel();
  BOOST_REQUIRE(on.until([&] { return order.size() == 4; }));
  BOOST_TEST((order == std::vector{0, 1, 2, 3}));
}

BOOST_AUTO_TEST_CASE(requests_that_wait_for_a_connect_that_fails_are_answered_by_the_others) {
  several on(2);
  on[0].stop();
  told all[10];
  for (auto& who : all) BOOST_REQUIRE(on.open(who, "Echo"));
  BOOST_REQUIRE(on.until([&] { return std::all_of(std::begin(all), std::end(all), [](const auto& who) { return who.over(); }); }));
  for (const auto& who : all) BOOST_TEST(who.ended);
  BOOST_TEST(on.seen(1) == 10U);
  BOOST_TEST(on.ejected(connect_failed) == 1U);
  BOOST_TEST(on.counted.endpoints.value() == 2);
  BOOST_TEST(on.counted.endpoints_up.value() == 1);
}

BOOST_AUTO_TEST_CASE(without_probes_an_endpoint_is_tried_again_after_its_pause) {
  several on(2);
  on[0].stop();
  for (int i = 0; i < 4; ++i) BOOST_TEST(on.call());
  BOOST_TEST(on.seen(1) == 4U);
  on[0].start_again();
  BOOST_TEST(on.until([&] { return on.call() && on.seen(0) > 0; }));
  BOOST_TEST(on.counted.endpoints_up.value() == 2);
}

BOOST_AUTO_TEST_CASE(with_probes_an_endpoint_comes_back_after_so_many_in_a_row_and_not_by_a_request) {
  several on(2, probing());
  on[0].stop();
  for (int i = 0; i < 4; ++i) BOOST_TEST(on.call());
  BOOST_TEST(on.counted.endpoints_up.value() == 1);
  const auto before = on[0].connections();
  on[0].start_again();
  BOOST_REQUIRE(on.until([&] {
    if (on[0].connections() - before < 3 && on.counted.endpoints_up.value() == 1) BOOST_REQUIRE(on.call());
    return on.counted.endpoints_up.value() == 2;
  }));
  BOOST_TEST(on.until([&] { return on[0].connections() - before >= 3; }));  // `rise`; the backend may count a moment later
  BOOST_TEST(on[0].bytes() == 0U);                 // of frames
  for (int i = 0; i < 4; ++i) BOOST_TEST(on.call());
  BOOST_TEST(on.seen(0) == 2U);
  BOOST_TEST(on[0].faults() == "");
}

BOOST_AUTO_TEST_CASE(an_idle_endpoint_that_is_away_goes_down_by_probes_before_a_request_finds_out) {
  several on(2, probing());
  on[0].stop();
  BOOST_REQUIRE(on.until_up(1));
  BOOST_TEST(on.ejected(probe_failed) == 1U);
  BOOST_TEST(on.ejected(connect_failed) == 0U);
  for (int i = 0; i < 4; ++i) BOOST_TEST(on.call());
  BOOST_TEST(on.seen(1) == 4U);
}

BOOST_AUTO_TEST_CASE(one_failed_probe_of_two_takes_nobody_down) {
  auto chosen = probing();
  chosen.health = {50ms, 1s, 1, 1'000'000};
  several on(2, chosen);
  on[0].stop();
  BOOST_TEST(!on.until_up(1, 300ms));
}

BOOST_AUTO_TEST_CASE(when_all_are_down_requests_fail_fast_until_one_is_tried_and_one_that_answers_serves_at_once) {
  several on(2, found_by_requests());
  on[0].stop();
  on[1].stop();
  told first;
  BOOST_REQUIRE(on.open(first, "Echo"));
  BOOST_REQUIRE(on.until([&] { return first.over(); }));  // refused here, moved, refused there
  BOOST_TEST((first.why == failure::unreachable));
  BOOST_TEST(on.counted.endpoints_up.value() == 0);
  const auto attempts = on.counted.connects[static_cast<std::size_t>(telemetry::connect_result::refused)].value();
  BOOST_TEST(attempts == 2U);
  failure why{};
  told fast;
  BOOST_TEST(!on.open(fast, "Echo", true, why));
  BOOST_TEST((why == failure::unreachable));
  BOOST_TEST(on.until([&] { return on.tasks.size() == 0; }));
  BOOST_TEST(on.counted.connects[static_cast<std::size_t>(telemetry::connect_result::refused)].value() == attempts);  // no attempt

  on[1].start_again();
  BOOST_REQUIRE(on.until([&] { return on.call(); }));
  BOOST_TEST(on.counted.endpoints_up.value() == 1);
  for (int i = 0; i < 10; ++i) BOOST_TEST(on.call());
  BOOST_TEST(on.seen(1) == 11U);
}

BOOST_AUTO_TEST_CASE(five_requests_in_a_row_that_break_off_eject) {
  several on(2, found_by_requests(), {always("Reset")});
  for (int i = 0; i < 20; ++i) on.call();
  BOOST_TEST(on.seen(0) == 5U);
  BOOST_TEST(on.seen(1) == 15U);
  BOOST_TEST(on.ejected(broken) == 1U);
}

BOOST_AUTO_TEST_CASE(an_answer_between_them_starts_the_count_anew) {
  several on(2, still());
  for (int i = 0; i < 12; ++i) {  // four to each that break off, then one that does not
    told who[2];
    for (auto& w : who) BOOST_REQUIRE(on.open(w, i % 5 == 4 ? "Echo" : "Reset"));
    BOOST_REQUIRE(on.until([&] { return who[0].over() && who[1].over(); }));
  }
  BOOST_TEST(on.ejected(broken) == 0U);
  BOOST_TEST(on.seen(0) == 12U);
}

BOOST_AUTO_TEST_CASE(a_connection_that_dies_young_ejects_and_again_for_longer) {
  several on(2, still(), {always("DieFirst")});
  const auto pause = [&] {
    const auto before = on.seen(0);
    const auto from = core::clock::now();
    BOOST_REQUIRE(on.until([&] { return on.call(), on.seen(0) > before; }));
    return core::clock::now() - from;
  };
  pause();  // the first finds out
  BOOST_TEST(on.ejected(died_young) == 1U);
  BOOST_TEST((pause() >= 45ms));
  BOOST_TEST((pause() >= 90ms));
  BOOST_TEST((pause() >= 190ms));  // a connection that was made does not make the pauses short again, an answer does
}

BOOST_AUTO_TEST_CASE(a_backend_that_asks_for_calm_gets_it) {
  several on(2, found_by_requests());
  for (int i = 0; i < 2; ++i) BOOST_REQUIRE(on.call());
  on[0].tell(0, h2::make_goaway(1, 0xb));
  BOOST_REQUIRE(on.until_up(1));
  BOOST_TEST(on.ejected(enhance_your_calm) == 1U);
  BOOST_TEST(on.call());
  BOOST_TEST(on.seen(0) == 1U);
}

BOOST_AUTO_TEST_CASE(a_ping_without_an_answer_ejects_and_what_is_under_way_waits_on) {
  fake_backend::options silent;
  silent.answers_pings = false;
  several on(2, found_by_requests(), {silent});
  told hang;
  on.open_and_wait(hang, "Hang", 0);
  on.sweep_in(11s);
  BOOST_REQUIRE(on.until([&] { return on[0].pings() == 1; }));
  on.sweep_in(17s);
  BOOST_TEST(on.ejected(ping_unanswered) == 1U);
  on.sweep_in(17s);
  BOOST_TEST(on.ejected(ping_unanswered) == 1U);
  for (int i = 0; i < 4; ++i) BOOST_TEST(on.call());
  BOOST_TEST(on.seen(0) == 1U);
  BOOST_TEST(!hang.over());
}

BOOST_AUTO_TEST_CASE(stop_ends_probes_that_are_in_flight) {
  const deaf_port deaf;
  auto chosen = probing();
  chosen.health = {1ms, 1min, 1, 1};
  chosen.endpoints = {deaf.at(), deaf.at()};
  chosen.endpoints[1].host = "127.0.0.2";
  {
    loop on;
    on.make(chosen);
    BOOST_REQUIRE(on.until([&] { return on.tasks.size() > 0; }));
    on.until([] { return false; }, 30ms);
    on.at->stop();
    BOOST_TEST(on.tasks.size() > 0U);
    on.io.poll();
    on.tasks.cancel();
    BOOST_TEST(on.until([&] { return on.tasks.size() == 0; }, 5s));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::upstream
