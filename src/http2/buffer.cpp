#include <sallyport/http2/buffer.hpp>

#include <algorithm>
#include <bit>

namespace sallyport::http2 {
namespace {

// Which spare ones are of that size; all sizes are chunk_bytes times a power of two.
std::size_t size_class(std::size_t bytes) { return static_cast<std::size_t>(std::countr_zero(bytes / buffer_pool::chunk_bytes)); }

}  // namespace

void buffer_pool::use(std::size_t bytes) {
  const auto before = used_;
  used_ += bytes;
  if (tell_ && before <= watched_ && used_ > watched_) tell_();
}

std::unique_ptr<std::byte[]> buffer_pool::take(std::size_t bytes) {
  use(bytes);
  const auto of = size_class(bytes);
  if (of >= spare_.size() || spare_[of].empty()) return std::unique_ptr<std::byte[]>(new std::byte[bytes]);
  auto memory = std::move(spare_[of].back());
  spare_[of].pop_back();
  spare_bytes_ -= bytes;
  return memory;
}

void buffer_pool::give(std::unique_ptr<std::byte[]> memory, std::size_t bytes) {
  used_ -= bytes;
  const auto of = size_class(bytes);
  if (of >= spare_.size() || spare_bytes_ + bytes > spare_max_bytes) return;
  spare_bytes_ += bytes;
  spare_[of].push_back(std::move(memory));
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
