// A relay whose client goes away: what the backend is told, and how soon.
#include <sallyport/net/plain_stream.hpp>
#include <sallyport/net/relay.hpp>

#include <support/worker.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <thread>

using namespace sallyport;
using namespace sallyport::support;
using namespace std::chrono_literals;

namespace {

core::task<void> note_end(net::relay& of, bool& over) {
  co_await of.run();
  over = true;
}

// Where the end is words of the stream's own, as in TLS, saying it may fail; and one that takes no more keeps what it has not taken.
struct breakable final : net::stream {
  breakable(core::tcp_socket socket, net::workbench& bench) : in(std::move(socket), bench) {}
  core::task<answer> receive(net::receiver& to) override { return in.receive(to); }
  answer write(core::bytes data) override { return in.write(data); }
  core::task<answer> drained() override {
    auto waiting = in.drained();
    const auto done = co_await std::move(waiting);
    co_return deaf ? answer(core::error_code(asio::error::broken_pipe)) : done;
  }
  answer try_close() override { return unclosable ? answer(core::error_code(asio::error::broken_pipe)) : in.try_close(); }
  void abort() noexcept override { in.abort(); }
  void reset() noexcept override { in.reset(); }
  std::size_t unsent() const override { return deaf ? 1 : in.unsent(); }
  std::size_t undelivered() override { return deaf ? 1 : in.undelivered(); }
  bool is_gone() override { return in.is_gone(); }
  net::plain_stream in;
  bool unclosable = false, deaf = false;
};

// A relay between two descriptors of the test's, which take and hold little.
struct relayed {
  relayed() { on.tasks.spawn(note_end(bytes, over)); }
  ~relayed() {
    bytes.end("aborted");
    on.end();
    for (const int fd : {client, backend})
      if (fd >= 0) ::close(fd);
  }

  bool drive(const std::function<bool()>& until) { return on.drive(until); }
  bool over_within(core::clock::duration limit) {
    const auto begun = core::clock::now();
    return drive([&] { return over || core::clock::now() - begun > limit; }) && over;
  }
  // As much as goes through until nobody takes any more; how much that was.
  std::size_t fill(int fd) {
    const std::string piece(64 * 1024, 'x');
    std::size_t all = 0;
    auto stuck_since = core::clock::now();
    drive([&] {
      const auto sent = ::send(fd, piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) {
        all += static_cast<std::size_t>(sent);
        stuck_since = core::clock::now();
      }
      return core::clock::now() - stuck_since > 100ms;
    });
    return all;
  }
  void reset_client() {
    const linger now{1, 0};
    ::setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close_client();
  }
  void close_client() { ::close(std::exchange(client, -1)); }
  // What the backend still gets, and whether that ends in good order.
  std::string rest(bool& whole) {
    std::string all;
    char some[16 * 1024];
    ssize_t got = -1;
    drive([&] {
      while ((got = ::recv(backend, some, sizeof some, MSG_DONTWAIT)) > 0) all.append(some, static_cast<std::size_t>(got));
      return got == 0 || errno != EAGAIN;
    });
    whole = got == 0;
    return all;
  }

