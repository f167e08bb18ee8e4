// One user call under way: what it works with, and what its parts share. It lives for the length of service::call; what waits for the
// store copies what it needs, since the store may answer after the service has gone (only the logger outlives both).
#pragma once

#include "wire.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::milvus {

using answer = std::function<void(reply)>;

struct call {
  const service& rules;
  const settings& bounds;
  users::store& store;
  telemetry::logger& log;
  const auth::permit& caller;
  answer done;
};

// PERMISSION_DENIED in Milvus' words, or nothing when the caller may. `own` is the user that the call is about, where anybody may do this
// to itself.
std::optional<reply> denied(const call& c, std::string_view privilege, std::optional<std::string_view> own = {});

// changes.cpp, reads.cpp. `message` is without its prefix.
void create_user(call& c, std::string_view message);
void update_user(call& c, std::string_view message);
void drop_user(call& c, std::string_view message);
void list_users(call& c, std::string_view message);
void select_user(call& c, std::string_view message);

}  // namespace sallyport::milvus
