// The user commands as requests of the admin socket. One JSON object in: {"op": "user.add" | "user.passwd" | "user.drop" | "user.list" |
// "user.show", "name", "password_hex" | "hash", "roles", "description"}; one out: {"ok": true}, {"users": […]}, {"user": {…}}, or {"error",
// "code"}. Passwords travel in hex, for they may be any bytes and JSON is UTF-8. No hash ever leaves.
#pragma once

#include <sallyport/admin/socket.hpp>
#include <sallyport/milvus/service.hpp>
#include <sallyport/users/store.hpp>

#include <string>
#include <string_view>

namespace sallyport::app {

// The same handler serves the running server and a command that has the store for itself. Both arguments must outlive it. It may be called
// from any thread; answers come on the store's thread or on the caller's.
admin::handler make_user_handler(users::store& store, milvus::service& rules);

std::string to_hex(std::string_view bytes);
std::string kind_of_hash(std::string_view hash);  // argon2id, bcrypt-10, unknown

}  // namespace sallyport::app
