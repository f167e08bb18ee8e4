// One turn of a worker: what several peers sent in one turn leaves in one write each. A connection with output marks itself, and all marked
// ones are flushed once, after the handlers that were ready. One per worker, used on its thread only; it outlives what it may be asked to
// flush.
#pragma once

#include <sallyport/core/asio.hpp>

#include <vector>

namespace sallyport::net {

class turn;

class flushable {
 public:
  virtual ~flushable() = default;
  virtual void flush() = 0;

 private:
  friend class turn;
  bool marked_ = false;
};

class turn {
 public:
  explicit turn(core::executor on) : executor_(on) {}
  turn(const turn&) = delete;
  turn& operator=(const turn&) = delete;

  void mark(flushable& who);
  void forget(flushable& who) noexcept;  // before it is destroyed

 private:
  void run();
  core::executor executor_;
  std::vector<flushable*> marked_;
  bool posted_ = false;
};

}  // namespace sallyport::net
