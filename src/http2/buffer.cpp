#include <sallyport/http2/buffer.hpp>

#include <algorithm>

namespace sallyport::http2 {

std::unique_ptr<std::byte[]> buffer_pool::take(std::size_t bytes) {
  const auto before = used_;
  used_ += bytes;
  if (tell_ && before <= watched_ && used_ > watched_) tell_();
  if (bytes != chunk_bytes || spare_.empty()) return std::unique_ptr<std::byte[]>(new std::byte[bytes]);
  auto chunk = std::move(spare_.back());
  spare_.pop_back();
  return chunk;
}

void buffer_pool::give(std::unique_ptr<std::byte[]> memory, std::size_t bytes) {
  used_ -= bytes;
  if (bytes == chunk_bytes && spare_.size() < spare_max) spare_.push_back(std::move(memory));
}

void buffer::clear() {
  if (memory_) pool_->give(std::move(memory_), capacity_);
  begin_ = end_ = capacity_ = 0;
}

void buffer::grow(std::size_t n) {
  const auto have = size();
  if (begin_ && have + n <= capacity_) {
    std::memmove(memory_.get(), memory_.get() + begin_, have);
  } else {
    auto capacity = std::max(capacity_, buffer_pool::chunk_bytes);
    while (capacity < have + n) capacity *= 2;
    auto memory = pool_->take(capacity);
    if (have) std::memcpy(memory.get(), memory_.get() + begin_, have);
    if (memory_) pool_->give(std::move(memory_), capacity_);
    memory_ = std::move(memory);
    capacity_ = capacity;
  }
  begin_ = 0;
  end_ = have;
}

}  // namespace sallyport::http2
