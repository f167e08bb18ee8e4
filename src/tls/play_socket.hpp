// A socket of a play: everything that is sent and received on it ends at one point in time and at a number of bytes. Blocking.
#pragma once

#include <sallyport/core/asio.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace sallyport::tls {

class play_socket {
 public:
  using clock = std::chrono::steady_clock;
  enum class came { more, nothing_more, too_much, too_late };

  explicit play_socket(clock::time_point until) : until_(until) {}
  play_socket(int descriptor, clock::time_point until);  // takes it
  ~play_socket();
  play_socket(const play_socket&) = delete;
  play_socket& operator=(const play_socket&) = delete;

  // Empty: there is a connection; else why not.
  std::string connect(const core::asio::ip::tcp::endpoint& to);

  // Sends all of it, and gathers in `received` what comes meanwhile, so that two sides that both send do not wait for each other. A peer
  // that takes no more is not an error here: what it said before it went is still to be read.
  void send(std::string_view bytes);

  // Waits until there is more in `received` than after the last wait, but not beyond `latest`.
  came wait(clock::time_point latest);
  came wait() { return wait(until_); }

  clock::time_point until() const { return until_; }
  bool was_reset() const { return reset_; }

  std::string received;  // what has come and was not used yet

 private:
  bool ready(short& events, clock::time_point latest) const;  // false: the time is up
  void take();

  int descriptor_ = -1;
  const clock::time_point until_;
  std::size_t total_ = 0;
  bool ended_ = false, reset_ = false, deaf_ = false;
  bool fresh_ = false;  // something came while we sent
};

}  // namespace sallyport::tls
