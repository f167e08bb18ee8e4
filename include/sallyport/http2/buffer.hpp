// A growing run of bytes on their way out, and the pool that its memory comes from and goes back to: a connection without output owns none.
// One pool a worker, used on its thread only; it must outlive its buffers. What bounds a buffer is whoever fills it (session's mark and
// windows); what bounds all of them is whoever looks at `used_bytes` (docs/passage.md 23).
#pragma once

#include <sallyport/core/result.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace sallyport::http2 {

class buffer_pool {
 public:
  static constexpr std::size_t chunk_bytes = 4096;
  static constexpr std::size_t spare_max_bytes = 4 * 1024 * 1024;
  std::unique_ptr<std::byte[]> take(std::size_t bytes);  // chunk_bytes, or that times a power of two
  void give(std::unique_ptr<std::byte[]> memory, std::size_t bytes);

  // What buffers own now, and what counts with them; what is kept for the next is not in it.
  std::size_t used_bytes() const { return used_; }
  // Calls `tell` whenever more than `bytes` come into use, from within a buffer that grows: it may note that, and no more.
  void watch(std::size_t bytes, std::function<void()> tell) { watched_ = bytes, tell_ = std::move(tell); }

 private:
  friend class counted_bytes;
  void use(std::size_t bytes);
  // Of 4 to 512 KiB. The allocator would give the large ones back to the system each time.
  std::array<std::vector<std::unique_ptr<std::byte[]>>, 8> spare_;
  std::size_t used_ = 0, watched_ = 0, spare_bytes_ = 0;
  std::function<void()> tell_;
};

// Memory that is not the pool's, and counts with it as long as this lives.
class counted_bytes {
 public:
  counted_bytes(buffer_pool& pool, std::size_t bytes) : pool_(pool), bytes_(bytes) { pool_.use(bytes_); }
  ~counted_bytes() { pool_.used_ -= bytes_; }
  counted_bytes(const counted_bytes&) = delete;
  counted_bytes& operator=(const counted_bytes&) = delete;
  std::size_t bytes() const { return bytes_; }

 private:
  buffer_pool& pool_;
  const std::size_t bytes_;
};

class buffer {
 public:
  explicit buffer(buffer_pool& pool) : pool_(&pool) {}
  buffer(const buffer&) = delete;
  buffer& operator=(const buffer&) = delete;
  ~buffer() { clear(); }

  bool empty() const { return begin_ == end_; }
  std::size_t size() const { return end_ - begin_; }
  std::size_t capacity() const { return capacity_; }  // the memory that it owns
  core::bytes view() const { return {memory_.get() + begin_, size()}; }

  // At least n bytes to write into; `commit` says how many were written.
  std::byte* room(std::size_t n) {
    if (end_ + n > capacity_) grow(n);
    return memory_.get() + end_;
  }
  void commit(std::size_t n) { end_ += n; }
  void uncommit(std::size_t n) { end_ -= n; }  // takes back what was written last
  void append(core::bytes data) {
    if (data.empty()) return;
    std::memcpy(room(data.size()), data.data(), data.size());
    end_ += data.size();
  }
  void consume(std::size_t n) {
    begin_ += n;
    if (begin_ == end_) clear();
  }
  void clear();  // gives the memory back
  buffer_pool& pool() const { return *pool_; }

 private:
  void grow(std::size_t n);
  buffer_pool* pool_;
  std::unique_ptr<std::byte[]> memory_;
  std::size_t begin_ = 0, end_ = 0, capacity_ = 0;
};

}  // namespace sallyport::http2
