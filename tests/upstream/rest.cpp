// Several endpoints of REST over HTTP/1.1.
#include "several.hpp"

#include "support/fake_http1.hpp"

#include <sallyport/http1/session.hpp>

#include <future>
#include <thread>

namespace sallyport::upstream {
namespace {

struct rest_room : loop {
  support::fake_http1 backends[2];

  explicit rest_room(settings s = still()) {
    s.name = "milvus";
    for (const auto& b : backends) s.rest_endpoints.push_back({"127.0.0.1", b.port()});
    at.emplace(surroundings{io.get_executor(), tasks, turn, bench, buffers, scratch, log, counts}, s, names, http1::limits{});
  }
  exchange* ask(told& who, const std::string& what, std::string_view body = {}) {
    const auto path = "/v2/" + what;
    const std::vector<http2::field> fields{http2::make_field(http2::known::method, ":method", body.empty() ? "GET" : "POST"),
                                           http2::make_field(http2::known::scheme, ":scheme", "http"),
                                           http2::make_field(http2::known::authority, ":authority", "milvus"),
                                           http2::make_field(http2::known::path, ":path", path)};
    failure why{};
    who.on = at->open(permit, fields, body.empty(), who, why);
    if (who.on && !body.empty()) who.on->send(bytes_of(body), true);
    return who.on;
  }
  bool call() {
    told who;
    return ask(who, "echo") && until([&] { return who.over(); }) && who.ended;
  }
  std::size_t seen(std::size_t which) const { return backends[which].requests().size(); }
};

// A backend that reads the head of one upload and nothing of its body, and then answers as the test says.
struct deaf_room : loop {
  support::listening listener = support::listen_on_loopback(0, 0, 16 * 1024);
  std::thread thread;
  told who;
  std::size_t offered = 0, taken = 0;

