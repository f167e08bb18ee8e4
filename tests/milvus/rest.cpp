// The five endpoints of users of REST v2: who may, the rules and texts of the gRPC calls in JSON, and what is in force afterwards.
#include "rest_support.hpp"

#include <boost/json/parse.hpp>

using namespace sallyport;
using namespace sallyport::milvus::tests;

namespace {

struct peopled : rest_house {
  peopled() {
    add("u1", "secret-1", {"readwrite", "readonly"});
    add("u2", "secret-2");
    add("boss", "secret-b", {"admin"});
  }
};

const std::string wrong_old = "old password not correct for u1: not authenticated";

}  // namespace

BOOST_FIXTURE_TEST_CASE(root_and_admin_manage_users_by_rest, peopled) {
  for (const std::string caller : {"root", "boss"}) {
    BOOST_TEST(made(caller, "u3", "secret-3") == done);
    BOOST_TEST(logs_in("u3", "secret-3"));
    BOOST_TEST(record("u3")->roles.empty());
    BOOST_TEST(post("list", caller, "{}") == data(R"(["boss","root","u1","u2","u3"])"));
    BOOST_TEST(described(caller, "u1") == data(R"(["readonly","readwrite"])"));
    BOOST_TEST(described(caller, "u3") == data("[]"));
    BOOST_TEST(changed(caller, "u3", "secret-3", "secret-4") == done);
    BOOST_TEST(logs_in("u3", "secret-4"));
    BOOST_TEST(!logs_in("u3", "secret-3"));
    BOOST_TEST(dropped(caller, "u3") == done);
    BOOST_TEST(record("u3") == nullptr);
  }
}

BOOST_FIXTURE_TEST_CASE(a_caller_who_is_dropped_before_the_change_has_not_authenticated, peopled) {
  const auto before = as("boss");
  BOOST_TEST(dropped("root", "boss") == done);
  BOOST_TEST(post_as(before, "/v2/vectordb/users/create", R"({"userName":"u3","password":"secret-3"})") ==
             fault(1800, "user hasn't authenticated", 401));
  BOOST_TEST(record("u3") == nullptr);
}

BOOST_FIXTURE_TEST_CASE(a_user_sees_and_changes_itself_by_rest_and_nobody_else, peopled) {
  BOOST_TEST(described("u1", "u1") == data(R"(["readonly","readwrite"])"));
  BOOST_TEST(changed("u1", "u1", "wrong-1", "secret-3") == fault(1400, wrong_old));
  BOOST_TEST(changed("u1", "u1", "secret-1", "secret-3") == done);
  BOOST_TEST(logs_in("u1", "secret-3"));

  BOOST_TEST(post("list", "u1", "{}") == denied_to("u1", "PrivilegeSelectOwnership"));
  BOOST_TEST(described("u1", "u2") == denied_to("u1", "PrivilegeSelectUser"));
  BOOST_TEST(described("u1", " u1 ") == denied_to("u1", "PrivilegeSelectUser"));
  BOOST_TEST(made("u1", "u3", "secret-3") == denied_to("u1", "PrivilegeCreateOwnership"));
  BOOST_TEST(changed("u1", "u2", "secret-2", "secret-3") == denied_to("u1", "PrivilegeUpdateUser"));
  for (const std::string name : {"u1", "u2", "root"}) BOOST_TEST(dropped("u1", name) == denied_to("u1", "PrivilegeDropOwnership"));
  BOOST_TEST(record("u3") == nullptr);
  BOOST_TEST(record("u1") != nullptr);
  BOOST_TEST(logs_in("u2", "secret-2"));
}

BOOST_FIXTURE_TEST_CASE(by_rest_permission_comes_before_every_rule_but_after_the_body, peopled) {
  BOOST_TEST(made("u1", "1", "x") == denied_to("u1", "PrivilegeCreateOwnership"));
  BOOST_TEST(changed("u1", "u2", "x", "x") == denied_to("u1", "PrivilegeUpdateUser"));
  BOOST_TEST(post("create", "u1", "{").body.starts_with(R"({"code":1801,)"));
  BOOST_TEST(post("drop", "u1", "{}").body.starts_with(R"({"code":1802,)"));
}

BOOST_FIXTURE_TEST_CASE(by_rest_a_caller_without_a_user_is_not_authenticated, peopled) {
  const auto nobody = auth::permit_for_tests::nobody();
  for (const std::string action : {"list", "describe", "create", "update_password", "drop"})
    for (const std::string body : {R"({"userName":"u2","password":"secret-2","newPassword":"secret-3"})", "{}", ""})
      BOOST_TEST(post_as(nobody, "/v2/vectordb/users/" + action, body) == fault(1800, "user hasn't authenticated", 401), action + body);
  BOOST_TEST(logs_in("u2", "secret-2"));
}

