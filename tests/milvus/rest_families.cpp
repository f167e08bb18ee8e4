// Which REST paths are answered, refused, forwarded.
#include "rest_support.hpp"

#include <boost/json/parse.hpp>

using namespace sallyport;
using milvus::disposition;

namespace {

void expect(disposition wanted, const std::vector<std::string>& paths) {
  for (const auto& path : paths) BOOST_TEST((milvus::classify_rest(path) == wanted), path);
}

std::string refused_with(const std::string& path) {
  const auto got = milvus::rest_refusal(path);
  BOOST_TEST(got.status == 200u);
  const auto body = boost::json::parse(got.body).as_object();
  BOOST_TEST(body.size() == 2u);
  BOOST_TEST(body.at("code").as_int64() == 10);
  return std::string(body.at("message").as_string());
}

}  // namespace

BOOST_AUTO_TEST_CASE(exactly_the_five_user_endpoints_are_answered_here) {
  expect(disposition::answer, {"/v2/vectordb/users/list", "/v2/vectordb/users/describe", "/v2/vectordb/users/create",
                               "/v2/vectordb/users/update_password", "/v2/vectordb/users/drop"});
}

BOOST_AUTO_TEST_CASE(every_other_path_of_the_families_is_refused) {
  expect(disposition::refuse,
         {"/v2/vectordb/users", "/v2/vectordb/users/", "/v2/vectordb/users/grant_role", "/v2/vectordb/users/revoke_role",
          "/v2/vectordb/users/rename", "/v2/vectordb/users/list/x", "/v2/vectordb/user_tags/list", "/v2/vectordb/roles",
          "/v2/vectordb/roles/", "/v2/vectordb/roles/list", "/v2/vectordb/roles/describe", "/v2/vectordb/roles/create",
          "/v2/vectordb/roles/alter", "/v2/vectordb/roles/drop", "/v2/vectordb/roles/grant_privilege",
          "/v2/vectordb/roles/revoke_privilege", "/v2/vectordb/roles/grant_privilege_v2", "/v2/vectordb/roles/revoke_privilege_v2",
          "/v2/vectordb/privilege_groups", "/v2/vectordb/privilege_groups/create", "/v2/vectordb/privilege_groups/drop",
          "/v2/vectordb/privilege_groups/list", "/v2/vectordb/privilege_groups/add_privileges_to_group",
          "/v2/vectordb/privilege_groups/remove_privileges_from_group", "/v2/vectordb/privileges/list", "/v2/vectordb/grants/list",
          "/v2/vectordb/row_policies/list", "/v2/vectordb/rbac/backup", "/v2/vectordb/credentials/list",
          // Of other versions, without one, and the management port's.
          "/v1/vectordb/users/list", "/v3/vectordb/users/list", "/vectordb/users/list", "/v1/vector/users/list", "/v1/vector/roles/create",
          "/api/v1/credential", "/api/v1/credential/users"});
}

BOOST_AUTO_TEST_CASE(a_path_that_somebody_may_read_as_one_of_the_families_is_refused) {
  expect(disposition::refuse, {"/v2/vectordb/users/list/",
                               "/v2/vectordb/users//list",
                               "//v2/vectordb/users/list",
                               "/v2//vectordb/users/list",
                               "/v2/vectordb//users/list",
                               "/v2/vectordb/users/List",
                               "/V2/VECTORDB/USERS/LIST",
                               "/v2/vectordb/Users/list",
                               "/v2/vectordb/ROLES/create",
                               "/v2/vectordb/Privilege_Groups/list",
                               "v2/vectordb/users/list",
                               "/v2/vectordb/users/list%20",
                               "/v2/vectordb/users/lis%74",
                               "/v2/vectordb/%75sers/list",
                               "/v2/vectordb/%55SERS/list",
                               "/v2/%76ectordb/users/create",
                               "/v2/vectordb%2fusers%2flist",
                               "/v2/vectordb%2Froles/create",
                               "%2fv2%2fvectordb%2froles%2fcreate",
                               "/v2/vectordb/%2575sers/list",
                               "/v2/vectordb/%252575sers/list",
                               "/v2/vectordb/users%00/list",
                               "/v2/vectordb/users;a=b/list",
                               "/v2/vectordb;a=b/users/list",
                               "/v2/vectordb/users.json",
                               "/v2/vectordb/./roles/create",
                               "/v2/vectordb/x/../roles/create",
                               "/v2/vectordb/x/%2e%2e/roles/create",
                               "/v2/x/../vectordb/x/../roles/create",
                               "/../v2/vectordb/roles/create",
                               "/v2/vectordb/roles/../collections/list",
                               "/v2/vectordb/users/%2e%2e/collections/list",
                               "/v2\\vectordb\\roles\\create",
                               "/v2/vectordb%5croles/create",
                               "http://host/v2/vectordb/roles/create",
                               "/v2/vectordb/users#list",
                               "/v2/vectordb/users?x",
                               "/v2/vectordb/users%3fx",
                               "/x/v2/vectordb/users/list"});
}

