#include "kit.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

namespace sallyport::auth {
namespace {

BOOST_FIXTURE_TEST_SUITE(changes, one_door)

BOOST_AUTO_TEST_CASE(a_changed_password_is_in_force_for_the_connection_that_has_passed_before) {
  BOOST_TEST(!users.create("alice", "secret"));
  const auto old = base64("alice:secret");
  memo remembered;
  const auto before = at->settle_twice(old, remembered);
  BOOST_TEST(at->door().still_good(before));
  BOOST_TEST(!users.change_password("alice", "secret", "second"));
  BOOST_TEST(!at->door().still_good(before));
  BOOST_TEST(why(at->settle(old, remembered)) == denial::wrong_password);
  BOOST_TEST(why(at->settle(old)) == denial::wrong_password);
  BOOST_TEST(passed(at->settle(base64("alice:second"), remembered)).user_name() == "alice");
}

BOOST_AUTO_TEST_CASE(another_users_change_costs_nobody_a_hash) {
  BOOST_TEST(!users.create("alice", "secret"));
  memo remembered;
  const auto before = at->settle_twice(root, remembered);
  BOOST_TEST(!users.reset_password("alice", "second"));
  BOOST_TEST(!users.drop("alice"));
  told_waiter who;
  const auto after = at->admit(root, who, remembered);
  BOOST_REQUIRE(std::holds_alternative<permit>(after));
  BOOST_TEST(std::get<permit>(after).generation() == users->generation().load());
  memo fresh;
  BOOST_TEST(std::holds_alternative<permit>(at->admit(root, who, fresh)));
  BOOST_TEST(at->door().still_good(before));
  BOOST_TEST(hasher.hashes() == 1);
}

BOOST_AUTO_TEST_CASE(a_dropped_user_is_out_and_one_of_the_same_name_and_password_is_judged_anew) {
  BOOST_TEST(!users.import_hash("alice", bcrypt_of_milvus));
  const auto token = base64("alice:Milvus");
  memo remembered;
  const auto before = at->settle_twice(token, remembered);
  const auto hashes = hasher.hashes();
  BOOST_TEST(!users.drop("alice"));
  BOOST_TEST(!at->door().still_good(before));
  BOOST_TEST(why(at->settle(token, remembered)) == denial::unknown_user);
  BOOST_TEST(hasher.hashes() == hashes + 1);
  BOOST_TEST(!users.import_hash("alice", bcrypt_of_milvus));
  BOOST_TEST(!at->door().still_good(before));
  told_waiter who;
  BOOST_TEST(is_pending(at->admit(token, who, remembered)));
  at->until([&] { return who.told > 0; });
  BOOST_REQUIRE(who.passed);
  BOOST_TEST(who.passed->user()->version != before.user()->version);
  BOOST_TEST(hasher.hashes() == hashes + 2);
}

BOOST_AUTO_TEST_CASE(a_drop_and_a_creation_between_two_requests_leave_no_way_around_the_hash) {
  BOOST_TEST(!users.import_hash("alice", bcrypt_of_milvus));
  const auto token = base64("alice:Milvus");
  memo remembered;
  at->settle_twice(token, remembered);
  BOOST_TEST(!users.drop("alice"));
  BOOST_TEST(!users.create("alice", "other"));
  BOOST_TEST(why(at->settle(token, remembered)) == denial::wrong_password);
}

BOOST_AUTO_TEST_CASE(changed_roles_are_in_the_next_permit_and_end_the_old_one) {
  BOOST_TEST(!users.create("alice", "secret", {"admin"}));
  memo remembered;
  const auto before = at->settle_twice(base64("alice:secret"), remembered);
  BOOST_TEST(before.administrator());
  BOOST_TEST(!users.change_roles("alice", {"readonly"}));
  BOOST_TEST(!at->door().still_good(before));
  const auto after = at->settle_twice(base64("alice:secret"), remembered);
  BOOST_TEST(!after.administrator());
  BOOST_TEST(at->door().still_good(after));
}

BOOST_AUTO_TEST_CASE(a_description_is_in_the_next_permit_and_costs_no_hash) {
  memo remembered;
  const auto before = at->settle_twice(root, remembered);
  BOOST_TEST(!users.describe("root", "words"));
  BOOST_TEST(at->door().still_good(before));
  told_waiter who;
  const auto after = at->admit(root, who, remembered);
  BOOST_TEST(std::get<permit>(after).user()->description == "words");
  BOOST_TEST(hasher.hashes() == 1);
}

BOOST_AUTO_TEST_CASE(a_verdict_that_was_under_way_when_the_password_changed_is_not_of_the_new_one) {
  BOOST_TEST(!users.create("alice", "secret"));
  memo remembered;
  told_waiter old, fresh, ahead;
  // The loop does not run, so both verdicts are told after the change.
  at->admit(base64("alice:secret"), old, remembered);
  at->admit(base64("alice:second"), ahead, remembered);
  hasher.begun(2);
  BOOST_TEST(!users.change_password("alice", "secret", "second"));
  at->until([&] { return old.told > 0 && ahead.told > 0; });
  BOOST_REQUIRE(old.why);
  BOOST_TEST(*old.why == denial::wrong_password);
  BOOST_TEST(ahead.passed.has_value());
  BOOST_TEST(hasher.hashes() == 4);
}

BOOST_AUTO_TEST_CASE(a_verdict_that_was_under_way_when_the_user_was_dropped_or_made_is_judged_anew) {
  BOOST_TEST(!users.create("alice", "secret"));
  memo remembered;
  told_waiter leaving, coming;
  at->admit(base64("alice:secret"), leaving, remembered);
  at->admit(base64("bob:secret"), coming, remembered);
  hasher.begun(2);
  BOOST_TEST(!users.drop("alice"));
  BOOST_TEST(!users.create("bob", "secret"));
  at->until([&] { return leaving.told > 0 && coming.told > 0; });
  BOOST_REQUIRE(leaving.why);
  BOOST_TEST(*leaving.why == denial::unknown_user);
  BOOST_TEST(coming.passed.has_value());
}

BOOST_AUTO_TEST_CASE(a_verdict_to_be_judged_anew_is_overload_when_the_queue_is_full) {
  chosen.hash_queue_max = 1;
  pool = std::make_shared<hashing_pool>(chosen, hasher.verifier());
  at = std::make_unique<worker>(chosen, *users, pool, users.log());
  BOOST_TEST(!users.create("alice", "secret"));
  memo remembered;
  told_waiter under_way, running, parked;
  at->admit(base64("alice:secret"), under_way, remembered);
  hasher.begun(1);
  // The verdict lies in the loop, which does not run yet, when the one thread begins the next one and is held there.
  BOOST_TEST(!users.reset_password("alice", "second"));
  hasher.hold();
  at->admit(base64("root:1"), running, remembered);
  hasher.begun(2);
  at->admit(base64("root:2"), parked, remembered);
  at->until([&] { return under_way.told > 0; });
  BOOST_REQUIRE(under_way.why);
  BOOST_TEST(*under_way.why == denial::overloaded);
  hasher.release();
  at->until([&] { return parked.told > 0; });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::auth
