// A worker in a test: one thread, the test's own. Nothing sleeps; what should happen is driven until it did. For rooms that know net.
#pragma once

#include <sallyport/core/deadline.hpp>
#include <sallyport/core/task_group.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/net/workbench.hpp>

#include <boost/asio/post.hpp>
#include <boost/test/unit_test.hpp>

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace sallyport::support {

namespace asio = core::asio;
using core::progress;
using answer = core::result<progress>;
using maybe = std::optional<answer>;

inline core::bytes bytes_of(std::string_view text) { return {reinterpret_cast<const std::byte*>(text.data()), text.size()}; }
inline std::string text_of(core::bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// Not all bytes alike, so that a lost, doubled or swapped piece shows.
inline std::string pattern(std::size_t size, unsigned seed = 1) {
  std::string text(size, '\0');
  for (auto& c : text) {
    seed = static_cast<unsigned>(seed * std::uint64_t{1664525} + 1013904223);
    c = static_cast<char>(seed >> 24);
  }
  return text;
}

// Keeps what was received.
struct collector final : net::receiver {
  std::string all;
  int calls = 0;
  std::function<void(core::bytes)> also;
  void received(core::bytes some) override {
    ++calls;
    all += text_of(some);
    if (also) also(some);
  }
};

inline core::task<void> note(core::task<answer> work, maybe& into) { into = co_await std::move(work); }

inline core::task<void> receive_all(net::stream& from, net::receiver& to, maybe& last) {
  for (;;) {
    const answer got = co_await from.receive(to);
    if (got && *got == progress::done) continue;
    last = got;
    co_return;
  }
}

// Writes as the proxy does: a plain call, and a wait when it says blocked.
inline core::task<void> send_all(net::stream& to, std::string_view text, std::size_t piece, maybe& last) {
  while (!text.empty()) {
    const auto some = text.substr(0, piece);
    text.remove_prefix(some.size());
    answer sent = to.write(bytes_of(some));
    if (sent && *sent == progress::blocked) {
      BOOST_TEST(to.unsent() > 0U);
      sent = co_await to.drained();
    }
    if (!sent) {
      last = sent;
      co_return;
    }
    BOOST_TEST(to.unsent() == 0U);
  }
  last = answer(progress::done);
}

struct worker {
  asio::io_context io{1};
  net::workbench bench;
  core::task_group tasks{io.get_executor()};
  core::tcp_acceptor acceptor{io.get_executor(), {asio::ip::address_v4::loopback(), 0}};

  worker() = default;
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;
  // Whatever a test left waiting ends before what it refers to goes.
  ~worker() { end(); }
  void end() {
    asio::post(io, [this] { tasks.cancel(); });  // on the worker's thread, as a task_group wants it
    io.restart();
    io.run();
  }

  // What tasks write into lives as long as they.
  maybe& fresh() { return answers_.emplace_back(); }
  collector& gather() { return collectors_.emplace_back(); }
  void spawn(core::task<answer> work, maybe& into) { tasks.spawn(note(std::move(work), into)); }

  // Turns the worker, and `each` between, until `until` holds; false after half a minute.
  bool drive(const std::function<bool()>& until, const std::function<void()>& each = [] {}) {
    const auto limit = core::clock::now() + std::chrono::seconds(30);
    while (core::clock::now() < limit) {
      each();
      io.restart();
      if (io.poll() == 0) {
        io.restart();
        io.run_one_for(std::chrono::milliseconds(1));
      }
      if (until()) return true;
    }
    return false;
  }

  // Both ends of a loopback connection, the second one a blocking descriptor; `buffer` makes the kernel take little.
  std::pair<core::tcp_socket, int> connection(int buffer = 0) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (buffer != 0) ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    const auto to = acceptor.local_endpoint();
    BOOST_REQUIRE_EQUAL(::connect(fd, to.data(), static_cast<socklen_t>(to.size())), 0);
    auto accepted = acceptor.accept();
    if (buffer != 0) accepted.set_option(asio::socket_base::send_buffer_size(buffer));
    accepted.set_option(asio::ip::tcp::no_delay(true));
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return {std::move(accepted), fd};
  }

 private:
  std::deque<maybe> answers_;
  std::deque<collector> collectors_;
};

}  // namespace sallyport::support
