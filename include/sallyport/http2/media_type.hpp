// Which requests are gRPC, whichever HTTP they came by (docs/passage.md 8). Pure.
#pragma once

#include <string_view>

namespace sallyport::http2 {

// `application/grpc`, alone or followed by `+` or `;`: so not grpc-web.
inline bool is_grpc(std::string_view content_type) {
  constexpr std::string_view grpc = "application/grpc";
  if (!content_type.starts_with(grpc)) return false;
  return content_type.size() == grpc.size() || content_type[grpc.size()] == '+' || content_type[grpc.size()] == ';';
}

}  // namespace sallyport::http2
