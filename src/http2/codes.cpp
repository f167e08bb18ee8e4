#include <sallyport/http2/codes.hpp>

namespace sallyport::http2 {

std::string_view name_of(code c) {
  switch (c) {
    case code::no_error: return "NO_ERROR";
    case code::protocol_error: return "PROTOCOL_ERROR";
    case code::internal_error: return "INTERNAL_ERROR";
    case code::flow_control_error: return "FLOW_CONTROL_ERROR";
    case code::settings_timeout: return "SETTINGS_TIMEOUT";
    case code::stream_closed: return "STREAM_CLOSED";
    case code::frame_size_error: return "FRAME_SIZE_ERROR";
    case code::refused_stream: return "REFUSED_STREAM";
    case code::cancel: return "CANCEL";
    case code::compression_error: return "COMPRESSION_ERROR";
    case code::connect_error: return "CONNECT_ERROR";
    case code::enhance_your_calm: return "ENHANCE_YOUR_CALM";
    case code::inadequate_security: return "INADEQUATE_SECURITY";
    case code::http_1_1_required: return "HTTP_1_1_REQUIRED";
  }
  return "unknown";
}

}  // namespace sallyport::http2
