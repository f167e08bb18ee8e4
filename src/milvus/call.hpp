// The user calls themselves, whether they came by gRPC or by REST: who may, Milvus' rules in Milvus' order, and the store. A call lives for
// the length of service::call or service::rest; what waits for the store copies what it needs, since the store may answer after the service
// has gone (only the logger outlives both).
#pragma once

#include <sallyport/milvus/service.hpp>

#include "base64.hpp"
#include "ending.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sallyport::milvus {

struct call {
  const service& rules;
  const settings& bounds;
  users::store& store;
  telemetry::logger& log;
  const auth::permit& caller;
};

// PERMISSION_DENIED in Milvus' words, or nothing when the caller may. `own` is the user that the call is about, where anybody may do this
// to itself.
std::optional<refusal> denied(const call& c, std::string_view privilege, std::optional<std::string_view> own = {});

// A password that was to be base64 and is not is a fault of its own, which has its place in the order of the checks.
using sent_password = std::variant<core::secret, base64_fault>;

struct new_user {
  std::string_view name;
  sent_password password;
  std::string description;
};
struct user_change {
  std::string_view name;
  sent_password before, after;
  std::optional<std::string> description;
  bool description_only = false;  // no password was sent at all
};

// changes.cpp. Text is UTF-8 already. `done` is called once, on this thread or on the store's.
void create_user(const call& c, new_user wanted, when_ended done);
void update_user(const call& c, user_change wanted, when_ended done);
void drop_user(const call& c, std::string_view sent_name, when_ended done);

// reads.cpp: at once, from the store's snapshot.
using found_users = std::vector<std::shared_ptr<const users::record>>;
std::variant<found_users, fault_status, refusal> list_users(const call& c);
// Without a name: all. A name that nobody has is no fault: success without results.
std::variant<found_users, fault_status, refusal> select_users(const call& c, std::optional<std::string_view> name);

}  // namespace sallyport::milvus
