// Between gRPC's bytes and protobuf's messages: one length-prefixed message in, one out (gRPC over HTTP/2, "Length-Prefixed-Message"), and
// Milvus' common.Status. Pure, any thread; a message is bounded by message_max_bytes.
#pragma once

#include <sallyport/core/result.hpp>
#include <sallyport/milvus/service.hpp>

#include "milvus.pb.h"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace sallyport::milvus {

// The user calls carry a name, two passwords and a description. Milvus takes 64 MiB for any call.
inline constexpr std::size_t message_max_bytes = 64 * 1024;

namespace grpc {
inline constexpr std::uint32_t permission_denied = 7, resource_exhausted = 8, unimplemented = 12, internal = 13, unavailable = 14,
                               unauthenticated = 16;
}

reply refused(std::uint32_t grpc_status, std::string message);
reply framed(const google::protobuf::MessageLite& message);

// The bytes of the one message, or why not.
std::variant<std::string_view, reply> deframe(core::bytes body);

// False for what is not a message of this kind.
bool parse(std::string_view bytes, google::protobuf::MessageLite& into);
bool is_utf8(std::string_view text);
// 13, in the words that grpc-go has for both.
reply malformed();
reply not_utf8();

// What stands in common.Status when gRPC's own status is OK. Milvus builds it in one of two ways: its proxy through `merr`, which repeats
// the reason as detail, and its RootCoord by hand, without detail (milvus-behaviour 2.3).
struct fault_status {
  std::int32_t error_code, code;
  std::string reason;
  bool detailed;

  static fault_status invalid_parameter(std::string reason) { return {5, 1100, std::move(reason), true}; }
  static fault_status not_authenticated(std::string reason) { return {1, 1400, std::move(reason), true}; }
  static fault_status not_permitted(std::string reason) { return {1, 1401, std::move(reason), true}; }
  static fault_status unexpected(std::string reason) { return {1, 65535, std::move(reason), true}; }
  static fault_status by_hand(std::int32_t error_code, std::string reason) { return {error_code, 65535, std::move(reason), false}; }

  void fill(wire::Status& out) const;
};

// The values of common.ErrorCode that RootCoord's credential tasks use.
namespace error_code_of {
inline constexpr std::int32_t create_credential_failure = 29, update_credential_failure = 30, delete_credential_failure = 31;
}

reply status_reply(const fault_status& fault);
reply success_reply();  // common.Status of zeros: an empty message

}  // namespace sallyport::milvus
