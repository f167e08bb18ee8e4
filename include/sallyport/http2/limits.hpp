// What one peer of an HTTP/2 connection may cost. Plain values; the defaults are the product's.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace sallyport::http2 {

struct limits {
  std::uint32_t streams = 128;                // SETTINGS_MAX_CONCURRENT_STREAMS; more are REFUSED_STREAM
  std::uint32_t streams_refused = 256;        // burst, and 10/s; then GOAWAY(ENHANCE_YOUR_CALM)
  std::uint32_t header_list_bytes = 16'384;   // names, values and 32 a field, after decoding (RFC 9113 6.5.2)
  std::uint32_t header_fields = 128;          // cookie crumbs, pseudo and dropped fields count
  std::uint32_t header_block_bytes = 65'536;  // encoded, HEADERS and CONTINUATION together
  std::uint32_t continuations = 8;            // CONTINUATION frames a block
  std::uint32_t resets = 200;                 // burst of resets, the client's and those that it provokes
  std::uint32_t resets_per_second = 20;
  // The floods of frames that cost their sender nothing. Beyond each: GOAWAY(ENHANCE_YOUR_CALM).
  std::uint32_t pings = 20;                          // burst, 1/s, and one for each HEADERS or DATA frame that we sent, saved up to 1,000
  std::uint32_t settings = 20;                       // frames: burst, and 2/s
  std::uint32_t settings_entries = 32;               // in one frame
  std::uint32_t empty_data = 100;                    // DATA frames without content and END_STREAM, in a row
  std::uint32_t window_updates = 5;                  // and 2 x (streams + 10 x DATA frames that we sent)
  std::uint32_t priorities = 100;                    // PRIORITY frames, and 2 a stream
  std::uint32_t unknown_frames = 200;                // frames of unknown types: burst, and 20/s
  std::chrono::milliseconds response_stall{60'000};  // an answer waits, and its window opens by less than 1 KiB; then RST_STREAM(CANCEL)
};

// What of it was reached, for the metrics.
enum class limit : std::uint8_t {
  streams,
  streams_refused,
  header_list,
  header_fields,
  header_block,
  continuations,
  resets,
  pings,
  settings,
  empty_data,
  window_updates,
  priorities,
  unknown_frames,
  response_stall,
};
inline constexpr std::size_t limit_count = 14;

}  // namespace sallyport::http2
