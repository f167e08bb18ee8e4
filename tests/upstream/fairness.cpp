// Places at an endpoint, and the line for them, shared between users (docs/passage.md 25).
#include "several.hpp"

#include <algorithm>

namespace sallyport::upstream {
namespace {

// Eight places: two connections of four streams.
settings eight_places(std::uint32_t waiters_max = 1024) {
  auto made = still();
  made.streams_a_connection = 4;
  made.connections = 2;
  made.waiters_max = waiters_max;
  return made;
}

struct crowd {
  std::vector<std::unique_ptr<told>> all;

  void ask(several& on, const std::string& user, std::size_t n, const std::string& method = "Hang") {
    for (std::size_t i = 0; i < n; ++i) {
      all.push_back(std::make_unique<told>());
      BOOST_REQUIRE(on.open_as(user, *all.back(), method));
    }
  }
  std::size_t failed() const {
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const auto& who) { return who->why.has_value(); }));
  }
  void cancel_one() {
    const auto at = std::find_if(all.begin(), all.end(), [](const auto& who) { return who->on && !who->over(); });
    BOOST_REQUIRE(at != all.end());
    (*at)->cancel();
  }
};

// How many the backend has seen of a method. A user's requests have a method of their own here: its name is not told to a backend.
std::size_t seen_of(several& on, const std::string& method) {
  const auto all = on[0].requests();
  return static_cast<std::size_t>(
      std::count_if(all.begin(), all.end(), [&](const auto& r) { return support::find(r.head, ":path") == "/test.Backend/" + method; }));
}

fake_backend::options hangs_for_all() {
  fake_backend::options made;
  made.acts = [](std::size_t, const std::string&) { return "Hang"; };
  return made;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fairness)

BOOST_AUTO_TEST_CASE(who_comes_late_goes_before_the_rest_of_a_user_with_more_than_a_quarter) {
  several on(1, eight_places(), {hangs_for_all()});
  crowd many, few;
  many.ask(on, "alice", 8, "Alice");
  BOOST_REQUIRE(on.until([&] { return on.seen(0) == 8; }));
  many.ask(on, "alice", 20, "Alice");
  few.ask(on, "bob", 3, "Bob");
  // Of the places that become free bob gets all until he has his quarter, then they take turns.
  for (std::size_t freed = 1; freed <= 2; ++freed) {
    many.cancel_one();
    BOOST_REQUIRE(on.until([&] { return on.seen(0) == 8 + freed; }));
    BOOST_TEST(seen_of(on, "Bob") == freed);
  }
  many.cancel_one();
  many.cancel_one();
  BOOST_REQUIRE(on.until([&] { return on.seen(0) == 12; }));
  BOOST_TEST(seen_of(on, "Bob") == 3U);
}

BOOST_AUTO_TEST_CASE(users_who_wait_take_turns) {
  several on(1, eight_places(), {hangs_for_all()});
  crowd first, alice, bob, carol;
  first.ask(on, "root", 8, "Root");
  BOOST_REQUIRE(on.until([&] { return on.seen(0) == 8; }));
  alice.ask(on, "alice", 6, "Alice");
  bob.ask(on, "bob", 6, "Bob");
  carol.ask(on, "carol", 6, "Carol");
  for (std::size_t freed = 1; freed <= 6; ++freed) {
    first.cancel_one();
    BOOST_REQUIRE(on.until([&] { return on.seen(0) == 8 + freed; }));
  }
  BOOST_TEST(seen_of(on, "Alice") == 2U);
  BOOST_TEST(seen_of(on, "Bob") == 2U);
  BOOST_TEST(seen_of(on, "Carol") == 2U);
}

BOOST_AUTO_TEST_CASE(who_waits_alone_may_have_all_places) {
  several on(1, eight_places(), {hangs_for_all()});
  crowd first, alice;
  first.ask(on, "root", 8, "Root");
  BOOST_REQUIRE(on.until([&] { return on.seen(0) == 8; }));
  alice.ask(on, "alice", 8, "Alice");
  for (int i = 0; i < 8; ++i) first.cancel_one();
  BOOST_REQUIRE(on.until([&] { return seen_of(on, "Alice") == 8; }));
}

