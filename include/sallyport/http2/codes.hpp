// The numbers of RFC 9113: error codes (7), and what of the frame layout (4, 6) other rooms' tests need.
#pragma once

#include <cstdint>
#include <string_view>

namespace sallyport::http2 {

enum class code : std::uint32_t {  // RFC 9113 7
  no_error = 0x0,
  protocol_error = 0x1,
  internal_error = 0x2,
  flow_control_error = 0x3,
  settings_timeout = 0x4,
  stream_closed = 0x5,
  frame_size_error = 0x6,
  refused_stream = 0x7,
  cancel = 0x8,
  compression_error = 0x9,
  connect_error = 0xa,
  enhance_your_calm = 0xb,
  inadequate_security = 0xc,
  http_1_1_required = 0xd,
};
std::string_view name_of(code c);  // PROTOCOL_ERROR; "unknown" for a number that is none of them

inline constexpr std::string_view client_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";  // RFC 9113 3.4
inline constexpr std::size_t frame_header_bytes = 9;
inline constexpr std::size_t frame_max_bytes = 16'384;  // SETTINGS_MAX_FRAME_SIZE in both directions

}  // namespace sallyport::http2
