// ListCredUsers and SelectUser (milvus-behaviour 4.2): answered at once from the store's snapshot.
#include "call.hpp"

namespace sallyport::milvus {

namespace {

void add(wire::SelectUserResponse& to, const users::record& user, bool with_roles) {
  wire::UserResult& result = *to.add_results();
  result.mutable_user()->set_name(user.name);
  if (with_roles)
    for (const auto& role : user.roles) result.add_roles()->set_name(role);
  result.set_description(user.description);
}

}  // namespace

void list_users(call& c, std::string_view message) {
  wire::ListCredUsersRequest request;
  if (!parse(message, request)) return c.done(malformed());
  if (auto no = denied(c, "PrivilegeSelectOwnership")) return c.done(std::move(*no));
  wire::ListCredUsersResponse response;
  response.mutable_status();
  for (const auto& [name, user] : c.store.snapshot()->all()) response.add_usernames(name);
  c.done(framed(response));
}

void select_user(call& c, std::string_view message) {
  wire::SelectUserRequest request;
  if (!parse(message, request)) return c.done(malformed());
  const std::string& name = request.user().name();
  if (!is_utf8(name)) return c.done(not_utf8());
  const auto own = request.has_user() ? std::optional<std::string_view>(name) : std::nullopt;
  if (auto no = denied(c, "PrivilegeSelectUser", own)) return c.done(std::move(*no));

  wire::SelectUserResponse response;
  const auto users = c.store.snapshot();
  if (!request.has_user()) {
    response.mutable_status();
    for (const auto& [each, user] : users->all()) add(response, *user, request.include_role_info());
  } else if (name.empty()) {
    fault_status::invalid_parameter(c.rules.fault_of_user_name(name)).fill(*response.mutable_status());
  } else {
    // Not trimmed, and a user that is not there is no fault: success without results.
    response.mutable_status();
    if (const auto user = users->find(name)) add(response, *user, request.include_role_info());
  }
  c.done(framed(response));
}

}  // namespace sallyport::milvus
