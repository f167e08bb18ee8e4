// The pool of a backend with one endpoint: permits in, requests at the backend, answers back. One loop, run by the test.
#include "room.hpp"

#include "support/own_sockets.hpp"

#include <future>
#include <thread>

namespace sallyport::upstream {
namespace {

struct room : loop {
  fake_backend backend;
  room() : room(settings{}) {}
  explicit room(settings s, fake_backend::options fake = {}) : backend(std::move(fake)) {
    s.endpoints = {{"127.0.0.1", backend.port()}};
    make(std::move(s));
  }
};

settings narrow() {
  settings made;
  made.streams_a_connection = 1;
  made.connections = 1;
  return made;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pool_of_connections)

BOOST_FIXTURE_TEST_CASE(the_first_permit_opens_the_first_connection, room) {
  io.poll();
  sweep_in(0s);
  BOOST_TEST(!until([this] { return backend.connections() > 0; }, 50ms));
  told who;
  BOOST_REQUIRE(open(who, "Echo"));
  BOOST_REQUIRE(until([&] { return who.over(); }));
  BOOST_TEST(who.status == 200U);
  BOOST_TEST(who.trailers == "grpc-status=0;grpc-message=;");
  BOOST_TEST(backend.connections() == 1U);
}

BOOST_FIXTURE_TEST_CASE(requests_of_one_turn_share_one_connect, room) {
  std::vector<told> all(100);
  for (auto& who : all) BOOST_REQUIRE(open(who, "Echo"));
  BOOST_REQUIRE(until([&] { return std::all_of(all.begin(), all.end(), [](const auto& who) { return who.ended; }); }));
  BOOST_TEST(backend.connections() == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_full_connection_is_followed_by_another, room) {
  std::vector<told> all(150);
  for (auto& who : all) BOOST_REQUIRE(open(who, "Hang"));
  BOOST_REQUIRE(until([&] { return backend.requests().size() == 150; }));
  BOOST_TEST(backend.connections() == 2U);
  for (auto& who : all) who.cancel();
  BOOST_TEST(until([&] {
    const auto seen = backend.requests();
    return std::all_of(seen.begin(), seen.end(), [](const auto& r) { return r.reset == h2::cancel; });
  }));
}

BOOST_FIXTURE_TEST_CASE(a_body_that_came_before_the_connection_follows_the_head, room) {
  told who;
  BOOST_REQUIRE(open(who, "Echo", false));
  BOOST_TEST(who.on->send(bytes_of("one "), false) == 0U);  // kept: credit for it is withheld
  BOOST_TEST(who.on->send(bytes_of("two "), false) == 0U);
  BOOST_REQUIRE(until([&] { return who.taken == 8; }));
  BOOST_TEST(who.on->send(bytes_of("three"), true) == 5U);
  BOOST_REQUIRE(until([&] { return who.over(); }));
  BOOST_TEST(who.body == "one two three");
  BOOST_TEST(backend.last().ended);
}

BOOST_FIXTURE_TEST_CASE(an_end_that_came_before_the_connection_follows_too, room) {
  told empty, full;
  BOOST_REQUIRE(open(empty, "Echo", false));
  BOOST_REQUIRE(open(full, "Echo", false));
  empty.on->send({}, true);
  full.on->send(bytes_of("whole"), true);
  BOOST_REQUIRE(until([&] { return empty.over() && full.over(); }));
  BOOST_TEST(empty.body.empty());
  BOOST_TEST(full.body == "whole");
}

BOOST_AUTO_TEST_CASE(who_waits_goes_first_come_first) {
  room on(narrow());
  told first;
  BOOST_REQUIRE(on.open(first, "Hang", false));
  BOOST_REQUIRE(on.until([&] { return on.backend.requests().size() == 1; }));
  std::vector<told> waiting(5);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    waiting[i].then = [&order, i] { order.push_back(i); };
    BOOST_REQUIRE(on.open(waiting[i], "Echo"));
  }
  BOOST_TEST(!on.until([&] { return on.backend.requests().size() > 1; }, 50ms));
  first.cancel();
  BOOST_REQUIRE(on.until([&] { return order.size() == 5; }));
  BOOST_TEST((order == std::vector<std::size_t>{0, 1, 2, 3, 4}));
  BOOST_TEST(on.backend.connections() == 1U);
}

BOOST_AUTO_TEST_CASE(a_line_that_is_full_takes_nobody) {
  auto chosen = narrow();
  chosen.waiters_max = 2;
  room on(chosen);
  told first, second, third, fourth;
  BOOST_REQUIRE(on.open(first, "Hang", false));
  BOOST_REQUIRE(on.until([&] { return on.backend.requests().size() == 1; }));
  BOOST_TEST(on.open(second, "Echo"));
  BOOST_TEST(on.open(third, "Echo"));
  failure why{};
  BOOST_TEST(!on.open(fourth, "Echo", true, why));
  BOOST_TEST((why == failure::no_slot));
  BOOST_TEST(!fourth.over());  // it was told by the return, not by a call
}

BOOST_AUTO_TEST_CASE(who_waits_too_long_is_told_so_and_the_others_wait_on) {
  room on(narrow());
  told first, early, late;
  BOOST_REQUIRE(on.open(first, "Hang", false));
  BOOST_REQUIRE(on.until([&] { return on.backend.requests().size() == 1; }));
  BOOST_REQUIRE(on.open(early, "Echo"));
  on.sweep_in(4900ms);
  BOOST_TEST(!early.over());
  on.until([] { return false; }, 30ms);
  BOOST_REQUIRE(on.open(late, "Echo"));
  on.sweep_in(4980ms);
  BOOST_TEST((early.why == failure::no_slot));
  BOOST_TEST(!late.over());
  on.sweep_in(5100ms);
  BOOST_TEST((late.why == failure::no_slot));
  BOOST_TEST(!first.over());
}

BOOST_AUTO_TEST_CASE(whoever_leaves_the_line_is_never_sent) {
  room on(narrow());
  told first, leaves, stays;
  BOOST_REQUIRE(on.open(first, "Hang", false));
  BOOST_REQUIRE(on.until([&] { return on.backend.requests().size() == 1; }));
  BOOST_REQUIRE(on.open(leaves, "Hang"));
  BOOST_REQUIRE(on.open(stays, "Echo"));
  leaves.cancel();
  first.cancel();
  BOOST_REQUIRE(on.until([&] { return stays.over(); }));
  BOOST_TEST(on.backend.requests().size() == 2U);
  BOOST_TEST(!leaves.over());
}

BOOST_FIXTURE_TEST_CASE(a_failed_connect_is_shared_by_its_waiters_and_then_it_fails_fast, room) {
  backend.stop();
  told one, other, fast;
  BOOST_REQUIRE(open(one, "Echo"));
  BOOST_REQUIRE(open(other, "Echo"));
  BOOST_REQUIRE(until([&] { return one.over() && other.over(); }));
  BOOST_TEST((one.why == failure::unreachable));
  BOOST_TEST((other.why == failure::unreachable));
  failure why = failure::no_slot;
  BOOST_TEST(!open(fast, "Echo", true, why));
  BOOST_TEST((why == failure::unreachable));

  backend.start_again();
  told again;
  BOOST_REQUIRE(until([&] { return open(again, "Echo") != nullptr; }));  // the pause is 100 ms at most
  BOOST_REQUIRE(until([&] { return again.over(); }));
  BOOST_TEST(again.ended);
}

BOOST_FIXTURE_TEST_CASE(pauses_grow_with_each_failure_and_one_success_ends_them, room) {
  backend.stop();
  const auto pause = [this] {
    told who;
    until([&] { return open(who, "Echo") != nullptr; });
    until([&] { return who.over(); });
    const auto from = core::clock::now();
    told next;
    BOOST_REQUIRE(until([&] { return open(next, "Echo") != nullptr; }));
    const auto lasted = core::clock::now() - from;
    until([&] { return next.over(); });
    return lasted;
  };
  BOOST_TEST((pause() >= 45ms));   // failures 1, 2
  BOOST_TEST((pause() >= 190ms));  // 3, 4: 400 ms, of which the jitter leaves half
  backend.start_again();
  told good;
  BOOST_REQUIRE(until([&] { return open(good, "Echo") != nullptr; }));
  BOOST_REQUIRE(until([&] { return good.over(); }));
  BOOST_TEST(good.ended);
}

BOOST_FIXTURE_TEST_CASE(a_connection_that_dies_young_is_followed_by_a_pause, room) {
  told who, fast;
  BOOST_REQUIRE(open(who, "DieFirst"));
  BOOST_REQUIRE(until([&] { return who.over(); }));
  failure why{};
  BOOST_TEST(!open(fast, "Echo", true, why));
  BOOST_TEST((why == failure::unreachable));
}

BOOST_FIXTURE_TEST_CASE(an_unanswered_connect_ends_by_its_deadline, room) {
  // A port whose queue of connections is full answers no SYN.
  const int full = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof where;
  BOOST_REQUIRE(::bind(full, reinterpret_cast<const sockaddr*>(&where), size) == 0);
  BOOST_REQUIRE(::listen(full, 0) == 0);
  ::getsockname(full, reinterpret_cast<sockaddr*>(&where), &size);
  std::vector<int> fillers;
  for (int i = 0; i < 4; ++i) {
    fillers.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    (void)::connect(fillers.back(), reinterpret_cast<const sockaddr*>(&where), size);
  }
  chosen.endpoints = {{"127.0.0.1", ntohs(where.sin_port)}};
  chosen.connect = 200ms;
  make(chosen);
  told who;
  const auto begun = core::clock::now();
  BOOST_REQUIRE(open(who, "Echo"));
  BOOST_REQUIRE(until([&] { return who.over(); }));
  BOOST_TEST((who.why == failure::unreachable));
  BOOST_TEST((core::clock::now() - begun >= 190ms));
  for (const int f : fillers) ::close(f);
  ::close(full);
}

BOOST_FIXTURE_TEST_CASE(each_way_of_failing_has_its_own_word, room) {
  const std::pair<const char*, failure> table[] = {
      {"Refuse", failure::unprocessed}, {"Reset", failure::broken},       {"Cancel", failure::cancelled},
      {"Goaway", failure::unprocessed}, {"DieFirst", failure::broken},    {"BadHead", failure::broken},
      {"NoHead", failure::broken},      {"PushPromise", failure::broken}, {"DieInMessage", failure::broken}};
  for (const auto& [method, expected] : table) {
    told who;
    BOOST_REQUIRE(until([&] { return open(who, method) != nullptr; }));
    BOOST_REQUIRE(until([&] { return who.over(); }));
    BOOST_TEST((who.why == expected), method);
    BOOST_TEST(!who.ended, method);
    // The pool goes on.
    told next;
    BOOST_REQUIRE(until([&] { return open(next, "Echo") != nullptr; }));
    BOOST_REQUIRE(until([&] { return next.over(); }));
    BOOST_TEST(next.ended, method);
  }
}

BOOST_FIXTURE_TEST_CASE(an_answer_without_credit_stops_after_one_window, room) {
  told who;
  who.credits = false;
  BOOST_REQUIRE(open(who, "Large"));
  BOOST_REQUIRE(until([&] { return who.body.size() == 65'535; }));
  BOOST_TEST(!until([&] { return who.body.size() > 65'535 || backend.last().sent > 65'535; }, 100ms));
  who.credits = true;
  who.on->credit(65'535);
  BOOST_REQUIRE(until([&] { return who.over(); }, 20s));
  BOOST_TEST((who.body == support::pattern(8 * 1024 * 1024)));
}

BOOST_AUTO_TEST_CASE(a_request_beyond_the_backends_window_is_kept_and_told_of_when_it_goes) {
  fake_backend::options silent;
  silent.credits = false;
  room on({}, silent);
  told warm, who;
  BOOST_REQUIRE(on.open(warm, "Echo"));
  BOOST_REQUIRE(on.until([&] { return warm.over(); }));
  BOOST_REQUIRE(on.open(who, "Hang", false));
  const auto content = support::pattern(65'535 + 1'000);
  BOOST_TEST(who.on->send(bytes_of(content), false) == 65'535U);
  BOOST_REQUIRE(on.until([&] { return on.backend.last().body.size() == 65'535; }));
  BOOST_TEST(who.taken == 0U);
  who.cancel();
}

// One stream that nobody reads must not hold up the bodies of all others.
BOOST_AUTO_TEST_CASE(a_connection_whose_window_is_shut_gets_no_other_request) {
  fake_backend::options silent;
  silent.credits = false;
  room on({}, silent);
  told warm, who, other;
  BOOST_REQUIRE(on.open(warm, "Echo"));
  BOOST_REQUIRE(on.until([&] { return warm.over(); }));
  BOOST_REQUIRE(on.open(who, "Hang", false));
  const auto content = support::pattern(65'535 + 1'000);
  who.on->send(bytes_of(content), false);
  BOOST_REQUIRE(on.until([&] { return on.backend.last().body.size() == 65'535; }));
  BOOST_REQUIRE(on.open(other, "Echo", false));
  other.on->send(bytes_of("small"), true);
  BOOST_TEST(on.until([&] { return other.over(); }, 3s));
  BOOST_TEST(other.body == "small");
  BOOST_TEST(on.backend.connections() == 2U);
  who.cancel();
}

// A backend that reads nothing, and a request of which so much was sent that nothing more enters the output.
struct busy_room {
  std::promise<void> go;
  room on;
  told who;
  std::size_t offered = 0, taken = 0;

  busy_room() : on({}, busy(go.get_future().share())) {
    BOOST_REQUIRE(on.open(who, "Hang", false));
    BOOST_REQUIRE(on.until([&] { return on.backend.requests().size() == 1; }));
    on.backend.tell(0, h2::make_window(0, 0x7fffffff - 65'535));
    on.until([] { return false; }, 20ms);
    const std::string piece(10'000, 'x');
    while (offered == taken) {
      BOOST_REQUIRE(offered < 64 * 1024 * 1024);
      taken += who.on->send(bytes_of(piece), false);
      offered += piece.size();
      on.io.poll();
    }
  }
  static fake_backend::options busy(std::shared_future<void> until) {
    fake_backend::options made;
    made.settings = {{4, 0x7fffffff}};
    made.acts = [until](std::size_t, const std::string& method) {
      until.wait();
      return method;
    };
    return made;
  }
  void ping(int times) {
    std::string all;
    for (; times > 0; --times) all += h2::make(h2::ping, h2::none, 0, "12345678");
    on.backend.tell(0, all);
  }
};

// What is above the mark there is the rest of a frame, and no flood of acknowledgements (docs/passage.md 21).
BOOST_FIXTURE_TEST_CASE(a_backend_that_does_not_read_for_a_while_keeps_its_connection, busy_room) {
  ping(1);
  on.until([] { return false; }, 50ms);
  BOOST_TEST(!who.over());
  go.set_value();
  BOOST_TEST(on.until([&] { return taken + who.taken == offered && on.backend.last().body.size() == offered; }));
}

BOOST_FIXTURE_TEST_CASE(a_backend_that_reads_nothing_and_sends_65_pings_loses_it, busy_room) {
  ping(65);
  BOOST_TEST(on.until([&] { return who.over(); }));
  BOOST_TEST((who.why == failure::broken));
  go.set_value();
}

// What a backend has not read makes its kernel reset the connection, behind what it has said (docs/passage.md 16, 17).
BOOST_AUTO_TEST_CASE(what_a_backend_said_before_its_connection_broke_is_heard) {
  const auto listener = support::listen_on_loopback(0, 0, 16 * 1024);
  std::promise<void> full;
  std::thread backend([&] {
    support::wire socket(::accept4(listener.descriptor, nullptr, nullptr, SOCK_CLOEXEC));
    socket.write(h2::make_settings({{4, 0x7fffffff}}) + h2::make_window(0, 0x7fffffff - 65'535));
    full.get_future().wait();
    socket.write(h2::make_head(1, {{":status", "200"}, {"grpc-status", "8"}}, true) + h2::make_goaway(1, h2::no_error));
  });
  loop on;
  settings chosen;
  chosen.endpoints = {{"127.0.0.1", listener.port}};
  on.make(chosen);
  told answered, unprocessed;
  BOOST_REQUIRE(on.open(answered, "One", false));
  BOOST_REQUIRE(on.open(unprocessed, "Other", false));
  const std::string piece(10'000, 'x');
  std::size_t offered = 0, taken = 0;
  BOOST_REQUIRE(on.until([&] {
    if (offered > taken + answered.taken) return offered > 200'000;
    taken += answered.on->send(bytes_of(piece), false);
    offered += piece.size();
    return false;
  }));
  full.set_value();
  backend.join();
  ::close(listener.descriptor);
  BOOST_TEST(on.until([&] { return answered.over() && unprocessed.over(); }));
  BOOST_TEST(answered.ended);
  BOOST_TEST((unprocessed.why == failure::unprocessed));
}

// The rest of the body waits for a window that nobody will open.
BOOST_AUTO_TEST_CASE(a_request_that_is_answered_while_its_body_waits_gives_its_place_back) {
  fake_backend::options deaf;
  deaf.credits = false;
  room on(narrow(), deaf);
  told warm, who, next;
  BOOST_REQUIRE(on.open(warm, "Echo"));
  BOOST_REQUIRE(on.until([&] { return warm.over(); }));
  BOOST_REQUIRE(on.open(who, "Hang", false));
  BOOST_TEST(who.on->send(bytes_of(support::pattern(65'535 + 1'000)), true) == 65'535U);
  BOOST_REQUIRE(on.until([&] { return on.backend.last().body.size() == 65'535; }));
  on.backend.tell(0, h2::make_window(0, 65'535) + h2::make_head(3, {{":status", "200"}, {"grpc-status", "8"}}, true));
  BOOST_REQUIRE(on.until([&] { return who.over(); }));
  BOOST_TEST(who.ended);
  BOOST_REQUIRE(on.open(next, "Echo"));
  BOOST_TEST(on.until([&] { return next.over(); }, 2s));
  BOOST_TEST(on.backend.connections() == 1U);
  BOOST_TEST((on.backend.requests()[1].reset == h2::cancel));
}

BOOST_FIXTURE_TEST_CASE(an_idle_connection_closes_and_a_busy_one_does_not, room) {
  told first, hangs, again;
  BOOST_REQUIRE(open(first, "Echo"));
  BOOST_REQUIRE(until([&] { return first.over(); }));
  sweep_in(49s);
  BOOST_REQUIRE(open(hangs, "Hang", false));
  BOOST_REQUIRE(until([&] { return backend.requests().size() == 2; }));
  BOOST_TEST(backend.connections() == 1U);
  sweep_in(51s);
  BOOST_TEST(!hangs.over());
  hangs.cancel();
  until([&] { return backend.last().reset.has_value(); });
  sweep_in(120s);
  BOOST_REQUIRE(until([&] { return open(again, "Echo") != nullptr; }));
  BOOST_REQUIRE(until([&] { return again.over(); }));
  BOOST_TEST(again.ended);
  BOOST_TEST(backend.connections() == 2U);
}

BOOST_FIXTURE_TEST_CASE(one_ping_asks_a_silent_backend_and_no_second_until_it_has_answered_a_request, room) {
  told who;
  BOOST_REQUIRE(open(who, "Hang", false));
  BOOST_REQUIRE(until([&] { return backend.requests().size() == 1; }));
  sweep_in(9s);
  BOOST_TEST(!until([&] { return backend.pings() > 0; }, 50ms));
  sweep_in(11s);
  BOOST_REQUIRE(until([&] { return backend.pings() == 1; }));
  until([] { return false; }, 50ms);  // its answer has come
  sweep_in(60s);
  BOOST_TEST(!until([&] { return backend.pings() > 1; }, 50ms));
  BOOST_TEST(!who.over());
  who.cancel();
}

BOOST_FIXTURE_TEST_CASE(a_backend_that_answers_no_ping_gets_no_new_request, room) {
  // The kernel takes its connections, and nobody is behind them.
  const int deaf = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof where;
  BOOST_REQUIRE(::bind(deaf, reinterpret_cast<const sockaddr*>(&where), size) == 0);
  BOOST_REQUIRE(::listen(deaf, 8) == 0);
  ::getsockname(deaf, reinterpret_cast<sockaddr*>(&where), &size);
  chosen.endpoints = {{"127.0.0.1", ntohs(where.sin_port)}};
  make(chosen);
  std::vector<int> accepted;
  const auto connected = [&](core::clock::duration limit) {
    return until(
        [&] {
          const int one = ::accept4(deaf, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
          if (one >= 0) accepted.push_back(one);
          return one >= 0;
        },
        limit);
  };
  {
    told first, second;
    BOOST_REQUIRE(open(first, "Echo"));
    BOOST_REQUIRE(connected(10s));
    BOOST_REQUIRE(until([&] {
      char some[64];
      return ::recv(accepted[0], some, sizeof some, 0) > 0;
    }));
    sweep_in(11s);
    sweep_in(17s);
    BOOST_REQUIRE(open(second, "Echo"));
    BOOST_TEST(connected(2s));
  }
  for (const int a : accepted) ::close(a);
  ::close(deaf);
}

BOOST_FIXTURE_TEST_CASE(an_end_that_has_come_is_read_before_a_request_is_written, room) {
  told first, second;
  BOOST_REQUIRE(open(first, "Echo"));
  BOOST_REQUIRE(until([&] { return first.over(); }));
  const auto own = support::descriptor_towards(backend.port());
  backend.hang_up();
  BOOST_REQUIRE(support::comes_to(own, POLLRDHUP));  // and the loop has not turned since
  BOOST_REQUIRE(open(second, "Echo"));
  BOOST_REQUIRE(until([&] { return second.over(); }));
  BOOST_TEST(second.ended);
  BOOST_TEST(backend.requests().size() == 2U);
}

BOOST_FIXTURE_TEST_CASE(after_stop_nothing_is_taken, room) {
  told who, late;
  BOOST_REQUIRE(open(who, "Hang", false));
  BOOST_REQUIRE(until([&] { return backend.requests().size() == 1; }));
  who.cancel();
  at->stop();
  failure why{};
  BOOST_TEST(!open(late, "Echo", true, why));
  BOOST_TEST(until([&] { return tasks.size() == 0; }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::upstream