BOOST_FIXTURE_TEST_CASE(a_path_that_is_not_ours_to_answer_does_nothing, peopled) {
  for (const std::string path : {"/v2/vectordb/users/grant_role", "/v2/vectordb/roles/drop", "/v2/vectordb/users/drop/",
                                 "//v2/vectordb/users/drop", "/v2/vectordb/users/Drop", "/v2/vectordb/collections/drop", "drop", ""}) {
    const answered got = post_as(as("root"), path, R"({"userName":"u2","roleName":"admin"})");
    BOOST_TEST(got.status == 200u, path);
    BOOST_TEST(got.body.starts_with(R"({"code":10,"message":)"), path);
  }
  BOOST_TEST(record("u2") != nullptr);
  BOOST_TEST(record("u2")->roles.empty());
}

BOOST_FIXTURE_TEST_CASE(by_rest_a_name_is_judged_in_milvus_words, rest_house) {
  const auto refused_for = [this](const std::string& name, const std::string& reason) {
    BOOST_TEST(made("root", name, "secret-1") == fault(1100, reason), name);
  };
  refused_for(R"( \t )", "username must be not empty: invalid parameter");
  const std::string a33(33, 'a');
  refused_for(a33, "invalid username " + a33 + " with length 33, the length of username must be less than 32: invalid parameter");
  refused_for("1a", "invalid user name 1a, the first character must be a letter, but got 1: invalid parameter");
  refused_for("a-b", "invalid user name a-b, username must contain only numbers, letters and underscores, but got -: invalid parameter");
  refused_for(
      "a\\u00e4",
      "invalid user name a\xc3\xa4, username must contain only numbers, letters and underscores, but got \xc3\x83: invalid parameter");
  refused_for(
      "a\\u0000b",
      "invalid user name a\\u0000b, username must contain only numbers, letters and underscores, but got \\u0000: invalid parameter");
  refused_for("a\\\"b",
              "invalid user name a\\\"b, username must contain only numbers, letters and underscores, but got \\\": invalid parameter");
  BOOST_TEST(made("root", std::string(32, 'a'), "secret-1") == done);
  BOOST_TEST(made("root", "Z_9", "secret-1") == done);
}

BOOST_FIXTURE_TEST_CASE(by_rest_names_are_trimmed_in_changes_and_not_in_reads, rest_house) {
  BOOST_TEST(made("root", " pad\\n", "secret-1") == done);
  BOOST_TEST_REQUIRE(record("pad") != nullptr);
  BOOST_TEST(changed("root", "\\tpad ", "secret-1", "secret-2") == done);
  BOOST_TEST(logs_in("pad", "secret-2"));
  change_roles("pad", {"readonly"});
  BOOST_TEST(described("root", "pad") == data(R"(["readonly"])"));
  BOOST_TEST(described("root", " pad ") == data("[]"));
  BOOST_TEST(dropped("root", " pad ") == done);
  BOOST_TEST(record("pad") == nullptr);
  BOOST_TEST(dropped("root", " root ") == fault(1401, "root user cannot be deleted: privilege not permitted"));
}

BOOST_FIXTURE_TEST_CASE(by_rest_passwords_are_plain_text_of_6_to_256_bytes, rest_house) {
  const auto range = [](std::size_t size) {
    return fault(1100, "invalid password length: invalid parameter[" + std::to_string(size) + " out of range 6 <= value <= 256]");
  };
  for (const std::size_t size : {1u, 5u, 257u}) BOOST_TEST(made("root", "u1", std::string(size, 'p')) == range(size));
  BOOST_TEST(record("u1") == nullptr);
  for (const std::size_t size : {6u, 72u, 73u, 256u}) {
    const std::string name = "u" + std::to_string(size), password(size, 'p');
    BOOST_TEST(made("root", name, password) == done);
    BOOST_TEST(logs_in(name, password));
    BOOST_TEST(!logs_in(name, password.substr(1)));
  }
  // Bytes count, not characters: two for each of these.
  BOOST_TEST(made("root", "umlauts", "\\u00e4\\u00e4\\u00e4") == done);
  BOOST_TEST(logs_in("umlauts", "\xc3\xa4\xc3\xa4\xc3\xa4"));
  // What is valid base64 is not decoded here.
  BOOST_TEST(made("root", "plain", "abcdefgh") == done);
  BOOST_TEST(logs_in("plain", "abcdefgh"));
  BOOST_TEST(made("root", "odd", "P@ss:w0:\\\"\\\\\\n\\ud83d\\ude00 ") == done);
  BOOST_TEST(logs_in("odd", "P@ss:w0:\"\\\n\xf0\x9f\x98\x80 "));
  BOOST_TEST(changed("root", "plain", "abcdefgh", "12345") == range(5));
  BOOST_TEST(changed("root", "plain", "abcdefgh", std::string(257, 'q')) == range(257));
  BOOST_TEST(changed("root", "plain", "abcdefgh", std::string(256, 'q')) == done);
  BOOST_TEST(logs_in("plain", std::string(256, 'q')));
}

