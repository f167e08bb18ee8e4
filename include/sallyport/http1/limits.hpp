// What one peer of an HTTP/1.1 connection may cost. Plain values; the defaults are the product's.
#pragma once

#include <cstdint>

namespace sallyport::http1 {

struct limits {
  std::uint32_t head_bytes = 16'384;     // start line and fields, with their line ends: 431, or 414 while the request line is under way
  std::uint32_t fields = 128;            // those that are dropped count: 431
  std::uint32_t target_bytes = 8'192;    // 414
  std::uint32_t chunk_line_bytes = 256;  // size and extensions of one chunk, without the line end
  std::uint32_t chunk_extensions_bytes = 4'096;  // of a message; extensions are dropped
  std::uint32_t trailer_bytes = 8'192;           // with line ends; trailers are dropped
  std::uint32_t window_bytes = 65'536;           // of a body that was told and not credited; of input that was kept
};

}  // namespace sallyport::http1