  worker on;
  std::pair<core::tcp_socket, int> to_client{on.connection(16 * 1024)}, to_backend{on.connection(16 * 1024)};
  int &client = to_client.second, &backend = to_backend.second;
  net::plain_stream near{std::move(to_client.first), on.bench};
  breakable far{std::move(to_backend.first), on.bench};
  net::relay bytes{near, far};
  bool over = false;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_clients_reset_is_the_backends_though_neither_side_takes_anything) {
  relayed r;
  r.fill(r.backend);
  r.fill(r.client);
  r.reset_client();
  BOOST_TEST(r.over_within(1s));
  BOOST_TEST(r.bytes.cause() == "client_broken");
  bool whole = true;
  r.rest(whole);
  BOOST_TEST(!whole);
}

BOOST_AUTO_TEST_CASE(a_clients_reset_is_noticed_by_the_sweep_when_nobody_reads_from_it_and_nothing_is_said_to_it) {
  relayed r;
  r.fill(r.client);
  r.reset_client();
  const auto begun = core::clock::now();
  BOOST_TEST(r.on.drive([&] {
    r.bytes.sweep(core::clock::now(), 60s, 0s);
    return r.over || core::clock::now() - begun > 1s;
  }));
  BOOST_TEST(r.over);
  bool whole = true;
  r.rest(whole);
  BOOST_TEST(!whole);
}

BOOST_AUTO_TEST_CASE(a_client_that_closes_has_said_all_and_hears_no_more) {
  relayed r;
  const auto upload = pattern(40 * 1024);
  BOOST_REQUIRE(::send(r.client, upload.data(), upload.size(), 0) == static_cast<ssize_t>(upload.size()));
  r.close_client();
  BOOST_REQUIRE(r.drive([&] { return r.bytes.to_backend() == upload.size(); }));
  // Its backend says more and more, to a socket that answers with resets.
  const std::string piece(64 * 1024, 'x');
  const auto begun = core::clock::now();
  std::string got;
  char some[512];
  r.drive([&] {
    (void)::send(r.backend, piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    const auto n = ::recv(r.backend, some, sizeof some, MSG_DONTWAIT);
    if (n > 0) got.append(some, static_cast<std::size_t>(n));
    return r.over || core::clock::now() - begun > 1s;
  });
  BOOST_TEST(r.over);
  BOOST_TEST(r.bytes.cause() == "client_broken");
  bool whole = false;
  BOOST_TEST((got + r.rest(whole) == upload));
}

BOOST_AUTO_TEST_CASE(what_a_client_has_said_arrives_whole_though_its_backend_has_ended_first_and_takes_it_late) {
  relayed r;
  ::shutdown(r.backend, SHUT_WR);
  BOOST_REQUIRE(r.drive([&] {
    char c;
    return ::recv(r.client, &c, 1, MSG_DONTWAIT) == 0;
  }));
  const auto upload = pattern(400'000);
  std::size_t sent = 0;
  auto stuck_since = core::clock::now();
  r.drive([&] {
    const auto n = ::send(r.client, upload.data() + sent, upload.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) sent += static_cast<std::size_t>(n), stuck_since = core::clock::now();
    return sent == upload.size() || core::clock::now() - stuck_since > 100ms;
  });
  ::shutdown(r.client, SHUT_WR);
  std::string got;
  char some[4096];
  BOOST_TEST(r.drive([&] {
    r.bytes.sweep(core::clock::now(), 60s, 0s);
    const auto n = ::recv(r.backend, some, sizeof some, MSG_DONTWAIT);
    if (n > 0) got.append(some, static_cast<std::size_t>(n));
    return n == 0 || (n < 0 && errno != EAGAIN);
  }));
  BOOST_TEST((got == upload.substr(0, sent)));
  BOOST_TEST(r.over_within(1s));
  BOOST_TEST(r.bytes.cause() == "ended");
}

namespace {

// What the client still gets, read steadily and not fast; the relay is swept meanwhile, by a clock that no busy machine makes jump.
std::size_t read_slowly(relayed& r, core::clock::duration write_stall) {
  std::size_t all = 0;
  char some[1024];
  ssize_t got = -1;
  auto now = core::clock::now();
  r.drive([&] {
    std::this_thread::sleep_for(2ms);
    if ((got = ::recv(r.client, some, sizeof some, MSG_DONTWAIT)) > 0) all += static_cast<std::size_t>(got);
    r.bytes.sweep(now += 2ms, write_stall, 0s);
    return got == 0 || (got < 0 && errno != EAGAIN);
  });
  return all;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_backends_last_words_arrive_though_it_cannot_be_told_that_the_client_has_ended) {
  relayed r;
  r.far.unclosable = true;
  const std::string words(256 * 1024, 'x');
  std::size_t said = 0;
  BOOST_REQUIRE(r.drive([&] {
    const auto n = ::send(r.backend, words.data(), words.size() - said, MSG_NOSIGNAL | MSG_DONTWAIT);
    said += n > 0 ? static_cast<std::size_t>(n) : 0;
    char some[1024];
    if (said < words.size() && ::recv(r.client, some, sizeof some, MSG_DONTWAIT | MSG_PEEK) > 0 && n < 0) return true;
    return said == words.size();
  }));
  ::shutdown(r.backend, SHUT_WR);
  ::shutdown(r.client, SHUT_WR);
  BOOST_TEST(read_slowly(r, 60s) == said);
  BOOST_TEST(r.over_within(5s));
  BOOST_TEST(r.bytes.cause() == "backend_broken");
}

BOOST_AUTO_TEST_CASE(a_side_that_is_dead_does_not_stall_while_the_other_gets_its_words) {
  relayed r;
  r.fill(r.client);
  r.far.deaf = true;
  char some[64 * 1024];
  BOOST_REQUIRE(r.drive([&] {
    while (::recv(r.backend, some, sizeof some, MSG_DONTWAIT) > 0) {
    }
    return r.bytes.cause() == "backend_broken";
  }));
  const std::string words(200 * 1024, 'x');
  BOOST_REQUIRE(::send(r.backend, words.data(), words.size(), MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(words.size()));
  ::shutdown(r.backend, SHUT_WR);
  BOOST_TEST(read_slowly(r, 50ms) == words.size());
}
