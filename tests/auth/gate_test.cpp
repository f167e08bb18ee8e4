#include "kit.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

namespace sallyport::auth {
namespace {

using namespace std::string_literals;
using std::chrono::milliseconds;

constexpr const char* bcrypt_of_milvus = "$2a$04$/OK.fbVrR/bpIqNJ5ianF.KR5.PHAK3GlP3WDkvsl1WRNCvU7DCVK";
const std::string root = base64("root:Milvus");

denial why(const std::variant<permit, denial>& verdict) {
  BOOST_REQUIRE(std::holds_alternative<denial>(verdict));
  return std::get<denial>(verdict);
}

permit passed(const std::variant<permit, denial>& verdict) {
  BOOST_REQUIRE(std::holds_alternative<permit>(verdict));
  return std::get<permit>(verdict);
}

bool is_pending(const gate::verdict& v) { return std::holds_alternative<gate::pending>(v); }

BOOST_FIXTURE_TEST_SUITE(admit, one_door)

BOOST_AUTO_TEST_CASE(what_milvus_admits_is_admitted_and_known_by_name) {
  BOOST_TEST(!users.create("alice", "P@ss:w0:rd", {"readonly"}));
  BOOST_TEST(passed(at->settle(root)).user_name() == "root");
  BOOST_TEST(passed(at->settle(root)).administrator());
  const auto alice = passed(at->settle(base64("alice:P@ss:w0:rd")));
  BOOST_TEST(alice.user_name() == "alice");
  BOOST_TEST(!alice.administrator());
  BOOST_TEST((alice.user()->roles == std::vector<std::string>{"readonly"}));
  // Stray bits before the padding: Go's decoder lets them pass.
  BOOST_TEST(at->passes("cm9vdDpNaWx2dXN="));
}

BOOST_AUTO_TEST_CASE(a_credential_that_is_not_right_is_denied_as_milvus_does) {
  const struct {
    std::string token;
    denial expected;
  } rows[] = {
      {"root:wrong", denial::wrong_password},
      {"root:", denial::wrong_password},
      {"root:milvus", denial::wrong_password},
      {"root:Milvus ", denial::wrong_password},
      {"root:Milvus\0"s, denial::wrong_password},
      {"root: Milvus", denial::wrong_password},
      {"root::Milvus", denial::wrong_password},
      {"root:\xff\xfe\xfd", denial::wrong_password},
      {"nouser:x", denial::unknown_user},
      {"ROOT:Milvus", denial::unknown_user},
      {"root :Milvus", denial::unknown_user},
      {" root:Milvus", denial::unknown_user},
      {"root\0:Milvus"s, denial::unknown_user},
      {":", denial::unknown_user},
      {":Milvus", denial::unknown_user},
      {"::", denial::unknown_user},
      {"r\xc3\xb6\xc3\xb6t:Milvus", denial::unknown_user},
  };
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.token) {
      memo fresh;
      told_waiter who;
      BOOST_TEST(is_pending(at->admit(base64(row.token), who, fresh)));
      BOOST_TEST(who.told == 0);
      at->until([&] { return who.told > 0; });
      BOOST_REQUIRE(who.why);
      BOOST_TEST(*who.why == row.expected);
      BOOST_TEST(denial_text(*who.why) == "auth check failure, please check username and password are correct");
    }
  }
}

BOOST_AUTO_TEST_CASE(a_token_that_is_not_well_formed_is_denied_at_once_and_never_hashed) {
  const struct {
    std::string value;
    denial expected;
  } rows[] = {
      {base64("rootMilvus"), denial::api_key_unknown},
      {"", denial::api_key_unknown},
      {"root:Milvus", denial::invalid_token},
      {"Bearer " + root, denial::invalid_token},
      {"Basic " + root, denial::invalid_token},
      {" " + root, denial::invalid_token},
      {root + " ", denial::invalid_token},
      {"cm9vdDpN aWx2dXM=", denial::invalid_token},
      {"cm9vdDpNaWx2dXM", denial::invalid_token},
      {"cm9vdDpNaWx2dXM-", denial::invalid_token},
      {root + "," + root, denial::several_tokens},
      {root + ", " + root, denial::several_tokens},
      {",", denial::several_tokens},
      {std::string(1025, 'A'), denial::token_too_long},
      {base64("root:Milvus" + std::string(1'000'000, 'x')), denial::token_too_long},
  };
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.value.substr(0, 40)) {
      memo fresh;
      told_waiter who;
      const auto verdict = at->admit(row.value, who, fresh);
      BOOST_REQUIRE(std::holds_alternative<denial>(verdict));
      BOOST_TEST(std::get<denial>(verdict) == row.expected);
    }
  }
  BOOST_TEST(hasher.hashes() == 0);
}

