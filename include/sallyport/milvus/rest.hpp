// The user endpoints of Milvus' REST v2 (its httpserver/handler_v2.go), answered from our users by service::rest with the rules and the
// texts of the gRPC calls. `classify_rest` and `rest_refusal` are pure, any thread. A path is what stands before `?`, as it was sent. Only
// POST is served: the caller checks that, and drops what is not.
#pragma once

#include <sallyport/milvus/service.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport::milvus {

// A body above this is refused; the caller need not gather more.
inline constexpr std::size_t rest_body_max_bytes = 32 * 1024;

// answer: exactly one of /v2/vectordb/users/{list,describe,create,update_password,drop}. refuse: whatever else Milvus, or anything between
// it and us, may read as a path of the user, role, grant, privilege or privilege-group family, however it is written. forward: the rest.
disposition classify_rest(std::string_view path);

// Each escape by what it stands for, once (RFC 3986 2.1); what is none stays as it is. Pure, any thread.
std::string percent_decoded(std::string_view text);

struct rest_reply {
  std::uint32_t status = 200;
  std::string body;  // application/json; charset=utf-8
};

// For disposition::refuse. HTTP 200 with Milvus' code 10 ("service unimplemented"): REST v2 says what went wrong in the body's code, and
// clients read the body of a 200 alone (pymilvus shows code and message of it, and of any other status nothing but the number).
rest_reply rest_refusal(std::string_view path);

}  // namespace sallyport::milvus
