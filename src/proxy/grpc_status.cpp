#include "grpc_status.hpp"

namespace sallyport::proxy {

refusal refusal_of(auth::denial why) { return {auth::grpc_status_of(why), std::string(auth::denial_text(why)), auth::name_of(why)}; }

refusal refusal_of(upstream::failure why) {
  const auto unavailable = static_cast<std::uint32_t>(grpc_code::unavailable);
  switch (why) {
    case upstream::failure::unreachable: return {unavailable, "the backend cannot be reached, try again", "backend_unreachable"};
    case upstream::failure::no_slot: return {unavailable, "the backend is busy, try again", "backend_no_slot"};
    case upstream::failure::unprocessed: return {unavailable, "the backend did not take the request, try again", "backend_unprocessed"};
    case upstream::failure::cancelled: return {static_cast<std::uint32_t>(grpc_code::cancelled), "the backend cancelled the request", "backend_cancelled"};
    case upstream::failure::broken: break;
  }
  return {unavailable, "the backend's answer broke off", "backend_broken"};
}

std::string percent_encode(std::string_view message) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  out.reserve(message.size());
  for (const unsigned char c : message) {
    if (c >= 0x20 && c <= 0x7e && c != '%') out += static_cast<char>(c);
    else out.append({'%', digits[c >> 4], digits[c & 15]});
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
