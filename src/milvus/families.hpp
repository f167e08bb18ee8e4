// What hangs on users and is not answered here yet, by gRPC or by REST, and what to do instead. Pure.
#pragma once

#include <string_view>

namespace sallyport::milvus {

enum class family { users, roles, privileges, privilege_groups, tags, rbac_backup, row_policies };
std::string_view instead_of(family refused);

}  // namespace sallyport::milvus
