// How a user call ends, before gRPC or REST puts it into its own form. Plain values, any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <variant>

namespace sallyport::milvus {

namespace grpc {
inline constexpr std::uint32_t permission_denied = 7, resource_exhausted = 8, unimplemented = 12, internal = 13, unavailable = 14,
                               unauthenticated = 16;
}

// What stands in common.Status when gRPC's own status is OK. Milvus builds it in one of two ways: its proxy through `merr`, which repeats
// the reason as detail, and its RootCoord by hand, without detail (seen on Milvus 2.3.5).
struct fault_status {
  std::int32_t error_code, code;
  std::string reason;
  bool detailed;

  static fault_status invalid_parameter(std::string reason) { return {5, 1100, std::move(reason), true}; }
  static fault_status not_authenticated(std::string reason) { return {1, 1400, std::move(reason), true}; }
  static fault_status not_permitted(std::string reason) { return {1, 1401, std::move(reason), true}; }
  static fault_status unexpected(std::string reason) { return {1, 65535, std::move(reason), true}; }
  static fault_status by_hand(std::int32_t error_code, std::string reason) { return {error_code, 65535, std::move(reason), false}; }
};

// The values of common.ErrorCode that RootCoord's credential tasks use.
namespace error_code_of {
inline constexpr std::int32_t create_credential_failure = 29, update_credential_failure = 30, delete_credential_failure = 31;
}

// The call as such is refused: gRPC's own status.
struct refusal {
  std::uint32_t grpc_status;
  std::string text;
};

struct done_well {};
using ending = std::variant<done_well, fault_status, refusal>;
using when_ended = std::function<void(ending)>;

}  // namespace sallyport::milvus