BOOST_FIXTURE_TEST_CASE(by_rest_a_name_that_is_taken_keeps_its_password, peopled) {
  BOOST_TEST(made("root", "u1", "secret-9") == fault(65535, "user already exists: u1"));
  BOOST_TEST(logs_in("u1", "secret-1"));
}

BOOST_FIXTURE_TEST_CASE(by_rest_a_change_needs_the_old_password_even_from_root, peopled) {
  BOOST_TEST(changed("root", "u1", "wrong-1", "secret-3") == fault(1400, wrong_old));
  BOOST_TEST(changed("root", "nobody", "secret-1", "secret-3") == fault(1400, "old password not correct for nobody: not authenticated"));
  BOOST_TEST(logs_in("u1", "secret-1"));
  rule({.super_users = {"boss"}});
  BOOST_TEST(changed("boss", "u1", "wrong-1", "secret-3") == done);
  BOOST_TEST(changed("boss", "nobody", "wrong-1", "secret-3") == fault(65535, "user not found: nobody"));
  BOOST_TEST(logs_in("u1", "secret-3"));
}

BOOST_FIXTURE_TEST_CASE(by_rest_root_stays_nobody_drops_itself_and_a_drop_of_nobody_succeeds, peopled) {
  BOOST_TEST(dropped("boss", "root") == fault(1401, "root user cannot be deleted: privilege not permitted"));
  BOOST_TEST(dropped("root", "root") == fault(1401, "root user cannot be deleted: privilege not permitted"));
  BOOST_TEST(dropped("boss", " boss ") == fault(1401, "user can not be deleted by itself: privilege not permitted"));
  BOOST_TEST(record("boss") != nullptr);
  BOOST_TEST(dropped("root", "nobody") == done);
  BOOST_TEST(dropped("root", " \\t") == fault(65535, "fail to execute task when deleting the user"));
}

BOOST_FIXTURE_TEST_CASE(by_rest_an_unknown_user_has_no_roles_and_root_none, peopled) {
  for (const std::string name : {"nobody", "root", "U1", " "}) BOOST_TEST(described("root", name) == data("[]"), name);
}

BOOST_FIXTURE_TEST_CASE(by_rest_a_full_queue_and_a_closing_store_answer_in_words, rest_house) {
  store_settings.change_queue_max = 0;
  open();
  const auto unavailable = [](const std::string& text) { return fault(65535, "rpc error: code = Unavailable desc = " + text); };
  const answered busy = unavailable("too many changes of users are under way, try again");
  BOOST_TEST(made("root", "u1", "secret-1") == busy);
  BOOST_TEST(changed("root", "root", "Milvus", "secret-1") == busy);
  BOOST_TEST(dropped("root", "u1") == busy);

  store_settings.change_queue_max = 256;
  open();
  std::vector<milvus::rest_reply> replies;
  for (int i = 0; i < 8; ++i) {
    const std::string body = R"({"userName":"u)" + std::to_string(i) + R"(","password":"secret-1"})";
    calls->rest("/v2/vectordb/users/create", as("root"), bytes_of(body), [&](milvus::rest_reply r) { replies.push_back(std::move(r)); });
  }
  calls.reset();
  store.reset();
  BOOST_TEST_REQUIRE(replies.size() == 8u);
  BOOST_TEST((answered{replies.back().status, replies.back().body}) == unavailable("the server is shutting down, try again"));
}

BOOST_FIXTURE_TEST_CASE(by_rest_each_change_leaves_its_line_and_no_body_leaves_a_trace, peopled) {
  made("root", "u3", "Swordfish-1");
  made("root", "u3", "Swordfish-2");
  changed("u1", "u1", "secret-1", "Swordfish-3");
  changed("u2", "u1", "Swordfish-4", "Swordfish-5");
  dropped("root", "u3");
  post("create", "root", R"({"userName":"u4","password":["Swordfish-6"]})");
  post("create", "root", R"({"userName":"u4","password":"Swordfish-7")");
  post("create", "root", R"({"userName":"u4","Swordfish-8":"Swordfish-9"})");
  made("root", R"(x\nuser_changed action=drop user=root by=eve)", "Swordfish-10");
  for (const std::string line :
       {"user_changed action=create user=u3 by=root", "user_change_refused action=create user=u3 by=root reason=already_exists",
        "user_changed action=change_password user=u1 by=u1",
        "user_change_refused action=change_password user=u1 by=u2 reason=permission_denied", "user_changed action=drop user=u3 by=root"})
    BOOST_TEST(logged(line), line);
  const std::string text = log_text();
  BOOST_TEST(text.find("Swordfish") == text.npos);
  BOOST_TEST(text.find("u4") == text.npos);
  BOOST_TEST(text.find("\nuser_changed action=drop user=root") == text.npos);
}
