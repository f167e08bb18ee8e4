#include <sallyport/net/plain_stream.hpp>

#include <support/worker.hpp>

#include <netinet/tcp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

using namespace sallyport;
using namespace sallyport::support;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t mib = 1024 * 1024;

// A stream and the raw descriptor at its other end.
struct pair {
  explicit pair(int buffer = 0) : both(where.connection(buffer)), stream(std::move(both.first), where.bench), peer(both.second) {}
  ~pair() {
    stream.abort();
    where.end();
    hang_up();
  }
  void hang_up() {
    if (peer >= 0) ::close(std::exchange(peer, -1));
  }
  void say(std::string_view text) {
    BOOST_REQUIRE_EQUAL(::send(peer, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  // What has come, `at_most` bytes.
  void listen(std::size_t at_most) {
    std::string some(at_most, '\0');
    const auto got = ::recv(peer, some.data(), some.size(), MSG_DONTWAIT);
    if (got == 0) eof = true;
    if (got > 0) heard.append(some, 0, static_cast<std::size_t>(got));
  }

  worker where;
  std::pair<core::tcp_socket, int> both;
  net::plain_stream stream;
  int peer;
  std::string heard;
  bool eof = false;
};

}  // namespace

BOOST_AUTO_TEST_CASE(bytes_travel_both_ways) {
  pair ends;
  auto& got = ends.where.gather();
  auto& last = ends.where.fresh();
  ends.where.spawn(ends.stream.receive(got), last);
  ends.say("question");
  BOOST_REQUIRE(ends.where.drive([&] { return last.has_value(); }));
  BOOST_TEST((*last == progress::done));
  BOOST_TEST(got.all == "question");
  BOOST_TEST((ends.stream.write(bytes_of("answer")) == progress::done));
  BOOST_REQUIRE(ends.where.drive([&] { return ends.heard == "answer"; }, [&] { ends.listen(100); }));
}

BOOST_AUTO_TEST_CASE(a_slow_reader_gets_every_byte_in_order) {
  pair ends(16 * 1024);
  const auto down = pattern(5 * mib);
  auto& sent = ends.where.fresh();
  ends.where.tasks.spawn(send_all(ends.stream, down, 200'000, sent));
  BOOST_REQUIRE(ends.where.drive([&] { return sent && ends.heard.size() == down.size(); }, [&] { ends.listen(30'000); }));
  BOOST_TEST((*sent == progress::done));
  BOOST_TEST((ends.heard == down));
}

BOOST_AUTO_TEST_CASE(a_write_while_something_is_kept_leaves_after_it) {
  pair ends(16 * 1024);
  const auto first = pattern(mib, 1), second = pattern(mib, 2);
  BOOST_TEST((ends.stream.write(bytes_of(first)) == progress::blocked));
  BOOST_TEST((ends.stream.write(bytes_of(second)) == progress::blocked));
  auto& drained = ends.where.fresh();
  ends.where.spawn(ends.stream.drained(), drained);
  BOOST_REQUIRE(ends.where.drive([&] { return drained && ends.heard.size() == 2 * mib; }, [&] { ends.listen(60'000); }));
  BOOST_TEST((ends.heard == first + second));
  BOOST_TEST(ends.stream.unsent() == 0U);
}

BOOST_AUTO_TEST_CASE(five_mib_are_received_in_large_pieces) {
  pair ends;
  const auto up = pattern(5 * mib);
  auto& got = ends.where.gather();
  auto& last = ends.where.fresh();
  ends.where.tasks.spawn(receive_all(ends.stream, got, last));
  std::size_t said = 0;
  BOOST_REQUIRE(ends.where.drive([&] { return got.all.size() == up.size(); },
                                 [&] {
                                   const auto rest = std::string_view(up).substr(said);
                                   const auto taken =
                                       ::send(ends.peer, rest.data(), std::min(rest.size(), mib), MSG_NOSIGNAL | MSG_DONTWAIT);
                                   if (taken > 0) said += static_cast<std::size_t>(taken);
                                 }));
  BOOST_TEST((got.all == up));
}

BOOST_AUTO_TEST_CASE(a_peer_that_closes_its_direction_has_ended_and_can_still_be_answered) {
  pair ends;
  auto& got = ends.where.gather();
  auto& last = ends.where.fresh();
  ends.where.tasks.spawn(receive_all(ends.stream, got, last));
  ends.say("that is all");
  ::shutdown(ends.peer, SHUT_WR);
  BOOST_REQUIRE(ends.where.drive([&] { return last.has_value(); }));
  BOOST_TEST((*last == progress::ended));
  BOOST_TEST(got.all == "that is all");
  BOOST_TEST((ends.stream.write(bytes_of("understood")) == progress::done));
  BOOST_REQUIRE(ends.where.drive([&] { return ends.heard == "understood"; }, [&] { ends.listen(100); }));
}

BOOST_AUTO_TEST_CASE(close_flushes_and_then_the_peer_can_still_be_heard) {
  pair ends(16 * 1024);
  const auto down = pattern(mib);
  BOOST_TEST((ends.stream.write(bytes_of(down)) == progress::blocked));
  auto &closed = ends.where.fresh(), &drained = ends.where.fresh(), &last = ends.where.fresh();
  auto& got = ends.where.gather();
  ends.where.spawn(ends.stream.drained(), drained);
  ends.where.spawn(ends.stream.close(), closed);
  BOOST_REQUIRE(ends.where.drive([&] { return closed && drained && ends.eof; }, [&] { ends.listen(60'000); }));
  BOOST_TEST((*closed == progress::done));
  BOOST_TEST((*drained == progress::done));
  BOOST_TEST((ends.heard == down));
  BOOST_TEST(ends.stream.write(bytes_of("x")).error() == asio::error::shut_down);
  ends.where.tasks.spawn(receive_all(ends.stream, got, last));
  ends.say("still here");
  ::shutdown(ends.peer, SHUT_WR);
  BOOST_REQUIRE(ends.where.drive([&] { return last.has_value(); }));
  BOOST_TEST((*last == progress::ended));
  BOOST_TEST(got.all == "still here");
}

BOOST_AUTO_TEST_CASE(input_that_waits_is_seen_without_being_taken) {
  pair ends;
  BOOST_TEST(!ends.stream.has_input());
  ends.say("goaway");
  BOOST_REQUIRE(ends.where.drive([&] { return ends.stream.has_input(); }));
  auto& got = ends.where.gather();
  auto& last = ends.where.fresh();
  ends.where.spawn(ends.stream.receive(got), last);
  BOOST_REQUIRE(ends.where.drive([&] { return last.has_value(); }));
  BOOST_TEST(got.all == "goaway");
  BOOST_TEST(!ends.stream.has_input());
  ends.hang_up();
  BOOST_REQUIRE(ends.where.drive([&] { return ends.stream.has_input(); }));
}

BOOST_AUTO_TEST_CASE(abort_ends_every_wait) {
  pair ends(16 * 1024);
  BOOST_TEST((ends.stream.write(bytes_of(pattern(mib))) == progress::blocked));
  auto& got = ends.where.gather();
  auto &received = ends.where.fresh(), &drained = ends.where.fresh(), &closed = ends.where.fresh();
  ends.where.spawn(ends.stream.receive(got), received);
  ends.where.spawn(ends.stream.drained(), drained);
  ends.where.spawn(ends.stream.close(), closed);
  ends.where.drive([] { return true; });
  BOOST_TEST((!received && !drained && !closed));
  ends.stream.abort();
  ends.stream.abort();
  BOOST_REQUIRE(ends.where.drive([&] { return received && drained && closed; }));
  for (const auto* one : {&received, &drained, &closed}) BOOST_TEST((*one)->error() == asio::error::operation_aborted);
  BOOST_TEST(ends.stream.write(bytes_of("x")).error() == asio::error::operation_aborted);
  BOOST_TEST(ends.stream.unsent() == 0U);
}

BOOST_AUTO_TEST_CASE(a_receive_ends_at_its_callers_deadline_and_the_stream_lives_on) {
  pair ends;
  auto& got = ends.where.gather();
  auto &timed = ends.where.fresh(), &again = ends.where.fresh();
  ends.where.spawn(core::with_deadline(ends.stream.receive(got), 10ms), timed);
  BOOST_REQUIRE(ends.where.drive([&] { return timed.has_value(); }));
  BOOST_TEST(timed->error() == asio::error::timed_out);
  ends.where.spawn(ends.stream.receive(got), again);
  ends.say("late");
  BOOST_REQUIRE(ends.where.drive([&] { return again.has_value(); }));
  BOOST_TEST(got.all == "late");
}

BOOST_AUTO_TEST_CASE(a_reset_is_the_systems_error_and_what_came_before_is_still_received) {
  pair ends;
  auto& got = ends.where.gather();
  auto& last = ends.where.fresh();
  ends.say("413 too large");
  // Unread bytes of ours make the peer's close a reset.
  BOOST_TEST((ends.stream.write(bytes_of("a body that nobody reads")) == progress::done));
  ends.hang_up();
  answer written = progress::done;
  BOOST_REQUIRE(ends.where.drive([&] { return !written; }, [&] { written = ends.stream.write(bytes_of("more")); }));
  BOOST_TEST((written.error() == asio::error::broken_pipe || written.error() == asio::error::connection_reset));
  ends.where.tasks.spawn(receive_all(ends.stream, got, last));
  BOOST_REQUIRE(ends.where.drive([&] { return last.has_value(); }));
  BOOST_TEST(got.all == "413 too large");
  auto& drained = ends.where.fresh();
  ends.where.spawn(ends.stream.drained(), drained);
  BOOST_REQUIRE(ends.where.drive([&] { return drained.has_value(); }));
  BOOST_TEST(drained->has_error());
}

namespace {
core::task<void> dial(asio::ip::tcp::endpoint to, std::optional<core::result<core::tcp_socket>>& into) {
  into.emplace(co_await net::connect(to));
}
}  // namespace

// The kernel tells of a reset once: whoever sends first hears of it, and whoever reads then must not take it for the peer's last word.
BOOST_AUTO_TEST_CASE(a_reset_that_a_send_has_met_is_no_end_in_good_order) {
  pair ends(16 * 1024);
  BOOST_TEST((ends.stream.write(bytes_of(pattern(mib))) == progress::blocked));
  ends.say("half of");
  const linger now{1, 0};
  BOOST_REQUIRE(::setsockopt(ends.peer, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
  ends.hang_up();
  auto& drained = ends.where.fresh();
  ends.where.spawn(ends.stream.drained(), drained);
  BOOST_REQUIRE(ends.where.drive([&] { return drained.has_value(); }));
  BOOST_TEST((drained->error() == asio::error::connection_reset));
  auto& got = ends.where.gather();
  auto& last = ends.where.fresh();
  ends.where.tasks.spawn(receive_all(ends.stream, got, last));
  BOOST_REQUIRE(ends.where.drive([&] { return last.has_value(); }));
  BOOST_TEST(got.all == "half of");
  BOOST_TEST((last->has_error() && last->error() == asio::error::connection_reset));
}

// The peer has said all and gone; then a reset answers what it did not read.
BOOST_AUTO_TEST_CASE(an_end_in_good_order_stays_one_when_a_send_fails_after_it) {
  pair ends;
  ends.say("the last word");
  ends.hang_up();
  BOOST_REQUIRE(ends.where.drive([&] { return !ends.stream.write(bytes_of("late")); }));
  auto& got = ends.where.gather();
  auto& last = ends.where.fresh();
  ends.where.tasks.spawn(receive_all(ends.stream, got, last));
  BOOST_REQUIRE(ends.where.drive([&] { return last.has_value(); }));
  BOOST_TEST(got.all == "the last word");
  BOOST_TEST((*last == progress::ended));
}

BOOST_AUTO_TEST_CASE(connect_sets_the_options_of_a_connection_or_gives_the_systems_error) {
  worker where;
  std::optional<core::result<core::tcp_socket>> connected, refused;
  where.tasks.spawn(dial(where.acceptor.local_endpoint(), connected));
  BOOST_REQUIRE(where.drive([&] { return connected.has_value(); }));
  BOOST_REQUIRE(connected->has_value());
  asio::ip::tcp::no_delay no_delay;
  asio::socket_base::keep_alive keep_alive;
  (**connected).get_option(no_delay);
  (**connected).get_option(keep_alive);
  BOOST_TEST(no_delay.value());
  BOOST_TEST(keep_alive.value());
  int user_timeout = 0;
  socklen_t size = sizeof user_timeout;
  BOOST_REQUIRE_EQUAL(::getsockopt((**connected).native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, &size), 0);
  BOOST_TEST(user_timeout == 60'000);

  const auto nobody = where.acceptor.local_endpoint();
  where.acceptor.close();
  where.tasks.spawn(dial(nobody, refused));
  BOOST_REQUIRE(where.drive([&] { return refused.has_value(); }));
  BOOST_TEST(refused->error() == asio::error::connection_refused);
  where.end();
}

BOOST_AUTO_TEST_CASE(a_workbench_lends_its_plaintext_once_at_a_time) {
  net::workbench bench;
  for (int round = 0; round < 2; ++round) {
    const net::workbench::loan loan(bench);
    std::fill_n(loan.data(), net::workbench::plaintext_max_bytes, std::byte{1});
    BOOST_TEST((loan.data()[net::workbench::plaintext_max_bytes - 1] == std::byte{1}));
  }
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    if (std::freopen("/dev/null", "w", stderr) == nullptr) ::_exit(3);
    ::signal(SIGABRT, SIG_DFL);
    const net::workbench::loan one(bench);
    const net::workbench::loan two(bench);
    ::_exit(0);
  }
  int status = 0;
  BOOST_REQUIRE_EQUAL(::waitpid(child, &status, 0), child);
  BOOST_TEST(!(WIFEXITED(status) && WEXITSTATUS(status) == 0));
}
