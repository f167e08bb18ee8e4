// Which RPC of MilvusService manages users, roles and what hangs on them. Checked against the service descriptors of pymilvus 3.0.2
// (milvus-proto 3.0); everything that is not here is forwarded.
//
// Why nothing of these families may reach the backend while the users are ours: the backend has no users of its own that count, so a role,
// a privilege or a tag that it stores is enforced by nobody, and a "success" would be a promise that is not kept. Row policies are here
// because they name roles.
#include <sallyport/milvus/service.hpp>

#include "families.hpp"

#include <algorithm>
#include <array>

namespace sallyport::milvus {

namespace {

constexpr std::string_view own_service = "milvus.proto.milvus.MilvusService";

struct entry {
  std::string_view method;
  family belongs;
  bool answered = false;
};

constexpr std::array rpc_table{
    entry{"CreateCredential", family::users, true},
    entry{"UpdateCredential", family::users, true},
    entry{"DeleteCredential", family::users, true},
    entry{"ListCredUsers", family::users, true},
    entry{"SelectUser", family::users, true},

    entry{"CreateRole", family::roles},
    entry{"AlterRole", family::roles},
    entry{"DropRole", family::roles},
    entry{"OperateUserRole", family::roles},
    entry{"SelectRole", family::roles},

    entry{"OperatePrivilege", family::privileges},
    entry{"OperatePrivilegeV2", family::privileges},
    entry{"SelectGrant", family::privileges},

    entry{"CreatePrivilegeGroup", family::privilege_groups},
    entry{"DropPrivilegeGroup", family::privilege_groups},
    entry{"ListPrivilegeGroups", family::privilege_groups},
    entry{"OperatePrivilegeGroup", family::privilege_groups},

    entry{"AddUserTags", family::tags},
    entry{"DeleteUserTags", family::tags},
    entry{"GetUserTags", family::tags},
    entry{"ListUsersWithTag", family::tags},

    entry{"BackupRBAC", family::rbac_backup},
    entry{"RestoreRBAC", family::rbac_backup},

    entry{"CreateRowPolicy", family::row_policies},
    entry{"DropRowPolicy", family::row_policies},
    entry{"ListRowPolicies", family::row_policies},
};

struct rpc_name {
  std::string_view service, method;
};

// "/package.Service/Method"; both empty for anything else.
rpc_name split(std::string_view path) {
  if (!path.starts_with('/')) return {};
  path.remove_prefix(1);
  const auto slash = path.find('/');
  if (slash == path.npos) return {};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

// Whatever calls itself a MilvusService is meant, not only today's package: a backend may serve its methods under an older or a newer name.
const entry* find(const rpc_name& rpc) {
  if (!rpc.service.ends_with("MilvusService")) return nullptr;
  const auto at = std::find_if(rpc_table.begin(), rpc_table.end(), [&](const entry& e) { return e.method == rpc.method; });
  return at == rpc_table.end() ? nullptr : &*at;
}

}  // namespace

disposition classify(std::string_view path) {
  const rpc_name rpc = split(path);
  const entry* known = find(rpc);
  if (!known) return disposition::forward;
  return known->answered && rpc.service == own_service ? disposition::answer : disposition::refuse;
}

std::string_view refusal_text(std::string_view path) {
  const entry* known = find(split(path));
  if (!known) return "this call is not managed here";
  if (known->belongs == family::users)
    return "users are managed here under /milvus.proto.milvus.MilvusService only: use a client of Milvus 2.3 or newer";
  return instead_of(known->belongs);
}

std::string_view instead_of(family refused) {
  switch (refused) {
    case family::users: return "users are managed here by the user calls only: create, update, delete, list and select";
    case family::roles: return "roles are not managed here yet: a user's roles are set at the server, by the command sallyport user";
    case family::privileges:
      return "privileges are not managed here yet: a user's rights follow from its roles, which are set at the server, by the command "
             "sallyport user";
    case family::privilege_groups:
      return "privilege groups are not managed here yet: a user's rights follow from its roles, which are set at the server, by the "
             "command "
             "sallyport user";
    case family::tags: return "tags of users are not managed here yet: use the description of a user instead";
    case family::rbac_backup:
      return "users and roles are not backed up by this call here: back up the store of users at the server instead";
    case family::row_policies: return "row policies are not managed here yet: they name roles, which the backend does not see";
  }
  return "this call is not managed here";
}

}  // namespace sallyport::milvus
