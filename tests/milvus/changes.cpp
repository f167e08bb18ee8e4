// What Milvus 2.3.5 says to each change and each fault: codes, texts, order of checks; and what is in force afterwards.
#include "support.hpp"

using namespace sallyport;
using namespace sallyport::milvus::tests;

namespace {

const std::string blank_name = "username must be not empty: invalid parameter";

std::string range(std::size_t size, const std::string& bounds = "6 <= value <= 256") {
  return "invalid password length: invalid parameter[" + std::to_string(size) + " out of range " + bounds + "]";
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_created_user_logs_in_and_the_answer_is_an_empty_message, house) {
  const milvus::reply got = raw("CreateCredential", "root", to_create("u1", "P@ss:w0:rd"));
  BOOST_TEST(got.body == std::string(5, '\0'));
  BOOST_TEST(logs_in("u1", "P@ss:w0:rd"));
  BOOST_TEST(!logs_in("u1", "P@ss:w0:rd "));
  BOOST_TEST(record("u1")->roles.empty());
}

BOOST_FIXTURE_TEST_CASE(a_name_is_judged_in_milvus_words, house) {
  const auto refused_for = [this](const std::string& name, const std::string& reason) {
    BOOST_TEST(create("root", name, "secret-1") == merr(5, 1100, reason), name);
  };
  refused_for("", blank_name);
  refused_for(" \t ", blank_name);
  const std::string a33(33, 'a');
  refused_for(a33, "invalid username " + a33 + " with length 33, the length of username must be less than 32: invalid parameter");
  refused_for("1a", "invalid user name 1a, the first character must be a letter, but got 1: invalid parameter");
  refused_for("_a", "invalid user name _a, the first character must be a letter, but got _: invalid parameter");
  refused_for("a-b", "invalid user name a-b, username must contain only numbers, letters and underscores, but got -: invalid parameter");
  refused_for("a b", "invalid user name a b, username must contain only numbers, letters and underscores, but got  : invalid parameter");
  // Go shows the first byte of a character as the code point of that number.
  refused_for(
      "a\xc3\xa4",
      "invalid user name a\xc3\xa4, username must contain only numbers, letters and underscores, but got \xc3\x83: invalid parameter");
  BOOST_TEST(create("root", std::string(32, 'a'), "secret-1") == success);
  BOOST_TEST(create("root", "Z_9", "secret-1") == success);
}

BOOST_FIXTURE_TEST_CASE(the_trimmed_name_is_the_one_that_is_stored_changed_and_dropped, house) {
  BOOST_TEST(create("root", " pad\n", "secret-1") == success);
  BOOST_TEST_REQUIRE(record("pad") != nullptr);
  BOOST_TEST(update("root", "\tpad ", "secret-1", "secret-2") == success);
  BOOST_TEST(logs_in("pad", "secret-2"));
  BOOST_TEST(drop("root", " pad ") == success);
  BOOST_TEST(record("pad") == nullptr);
  BOOST_TEST(drop("root", " root ") == merr(1, 1401, "root user cannot be deleted: privilege not permitted"));
}

BOOST_FIXTURE_TEST_CASE(passwords_of_6_to_256_bytes_work, house) {
  for (const std::size_t size : {0u, 5u, 257u}) BOOST_TEST(create("root", "u1", std::string(size, 'p')) == merr(5, 1100, range(size)));
  BOOST_TEST(record("u1") == nullptr);
  // Milvus fails from 73 on, where bcrypt ends.
  for (const std::size_t size : {6u, 72u, 73u, 256u}) {
    const std::string name = "u" + std::to_string(size), password(size, 'p');
    BOOST_TEST(create("root", name, password) == success);
    BOOST_TEST(logs_in(name, password));
    BOOST_TEST(!logs_in(name, password.substr(1)));
  }
  BOOST_TEST(update("root", "u72", std::string(72, 'p'), "12345") == merr(5, 1100, range(5)));
  BOOST_TEST(update("root", "u72", std::string(72, 'p'), std::string(256, 'q')) == success);
  BOOST_TEST(logs_in("u72", std::string(256, 'q')));
}

BOOST_FIXTURE_TEST_CASE(the_bounds_are_settings, house) {
  rule({.super_users = {}, .password_min_bytes = 2, .password_max_bytes = 3, .user_name_max_bytes = 4, .description_max_bytes = 5});
  BOOST_TEST(create("root", "u1", "pppp") == merr(5, 1100, range(4, "2 <= value <= 3")));
  BOOST_TEST(create("root", "abcde", "ppp") ==
             merr(5, 1100, "invalid username abcde with length 5, the length of username must be less than 4: invalid parameter"));
  auto request = to_create("abcd", "ppp");
  request.set_description("123456");
  BOOST_TEST(asked("CreateCredential", "root", request) ==
             merr(5, 1100, "invalid user description length: invalid parameter[6 out of range 0 <= value <= 5]"));
  request.set_description("12345");
  BOOST_TEST(asked("CreateCredential", "root", request) == success);
}

BOOST_FIXTURE_TEST_CASE(a_password_that_is_not_base64_is_refused_with_gos_offset, house) {
  auto creation = to_create("u1", "");
  creation.set_password("abcdefg");
  BOOST_TEST(asked("CreateCredential", "root", creation) == merr(1, 65535, "decode password fail: illegal base64 data at input byte 4"));
  creation.set_password("P@ssw0rd");
  BOOST_TEST(asked("CreateCredential", "root", creation) == merr(1, 65535, "decode password fail: illegal base64 data at input byte 1"));
  auto change = to_update("root", "Milvus", "secret-2");
  change.set_new_password("!");
  BOOST_TEST(asked("UpdateCredential", "root", change) == merr(1, 65535, "decode password failed: illegal base64 data at input byte 0"));
  change.set_old_password("?");
  BOOST_TEST(asked("UpdateCredential", "root", change) ==
             merr(1, 65535, "decode old password failed: illegal base64 data at input byte 0"));
}

BOOST_FIXTURE_TEST_CASE(a_name_that_is_taken_is_built_by_hand, house) {
  add("u1", "secret-1");
  BOOST_TEST(create("root", "u1", "secret-2") == by_hand(29, "user already exists: u1"));
  BOOST_TEST(create("root", "root", "secret-2") == by_hand(29, "user already exists: root"));
  BOOST_TEST(logs_in("u1", "secret-1"));
}

BOOST_FIXTURE_TEST_CASE(create_checks_name_then_encoding_then_length_then_the_store, house) {
  add("u1", "secret-1");
  auto request = to_create("1", "");
  request.set_password("!");
  BOOST_TEST(asked("CreateCredential", "root", request).code == 1100);
  request.set_username("u1");
  BOOST_TEST(asked("CreateCredential", "root", request).reason == "decode password fail: illegal base64 data at input byte 0");
  request.set_password(base64("short"));
  BOOST_TEST(asked("CreateCredential", "root", request).reason == range(5));
  request.set_password(base64("secret-1"));
  BOOST_TEST(asked("CreateCredential", "root", request).error_code == 29);
}

BOOST_FIXTURE_TEST_CASE(no_number_of_users_is_too_many, house) {
  // Milvus stops at 100. Imported, because a hundred hashes take their time.
  const std::string hash = record("root")->hash;
  for (int i = 0; i < 120; ++i) {
    const std::string name = "user" + std::to_string(i);
    BOOST_TEST_REQUIRE(!users::answer_of([&](auto done) { store->import_hash(name, hash, {}, std::move(done)); }));
  }
  BOOST_TEST(create("root", "another", "secret-1") == success);
}

BOOST_FIXTURE_TEST_CASE(a_change_of_password_needs_the_old_one_even_from_root, house) {
  add("u1", "secret-1");
  BOOST_TEST(update("root", "u1", "wrong-1", "secret-2") == merr(1, 1400, "old password not correct for u1: not authenticated"));
  BOOST_TEST(update("root", "root", "", "secret-2") == merr(1, 1400, "old password not correct for root: not authenticated"));
  BOOST_TEST(update("root", "nobody", "secret-1", "secret-2") == merr(1, 1400, "old password not correct for nobody: not authenticated"));
  BOOST_TEST(logs_in("u1", "secret-1"));
  BOOST_TEST(update("root", "u1", "secret-1", "secret-2") == success);
  BOOST_TEST(logs_in("u1", "secret-2"));
  BOOST_TEST(!logs_in("u1", "secret-1"));
}

BOOST_FIXTURE_TEST_CASE(update_checks_encodings_old_first_then_the_new_length_then_the_old_password, house) {
  auto request = to_update("root", "wrong-1", "short");
  request.set_new_password("!");
  BOOST_TEST(asked("UpdateCredential", "root", request).reason.starts_with("decode password failed"));
  request.set_new_password(base64("short"));
  BOOST_TEST(asked("UpdateCredential", "root", request) == merr(5, 1100, range(5)));
  request.set_new_password(base64("secret-2"));
  BOOST_TEST(asked("UpdateCredential", "root", request).code == 1400);
  // Both empty without a description: a password of no length.
  request.set_old_password("");
  request.set_new_password("");
  BOOST_TEST(asked("UpdateCredential", "root", request) == merr(5, 1100, range(0)));
}

BOOST_FIXTURE_TEST_CASE(a_super_user_resets_without_the_old_password_and_only_the_caller_counts, house) {
  add("helper", "secret-h", {"admin"});
  add("u1", "secret-1");
  rule({.super_users = {"other", "helper"}});
  BOOST_TEST(update("helper", "u1", "", "secret-2") == success);
  BOOST_TEST(logs_in("u1", "secret-2"));
  BOOST_TEST(update("helper", "nobody", "", "secret-2") == by_hand(30, "user not found: nobody"));
  BOOST_TEST(update("helper", "u1", "", "short") == merr(5, 1100, range(5)));
  auto request = to_update("u1", "", "secret-3");
  request.set_old_password("!");
  BOOST_TEST(asked("UpdateCredential", "helper", request).reason.starts_with("decode old password failed"));
  BOOST_TEST(update("root", "helper", "", "secret-3") == merr(1, 1400, "old password not correct for helper: not authenticated"));
}

BOOST_FIXTURE_TEST_CASE(a_description_alone_leaves_the_password, house) {
  add("u1", "secret-1");
  milvus::wire::UpdateCredentialRequest request;
  request.set_username("u1");
  request.set_description("reads only");
  const auto version = record("u1")->version;
  BOOST_TEST(asked("UpdateCredential", "root", request) == success);
  BOOST_TEST(record("u1")->description == "reads only");
  BOOST_TEST(record("u1")->version == version);
  BOOST_TEST(logs_in("u1", "secret-1"));
  request.set_description("");  // present, and empty: cleared
  BOOST_TEST(asked("UpdateCredential", "u1", request) == success);
  BOOST_TEST(record("u1")->description.empty());
  request.set_description(std::string(1024, 'd'));
  BOOST_TEST(asked("UpdateCredential", "root", request) == success);
  request.set_description(std::string(1025, 'd'));
  BOOST_TEST(asked("UpdateCredential", "root", request) ==
             merr(5, 1100, "invalid user description length: invalid parameter[1025 out of range 0 <= value <= 1024]"));
  request.set_description("x");
  request.set_username("nobody");
  BOOST_TEST(asked("UpdateCredential", "root", request) == by_hand(30, "user not found: nobody"));
}

BOOST_FIXTURE_TEST_CASE(a_description_comes_with_a_new_user_or_a_new_password_too, house) {
  auto creation = to_create("u1", "secret-1");
  creation.set_description("first");
  BOOST_TEST(asked("CreateCredential", "root", creation) == success);
  BOOST_TEST(record("u1")->description == "first");
  BOOST_TEST(update("u1", "u1", "secret-1", "secret-2") == success);
  BOOST_TEST(record("u1")->description == "first");
  auto change = to_update("u1", "secret-2", "secret-3");
  change.set_description("second");
  BOOST_TEST(asked("UpdateCredential", "u1", change) == success);
  BOOST_TEST(record("u1")->description == "second");
  BOOST_TEST(logs_in("u1", "secret-3"));
  change = to_update("u1", "secret-3", "secret-4");
  change.set_description(std::string(1025, 'd'));
  BOOST_TEST(asked("UpdateCredential", "u1", change).code == 1100);
  BOOST_TEST(logs_in("u1", "secret-3"));
}

BOOST_FIXTURE_TEST_CASE(a_drop_takes_effect_before_its_answer_and_of_nobody_succeeds, house) {
  add("u1", "secret-1");
  BOOST_TEST(drop("root", "u1") == success);
  BOOST_TEST(record("u1") == nullptr);
  BOOST_TEST(drop("root", "u1") == success);
  BOOST_TEST(drop("root", "") == by_hand(31, "fail to execute task when deleting the user"));
  BOOST_TEST(drop("root", "  ") == by_hand(31, "fail to execute task when deleting the user"));
}

BOOST_FIXTURE_TEST_CASE(root_stays_and_nobody_drops_itself, house) {
  add("helper", "secret-h", {"admin"});
  BOOST_TEST(drop("root", "root") == merr(1, 1401, "root user cannot be deleted: privilege not permitted"));
  BOOST_TEST(drop("helper", "root") == merr(1, 1401, "root user cannot be deleted: privilege not permitted"));
  BOOST_TEST(drop("helper", "helper") == merr(1, 1401, "user can not be deleted by itself: privilege not permitted"));
  BOOST_TEST(drop("helper", " helper ") == merr(1, 1401, "user can not be deleted by itself: privilege not permitted"));
  BOOST_TEST(record("helper") != nullptr);
  BOOST_TEST(drop("root", "helper") == success);
}