BOOST_AUTO_TEST_CASE(a_token_of_1024_bytes_is_still_judged) {
  const std::string password(768 - 6, 'p');
  BOOST_TEST(!users.create("alice", password));
  const auto token = base64("alice:" + password);
  BOOST_REQUIRE(token.size() == 1024u);
  BOOST_TEST(at->passes(token));
  BOOST_TEST(why(at->settle(base64("alice:" + password.substr(1) + "x"))) == denial::wrong_password);
}

BOOST_AUTO_TEST_CASE(exactly_one_field_is_taken_even_on_a_connection_that_has_passed_before) {
  memo remembered;
  passed(at->settle(root, remembered));
  told_waiter who;
  evidence facts;
  facts.authorization = root;
  facts.arrival = core::clock::now();
  const auto with = [&](std::uint32_t fields) {
    facts.authorization_fields = fields;
    return at->door().admit(facts, remembered, who);
  };
  BOOST_TEST(std::get<denial>(with(0)) == denial::missing_token);
  BOOST_TEST(std::get<denial>(with(2)) == denial::several_tokens);
  BOOST_TEST(std::holds_alternative<permit>(with(1)));
}

BOOST_AUTO_TEST_CASE(a_listener_without_tokens_admits_without_a_user_whatever_was_sent) {
  for (const std::uint32_t fields : {0u, 1u, 2u}) {
    memo fresh;
    told_waiter who;
    evidence facts;
    facts.demanded = tokens::none;
    facts.authorization = root;
    facts.authorization_fields = fields;
    const auto verdict = at->door().admit(facts, fresh, who);
    BOOST_REQUIRE(std::holds_alternative<permit>(verdict));
    BOOST_TEST(!std::get<permit>(verdict).user());
    BOOST_TEST(!std::get<permit>(verdict).administrator());
    BOOST_TEST(at->door().still_good(std::get<permit>(verdict)));
  }
  BOOST_TEST(hasher.hashes() == 0);
}

