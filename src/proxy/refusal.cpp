#include "refusal.hpp"

#include <boost/json/serialize.hpp>

namespace sallyport::proxy {

refusal refusal_of(auth::denial why) {
  refusal said{static_cast<grpc_code>(auth::grpc_status_of(why)), std::string(auth::denial_text(why)), auth::name_of(why)};
  if (said.status != grpc_code::unauthenticated) return said;
  said.http = 401;
  said.code = 1800;
  said.rest_words = "user hasn't authenticated";
  return said;
}

refusal refusal_of(upstream::failure why) {
  using enum upstream::failure;
  switch (why) {
    case unreachable: return {grpc_code::unavailable, "the backend cannot be reached, try again", "backend_unreachable"};
    case no_slot: return {grpc_code::unavailable, "the backend is busy, try again", "backend_no_slot"};
    case unprocessed: return {grpc_code::unavailable, "the backend did not take the request, try again", "backend_unprocessed"};
    case cancelled: return {grpc_code::cancelled, "the backend cancelled the request", "backend_cancelled", 502};
    case timed_out: return {grpc_code::deadline_exceeded, "the backend did not answer in time", "backend_timed_out", 504};
    case cannot_be_said: return refusal_of(broken_off::cannot_be_said);
    case broken: break;
  }
  return {grpc_code::unavailable, "the backend's answer broke off", "backend_broken", 502};
}

refusal refusal_of(broken_off why) {
  constexpr std::int32_t invalid_parameter = 1100;
  switch (why) {
    case broken_off::drain_timed_out: return {grpc_code::unavailable, "shutting down", "drain_timed_out"};
    case broken_off::header_list_too_large:
      return {grpc_code::resource_exhausted, "request header fields too large", "header_list_too_large", 431, invalid_parameter};
    case broken_off::not_grpc:
      return {grpc_code::unimplemented, "this port speaks gRPC: POST with content-type application/grpc; REST is not served here",
              "not_grpc", 415, invalid_parameter};
    case broken_off::grpc_needs_http2: return {grpc_code::unimplemented, "gRPC needs HTTP/2", "grpc_needs_http2", 415, invalid_parameter};
    case broken_off::path_not_canonical:
      return {grpc_code::unimplemented, "malformed method name", "path_not_canonical", 400, invalid_parameter};
    case broken_off::path_not_plain:
      return {grpc_code::unimplemented, "this path is not written plainly: no //, ;, dot segments or encoded slashes", "path_not_plain",
              400, invalid_parameter};
    case broken_off::path_closed: return {grpc_code::unimplemented, "this path is not served here", "path_closed", 404, invalid_parameter};
    case broken_off::target_too_long:
      return {grpc_code::unimplemented, "the request target is too long", "target_too_long", 414, invalid_parameter};
    case broken_off::method_not_served:
      return {grpc_code::unimplemented, "this method is not served here", "method_not_served", 405, invalid_parameter};
    case broken_off::cannot_be_said:
      return {grpc_code::unimplemented, "this request cannot be passed on in HTTP/1.1", "cannot_be_said", 400, invalid_parameter};
    case broken_off::body_too_slow:
      return {grpc_code::deadline_exceeded, "the request came too slowly", "body_too_slow", 408, invalid_parameter};
    case broken_off::buffers_short: return {grpc_code::unavailable, "too much is under way, try again", "buffers_short"};
    case broken_off::deadline_passed: return {grpc_code::deadline_exceeded, "the deadline has passed", "deadline_passed", 504};
    case broken_off::certificate_untrusted:
      return {grpc_code::unauthenticated, "the client certificate is not trusted any more", "certificate_untrusted", 403, 1800};
    case broken_off::misdirected:
      return {grpc_code::permission_denied, "this host is not served on a connection that was made for another name", "misdirected", 421,
              invalid_parameter};
    case broken_off::body_too_large: break;
  }
  return {grpc_code::resource_exhausted, "the body is too large", "body_too_large", 413, invalid_parameter};
}

telemetry::request_outcome outcome_of_grpc(std::uint32_t status) {
  using enum telemetry::request_outcome;
  switch (static_cast<grpc_code>(status)) {
    case grpc_code::ok: return ok;
    case grpc_code::cancelled: return cancelled;
    case grpc_code::permission_denied: return permission_denied;
    case grpc_code::resource_exhausted: return resource_exhausted;
    case grpc_code::unimplemented: return unimplemented;
    case grpc_code::unavailable: return unavailable;
    case grpc_code::unauthenticated: return unauthenticated;
    default: return error;
  }
}

telemetry::request_outcome outcome_of_http(std::uint32_t status) {
  using enum telemetry::request_outcome;
  if (status < 400) return ok;
  switch (status) {
    case 401:
    case 407: return unauthenticated;
    case 403: return permission_denied;
    case 404:
    case 405:
    case 501: return unimplemented;
    case 429: return resource_exhausted;
    case 502:
    case 503:
    case 504: return unavailable;
    default: return status < 500 ? bad_request : error;
  }
}

std::string rest_body(const refusal& why) {
  const auto words = why.rest_words.empty() ? std::string_view(why.message) : why.rest_words;
  return "{\"code\":" + std::to_string(why.code) + ",\"message\":" + boost::json::serialize(boost::json::string_view(words)) + "}";
}

std::string percent_encode(std::string_view message) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  out.reserve(message.size());
  for (const unsigned char c : message) {
    if (c >= 0x20 && c <= 0x7e && c != '%')
      out += static_cast<char>(c);
    else
      out.append({'%', digits[c >> 4], digits[c & 15]});
  }
  // A field's value has no blank at its ends (RFC 9113 8.2.1).
  if (out.ends_with(' ')) out.replace(out.size() - 1, 1, "%20");
  if (out.starts_with(' ')) out.replace(0, 1, "%20");
  return out;
}

void make_status_fields(std::vector<http2::field>& into, bool head_sent, std::string_view code, std::string_view encoded_message) {
  using http2::known;
  into.clear();
  if (!head_sent) {
    into.push_back(http2::make_field(known::status, ":status", "200"));
    into.push_back(http2::make_field(known::content_type, "content-type", "application/grpc"));
  }
  into.push_back(http2::make_field(known::grpc_status, "grpc-status", code));
  into.push_back(http2::make_field(known::grpc_message, "grpc-message", encoded_message));
}

}  // namespace sallyport::proxy