  explicit deaf_room(std::function<void(support::wire&)> answers) {
    thread = std::thread([this, answers = std::move(answers)] {
      support::wire socket(::accept4(listener.descriptor, nullptr, nullptr, SOCK_CLOEXEC));
      std::string one(1, 0), head;
      pollfd asked{socket.descriptor(), POLLIN, 0};
      while (!head.ends_with("\r\n\r\n") && ::poll(&asked, 1, 10'000) > 0 && ::recv(asked.fd, one.data(), 1, 0) == 1) head += one;
      answers(socket);
    });
    auto s = still();
    s.name = "milvus";
    s.rest_endpoints = {{"127.0.0.1", listener.port}};
    at.emplace(surroundings{io.get_executor(), tasks, turn, bench, buffers, scratch, log, counts}, s, names, http1::limits{});
  }
  ~deaf_room() {
    if (!who.over()) who.cancel();
    finish();
    ::close(listener.descriptor);
  }
  void finish() {
    if (thread.joinable()) thread.join();
  }
  // As much as there is room for on the way.
  void upload() {
    const std::vector<http2::field> fields{
        http2::make_field(http2::known::method, ":method", "POST"), http2::make_field(http2::known::scheme, ":scheme", "http"),
        http2::make_field(http2::known::authority, ":authority", "milvus"), http2::make_field(http2::known::path, ":path", "/v2/x")};
    failure why{};
    who.on = at->open(permit, fields, false, who, why);
    const std::string piece(16 * 1024, 'x');
    BOOST_REQUIRE(until([&] {
      if (offered > taken + who.taken) return offered > piece.size();  // the first piece waits for the connection
      taken += who.on->send(bytes_of(piece), false);
      offered += piece.size();
      return false;
    }));
  }
};

std::string answer_of(std::size_t bytes) {
  return "HTTP/1.1 403 Forbidden\r\ncontent-length: " + std::to_string(bytes) + "\r\n\r\n" + support::pattern(bytes);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rest_endpoints)

BOOST_AUTO_TEST_CASE(an_answer_goes_on_while_the_backend_takes_nothing_of_the_request) {
  std::promise<void> over;
  deaf_room on([&over](support::wire& socket) {
    socket.write(answer_of(1'000'000));
    over.get_future().wait();
  });
  on.who.credits = false;  // a client that is slower than the backend
  on.upload();
  BOOST_REQUIRE(on.until([&] { return on.who.body.size() == 65'536; }));
  on.who.credits = true;
  on.who.on->credit(65'536);
  BOOST_TEST(on.until([&] { return on.who.over(); }, 5s));
  BOOST_TEST(on.who.ended);
  BOOST_TEST(on.who.body.size() == 1'000'000U);
  over.set_value();
}

BOOST_AUTO_TEST_CASE(what_of_a_request_waits_is_known_to_whoever_counts_it) {
  std::promise<void> over;
  deaf_room on([&over](support::wire&) { over.get_future().wait(); });
  on.upload();
  BOOST_TEST(on.who.on->held_bytes() >= http1::session::output_mark_bytes);
  over.set_value();
}

// What it has not read makes its kernel reset the connection, behind an answer that is whole.
BOOST_AUTO_TEST_CASE(an_answer_before_the_request_was_whole_is_told_though_the_backend_ends_the_connection) {
  std::promise<void> full;
  deaf_room on([&full](support::wire& socket) {
    full.get_future().wait();
    socket.write(answer_of(5));
  });
  on.upload();
  full.set_value();
  on.finish();  // all of it is there before the loop turns
  BOOST_TEST(on.until([&] { return on.who.over(); }));
  BOOST_TEST(on.who.status == 403U);
  BOOST_TEST(on.who.ended);
}

// The same without its length: where it ends is not known.
BOOST_AUTO_TEST_CASE(an_answer_that_ends_with_the_connection_is_broken_by_a_reset) {
  std::promise<void> full;
  deaf_room on([&full](support::wire& socket) {
    full.get_future().wait();
    socket.write("HTTP/1.1 200 OK\r\n\r\nhalf");
    socket.reset_on_close();
  });
  on.upload();
  full.set_value();
  on.finish();  // all of it is there before the loop turns
  BOOST_TEST(on.until([&] { return on.who.over(); }));
  BOOST_TEST((on.who.why == failure::broken));
}

BOOST_FIXTURE_TEST_CASE(requests_are_shared_evenly, rest_room) {
  for (int i = 0; i < 60; ++i) BOOST_REQUIRE(call());
  BOOST_TEST(seen(0) == 30U);
  BOOST_TEST(seen(1) == 30U);
  BOOST_TEST(counted.endpoints.value() == 2);
}

BOOST_FIXTURE_TEST_CASE(of_two_one_dies_what_was_sent_there_fails_and_all_else_is_answered, rest_room) {
  told hang;
  BOOST_REQUIRE(ask(hang, "hang"));
  BOOST_REQUIRE(until([&] { return seen(0) == 1; }));
  backends[0].stop();
  BOOST_REQUIRE(until([&] { return hang.over(); }));
  BOOST_TEST((hang.why == failure::broken));
  told all[10];
  for (auto& who : all) BOOST_REQUIRE(ask(who, "echo"));
  BOOST_REQUIRE(until([&] { return std::all_of(std::begin(all), std::end(all), [](const auto& who) { return who.over(); }); }));
  for (const auto& who : all) BOOST_TEST(who.ended);
  BOOST_TEST(seen(1) == 10U);
  BOOST_TEST(ejected(telemetry::ejection::connect_failed) == 1U);
  backends[0].start_again();
  BOOST_TEST(until([&] { return call() && seen(0) > 1; }));
  BOOST_TEST(counted.endpoints_up.value() == 2);
}

// What is not credited of an answer that is over does not keep the end of its connection from being seen.
BOOST_FIXTURE_TEST_CASE(an_answer_of_exactly_a_window_that_nobody_credits_leaves_the_connection_awake, rest_room) {
  for (int i = 0; i < 2; ++i) {
    told who;
    who.credits = false;
    BOOST_REQUIRE(ask(who, "echo", std::string(65'536, 'x')));
    BOOST_REQUIRE(until([&] { return who.over(); }));
    BOOST_TEST(who.body.size() == 65'536U);
  }
  for (auto& b : backends) b.hang_up();
  for (int i = 0; i < 2; ++i) BOOST_TEST(call());
}

BOOST_AUTO_TEST_CASE(a_connection_of_some_age_is_not_used_again) {
  auto chosen = still();
  chosen.max_connection_age = 5s;
  rest_room on(chosen);
  for (int i = 0; i < 2; ++i) BOOST_REQUIRE(on.call());
  on.sweep_in(3'900ms);
  for (int i = 0; i < 2; ++i) BOOST_REQUIRE(on.call());
  BOOST_TEST(on.backends[0].connections() == 1U);
  on.sweep_in(6'100ms);
  for (int i = 0; i < 2; ++i) BOOST_REQUIRE(on.call());
  BOOST_TEST(on.backends[0].connections() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::upstream
