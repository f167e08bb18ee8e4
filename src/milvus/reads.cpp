// ListCredUsers and SelectUser: as with Milvus 2.3.5, whoever asks for a user that there is not gets an empty answer.
#include "call.hpp"

#include <utility>

namespace sallyport::milvus {

namespace {

found_users everybody(const call& c) {
  found_users all;
  for (const auto& [name, user] : c.store.snapshot()->all()) all.push_back(user);
  return all;
}

}  // namespace

std::variant<found_users, fault_status, refusal> list_users(const call& c) {
  if (auto no = denied(c, "PrivilegeSelectOwnership")) return std::move(*no);
  return everybody(c);
}

std::variant<found_users, fault_status, refusal> select_users(const call& c, std::optional<std::string_view> name) {
  if (auto no = denied(c, "PrivilegeSelectUser", name)) return std::move(*no);
  if (!name) return everybody(c);
  if (name->empty()) return fault_status::invalid_parameter(c.rules.fault_of_user_name(*name));
  found_users found;
  if (auto user = c.store.snapshot()->find(*name)) found.push_back(std::move(user));  // not trimmed, as Milvus has it
  return found;
}

}  // namespace sallyport::milvus
