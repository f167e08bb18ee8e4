#include <sallyport/net/listener.hpp>

#include <support/worker.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

using namespace sallyport;
using namespace sallyport::support;
using namespace std::chrono_literals;

namespace {

struct temporary_file {
  std::string path = (std::filesystem::temp_directory_path() / "sallyport-net-XXXXXX").string();
  temporary_file() { ::close(::mkstemp(path.data())); }
  ~temporary_file() { ::unlink(path.c_str()); }
  std::string text() const {
    std::ostringstream all;
    all << std::ifstream(path).rdbuf();
    return all.str();
  }
};

// A client's descriptor, closed with it.
struct dialler {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ~dialler() { ::close(fd); }
  dialler() = default;
  dialler(const dialler&) = delete;
  dialler& operator=(const dialler&) = delete;
  bool connect(const asio::ip::tcp::endpoint& to) { return ::connect(fd, to.data(), static_cast<socklen_t>(to.size())) == 0; }
  bool closed_by_the_peer() {
    char one;
    const auto got = ::recv(fd, &one, 1, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno == ECONNRESET);
  }
};

core::task<void> nap() {
  core::timer sleeper(co_await asio::this_coro::executor, 1ms);
  auto [ec] = co_await sleeper.async_wait(core::await);
  BOOST_TEST(!ec);
}

// A worker with a log that can be read.
struct place {
  temporary_file log_file;
  telemetry::logger log{{.file = log_file.path}};
  worker where;
  std::shared_ptr<net::admission> gate = std::make_shared<net::admission>(net::admission_limits{});
  std::vector<net::accepted> taken;

