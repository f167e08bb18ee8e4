// ListCredUsers and SelectUser as Milvus 2.3.5 answers them.
#include "support.hpp"

using namespace sallyport;
using namespace sallyport::milvus::tests;

namespace {

struct peopled : house {
  peopled() {
    add("zoe", "secret-z", {"readonly", "admin"});
    add("Ann", "secret-a");
    add("bob", "secret-b", {"readwrite"});
    milvus::wire::UpdateCredentialRequest request;
    request.set_username("bob");
    request.set_description("builds");
    BOOST_TEST(asked("UpdateCredential", "root", request) == success);
  }

  // name[roles](description), one a user.
  std::string selected(const milvus::wire::SelectUserRequest& request, const std::string& caller = "root") const {
    const auto response = ask<milvus::wire::SelectUserResponse>("SelectUser", caller, request);
    BOOST_TEST(response.has_status());
    BOOST_TEST(status_of(response.status()) == success);
    std::string text;
    for (const auto& result : response.results()) {
      text += (text.empty() ? "" : " ") + result.user().name() + "[";
      for (const auto& role : result.roles()) text += role.name() + ";";
      text += "](" + result.description() + ")";
    }
    return text;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(names_are_listed_in_byte_order, peopled) {
  const auto response = ask<milvus::wire::ListCredUsersResponse>("ListCredUsers", "root", milvus::wire::ListCredUsersRequest());
  BOOST_TEST(response.has_status());
  BOOST_TEST(status_of(response.status()) == success);
  const std::vector<std::string> names(response.usernames().begin(), response.usernames().end());
  BOOST_TEST(names == (std::vector<std::string>{"Ann", "bob", "root", "zoe"}), boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(without_a_user_all_are_described, peopled) {
  milvus::wire::SelectUserRequest request;
  BOOST_TEST(selected(request) == "Ann[]() bob[](builds) root[]() zoe[]()");
  request.set_include_role_info(true);
  BOOST_TEST(selected(request) == "Ann[]() bob[readwrite;](builds) root[]() zoe[admin;readonly;]()");
}

BOOST_FIXTURE_TEST_CASE(a_user_is_described_with_roles_only_when_they_are_asked_for, peopled) {
  BOOST_TEST(selected(to_select("bob")) == "bob[](builds)");
  BOOST_TEST(selected(to_select("bob", true)) == "bob[readwrite;](builds)");
  BOOST_TEST(selected(to_select("root", true)) == "root[]()");
}

BOOST_FIXTURE_TEST_CASE(an_unknown_user_is_success_without_results_and_names_are_not_trimmed, peopled) {
  for (const std::string name : {"nobody", " bob ", "BOB", " "}) BOOST_TEST(selected(to_select(name, true)).empty(), name);
}

BOOST_FIXTURE_TEST_CASE(a_user_that_is_present_with_an_empty_name_is_a_fault, peopled) {
  const auto response = ask<milvus::wire::SelectUserResponse>("SelectUser", "root", to_select(""));
  BOOST_TEST(status_of(response.status()) == merr(5, 1100, "username must be not empty: invalid parameter"));
  BOOST_TEST(response.results_size() == 0);
}

BOOST_FIXTURE_TEST_CASE(a_user_sees_itself, peopled) { BOOST_TEST(selected(to_select("bob", true), "bob") == "bob[readwrite;](builds)"); }

BOOST_FIXTURE_TEST_CASE(what_was_changed_is_read_at_once, peopled) {
  BOOST_TEST(drop("root", "bob") == success);
  BOOST_TEST(selected(to_select("bob")).empty());
  BOOST_TEST(create("root", "bob", "secret-c") == success);
  BOOST_TEST(selected(to_select("bob", true)) == "bob[]()");
}
