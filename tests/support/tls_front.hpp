// TLS before a backend of the tests, by our own server's end: what it is shown is kept, and the bytes go on in plaintext to a port that the
// test names, so that those backends need not know of TLS. One thread of its own; all else may be called from the test's. For rooms that
// know net and tls.
#pragma once

#include <sallyport/core/task_group.hpp>
#include <sallyport/net/plain_stream.hpp>
#include <sallyport/net/relay.hpp>
#include <sallyport/tls/session.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <sys/socket.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace sallyport::support {

class tls_front {
 public:
  struct client {
    tls::negotiated how;
    std::string subject;  // of its certificate
  };

  // `abrupt`: it ends by a FIN where it should say close_notify.
  explicit tls_front(const tls::server_settings& settings, std::uint16_t to = 0, bool abrupt = false)
      : trust_(load(settings)), abrupt_(abrupt), to_(to) {
    tasks_.spawn(accept());
    thread_ = std::thread([this] { io_.run(); });
  }
  ~tls_front() {
    core::asio::post(io_, [this] {
      stopped_ = true;
      core::error_code ignored;
      acceptor_.close(ignored);
      tasks_.cancel();
      work_.reset();
    });
    thread_.join();
  }
  tls_front(const tls_front&) = delete;
  tls_front& operator=(const tls_front&) = delete;

  std::uint16_t port() const { return port_; }
  void forward_to(std::uint16_t port) { to_ = port; }
  std::vector<client> clients() const {  // whose handshakes have succeeded
    const std::lock_guard held(mutex_);
    return clients_;
  }
  std::vector<std::string> refused() const {  // why others have not
    const std::lock_guard held(mutex_);
    return refused_;
  }

 private:
  static std::shared_ptr<const tls::context> load(const tls::server_settings& settings) {
    auto loaded = tls::context::load(settings);
    if (!loaded) throw std::runtime_error(loaded.error().front().text);
    return std::move(*loaded);
  }

  struct abrupt_stream final : net::stream {
    abrupt_stream(net::stream& s, int d) : over(s), descriptor(d) {}
    core::task<core::result<core::progress>> receive(net::receiver& to) override { return over.receive(to); }
    core::result<core::progress> write(core::bytes data) override { return over.write(data); }
    core::task<core::result<core::progress>> drained() override { return over.drained(); }
    core::result<core::progress> try_close() override {
      if (over.unsent() != 0) return core::progress::blocked;
      ::shutdown(descriptor, SHUT_WR);
      return core::progress::done;
    }
    void abort() noexcept override { over.abort(); }
    void reset() noexcept override { over.reset(); }
    std::size_t unsent() const override { return over.unsent(); }
    bool is_gone() override { return over.is_gone(); }
    net::stream& over;
    const int descriptor;
  };

  core::task<void> accept() {
    while (!stopped_) {
      auto [ec, socket] = co_await acceptor_.async_accept(core::await);
      if (ec) co_return;
      socket.set_option(core::asio::ip::tcp::no_delay(true), ec);
      tasks_.spawn(serve(std::move(socket)));
    }
  }

  core::task<void> serve(core::tcp_socket socket) {
    const int descriptor = socket.native_handle();
    tls::session from(std::move(socket), trust_, bench_);
    abrupt_stream without_goodbye(from, descriptor);
    const auto done = co_await from.accept();
    if (!done) {
      note_refused(from.failure().reason);
      co_return;
    }
    const auto who = from.identity();
    note_client({from.parameters(), who ? who->subject : std::string()});
    const core::asio::ip::tcp::endpoint there(core::asio::ip::address_v4::loopback(), to_);
    auto dialled = co_await net::connect(there);
    if (!dialled) co_return;
    net::plain_stream to(std::move(*dialled), bench_);
    net::stream& near = abrupt_ ? static_cast<net::stream&>(without_goodbye) : from;
    net::relay bytes(near, to);
    co_await bytes.run();
  }

  void note_refused(std::string why) {
    const std::lock_guard held(mutex_);
    refused_.push_back(std::move(why));
  }
  void note_client(client one) {
    const std::lock_guard held(mutex_);
    clients_.push_back(std::move(one));
  }

  const std::shared_ptr<const tls::context> trust_;
  const bool abrupt_;
  std::atomic<std::uint16_t> to_;
  core::asio::io_context io_{1};
  core::asio::executor_work_guard<core::executor> work_{io_.get_executor()};
  core::task_group tasks_{io_.get_executor()};
  core::tcp_acceptor acceptor_{io_.get_executor(), {core::asio::ip::address_v4::loopback(), 0}};
  const std::uint16_t port_ = acceptor_.local_endpoint().port();
  net::workbench bench_;
  bool stopped_ = false;
  mutable std::mutex mutex_;
  std::vector<client> clients_;
  std::vector<std::string> refused_;
  std::thread thread_;
};

}  // namespace sallyport::support