  auto open(const std::string& host, std::uint16_t port = 0) {
    return net::listener::open(where.io.get_executor(), {.name = "grpc", .host = host, .port = port}, gate, true, log);
  }
  std::unique_ptr<net::listener> must_open(const std::string& host) {
    auto opened = open(host);
    BOOST_REQUIRE_MESSAGE(opened.has_value(), (opened.has_error() ? opened.error().text : std::string()));
    return std::move(*opened);
  }
  // UBSan opens a pipe to look at an object of a type that it meets for the first time: each must have been met before none is left.
  void warm_up(net::listener& one) {
    dialler client;
    BOOST_REQUIRE(client.connect(one.local()));
    where.tasks.spawn(nap());
    log.warning("warm_up", {});
    BOOST_REQUIRE(where.drive([&] { return taken.size() == 1 && where.tasks.size() == 1; }));
    taken.clear();
  }
  void run(net::listener& one) {
    where.tasks.spawn(one.run([this](net::accepted a) { taken.push_back(std::move(a)); }));
  }
  std::string logged() {
    log.flush();
    return log_file.text();
  }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

struct descriptor_limit {
  rlimit before{};
  descriptor_limit() { ::getrlimit(RLIMIT_NOFILE, &before); }
  ~descriptor_limit() { ::setrlimit(RLIMIT_NOFILE, &before); }
  // Asserts nothing itself: UBSan's vptr check, which Boost.Test's macros meet, needs descriptors.
  void none_left() {
    auto now = before;
    now.rlim_cur = 3;
    if (::setrlimit(RLIMIT_NOFILE, &now) != 0) std::abort();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(port_0_lets_the_system_choose_and_local_tells, place) {
  const auto one = must_open("127.0.0.1");
  BOOST_TEST(one->local().port() != 0);
  BOOST_TEST(one->local().address().to_string() == "127.0.0.1");
  run(*one);
  dialler client;
  BOOST_REQUIRE(client.connect(one->local()));
  BOOST_REQUIRE(where.drive([&] { return !taken.empty(); }));
  auto& first = taken.front();
  BOOST_TEST(first.peer.text().starts_with("127.0.0.1:"));
  BOOST_TEST(first.peer.endpoint.port() != one->local().port());
  BOOST_TEST(static_cast<bool>(first.place));
  BOOST_TEST(gate->connections() == 1U);
  asio::ip::tcp::no_delay no_delay;
  asio::socket_base::keep_alive keep_alive;
  first.socket.get_option(no_delay);
  first.socket.get_option(keep_alive);
  BOOST_TEST(no_delay.value());
  BOOST_TEST(keep_alive.value());
  one->close();
  where.end();
}

BOOST_FIXTURE_TEST_CASE(a_name_is_as_good_as_an_address, place) {
  const auto one = must_open("localhost");
  BOOST_TEST(one->local().address().is_loopback());
}

BOOST_FIXTURE_TEST_CASE(every_worker_has_an_acceptor_of_its_own_on_the_same_port, place) {
  const auto one = must_open("127.0.0.1");
  const auto two = open("127.0.0.1", one->local().port());
  BOOST_REQUIRE(two.has_value());
  BOOST_TEST((*two)->local().port() == one->local().port());
}

BOOST_FIXTURE_TEST_CASE(why_it_cannot_listen_is_told_with_name_and_address, place) {
  // Another program's socket, which shares nothing.
  const auto busy = where.acceptor.local_endpoint();
  const auto in_use = open("127.0.0.1", busy.port());
  BOOST_REQUIRE(in_use.has_error());
  BOOST_TEST(in_use.error().code == asio::error::address_in_use);
  BOOST_TEST(in_use.error().text == "listener grpc: cannot listen on 127.0.0.1:" + std::to_string(busy.port()) +
                                        ": Address already in use: another program listens there, see `ss -ltnp`");

  const auto elsewhere = open("192.0.2.1", 19530);  // RFC 5737: nobody's
  BOOST_REQUIRE(elsewhere.has_error());
  BOOST_TEST(has(elsewhere.error().text, "192.0.2.1:19530: Cannot assign requested address: no interface of this host"));

  const auto nowhere = open("no such host.invalid");
  BOOST_REQUIRE(nowhere.has_error());
  BOOST_TEST(has(nowhere.error().text, "listener grpc: cannot find the address of no such host.invalid: "));
}

BOOST_FIXTURE_TEST_CASE(what_is_beyond_the_limits_is_closed_and_logged_and_taken_again_later, place) {
  gate = std::make_shared<net::admission>(
      net::admission_limits{.connections = 10, .connections_per_source = 10, .handshakes = 10, .handshakes_per_source = 1});
  const auto one = must_open("127.0.0.1");
  run(*one);
  dialler first, second, third;
  BOOST_REQUIRE(first.connect(one->local()));
  BOOST_REQUIRE(where.drive([&] { return taken.size() == 1; }));
  BOOST_REQUIRE(second.connect(one->local()));
  BOOST_REQUIRE(where.drive([&] { return second.closed_by_the_peer(); }));
  BOOST_TEST(taken.size() == 1U);
  BOOST_TEST(has(logged(), "connection_refused"));
  BOOST_TEST(has(logged(), "limits_handshakes_per_source"));
  BOOST_TEST(!first.closed_by_the_peer());
  taken.front().place.handshake_done();
  BOOST_REQUIRE(third.connect(one->local()));
  BOOST_REQUIRE(where.drive([&] { return taken.size() == 2; }));
  where.end();
}

BOOST_FIXTURE_TEST_CASE(when_descriptors_run_out_accepting_pauses_and_goes_on, place) {
  const auto one = must_open("127.0.0.1");
  run(*one);
  warm_up(*one);
  dialler client;
  bool connected = false, nobody = false;
  {
    descriptor_limit limit;
    limit.none_left();
    connected = client.connect(one->local());
    const auto since = core::clock::now();
    where.drive([&] { return core::clock::now() - since > 400ms; });
    nobody = taken.empty();
  }
  BOOST_REQUIRE(connected);
  BOOST_TEST(nobody);
  const auto since = core::clock::now();
  BOOST_REQUIRE(where.drive([&] { return !taken.empty(); }));
  BOOST_TEST((core::clock::now() - since < 2s));
  // 50, 100, 200, 400 ms: it did not spin.
  const auto text = logged();
  int pauses = 0;
  for (auto at = text.find("accept_paused"); at != std::string::npos; at = text.find("accept_paused", at + 1)) ++pauses;
  BOOST_TEST(pauses >= 2);
  BOOST_TEST(pauses <= 5);
  BOOST_TEST(has(text, "Too many open files"));
  where.end();
}

BOOST_FIXTURE_TEST_CASE(close_ends_the_accept_loop_even_in_a_pause, place) {
  const auto one = must_open("127.0.0.1");
  run(*one);
  warm_up(*one);
  const auto before = std::filesystem::file_size(log_file.path);
  bool connected = false, paused = false;
  {
    dialler client;
    descriptor_limit limit;
    limit.none_left();
    connected = client.connect(one->local());
    // A look at the size needs no descriptor.
    paused = where.drive([&] { return std::filesystem::file_size(log_file.path) > before; });
  }
  BOOST_REQUIRE(connected);
  BOOST_REQUIRE(paused);
  BOOST_TEST(has(logged(), "accept_paused"));
  BOOST_TEST(where.tasks.size() == 1U);
  one->close();
  // What is ready now and no more: the loop must not sit its pause out.
  where.io.restart();
  where.io.poll();
  BOOST_TEST(where.tasks.size() == 0U);
  const auto two = must_open("127.0.0.1");
  run(*two);
  where.drive([] { return true; });
  BOOST_TEST(where.tasks.size() == 1U);
  two->close();
  BOOST_REQUIRE(where.drive([&] { return where.tasks.size() == 0; }));
}
