// What a request that goes nowhere is told, in gRPC and in Milvus' REST. Pure.
#pragma once

#include <sallyport/auth/gate.hpp>
#include <sallyport/http2/field.hpp>
#include <sallyport/telemetry/labels.hpp>
#include <sallyport/upstream/exchange.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::proxy {

enum class grpc_code : std::uint32_t {
  ok = 0,
  cancelled = 1,
  deadline_exceeded = 4,
  permission_denied = 7,
  resource_exhausted = 8,
  unimplemented = 12,
  unavailable = 14,
  unauthenticated = 16,
};

struct refusal {
  grpc_code status = grpc_code::unavailable;
  std::string message;            // for the client: fixed strings, no internals
  std::string_view reason;        // for the log: snake_case
  std::uint32_t http = 503;       // REST: the status, and Milvus' code (its merr/errors.go) and words in the body
  std::int32_t code = 2;          // service unavailable
  std::string_view rest_words{};  // empty: as message
};

// What is not the backend's failure, nor door 2's.
enum class broken_off {
  drain_timed_out,
  header_list_too_large,
  not_grpc,
  grpc_needs_http2,
  path_not_canonical,
  path_not_plain,
  path_closed,
  target_too_long,
  method_not_served,
  cannot_be_said,
  body_too_large,
  body_too_slow,
  buffers_short,
  deadline_passed,
  certificate_untrusted,
  misdirected
};

refusal refusal_of(auth::denial why);
refusal refusal_of(upstream::failure why);
refusal refusal_of(broken_off why);

telemetry::request_outcome outcome_of_grpc(std::uint32_t status);
telemetry::request_outcome outcome_of_http(std::uint32_t status);

// {"code":…,"message":…}, as Milvus' REST says what went wrong.
std::string rest_body(const refusal& why);

// gRPC over HTTP2, "Status-Message": printable ASCII but % passes, all else is %XX.
std::string percent_encode(std::string_view message);

// The fields of a trailers-only refusal in the order of Milvus 2.3.5, or of trailers after a head. Views into `code` and `message`.
void make_status_fields(std::vector<http2::field>& into, bool head_sent, std::string_view code, std::string_view encoded_message);

}  // namespace sallyport::proxy
