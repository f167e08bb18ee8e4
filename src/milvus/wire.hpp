// Between gRPC's bytes and protobuf's messages: one length-prefixed message in, one out (gRPC over HTTP/2, "Length-Prefixed-Message"), and
// Milvus' common.Status. Pure, any thread; a message is bounded by message_max_bytes.
#pragma once

#include <sallyport/core/result.hpp>
#include <sallyport/milvus/service.hpp>

#include "ending.hpp"
#include "milvus.pb.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace sallyport::milvus {

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

void fill(wire::Status& out, const fault_status& fault);
reply status_reply(const fault_status& fault);
reply success_reply();  // common.Status of zeros: an empty message

}  // namespace sallyport::milvus
