// A backend of the tests that speaks nothing: the test takes its connections and plays the other end of each by hand. A connection that
// nobody has taken yet counts as well, for the kernel has made it: `connections() == 0` is the assertion that this is for. One thread;
// every wait has a deadline.
#pragma once

#include "h2_wire.hpp"
#include "listening.hpp"

#include <memory>

namespace sallyport::support {

class byte_backend {
 public:
  explicit byte_backend(int receive_buffer = 0) { start(0, receive_buffer); }
  ~byte_backend() { stop(); }
  byte_backend(const byte_backend&) = delete;
  byte_backend& operator=(const byte_backend&) = delete;

  std::uint16_t port() const { return port_; }
  void stop() {
    if (listener_ >= 0) ::close(std::exchange(listener_, -1));
  }
  void start_again() { start(port_, 0); }

  // All that were ever made.
  std::size_t connections() {
    while (auto made = take(0ms)) waiting_.push_back(std::move(made));
    return seen_;
  }
  // The next one, in the order in which they came; nullptr: none comes.
  std::unique_ptr<wire> accept(steady::duration limit = 10s) {
    if (waiting_.empty()) return take(limit);
    auto first = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    return first;
  }

 private:
  void start(std::uint16_t port, int receive_buffer) {
    const auto made = listen_on_loopback(port, SOCK_NONBLOCK, receive_buffer);
    listener_ = made.descriptor;
    port_ = made.port;
  }
  std::unique_ptr<wire> take(steady::duration limit) {
    pollfd at{listener_, POLLIN, 0};
    const auto wait = static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(limit).count());
    if (::poll(&at, 1, wait) <= 0) return nullptr;
    const int made = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (made < 0) return nullptr;
    ++seen_;
    const int on = 1;
    ::setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return std::make_unique<wire>(made);
  }

  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::size_t seen_ = 0;
  std::vector<std::unique_ptr<wire>> waiting_;
};

// Exactly so many bytes; fewer: the wire ended before.
inline std::string read_exactly(wire& from, std::size_t bytes, steady::duration limit = 20s) {
  std::string all;
  const auto until = steady::now() + limit;
  while (all.size() < bytes && from.read(all, until)) {
  }
  return all;
}

}  // namespace sallyport::support
