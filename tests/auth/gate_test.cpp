#include "kit.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

namespace sallyport::auth {
namespace {

using namespace std::string_literals;
using std::chrono::milliseconds;

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
  at->settle_twice(root, remembered);
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

// What the REST of Milvus 2.3.5 takes and what it does not.
BOOST_AUTO_TEST_CASE(a_rest_token_is_basic_bearer_or_bare) {
  const auto encoded = root;
  at->spoken = form::rest;
  for (const auto& value :
       {"Basic " + encoded, "basic " + encoded, "BASIC " + encoded, std::string("Bearer root:Milvus"), std::string("root:Milvus")})
    BOOST_TEST(at->passes(value), value);
  const std::pair<std::string, denial> refused[] = {
      {"bearer root:Milvus", denial::unknown_user},
      {"BEARER root:Milvus", denial::unknown_user},
      {"Bearer  root:Milvus", denial::unknown_user},
      {"Bearer\troot:Milvus", denial::unknown_user},
      {"Bearer " + encoded, denial::api_key_unknown},
      {encoded, denial::api_key_unknown},
      {"Basic  " + encoded, denial::api_key_unknown},
      {"Basic root:Milvus", denial::unknown_user},
      {"Basic", denial::api_key_unknown},
      {"Bearer", denial::api_key_unknown},
      {"Bearer ", denial::api_key_unknown},
      {"", denial::api_key_unknown},
      {"Basic " + base64("root"), denial::api_key_unknown},
      {"Basic " + encoded + ",x", denial::several_tokens},
      {"Bearer root:Milvus,Bearer root:Milvus", denial::wrong_password},
      {"Bearer root:", denial::wrong_password},
      {"Bearer :Milvus", denial::unknown_user},
      {"Bearer root:milvus", denial::wrong_password},
      {"Digest root:Milvus", denial::unknown_user},
      {"Bearer " + std::string(1025, 'x'), denial::token_too_long},
  };
  for (const auto& [value, reason] : refused) BOOST_TEST_CONTEXT(value) BOOST_TEST(why(at->settle(value)) == reason);
}

BOOST_AUTO_TEST_CASE(a_password_with_a_comma_passes_as_rest_in_plain_text) {
  BOOST_TEST(!users.create("alice", "a,b,c,d"));
  at->spoken = form::rest;
  BOOST_TEST(at->passes("Bearer alice:a,b,c,d"));
  BOOST_TEST(why(at->settle("Basic " + base64("alice:a,b,c,d") + ",")) == denial::several_tokens);
}

// One connection carries both: what passed in one form is not a token of the other.
BOOST_AUTO_TEST_CASE(the_memo_of_a_connection_knows_in_which_form_a_token_passed) {
  memo remembered;
  at->settle_twice(root, remembered);
  at->spoken = form::rest;
  BOOST_TEST(why(at->settle(root, remembered)) == denial::api_key_unknown);
  at->settle_twice("root:Milvus", remembered);
  at->spoken = form::grpc;
  BOOST_TEST(why(at->settle("root:Milvus", remembered)) == denial::invalid_token);
  // The worker's cache is of what a token says, however it was written.
  const auto before = hasher.hashes();
  BOOST_TEST(at->passes(root));
  BOOST_TEST(hasher.hashes() == before);
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
  BOOST_TEST(at->shows("sallyport_hashing_queue 2"));
  at->door().forget(also_parked);
  at->door().forget(also_parked);
  BOOST_TEST(pool->waiting() == 0u);
  BOOST_TEST(at->shows("sallyport_hashing_queue 1"));
  hasher.release();
  at->until([&] { return running.told > 0; });
  at->turn();
  BOOST_TEST(at->shows("sallyport_hashing_queue 0"));
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
  const auto before = at->settle_twice(base64("alice:Milvus"), remembered);
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

}  // namespace
}  // namespace sallyport::auth
