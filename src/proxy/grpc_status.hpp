// gRPC status codes and how a refusal looks on the wire. Pure.
#pragma once

#include <sallyport/auth/gate.hpp>
#include <sallyport/http2/field.hpp>
#include <sallyport/upstream/exchange.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::proxy {

enum class grpc_code : std::uint32_t {
  ok = 0,
  cancelled = 1,
  resource_exhausted = 8,
  unimplemented = 12,
  unavailable = 14,
  unauthenticated = 16,
};

struct refusal {
  std::uint32_t status = 0;
  std::string message;        // for the client: fixed strings, no internals
  std::string_view reason;    // for the log: snake_case
};

refusal refusal_of(auth::denial why);
refusal refusal_of(upstream::failure why);

// gRPC over HTTP2, "Status-Message": printable ASCII but % passes, all else is %XX.
std::string percent_encode(std::string_view message);

// The fields of a trailers-only refusal in Milvus' order (milvus-behaviour 1.2), or of trailers after a head. Views into `code` and `message`.
void make_status_fields(std::vector<http2::field>& into, bool head_sent, std::string_view code, std::string_view encoded_message);

}  // namespace sallyport::proxy
