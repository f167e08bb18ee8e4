#include <sallyport/milvus/service.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <set>
#include <string>

using namespace sallyport;
using milvus::disposition;

namespace {

const std::string own = "/milvus.proto.milvus.MilvusService/";

const std::vector<std::string> answered{"CreateCredential", "UpdateCredential", "DeleteCredential", "ListCredUsers", "SelectUser"};
const std::vector<std::string> never_forwarded{"CreateRole",
                                               "AlterRole",
                                               "DropRole",
                                               "OperateUserRole",
                                               "SelectRole",
                                               "OperatePrivilege",
                                               "OperatePrivilegeV2",
                                               "SelectGrant",
                                               "BackupRBAC",
                                               "RestoreRBAC",
                                               "AddUserTags",
                                               "DeleteUserTags",
                                               "CreatePrivilegeGroup",
                                               "DropPrivilegeGroup",
                                               "ListPrivilegeGroups",
                                               "OperatePrivilegeGroup",
                                               "GetUserTags",
                                               "ListUsersWithTag",
                                               "CreateRowPolicy",
                                               "DropRowPolicy",
                                               "ListRowPolicies"};

}  // namespace

BOOST_AUTO_TEST_CASE(the_five_user_calls_are_answered_here) {
  for (const auto& method : answered) BOOST_TEST((milvus::classify(own + method) == disposition::answer), method);
}

BOOST_AUTO_TEST_CASE(no_other_call_about_users_and_rights_is_ever_forwarded) {
  for (const auto& method : never_forwarded) BOOST_TEST((milvus::classify(own + method) == disposition::refuse), method);
}

BOOST_AUTO_TEST_CASE(under_another_milvus_service_neither_kind_is_forwarded) {
  for (const std::string service : {"/milvus.proto.v2.MilvusService/", "/MilvusService/", "/x.OldMilvusService/"})
    for (const auto* methods : {&answered, &never_forwarded})
      for (const auto& method : *methods) BOOST_TEST((milvus::classify(service + method) == disposition::refuse), service + method);
}

BOOST_AUTO_TEST_CASE(everything_else_goes_to_the_backend) {
  for (const std::string path :
       {"/milvus.proto.milvus.MilvusService/Search", "/milvus.proto.milvus.MilvusService/Connect",
        "/milvus.proto.milvus.MilvusService/Insert", "/milvus.proto.milvus.MilvusService/ReplicateMessage",
        "/milvus.proto.milvus.MilvusService/CreateCollection", "/milvus.proto.milvus.MilvusService/",
        "/milvus.proto.milvus.MilvusService/createcredential", "/other.Service/CreateCredential",
        "/milvus.proto.milvus.MilvusServices/CreateCredential", "/grpc.health.v1.Health/Check", "/CreateCredential", "CreateCredential",
        "/", "", "/v2/vectordb/users/list", "milvus.proto.milvus.MilvusService/CreateCredential"})
    BOOST_TEST((milvus::classify(path) == disposition::forward), path);
}

BOOST_AUTO_TEST_CASE(each_refusal_says_what_to_do_instead_in_plain_ascii) {
  for (const auto& method : never_forwarded) {
    const auto text = milvus::refusal_text(own + method);
    BOOST_TEST(text.find(':') != text.npos, method);
    BOOST_TEST(std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < '\x7f' && c != '%'; }), method);
  }
  BOOST_TEST(milvus::refusal_text(own + "CreateRole").starts_with("roles are not managed here yet:"));
  BOOST_TEST(milvus::refusal_text(own + "OperatePrivilegeV2").starts_with("privileges are not managed here yet:"));
  BOOST_TEST(
      milvus::refusal_text("/MilvusService/SelectUser").starts_with("users are managed here under /milvus.proto.milvus.MilvusService"));
  BOOST_TEST(!milvus::refusal_text("/grpc.health.v1.Health/Check").empty());
}
