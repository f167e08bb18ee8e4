// Servers for the tests of plays, each on a thread of its own, for a play blocks: one of ours, and one that does as a test says.
#pragma once

#include "room.hpp"

#include <sallyport/tls/play.hpp>

#include <support/listening.hpp>

#include <atomic>
#include <thread>

namespace sallyport::tls::testing {

// RFC 9113: SETTINGS, an acknowledgement of the client's, and HEADERS of stream 1 that end it.
inline std::string http2_answer(const std::string& block) {
  std::string frames("\0\0\0\4\0\0\0\0\0\0\0\0\4\1\0\0\0\0\0\0", 20);
  frames += static_cast<char>(block.size());
  return frames + std::string("\1\5\0\0\0\1", 6) + block;
}

// A door 1 with the context of a test: it shakes hands, and answers the first bytes that come through.
class house {
 public:
  explicit house(std::shared_ptr<const context> trust, std::string answer = http2_answer("\x88"))
      : trust_(std::move(trust)), answer_(std::move(answer)), thread_([this] {
          tasks_.spawn(accept_all());
          io_.run();
        }) {}
  ~house() {
    asio::post(io_, [this] {
      tasks_.cancel();
      acceptor_.close();
    });
    thread_.join();
  }
  house(const house&) = delete;
  house& operator=(const house&) = delete;

  asio::ip::tcp::endpoint at() const { return at_; }
  int served() const { return served_; }  // requests that came through the door

 private:
  core::task<void> accept_all() {
    for (;;) {
      auto [ec, socket] = co_await acceptor_.async_accept(core::await);
      if (ec) co_return;
      tasks_.spawn(one(std::move(socket)));
    }
  }
  core::task<void> one(core::tcp_socket socket) {
    session door(std::move(socket), trust_, bench_);
    support::collector got;
    const auto shaken = co_await door.accept();
    if (shaken) {
      (void)co_await door.receive(got);
      if (!got.all.empty()) {
        ++served_;
        (void)door.write(support::bytes_of(answer_));
      }
    }
    (void)co_await door.close();
    for (;;) {
      const auto more = co_await door.receive(got);
      if (!more || *more == progress::ended) co_return;
    }
  }

  std::shared_ptr<const context> trust_;
  const std::string answer_;
  asio::io_context io_{1};
  net::workbench bench_;
  core::task_group tasks_{io_.get_executor()};
  core::tcp_acceptor acceptor_{io_.get_executor(), {asio::ip::address_v4::loopback(), 0}};
  const asio::ip::tcp::endpoint at_ = acceptor_.local_endpoint();
  std::atomic<int> served_{0};
  std::thread thread_;
};

// Accepts one connection and gives it to the test's function, which ends when the client goes.
class stranger {
 public:
  explicit stranger(std::function<void(int)> does)
      : thread_([this, does = std::move(does)] {
          auto socket = acceptor_.accept();
          does(socket.native_handle());
        }) {}
  ~stranger() { thread_.join(); }
  stranger(const stranger&) = delete;
  stranger& operator=(const stranger&) = delete;

  asio::ip::tcp::endpoint at() const { return at_; }

  static void wait_for_the_end(int descriptor) {
    char some[4096];
    while (::recv(descriptor, some, sizeof some, 0) > 0) {
    }
  }

 private:
  asio::io_context io_{1};
  core::tcp_acceptor acceptor_{io_.get_executor(), {asio::ip::address_v4::loopback(), 0}};
  const asio::ip::tcp::endpoint at_ = acceptor_.local_endpoint();
  std::thread thread_;
};

}  // namespace sallyport::tls::testing
