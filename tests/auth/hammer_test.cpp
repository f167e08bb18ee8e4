// No request that begins after the answer to a change passes with what the change took away, on any worker.
#include "kit.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace sallyport::auth {
namespace {

constexpr const char* hash_of_milvus = "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$nin+1QsTxxTnr6S+6Hl9vyFDUQ659G2uvbyBTkI7bQ8";

std::string token_of(int password) { return base64("alice:password " + std::to_string(password)); }

struct hammered {
  users::user_store users;
  counting_hasher hasher;
  settings chosen = quick();
  std::shared_ptr<hashing_pool> pool = std::make_shared<hashing_pool>(chosen, hasher.verifier());
  std::atomic<bool> ended{false};
  std::atomic<int> violations{0}, admitted{0};

  // `attempt` is run on 8 workers, each a thread with a loop and a gate of its own, until `change` has ended.
  void run(const std::function<void(worker&, memo&)>& attempt, const std::function<void()>& change) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        worker at(chosen, *users, pool, users.log());
        memo remembered;
        while (!ended) attempt(at, remembered);
      });
    }
    change();
    ended = true;
    for (auto& thread : threads) thread.join();
  }
};

BOOST_AUTO_TEST_SUITE(hammer)

BOOST_FIXTURE_TEST_CASE(no_request_passes_with_a_password_whose_change_was_answered_before_it_began, hammered) {
  BOOST_REQUIRE(!users.create("alice", "password 0"));
  std::atomic<int> answered{0};
  const auto attempt = [&](worker& at, memo& remembered) {
    std::optional<permit> held;
    int of = 0;
    for (const int back : {0, 1, 0, 2}) {
      const int begun = answered;
      const int tried = begun - back;
      if (tried < 0) continue;
      const auto verdict = at.settle(token_of(tried), remembered);
      if (const auto* passed = std::get_if<permit>(&verdict)) {
        if (tried < begun) ++violations;
        ++admitted;
        held = *passed;
        of = tried;
      }
      const int now = answered;
      if (held && of < now && at.door().still_good(*held)) ++violations;
    }
  };
  const auto change = [&] {
    for (int i = 1; i <= 200; ++i) {
      BOOST_TEST(!users.reset_password("alice", "password " + std::to_string(i)));
      answered = i;
      for (const int before = admitted; admitted == before;) std::this_thread::yield();
    }
  };
  run(attempt, change);
  BOOST_TEST(violations == 0);
  BOOST_TEST(admitted >= 200);
}

BOOST_FIXTURE_TEST_CASE(no_request_passes_for_a_user_whose_drop_was_answered_before_it_began, hammered) {
  // Odd: bob is certainly gone.
  std::atomic<int> state{0}, refused{0};
  const std::string token = base64("bob:Milvus");
  const auto attempt = [&](worker& at, memo& remembered) {
    const int begun = state;
    const auto verdict = at.settle(token, remembered);
    const auto* passed = std::get_if<permit>(&verdict);
    if (passed) ++admitted;
    const bool gone_throughout = begun % 2 == 1 && state == begun;
    if (!gone_throughout) return;
    ++refused;
    if (passed) ++violations;
  };
  const auto change = [&] {
    for (int i = 0; i < 300; ++i) {
      BOOST_TEST(!users.import_hash("bob", hash_of_milvus));
      for (const int before = admitted; admitted < before + 8;) std::this_thread::yield();
      BOOST_TEST(!users.drop("bob"));
      ++state;
      for (const int before = refused; refused < before + 8;) std::this_thread::yield();
      ++state;
    }
  };
  run(attempt, change);
  BOOST_TEST(violations == 0);
  BOOST_TEST(admitted >= 2400);
  BOOST_TEST(refused >= 2400);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::auth
