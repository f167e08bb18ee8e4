// What one peer of an HTTP/2 connection may cost. Plain values; the defaults are the product's.
#pragma once

#include <cstdint>

namespace sallyport::http2 {

struct limits {
  std::uint32_t streams = 128;                // SETTINGS_MAX_CONCURRENT_STREAMS; more are REFUSED_STREAM
  std::uint32_t streams_refused = 256;        // then GOAWAY(ENHANCE_YOUR_CALM)
  std::uint32_t header_list_bytes = 16'384;   // names, values and 32 a field, after decoding (RFC 9113 6.5.2)
  std::uint32_t header_fields = 128;          // cookie crumbs, pseudo and dropped fields count
  std::uint32_t header_block_bytes = 65'536;  // encoded, HEADERS and CONTINUATION together
  std::uint32_t continuations = 8;            // CONTINUATION frames a block
  std::uint32_t resets = 200;                 // burst of resets, the client's and those that it provokes
  std::uint32_t resets_per_second = 20;
};

}  // namespace sallyport::http2
