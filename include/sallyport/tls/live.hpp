// What is replaced while it is in use: the newest snapshot of something immutable, and a number that grows with each replacement. Whoever
// works with a snapshot keeps its shared_ptr, and compares the number, one atomic load, to learn whether there is a newer one. Any thread.
// Bounded: old snapshots live as long as somebody holds them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace sallyport::tls {

template <class Snapshot>
class live {
 public:
  using pointer = std::shared_ptr<const Snapshot>;

  explicit live(pointer first) : current_(std::move(first)) {}
  live(const live&) = delete;
  live& operator=(const live&) = delete;

  // Starts at 1. Whoever reads a number here and then calls now() gets that snapshot or a newer one.
  std::uint64_t generation() const noexcept { return generation_.load(std::memory_order_acquire); }

  pointer now() const {
    const std::lock_guard lock(mutex_);
    return current_;
  }

  void replace(pointer next) {
    {
      const std::lock_guard lock(mutex_);
      current_.swap(next);
    }
    generation_.fetch_add(1, std::memory_order_acq_rel);
  }

 private:
  mutable std::mutex mutex_;
  pointer current_;
  std::atomic<std::uint64_t> generation_{1};
};

}  // namespace sallyport::tls
