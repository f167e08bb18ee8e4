// How many lines one event may write: a bucket of `burst` lines, refilled at `per_second`. What did not fit is counted, and the next line
// that fits takes the count with it. A plain value, owned by the logger and used under its mutex; it owns no clock, the caller says the
// time. Bounded by the number of event names: past `names_max` all further names share one bucket.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace sallyport::telemetry {

class budget {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::size_t names_max = 1024;

  // A burst of 0 is taken as 1: with no line at all there would be none to carry the count.
  budget(std::uint32_t burst, std::uint32_t per_second) : burst_(std::max<std::uint32_t>(burst, 1)), per_second_(per_second) {}

  // Empty when the line has to be left out, else how many were left out before it.
  std::optional<std::uint64_t> take(std::string_view event, time_point now);

  // Calls tell(event, count) for each event whose last lines were left out, and forgets the counts.
  template <class Tell>
  void settle(Tell tell) {
    for (auto& [event, b] : buckets_)
      if (const auto count = std::exchange(b.suppressed, 0); count > 0) tell(std::string_view(event), count);
  }

 private:
  struct bucket {
    double lines;
    time_point filled;
    std::uint64_t suppressed = 0;
  };
  bucket& bucket_of(std::string_view event, time_point now);

  double burst_;
  double per_second_;
  std::map<std::string, bucket, std::less<>> buckets_;
};

}  // namespace sallyport::telemetry