BOOST_AUTO_TEST_CASE(an_empty_password_is_wrong_even_for_a_user_who_has_one) {
  BOOST_TEST(!users.import_hash("alice", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"));
  BOOST_TEST(!users.import_hash("", bcrypt_of_milvus));
  BOOST_TEST(why(at->settle(base64("alice:"))) == denial::wrong_password);
  BOOST_TEST(why(at->settle(base64(":Milvus"))) == denial::wrong_password);
}

BOOST_AUTO_TEST_CASE(a_token_is_hashed_once_for_all_who_wait_for_it) {
  hasher.hold();
  std::vector<told_waiter> waiters(100);
  memo remembered;
  for (auto& who : waiters) BOOST_TEST(is_pending(at->admit(root, who, remembered)));
  hasher.begun(1);
  BOOST_TEST(pool->waiting() == 0u);
  hasher.release();
  at->until([&] { return waiters.back().told > 0; });
  for (const auto& who : waiters) BOOST_TEST((who.told == 1 && who.passed.has_value()));
  BOOST_TEST(hasher.hashes() == 1);
}

BOOST_AUTO_TEST_CASE(a_token_that_has_passed_is_admitted_in_the_same_turn_and_not_hashed_again) {
  memo first, second;
  passed(at->settle(root, first));
  told_waiter who;
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST(std::holds_alternative<permit>(at->admit(root, who, first)));
    BOOST_TEST(std::holds_alternative<permit>(at->admit(root, who, second)));
  }
  BOOST_TEST(who.told == 0);
  BOOST_TEST(hasher.hashes() == 1);
}

BOOST_AUTO_TEST_CASE(a_connection_is_judged_by_each_requests_own_bytes) {
  BOOST_TEST(!users.create("alice", "secret"));
  memo remembered;
  BOOST_TEST(passed(at->settle(root, remembered)).user_name() == "root");
  BOOST_TEST(passed(at->settle(root, remembered)).user_name() == "root");
  BOOST_TEST(why(at->settle(base64("root:Milvuz"), remembered)) == denial::wrong_password);
  BOOST_TEST(passed(at->settle(base64("alice:secret"), remembered)).user_name() == "alice");
  BOOST_TEST(passed(at->settle(base64("alice:secret"), remembered)).user_name() == "alice");
  BOOST_TEST(why(at->settle("", remembered)) == denial::api_key_unknown);
  BOOST_TEST(passed(at->settle(root, remembered)).user_name() == "root");
}

BOOST_AUTO_TEST_CASE(a_waiter_that_was_forgotten_is_not_told_and_its_hash_does_not_run) {
  hasher.hold();
  memo remembered;
  told_waiter running, parked, also_parked;
  at->admit(root, running, remembered);
  hasher.begun(1);
  at->admit(base64("root:other"), parked, remembered);
  at->admit(base64("root:other"), also_parked, remembered);
  BOOST_TEST(pool->waiting() == 1u);
  at->door().forget(parked);
  BOOST_TEST(pool->waiting() == 1u);
  at->door().forget(also_parked);
  at->door().forget(also_parked);
  BOOST_TEST(pool->waiting() == 0u);
  hasher.release();
  at->until([&] { return running.told > 0; });
  at->turn();
  BOOST_TEST(parked.told + also_parked.told == 0);
  BOOST_TEST(hasher.hashes() == 1);
}

BOOST_AUTO_TEST_CASE(a_hash_that_runs_when_its_waiter_goes_serves_the_next_one) {
  hasher.hold();
  memo remembered;
  told_waiter gone, next;
  at->admit(root, gone, remembered);
  hasher.begun(1);
  at->door().forget(gone);
  BOOST_TEST(is_pending(at->admit(root, next, remembered)));
  hasher.release();
  at->until([&] { return next.told > 0; });
  BOOST_TEST(next.passed.has_value());
  BOOST_TEST(gone.told == 0);
  BOOST_TEST(hasher.hashes() == 1);
}

BOOST_AUTO_TEST_CASE(a_waiter_may_be_forgotten_while_its_refusal_waits_for_its_time) {
  memo remembered;
  told_waiter gone, stays;
  const auto arrival = core::clock::now() + milliseconds(20);
  at->admit(base64("root:wrong"), gone, remembered, arrival);
  at->admit(base64("root:wrong"), stays, remembered, arrival);
  hasher.begun(1);
  at->until([&] { return hasher.hashes() == 1 && (at->turn(), true); });
  at->door().forget(gone);
  at->until([&] { return stays.told > 0; });
  BOOST_TEST(gone.told == 0);
}

BOOST_AUTO_TEST_CASE(a_waiter_may_forget_another_and_ask_again_while_it_is_told) {
  memo remembered;
  told_waiter first, second, third;
  first.then = [&] {
    at->door().forget(second);
    BOOST_TEST(std::holds_alternative<permit>(at->admit(root, second, remembered)));
  };
  for (auto* who : {&first, &second, &third}) at->admit(root, *who, remembered);
  at->until([&] { return third.told > 0; });
  BOOST_TEST(first.told == 1);
  BOOST_TEST(second.told == 0);
}

BOOST_AUTO_TEST_CASE(a_gate_that_goes_tells_nobody_and_its_hash_touches_nothing_of_it) {
  hasher.hold();
  memo remembered;
  told_waiter running, parked, refused;
  at->admit(root, running, remembered);
  hasher.begun(1);
  at->admit(base64("root:other"), parked, remembered);
  at->close();
  BOOST_TEST(pool->waiting() == 0u);
  hasher.release();
  at.reset();    // the worker's loop goes as well
  pool.reset();  // and every hash has ended
  BOOST_TEST(running.told + parked.told == 0);
}

BOOST_AUTO_TEST_CASE(an_outdated_hash_is_made_anew_at_the_login_and_the_user_stays_logged_in) {
  BOOST_TEST(!users.import_hash("alice", bcrypt_of_milvus));
  memo remembered;
  const auto before = passed(at->settle(base64("alice:Milvus"), remembered));
  users.drop("nobody");  // answered after the upgrade
  const auto upgraded = users.find("alice");
  BOOST_TEST(upgraded->hash.starts_with("$argon2id$"));
  BOOST_TEST(users::verify_password("Milvus", upgraded->hash) == users::match::yes);
  BOOST_TEST(at->door().still_good(before));
  told_waiter who;
  const auto after = at->admit(base64("alice:Milvus"), who, remembered);
  BOOST_REQUIRE(std::holds_alternative<permit>(after));
  BOOST_TEST(std::get<permit>(after).user() == upgraded);
  BOOST_TEST(hasher.hashes() == 1);
}

BOOST_AUTO_TEST_CASE(a_wrong_password_upgrades_nothing) {
  BOOST_TEST(!users.import_hash("alice", bcrypt_of_milvus));
  why(at->settle(base64("alice:wrong")));
  users.drop("nobody");
  BOOST_TEST(users.find("alice")->hash == bcrypt_of_milvus);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(bounds)

BOOST_AUTO_TEST_CASE(a_full_queue_is_overload_at_once_for_known_and_unknown_users_but_not_for_who_was_seen) {
  auto s = quick();
  s.hash_queue_max = 2;
  one_door door(s);
  memo remembered, fresh;
  passed(door.at->settle(root, remembered));
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

BOOST_AUTO_TEST_CASE(refusals_of_every_kind_of_hash_leave_at_the_same_multiple_of_the_floor_and_never_before) {
  settings s;
  s.refusal_floor = milliseconds(500);
  users::user_store users;
  worker at(s, *users, make_hashing_pool(s), users.log());
  BOOST_TEST(!users.import_hash("four", bcrypt_of_milvus));
  BOOST_TEST(!users.import_hash("ten", "$2b$10$/OK.fbVrR/bpIqNJ5ianF..jB.uwnX7UsFp7xlnBcTTtQ0mWLi5A6"));
  // Twice, so that the second time each is answered from what is remembered.
  for (int round = 0; round < 2; ++round) {
    told_waiter waiters[6];
    memo fresh;
    const auto arrival = core::clock::now();
    int i = 0;
    for (const char* token : {"root:wrong", "nobody:wrong", "four:wrong", "ten:wrong", "root:", ":wrong"})
      BOOST_TEST(is_pending(at.admit(base64(token), waiters[i++], fresh, arrival)));
    at.until([&] { return std::all_of(std::begin(waiters), std::end(waiters), [](const auto& who) { return who.told > 0; }); });
    const auto multiple = (waiters[0].when - arrival) / s.refusal_floor;
    BOOST_TEST(multiple >= 1);
    for (const auto& who : waiters) {
      const auto taken = who.when - arrival;
      BOOST_TEST(taken / s.refusal_floor == multiple);
      BOOST_TEST((taken % s.refusal_floor < milliseconds(250)));
      BOOST_TEST(who.why.has_value());
    }
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

BOOST_FIXTURE_TEST_SUITE(changes, one_door)

BOOST_AUTO_TEST_CASE(a_changed_password_is_in_force_for_the_connection_that_has_passed_before) {
  BOOST_TEST(!users.create("alice", "secret"));
  const auto old = base64("alice:secret");
  memo remembered;
  const auto before = passed(at->settle(old, remembered));
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
  const auto before = passed(at->settle(root, remembered));
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
  const auto before = passed(at->settle(token, remembered));
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
  passed(at->settle(token, remembered));
  BOOST_TEST(!users.drop("alice"));
  BOOST_TEST(!users.create("alice", "other"));
  BOOST_TEST(why(at->settle(token, remembered)) == denial::wrong_password);
}

BOOST_AUTO_TEST_CASE(changed_roles_are_in_the_next_permit_and_end_the_old_one) {
  BOOST_TEST(!users.create("alice", "secret", {"admin"}));
  memo remembered;
  const auto before = passed(at->settle(base64("alice:secret"), remembered));
  BOOST_TEST(before.administrator());
  BOOST_TEST(!users.change_roles("alice", {"readonly"}));
  BOOST_TEST(!at->door().still_good(before));
  const auto after = passed(at->settle(base64("alice:secret"), remembered));
  BOOST_TEST(!after.administrator());
  BOOST_TEST(at->door().still_good(after));
}

BOOST_AUTO_TEST_CASE(a_description_is_in_the_next_permit_and_costs_no_hash) {
  memo remembered;
  const auto before = passed(at->settle(root, remembered));
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
