// Who may: root and the role admin everything, everybody its own password and its own description, nobody without a user.
#include "support.hpp"

using namespace sallyport;
using namespace sallyport::milvus::tests;

namespace {

struct with_a_plain_user : house {
  with_a_plain_user() {
    add("u1", "secret-1", {"readwrite"});
    add("u2", "secret-2");
  }
};

refusal deny(const std::string& privilege) { return {7, privilege + ": permission deny to u1"}; }

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_plain_user_manages_nobody, with_a_plain_user) {
  BOOST_TEST(refused("CreateCredential", "u1", to_create("u3", "secret-3")) == deny("PrivilegeCreateOwnership"));
  BOOST_TEST(refused("UpdateCredential", "u1", to_update("u2", "secret-2", "secret-3")) == deny("PrivilegeUpdateUser"));
  BOOST_TEST(refused("DeleteCredential", "u1", to_drop("u2")) == deny("PrivilegeDropOwnership"));
  BOOST_TEST(refused("ListCredUsers", "u1", milvus::wire::ListCredUsersRequest()) == deny("PrivilegeSelectOwnership"));
  BOOST_TEST(refused("SelectUser", "u1", to_select("u2")) == deny("PrivilegeSelectUser"));
  BOOST_TEST(refused("SelectUser", "u1", milvus::wire::SelectUserRequest()) == deny("PrivilegeSelectUser"));
  BOOST_TEST(refused("SelectUser", "u1", to_select("")) == deny("PrivilegeSelectUser"));
  BOOST_TEST(refused("SelectUser", "u1", to_select(" u1 ")) == deny("PrivilegeSelectUser"));
  BOOST_TEST(record("u3") == nullptr);
  BOOST_TEST(logs_in("u2", "secret-2"));
}

BOOST_FIXTURE_TEST_CASE(permission_comes_before_every_other_fault, with_a_plain_user) {
  auto creation = to_create("", "");
  creation.set_password("!");
  BOOST_TEST(refused("CreateCredential", "u1", creation) == deny("PrivilegeCreateOwnership"));
  auto change = to_update("u2", "", "");
  change.set_old_password("!");
  BOOST_TEST(refused("UpdateCredential", "u1", change) == deny("PrivilegeUpdateUser"));
  BOOST_TEST(refused("UpdateCredential", "u1", to_update("", "", "")) == deny("PrivilegeUpdateUser"));
  for (const std::string name : {"", "root", "u1"})
    BOOST_TEST(refused("DeleteCredential", "u1", to_drop(name)) == deny("PrivilegeDropOwnership"), name);
}

BOOST_FIXTURE_TEST_CASE(a_plain_user_changes_itself, with_a_plain_user) {
  BOOST_TEST(update("u1", "u1", "wrong-1", "secret-3") == merr(1, 1400, "old password not correct for u1: not authenticated"));
  BOOST_TEST(update("u1", "u1", "secret-1", "secret-3") == success);
  BOOST_TEST(logs_in("u1", "secret-3"));
}

BOOST_FIXTURE_TEST_CASE(a_super_user_that_is_no_administrator_resets_itself_only, with_a_plain_user) {
  rule({.super_users = {"u1"}});
  BOOST_TEST(refused("UpdateCredential", "u1", to_update("u2", "", "secret-3")) == deny("PrivilegeUpdateUser"));
  BOOST_TEST(update("u1", "u1", "", "secret-3") == success);
}

BOOST_FIXTURE_TEST_CASE(the_role_admin_manages_users_as_root_does, with_a_plain_user) {
  add("boss", "secret-b", {"admin"});
  BOOST_TEST(create("boss", "u3", "secret-3") == success);
  BOOST_TEST(update("boss", "u3", "secret-3", "secret-4") == success);
  BOOST_TEST(drop("boss", "u3") == success);
  BOOST_TEST(ask<milvus::wire::ListCredUsersResponse>("ListCredUsers", "boss", milvus::wire::ListCredUsersRequest()).usernames_size() == 4);
  BOOST_TEST(ask<milvus::wire::SelectUserResponse>("SelectUser", "boss", to_select("u1")).results_size() == 1);
}

BOOST_FIXTURE_TEST_CASE(a_caller_without_a_user_is_not_authenticated, with_a_plain_user) {
  const auto nobody = auth::permit_for_tests::nobody();
  for (const std::string method : {"CreateCredential", "UpdateCredential", "DeleteCredential", "ListCredUsers", "SelectUser"}) {
    const milvus::reply got = raw("/milvus.proto.milvus.MilvusService/" + method, nobody, framed(to_drop("u2")));
    BOOST_TEST((refusal{got.grpc_status, got.grpc_message}) == (refusal{16, "missing authorization in header"}), method);
    BOOST_TEST(got.body.empty());
  }
  BOOST_TEST(record("u2") != nullptr);
}

BOOST_FIXTURE_TEST_CASE(a_call_that_is_not_ours_to_answer_is_unimplemented, with_a_plain_user) {
  for (const std::string path : {"/milvus.proto.milvus.MilvusService/CreateRole", "/milvus.proto.milvus.MilvusService/Search",
                                 "/x.MilvusService/DeleteCredential", "DeleteCredential", ""}) {
    const milvus::reply got = raw(path, as("root"), framed(to_drop("u2")));
    BOOST_TEST(got.grpc_status == 12u, path);
    BOOST_TEST(got.body.empty());
  }
  BOOST_TEST(record("u2") != nullptr);
}
