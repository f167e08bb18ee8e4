#include "support/user_store.hpp"

#include <sallyport/users/password.hpp>
#include <sallyport/users/store.hpp>

#include <boost/test/unit_test.hpp>

#include <latch>
#include <mutex>
#include <string>
#include <thread>

namespace sallyport::users {
namespace {

using namespace std::string_literals;

// Milvus/bcrypt of cost 4, as Milvus makes them.
constexpr const char* bcrypt_of_milvus = "$2a$04$/OK.fbVrR/bpIqNJ5ianF.KR5.PHAK3GlP3WDkvsl1WRNCvU7DCVK";

// Holds the store's thread inside the answer of a change until `release`.
class held_store {
 public:
  explicit held_store(store& of) {
    of.drop("nobody", [this](core::error_code) {
      inside_.count_down();
      released_.get_future().wait();
    });
    inside_.wait();
  }
  void release() { released_.set_value(); }

 private:
  std::latch inside_{1};
  std::promise<void> released_;
};

BOOST_AUTO_TEST_SUITE(changes)

BOOST_AUTO_TEST_CASE(the_first_start_makes_root_and_a_later_one_does_not) {
  user_store users;
  BOOST_REQUIRE(users.find("root"));
  BOOST_TEST(verify_password("Milvus", users.find("root")->hash) == match::yes);
  BOOST_TEST(users->snapshot()->all().size() == 1u);
  BOOST_TEST(!users.change_password("root", "Milvus", "changed"));
  users.close();
  users.open();
  BOOST_TEST(verify_password("changed", users.find("root")->hash) == match::yes);
  BOOST_TEST(!users.drop("root"));
  users.close();
  users.open();
  BOOST_TEST(!users.find("root"));
}

BOOST_AUTO_TEST_CASE(the_first_password_of_root_can_be_chosen) {
  temporary_folder folder;
  telemetry::logger log(quiet());
  settings s;
  s.path = folder.file("users.db");
  s.default_root_password = "chosen";
  const auto opened = store::open(s, log);
  BOOST_REQUIRE(opened);
  const auto root = (*opened)->snapshot()->find("root");
  BOOST_TEST(verify_password("chosen", root->hash) == match::yes);
  BOOST_TEST(verify_password("Milvus", root->hash) == match::no);
}

BOOST_AUTO_TEST_CASE(a_change_is_published_then_counted_then_told_then_answered) {
  user_store users;
  const auto before = users->generation().load();
  std::vector<std::string> steps;
  users->on_change([&] {
    BOOST_TEST(users->generation().load() > before);
    BOOST_TEST(users.find("alice") != nullptr);
    steps.push_back("told");
  });
  const auto outcome = answer_of([&](auto done) {
    users->create("alice", core::secret("secret"), {}, "", [&, done](core::error_code ec) {
      steps.push_back("answered");
      done(ec);
    });
  });
  BOOST_TEST(!outcome);
  BOOST_TEST((steps == std::vector<std::string>{"told", "answered"}));
}

BOOST_AUTO_TEST_CASE(a_user_is_stored_with_all_it_has_and_found_again_after_a_restart) {
  user_store users;
  const std::string name = "o'hara\0\xff\"; --"s, description = "tab\t, nul \0, \xc3\xa9"s;
  const auto made = answer_of([&](auto done) { users->create(name, core::secret("p\0w"s), {"b", "a", "b"}, description, done); });
  BOOST_TEST(!made);
  const auto before = users.find(name);
  users.close();
  users.open();
  const auto after = users.find(name);
  BOOST_REQUIRE(after);
  BOOST_TEST(after->name == name);
  BOOST_TEST(after->description == description);
  BOOST_TEST((after->roles == std::vector<std::string>{"a", "b"}));
  BOOST_TEST(after->hash == before->hash);
  BOOST_TEST(after->version == before->version);
  BOOST_TEST(after->created == before->created);
  BOOST_TEST(after->modified == before->modified);
  BOOST_TEST(after->created > 1'600'000'000);
  BOOST_TEST(verify_password("p\0w"s, after->hash) == match::yes);
  BOOST_TEST(users.find("o'hara") == nullptr);
}

BOOST_AUTO_TEST_CASE(users_are_in_byte_order_of_their_names) {
  user_store users;
  for (const char* name : {"b", "B", "a", "\xc3\xa9", "_"}) BOOST_TEST(!users.import_hash(name, bcrypt_of_milvus));
  users.close();
  users.open();
  std::vector<std::string> names;
  for (const auto& [name, user] : users->snapshot()->all()) names.push_back(name);
  BOOST_TEST((names == std::vector<std::string>{"B", "_", "a", "b", "root", "\xc3\xa9"}));
}

BOOST_AUTO_TEST_CASE(a_version_changes_with_the_credential_and_the_roles_and_with_nothing_else) {
  user_store users;
  BOOST_TEST(!users.create("alice", "secret"));
  auto version = users.find("alice")->version;
  const auto moved = [&] { return std::exchange(version, users.find("alice")->version) < users.find("alice")->version; };
  BOOST_TEST(version > users.find("root")->version);
  BOOST_TEST(!users.change_password("alice", "secret", "secret"));
  BOOST_TEST(moved());
  BOOST_TEST(!users.reset_password("alice", "other"));
  BOOST_TEST(moved());
  BOOST_TEST(!users.change_roles("alice", {"readonly"}));
  BOOST_TEST(moved());
  BOOST_TEST(!users.describe("alice", "words"));
  BOOST_TEST(!moved());
  BOOST_TEST(users.find("alice")->description == "words");
  BOOST_TEST((users.find("alice")->roles == std::vector<std::string>{"readonly"}));
}

BOOST_AUTO_TEST_CASE(a_version_is_never_used_again_not_by_a_new_user_of_the_same_name_nor_after_a_restart) {
  user_store users;
  BOOST_TEST(!users.create("alice", "secret"));
  const auto first = users.find("alice")->version;
  BOOST_TEST(!users.drop("alice"));
  BOOST_TEST(!users.create("alice", "secret"));
  const auto second = users.find("alice")->version;
  BOOST_TEST(second > first);
  BOOST_TEST(!users.drop("alice"));
  users.close();
  users.open();
  BOOST_TEST(!users.create("alice", "secret"));
  BOOST_TEST(users.find("alice")->version > second);
}

BOOST_AUTO_TEST_CASE(listeners_hear_of_credentials_and_roles_but_not_of_words) {
  user_store users;
  int heard = 0;
  users->on_change([&] { ++heard; });
  BOOST_TEST(!users.import_hash("alice", bcrypt_of_milvus));
  BOOST_TEST(heard == 1);
  BOOST_TEST(!users.describe("alice", "words"));
  BOOST_TEST(heard == 1);
  BOOST_TEST(!users.change_roles("alice", {"admin"}));
  BOOST_TEST(heard == 2);
  BOOST_TEST(!users.reset_password("alice", "secret"));
  BOOST_TEST(heard == 3);
  BOOST_TEST(!users.drop("alice"));
  BOOST_TEST(heard == 4);
}

BOOST_AUTO_TEST_CASE(a_change_that_is_refused_changes_nothing) {
  user_store users;
  BOOST_TEST(!users.create("alice", "secret"));
  const auto before = users->generation().load();
  const auto alice = users.find("alice");
  int heard = 0;
  users->on_change([&] { ++heard; });
  BOOST_TEST(users.create("alice", "other") == errc::already_exists);
  BOOST_TEST(users.import_hash("alice", bcrypt_of_milvus) == errc::already_exists);
  BOOST_TEST(users.import_hash("bob", "plain") == errc::unknown_hash);
  BOOST_TEST(users.import_hash("bob", "") == errc::unknown_hash);
  BOOST_TEST(users.change_password("alice", "wrong", "other") == errc::wrong_password);
  BOOST_TEST(users.change_password("alice", "", "other") == errc::wrong_password);
  BOOST_TEST(users.change_password("nobody", "secret", "other") == errc::wrong_password);
  BOOST_TEST(users.reset_password("nobody", "other") == errc::unknown_user);
  BOOST_TEST(users.change_roles("nobody", {"admin"}) == errc::unknown_user);
  BOOST_TEST(users.describe("nobody", "words") == errc::unknown_user);
  BOOST_TEST(users.drop("nobody") == errc::unknown_user);
  BOOST_TEST(users->generation().load() == before);
  BOOST_TEST(users.find("alice") == alice);
  BOOST_TEST(users->snapshot()->all().size() == 2u);
  BOOST_TEST(heard == 0);
}

BOOST_AUTO_TEST_CASE(a_password_changes_together_with_the_description_or_without_it) {
  user_store users;
  BOOST_TEST(!users.create("alice", "secret"));
  const auto change = [&](const char* from, const char* to, std::optional<std::string> words) {
    return answer_of([&](auto done) { users->change_password("alice", core::secret(from), core::secret(to), words, done); });
  };
  BOOST_TEST(!change("secret", "second", "words"));
  BOOST_TEST(users.find("alice")->description == "words");
  BOOST_TEST(!change("second", "third", std::nullopt));
  BOOST_TEST(users.find("alice")->description == "words");
  BOOST_TEST(verify_password("third", users.find("alice")->hash) == match::yes);
}

BOOST_AUTO_TEST_CASE(of_two_changes_that_start_from_one_old_password_only_one_succeeds) {
  user_store users;
  BOOST_TEST(!users.create("alice", "secret"));
  std::promise<core::error_code> first, second;
  users->change_password("alice", core::secret("secret"), core::secret("one"), {}, [&](core::error_code ec) { first.set_value(ec); });
  users->change_password("alice", core::secret("secret"), core::secret("two"), {}, [&](core::error_code ec) { second.set_value(ec); });
  BOOST_TEST(!first.get_future().get());
  BOOST_TEST(second.get_future().get() == errc::wrong_password);
  BOOST_TEST(verify_password("one", users.find("alice")->hash) == match::yes);
}

BOOST_AUTO_TEST_CASE(a_snapshot_that_was_taken_stays_as_it_was) {
  user_store users;
  const auto old = users->snapshot();
  BOOST_TEST(!users.import_hash("alice", bcrypt_of_milvus));
  BOOST_TEST(!users.drop("root"));
  BOOST_TEST(old->all().size() == 1u);
  BOOST_TEST(old->find("root") != nullptr);
  BOOST_TEST(old->find("alice") == nullptr);
}

BOOST_AUTO_TEST_CASE(an_outdated_hash_is_made_anew_and_nobody_is_logged_out) {
  user_store users;
  BOOST_TEST(!users.import_hash("alice", bcrypt_of_milvus, {"readonly"}));
  const auto imported = users.find("alice");
  BOOST_TEST(imported->hash == bcrypt_of_milvus);
  int heard = 0;
  users->on_change([&] { ++heard; });
  users->upgrade_hash("alice", imported->version, core::secret("Milvus"));
  users.drop("nobody");  // answered after the upgrade: changes are serial
  const auto upgraded = users.find("alice");
  BOOST_TEST(verify_password("Milvus", upgraded->hash) == match::yes);
  BOOST_TEST(upgraded->version == imported->version);
  BOOST_TEST((upgraded->roles == imported->roles));
  BOOST_TEST(heard == 0);
  users->upgrade_hash("alice", imported->version, core::secret("Milvus"));
  users.drop("nobody");
  BOOST_TEST(users.find("alice") == upgraded);
}

BOOST_AUTO_TEST_CASE(a_hash_is_not_upgraded_when_the_record_has_moved_on) {
  user_store users;
  BOOST_TEST(!users.import_hash("alice", bcrypt_of_milvus));
  const auto judged = users.find("alice")->version;
  BOOST_TEST(!users.drop("alice"));
  users->upgrade_hash("alice", judged, core::secret("Milvus"));
  BOOST_TEST(!users.import_hash("alice", bcrypt_of_milvus));
  users->upgrade_hash("alice", judged, core::secret("Milvus"));
  users.drop("nobody");
  BOOST_TEST(users.find("alice")->hash == bcrypt_of_milvus);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(queue)

struct small_store {
  temporary_folder folder;
  telemetry::logger log{quiet()};
  std::unique_ptr<store> users;

  small_store() {
    settings s;
    s.path = folder.file("users.db");
    s.change_queue_max = 4;
    users = store::open(s, log).value();
  }
};

BOOST_AUTO_TEST_CASE(a_full_queue_is_busy_at_once_and_what_was_taken_is_still_done) {
  small_store small;
  held_store held(*small.users);
  std::vector<std::future<core::error_code>> taken;
  for (const char* name : {"a", "b", "c", "d"}) {
    auto answered = std::make_shared<std::promise<core::error_code>>();
    taken.push_back(answered->get_future());
    small.users->import_hash(name, bcrypt_of_milvus, {}, [answered](core::error_code ec) { answered->set_value(ec); });
  }
  // On this thread: the store's is held.
  core::error_code fifth;
  small.users->drop("root", [&](core::error_code ec) { fifth = ec; });
  BOOST_TEST(fifth == errc::busy);
  held.release();
  for (auto& answer : taken) BOOST_TEST(!answer.get());
  BOOST_TEST(small.users->snapshot()->all().size() == 5u);
}

BOOST_AUTO_TEST_CASE(upgrades_take_half_of_the_queue_at_most) {
  small_store small;
  held_store held(*small.users);
  for (int i = 0; i < 10; ++i) small.users->upgrade_hash("nobody", 1, core::secret("x"));
  std::promise<core::error_code> third, fourth;
  small.users->drop("nobody", [&](core::error_code ec) { third.set_value(ec); });
  small.users->drop("nobody", [&](core::error_code ec) { fourth.set_value(ec); });
  core::error_code fifth;
  small.users->drop("nobody", [&](core::error_code ec) { fifth = ec; });
  BOOST_TEST(fifth == errc::busy);
  held.release();
  BOOST_TEST(third.get_future().get() == errc::unknown_user);
  BOOST_TEST(fourth.get_future().get() == errc::unknown_user);
}

BOOST_AUTO_TEST_CASE(guesses_at_an_old_password_take_half_of_the_queue_and_less_for_one_name) {
  small_store small;
  held_store held(*small.users);
  std::vector<core::error_code> at_once;
  const auto guess = [&](const char* name) {
    small.users->change_password(name, core::secret("no"), core::secret("secret1"), {}, [&](core::error_code ec) {
      if (ec == errc::busy) at_once.push_back(ec);
    });
  };
  guess("alice");
  guess("alice");
  BOOST_TEST(at_once.size() == 1U);
  guess("bob");
  guess("carol");
  BOOST_TEST(at_once.size() == 2U);
  std::promise<core::error_code> dropped;
  small.users->drop("nobody", [&](core::error_code ec) { dropped.set_value(ec); });
  held.release();
  BOOST_TEST(dropped.get_future().get() == errc::unknown_user);
}

BOOST_AUTO_TEST_CASE(a_change_whose_requester_was_changed_while_it_waited_is_none) {
  small_store small;
  BOOST_REQUIRE(small.users->snapshot()->find("root"));
  const auto root = small.users->snapshot()->find("root");
  held_store held(*small.users);
  std::promise<core::error_code> first, changed, late;
  small.users->import_hash("before", bcrypt_of_milvus, {}, [&](core::error_code ec) { first.set_value(ec); });
  small.users->change_password(
      "root", std::nullopt, core::secret("secret1"), {}, [&](core::error_code ec) { changed.set_value(ec); }, root);
  small.users->create("after", core::secret("secret1"), {}, {}, [&](core::error_code ec) { late.set_value(ec); }, root);
  held.release();
  BOOST_TEST(!first.get_future().get());
  BOOST_TEST(!changed.get_future().get());
  BOOST_TEST(late.get_future().get() == errc::revoked);
  BOOST_TEST(!small.users->snapshot()->find("after"));
}

BOOST_AUTO_TEST_CASE(an_end_finishes_the_change_under_way_and_answers_the_others_with_closed) {
  small_store small;
  std::latch inside(1);
  std::promise<void> release;
  core::error_code under_way = errc::busy;
  small.users->import_hash("first", bcrypt_of_milvus, {}, [&](core::error_code ec) {
    under_way = ec;
    inside.count_down();
    release.get_future().wait();
  });
  inside.wait();
  std::vector<core::error_code> outcomes;  // the store's thread writes it, and is joined before it is read
  for (const char* name : {"a", "b", "c", "d"})
    small.users->import_hash(name, bcrypt_of_milvus, {}, [&](core::error_code ec) { outcomes.push_back(ec); });
  store* const ending = small.users.get();
  std::thread ender([&] { small.users.reset(); });
  // The queue is full, so a change is busy until the end has begun; from then on it is closed.
  core::error_code late = errc::busy;
  while (late == errc::busy) {
    ending->drop("root", [&](core::error_code ec) { late = ec; });
    std::this_thread::yield();
  }
  release.set_value();
  ender.join();
  BOOST_TEST(late == errc::closed);
  BOOST_TEST(!under_way);
  BOOST_TEST(outcomes.size() == 4u);
  for (const auto& outcome : outcomes) BOOST_TEST(outcome == errc::closed);

  settings s;
  s.path = small.folder.file("users.db");
  const auto again = store::open(s, small.log).value();
  BOOST_TEST(again->snapshot()->all().size() == 2u);
  BOOST_TEST(again->snapshot()->find("first") != nullptr);
}

BOOST_AUTO_TEST_CASE(readers_on_many_threads_never_see_a_generation_without_its_snapshot) {
  user_store users;
  BOOST_TEST(!users.import_hash("alice", bcrypt_of_milvus, {"0"}));
  std::atomic<int> answered{0};
  std::atomic<bool> ended{false};
  std::atomic<int> stale{0};
  std::vector<std::thread> readers;
  for (int r = 0; r < 4; ++r) {
    readers.emplace_back([&] {
      std::uint64_t seen = 0;
      while (!ended) {
        const int begun = answered;
        const auto generation = users->generation().load(std::memory_order_acquire);
        const auto alice = users->snapshot()->find("alice");
        if (std::stoi(alice->roles.front()) < begun || generation < seen) ++stale;
        seen = generation;
      }
    });
  }
  for (int i = 1; i <= 300; ++i) {
    BOOST_TEST(!users.change_roles("alice", {std::to_string(i)}));
    answered = i;
  }
  ended = true;
  for (auto& reader : readers) reader.join();
  BOOST_TEST(stale == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::users
