#include "kit.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <iterator>
#include <string>

namespace sallyport::auth {
namespace {

using std::chrono::milliseconds;

BOOST_AUTO_TEST_SUITE(bounds)

BOOST_AUTO_TEST_CASE(a_full_queue_is_overload_at_once_for_known_and_unknown_users_but_not_for_who_was_seen) {
  auto s = quick();
  s.hash_queue_max = 2;
  one_door door(s);
  memo remembered, fresh;
  door.at->settle_twice(root, remembered);
  door.hasher.hold();
  told_waiter waiters[3], late;
  door.at->admit(base64("root:1"), waiters[0], fresh);
  door.hasher.begun(2);
  door.at->admit(base64("root:2"), waiters[1], fresh);
  door.at->admit(base64("root:3"), waiters[2], fresh);
  BOOST_TEST(std::get<denial>(door.at->admit(base64("root:4"), late, fresh)) == denial::overloaded);
  BOOST_TEST(std::get<denial>(door.at->admit(base64("nobody:4"), late, fresh)) == denial::overloaded);
  BOOST_TEST(is_pending(door.at->admit(base64("root:3"), late, fresh)));
  told_waiter seen;
  BOOST_TEST(std::holds_alternative<permit>(door.at->admit(root, seen, fresh)));
  door.hasher.release();
  door.at->until([&] { return waiters[2].told > 0 && late.told > 0; });
  BOOST_TEST(*late.why == denial::wrong_password);
}

BOOST_AUTO_TEST_CASE(a_source_that_guesses_cannot_fill_the_queue_for_the_others) {
  auto s = quick();
  s.hash_queue_max = 8;
  one_door door(s);
  door.hasher.hold();
  std::vector<told_waiter> guesses(10);
  memo fresh;
  int taken = 0;
  for (std::size_t i = 0; i < guesses.size(); ++i)
    taken += is_pending(door.at->admit(base64("root:" + std::to_string(i)), guesses[i], fresh, core::clock::now(), "192.0.2.1"));
  BOOST_TEST(taken <= 3);
  told_waiter honest;
  BOOST_TEST(is_pending(door.at->admit(root, honest, fresh, core::clock::now(), "192.0.2.2")));
  door.hasher.release();
  door.at->until([&] { return honest.told > 0; });
  BOOST_TEST(honest.passed.has_value());
}

BOOST_AUTO_TEST_CASE(the_cache_holds_no_more_tokens_than_it_may) {
  auto s = quick();
  s.cache_max = 2;
  one_door door(s);
  for (const char* name : {"a", "b"}) BOOST_TEST(!door.users.import_hash(name, bcrypt_of_milvus));
  for (const char* name : {"a", "b"}) BOOST_TEST(door.at->passes(base64(std::string(name) + ":Milvus")));
  BOOST_TEST(door.at->passes(base64("a:Milvus")));
  BOOST_TEST(door.hasher.hashes() == 2);
  BOOST_TEST(door.at->passes(root));
  BOOST_TEST(door.at->passes(base64("a:Milvus")));
  BOOST_TEST(door.hasher.hashes() == 3);
  BOOST_TEST(door.at->passes(base64("b:Milvus")));
  BOOST_TEST(door.hasher.hashes() == 4);
}

BOOST_AUTO_TEST_CASE(the_same_wrong_token_costs_one_hash_in_five_seconds) {
  one_door door;
  const auto wrong = base64("root:wrong"), unknown = base64("nobody:wrong");
  for (int i = 0; i < 20; ++i) {
    BOOST_TEST(why(door.at->settle(wrong)) == denial::wrong_password);
    BOOST_TEST(why(door.at->settle(unknown)) == denial::unknown_user);
  }
  BOOST_TEST(door.hasher.hashes() == 2);
  // As if it came later.
  memo fresh;
  told_waiter later;
  door.at->admit(wrong, later, fresh, core::clock::now() + std::chrono::seconds(6));
  door.hasher.begun(3);
  door.at->door().forget(later);
}

BOOST_AUTO_TEST_CASE(a_refusal_is_remembered_until_that_very_user_changes) {
  one_door door;
  const auto alice = base64("alice:secret");
  BOOST_TEST(why(door.at->settle(alice)) == denial::unknown_user);
  BOOST_TEST(!door.users.create("bob", "secret"));
  BOOST_TEST(why(door.at->settle(alice)) == denial::unknown_user);
  BOOST_TEST(door.hasher.hashes() == 1);
  BOOST_TEST(!door.users.create("alice", "other"));
  BOOST_TEST(why(door.at->settle(alice)) == denial::wrong_password);
  BOOST_TEST(door.hasher.hashes() == 2);
  BOOST_TEST(!door.users.reset_password("alice", "secret"));
  BOOST_TEST(door.at->passes(alice));
  BOOST_TEST(!door.users.drop("alice"));
  BOOST_TEST(why(door.at->settle(alice)) == denial::unknown_user);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(timing)

BOOST_AUTO_TEST_CASE(refusals_of_every_kind_of_hash_leave_at_once_together_at_the_floor_and_never_before) {
  settings s;
  s.refusal_floor = milliseconds(500);
  one_door door(s);
  const char* bcrypt_of_cost_ten = "$2b$10$/OK.fbVrR/bpIqNJ5ianF..jB.uwnX7UsFp7xlnBcTTtQ0mWLi5A6";
  BOOST_TEST(!door.users.import_hash("four", bcrypt_of_milvus));
  BOOST_TEST(!door.users.import_hash("ten", bcrypt_of_cost_ten));
  // Hashed beforehand, so that all verdicts fall before the floor on a busy machine, too.
  for (const auto& hash :
       {door.users.find("root")->hash, users::decoy_hash(), std::string(bcrypt_of_milvus), std::string(bcrypt_of_cost_ten)})
    for (const char* password : {"wrong", ""}) door.hasher.verifier()(password, hash);
  const int before = door.hasher.hashes();
  // Twice: the second time each is answered from what is remembered.
  for (int round = 0; round < 2; ++round) {
    told_waiter waiters[6];
    const auto told = [&] { return std::count_if(std::begin(waiters), std::end(waiters), [](const auto& who) { return who.told > 0; }); };
    memo fresh;
    const auto arrival = core::clock::now();
    int i = 0;
    for (const char* token : {"root:wrong", "nobody:wrong", "four:wrong", "ten:wrong", "root:", ":wrong"})
      BOOST_TEST(is_pending(door.at->admit(base64(token), waiters[i++], fresh, arrival)));
    door.at->until([&] { return told() > 0; });
    // One turn of the timer for all of them.
    BOOST_TEST(told() == 6);
    for (const auto& who : waiters) {
      BOOST_TEST((who.when - arrival >= s.refusal_floor));
      BOOST_TEST(who.why.has_value());
    }
    BOOST_TEST(door.hasher.hashes() == before + 6);
  }
}

BOOST_AUTO_TEST_CASE(a_refusal_due_earlier_does_not_wait_for_one_due_later) {
  settings s;
  s.refusal_floor = milliseconds(20);
  one_door door(s);
  why(door.at->settle(base64("root:wrong")));
  memo fresh;
  told_waiter later, sooner;
  const auto now = core::clock::now();
  door.at->admit(base64("root:wrong"), later, fresh, now + std::chrono::hours(1));
  door.at->admit(base64("root:wrong"), sooner, fresh, now);
  door.at->until([&] { return sooner.told > 0; });
  BOOST_TEST((sooner.when - now >= milliseconds(20)));
  BOOST_TEST(later.told == 0);
  door.at->door().forget(later);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::auth
