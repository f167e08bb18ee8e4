// The user calls as gRPC's messages, without their prefix: read, carried out by call.hpp, answered in a frame. Called by service::call.
#pragma once

#include "call.hpp"
#include "wire.hpp"

#include <functional>
#include <string_view>

namespace sallyport::milvus {

using grpc_answer = std::function<void(reply)>;

void create_credential(const call& c, std::string_view message, grpc_answer done);
void update_credential(const call& c, std::string_view message, grpc_answer done);
void delete_credential(const call& c, std::string_view message, grpc_answer done);
void list_cred_users(const call& c, std::string_view message, grpc_answer done);
void select_user(const call& c, std::string_view message, grpc_answer done);

}  // namespace sallyport::milvus
