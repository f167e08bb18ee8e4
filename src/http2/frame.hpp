// The layout of frames: RFC 9113 4.1 and 6.
#pragma once

#include <sallyport/core/result.hpp>

#include <cstddef>
#include <cstdint>

namespace sallyport::http2 {

enum frame_type : std::uint8_t {
  data_frame = 0x0,
  headers_frame = 0x1,
  priority_frame = 0x2,
  rst_stream_frame = 0x3,
  settings_frame = 0x4,
  push_promise_frame = 0x5,
  ping_frame = 0x6,
  goaway_frame = 0x7,
  window_update_frame = 0x8,
  continuation_frame = 0x9,
};

enum frame_flag : std::uint8_t { no_flags = 0x0, end_stream = 0x1, ack = 0x1, end_headers = 0x4, padded = 0x8, priority_flag = 0x20 };

enum setting : std::uint16_t {
  header_table_size = 0x1,
  enable_push = 0x2,
  max_concurrent_streams = 0x3,
  initial_window_size = 0x4,
  max_frame_size = 0x5,
  max_header_list_size = 0x6,
};

inline std::uint8_t get8(core::bytes from, std::size_t at) { return static_cast<std::uint8_t>(from[at]); }
inline std::uint16_t get16(core::bytes from, std::size_t at) {
  return static_cast<std::uint16_t>(get8(from, at) << 8 | get8(from, at + 1));
}
inline std::uint32_t get24(core::bytes from, std::size_t at) { return std::uint32_t{get16(from, at)} << 8 | get8(from, at + 2); }
inline std::uint32_t get32(core::bytes from, std::size_t at) { return std::uint32_t{get16(from, at)} << 16 | get16(from, at + 2); }

inline void put8(std::byte* at, std::uint32_t v) { *at = static_cast<std::byte>(v); }
inline void put16(std::byte* at, std::uint32_t v) { put8(at, v >> 8), put8(at + 1, v); }
inline void put24(std::byte* at, std::uint32_t v) { put8(at, v >> 16), put16(at + 1, v); }
inline void put32(std::byte* at, std::uint32_t v) { put16(at, v >> 16), put16(at + 2, v); }

inline constexpr std::uint32_t id_mask = 0x7fffffff;    // the reserved bit is ignored (RFC 9113 4.1)
inline constexpr std::int64_t window_max = 0x7fffffff;  // RFC 9113 6.9.1

}  // namespace sallyport::http2
