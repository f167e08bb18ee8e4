#include "wire.hpp"

#include <sallyport/core/defence.hpp>

namespace sallyport::milvus {

namespace {

constexpr std::size_t prefix_bytes = 5;

std::uint8_t octet(char c) { return static_cast<std::uint8_t>(c); }

}  // namespace

reply refused(std::uint32_t grpc_status, std::string message) { return {grpc_status, std::move(message), {}}; }

reply framed(const google::protobuf::MessageLite& message) {
  reply answer;
  const std::string bytes = message.SerializeAsString();
  const auto size = static_cast<std::uint32_t>(bytes.size());
  answer.body.reserve(prefix_bytes + bytes.size());
  answer.body.push_back('\0');
  for (int shift = 24; shift >= 0; shift -= 8) answer.body.push_back(static_cast<char>(size >> shift & 0xff));
  answer.body += bytes;
  return answer;
}

std::variant<std::string_view, reply> deframe(core::bytes body) {
  const std::string_view text(reinterpret_cast<const char*>(body.data()), body.size());
  if (text.empty()) return refused(grpc::internal, "grpc: the request has no message");
  if (octet(text[0]) > 1) return refused(grpc::internal, "grpc: received unexpected payload format " + std::to_string(octet(text[0])));
  if (text.size() < prefix_bytes) return refused(grpc::internal, "grpc: the request ends within the prefix of its message");
  if (text[0] == 1)
    return refused(grpc::unimplemented, "grpc: Decompressor is not installed for grpc-encoding: send the user calls uncompressed");
  std::uint32_t size = 0;
  for (std::size_t i = 1; i < prefix_bytes; ++i) size = size << 8 | octet(text[i]);
  if (core::defended("H26c") && size > message_max_bytes)
    return refused(grpc::resource_exhausted,
                   "grpc: received message larger than max (" + std::to_string(size) + " vs. " + std::to_string(message_max_bytes) + ")");
  const std::string_view message = text.substr(prefix_bytes);
  if (core::defended("H26b") && message.size() < size) return refused(grpc::internal, "grpc: the request ends within its message");
  if (message.size() > size) return refused(grpc::internal, "grpc: the request has more than one message");
  return message;
}

bool parse(std::string_view bytes, google::protobuf::MessageLite& into) {
  return into.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

// RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF. What differs between the lengths is the range of the second octet.
bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::uint8_t first = octet(text[at++]);
    if (first < 0x80) continue;
    std::size_t more = 0;
    std::uint8_t lowest = 0x80, highest = 0xbf;
    if (first >= 0xc2 && first <= 0xdf) {
      more = 1;
    } else if (first >= 0xe0 && first <= 0xef) {
      more = 2;
      if (first == 0xe0) lowest = 0xa0;
      if (first == 0xed) highest = 0x9f;
    } else if (first >= 0xf0 && first <= 0xf4) {
      more = 3;
      if (first == 0xf0) lowest = 0x90;
      if (first == 0xf4) highest = 0x8f;
    } else {
      return false;
    }
    for (; more > 0; --more, lowest = 0x80, highest = 0xbf) {
      if (at == text.size() || octet(text[at]) < lowest || octet(text[at]) > highest) return false;
      ++at;
    }
  }
  return true;
}

reply malformed() { return refused(grpc::internal, "grpc: error unmarshalling request: the message is malformed"); }

reply not_utf8() { return refused(grpc::internal, "grpc: error unmarshalling request: string field contains invalid UTF-8"); }

void fill(wire::Status& out, const fault_status& fault) {
  out.set_error_code(fault.error_code);
  out.set_code(fault.code);
  out.set_reason(fault.reason);
  if (fault.detailed) out.set_detail(fault.reason);
}

reply status_reply(const fault_status& fault) {
  wire::Status status;
  fill(status, fault);
  return framed(status);
}

reply success_reply() { return framed(wire::Status()); }

}  // namespace sallyport::milvus
