// How fast a request's body comes, measured only while the client is the one to move (docs/passage.md 24, docs/defences.md P14): slower is
// not a client's but an attack's. Of one connection.
#pragma once

#include <sallyport/core/asio.hpp>

#include <chrono>
#include <cstdint>

namespace sallyport::proxy {

class body_pace {
 public:
  explicit body_pace(core::clock::time_point now) : since_(now) {}
  static constexpr std::chrono::seconds period{10};
  static constexpr std::uint64_t least_bytes = 2400;  // in a period

  void came(std::size_t bytes) { bytes_ += bytes; }
  void restart(core::clock::time_point now) {
    since_ = now;
    before_ = bytes_;
  }
  // A few times a second. due: the client is inside an unfinished message, and has credit.
  bool is_too_slow(bool due, core::clock::time_point now) {
    if (due && now - since_ < period) return false;
    const bool slow = due && bytes_ - before_ < least_bytes;
    restart(now);
    return slow;
  }

 private:
  std::uint64_t bytes_ = 0, before_ = 0;
  core::clock::time_point since_;
};

}  // namespace sallyport::proxy