BOOST_AUTO_TEST_CASE(a_path_that_is_encoded_over_and_over_is_refused_whatever_it_is) {
  std::string path = "/v2/vectordb/%63ollections/list";
  const auto encoded_again = [](std::string text) {
    const auto at = text.find('%');
    return text.replace(at, 1, "%25");
  };
  for (int i = 0; i < 2; ++i, path = encoded_again(path)) expect(disposition::forward, {path});
  for (int i = 0; i < 4; ++i) path = encoded_again(path);
  expect(disposition::refuse, {path});
  BOOST_TEST(refused_with(path) == "this path is not served here: it is percent-encoded over and over: service unimplemented");
}

BOOST_AUTO_TEST_CASE(other_paths_go_to_the_backend) {
  expect(disposition::forward, {"/v2/vectordb/collections/list",
                                "/v2/vectordb/entities/search",
                                "/v2/vectordb/partitions/list",
                                "/v2/vectordb/indexes/list",
                                "/v2/vectordb/aliases/list",
                                "/v2/vectordb/databases/list",
                                "/v2/vectordb/jobs/import/list",
                                "/v2/vectordb/resource_groups/list",
                                "/v2/vectordb/segments/describe",
                                "/v2/vectordb/quotacenter/describe",
                                "/v2/vectordb/common/run_analyzer",
                                "/v2/vectordb/file_resources/list",
                                "/v2/vectordb",
                                "/v2/vectordb/",
                                "/v1/vector/collections",
                                "/v1/vector/insert",
                                "/",
                                "",
                                "*",
                                "/users/list",
                                "/roles",
                                "/v2/vectordb/collections/users",
                                "/v2/vectordb/entities/%zz",
                                "/v2/vectordb/%",
                                "/v2/vectordb/%7",
                                "/healthz",
                                "/api/v1/health",
                                "/milvus.proto.milvus.MilvusService/CreateCredential",
                                "/v2/vectordb/collections/..",
                                "/../..",
                                "/v2/vectordb/us%65",
                                "/v2/vectordb/superusers/list"});
}

BOOST_AUTO_TEST_CASE(a_refused_path_says_what_to_do_instead_in_milvus_shape) {
  BOOST_TEST(refused_with("/v2/vectordb/roles/create") ==
             "roles are not managed here yet: a user's roles are set at the server, by the command sallyport user: service unimplemented");
  for (const std::string path : {"/v2/vectordb/users/grant_role", "/v2/vectordb/users/revoke_role", "/V2/vectordb/%75sers/grant_role"})
    BOOST_TEST(refused_with(path).starts_with("roles are not managed here yet: "), path);
  for (const std::string path : {"/v2/vectordb/users/list/", "/v2/vectordb/USERS/list", "/api/v1/credential"})
    BOOST_TEST(refused_with(path).starts_with("users are managed here by POST to /v2/vectordb/users/list, "), path);
  BOOST_TEST(refused_with("/v2/vectordb/privilege_groups/list").starts_with("privilege groups are not managed here yet: "));
  BOOST_TEST(refused_with("/v2/vectordb/user_tags/list").starts_with("tags of users are not managed here yet: "));
  // Nothing of a stranger's path comes back.
  BOOST_TEST(refused_with("/v2/vectordb/roles/<script>").find("script") == std::string::npos);
}
