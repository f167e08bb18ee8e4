#include "budget.hpp"

namespace sallyport::telemetry {

std::optional<std::uint64_t> budget::take(std::string_view event, time_point now) {
  bucket& b = bucket_of(event, now);
  if (now > b.filled) {
    b.lines = std::min(burst_, b.lines + std::chrono::duration<double>(now - b.filled).count() * per_second_);
    b.filled = now;
  }
  if (b.lines < 1) {
    ++b.suppressed;
    return std::nullopt;
  }
  b.lines -= 1;
  return std::exchange(b.suppressed, 0);
}

budget::bucket& budget::bucket_of(std::string_view event, time_point now) {
  if (const auto known = buckets_.find(event); known != buckets_.end()) return known->second;
  const std::string_view name = buckets_.size() < names_max ? event : std::string_view("other_events");
  return buckets_.try_emplace(std::string(name), bucket{burst_, now}).first->second;
}

}  // namespace sallyport::telemetry
