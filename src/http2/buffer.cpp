#include <sallyport/http2/buffer.hpp>

#include <algorithm>

namespace sallyport::http2 {

std::unique_ptr<std::byte[]> buffer_pool::take() {
  if (spare_.empty()) return std::unique_ptr<std::byte[]>(new std::byte[chunk_bytes]);
  auto chunk = std::move(spare_.back());
  spare_.pop_back();
  return chunk;
}

void buffer_pool::give(std::unique_ptr<std::byte[]> chunk) {
  if (spare_.size() < spare_max) spare_.push_back(std::move(chunk));
}

void buffer::clear() {
  if (memory_ && capacity_ == buffer_pool::chunk_bytes) pool_->give(std::move(memory_));
  memory_.reset();
  begin_ = end_ = capacity_ = 0;
}

void buffer::grow(std::size_t n) {
  const auto have = size();
  if (begin_ && have + n <= capacity_) {
    std::memmove(memory_.get(), memory_.get() + begin_, have);
  } else {
    auto capacity = std::max(capacity_, buffer_pool::chunk_bytes);
    while (capacity < have + n) capacity *= 2;
    auto memory = capacity == buffer_pool::chunk_bytes ? pool_->take() : std::unique_ptr<std::byte[]>(new std::byte[capacity]);
    if (have) std::memcpy(memory.get(), memory_.get() + begin_, have);
    if (memory_ && capacity_ == buffer_pool::chunk_bytes) pool_->give(std::move(memory_));
    memory_ = std::move(memory);
    capacity_ = capacity;
  }
  begin_ = 0;
  end_ = have;
}

}  // namespace sallyport::http2