BOOST_AUTO_TEST_CASE(no_place_stays_empty_when_all_who_wait_have_a_quarter) {
  several on(1, eight_places(), {hangs_for_all()});
  crowd alice, bob;
  alice.ask(on, "alice", 4, "Alice");
  bob.ask(on, "bob", 4, "Bob");
  BOOST_REQUIRE(on.until([&] { return on.seen(0) == 8; }));
  alice.ask(on, "alice", 2, "Alice");
  bob.ask(on, "bob", 2, "Bob");
  alice.cancel_one();
  alice.cancel_one();
  BOOST_REQUIRE(on.until([&] { return on.seen(0) == 10; }));
  BOOST_TEST(seen_of(on, "Alice") == 5U);
  BOOST_TEST(seen_of(on, "Bob") == 5U);
}

BOOST_AUTO_TEST_CASE(in_a_full_line_the_longest_part_gives_way) {
  several on(1, eight_places(4), {hangs_for_all()});
  crowd alice, bob;
  for (std::size_t seen = 4; seen <= 8; seen += 4) {
    alice.ask(on, "alice", 4, "Alice");
    BOOST_REQUIRE(on.until([&] { return on.seen(0) == seen; }));
  }
  alice.ask(on, "alice", 4, "Alice");
  bob.ask(on, "bob", 2, "Bob");
  BOOST_TEST(alice.failed() == 2U);
  BOOST_TEST((alice.all.back()->why == failure::no_slot));  // its last, which had waited least
  BOOST_TEST((alice.all[10]->why == failure::no_slot));
  BOOST_TEST(bob.failed() == 0U);
  // Two and two: nobody has more than the other, and neither gets another place.
  failure why{};
  told late;
  BOOST_TEST(!on.open(auth::permit_for_tests::named("bob"), late, "Bob", true, why));
  BOOST_TEST((why == failure::no_slot));
  BOOST_TEST(!on.open(auth::permit_for_tests::named("alice"), late, "Alice", true, why));
  BOOST_TEST(alice.failed() == 2U);
}

BOOST_AUTO_TEST_CASE(a_request_that_moves_to_another_endpoint_is_still_its_users) {
  auto chosen = eight_places();
  chosen.connect = 2s;
  several on(2, chosen, {hangs_for_all(), hangs_for_all()});
  crowd alice, bob;
  alice.ask(on, "alice", 16, "Alice");
  BOOST_REQUIRE(on.until([&] { return on.seen(0) + on.seen(1) == 16; }));
  alice.ask(on, "alice", 6, "Alice");
  bob.ask(on, "bob", 2, "Bob");
  on[1].stop();  // dies: what waits for it goes to the first
  BOOST_REQUIRE(on.until([&] { return alice.failed() == 8; }));
  alice.cancel_one();
  alice.cancel_one();
  BOOST_REQUIRE(on.until([&] { return seen_of(on, "Bob") == 2; }));
  BOOST_TEST(alice.failed() == 8U);
}

BOOST_AUTO_TEST_CASE(resets_of_one_user_leave_some_to_the_others) {
  auto chosen = still();
  chosen.connections = 1;
  several on(1, chosen, {hangs_for_all()});
  std::size_t opened = 0;
  const auto reset_one = [&](const std::string& user, const std::string& method) {
    told who;
    ++opened;
    BOOST_REQUIRE(on.open_as(user, who, method));
    BOOST_REQUIRE(on.until([&] { return on.seen(0) == opened; }));
    who.cancel();
  };
  for (int i = 0; i < 320; ++i) reset_one("alice", "Alice");
  for (int i = 0; i < 20; ++i) reset_one("bob", "Bob");
  const auto bobs_resets = [&] {
    const auto all = on[0].requests();
    return std::count_if(all.begin(), all.end(),
                         [](const auto& r) { return r.reset == h2::cancel && support::find(r.head, ":path") == "/test.Backend/Bob"; });
  };
  BOOST_TEST(on.until([&] { return bobs_resets() == 20; }, 2s));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::upstream
