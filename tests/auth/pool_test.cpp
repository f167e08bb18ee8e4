#include "kit.hpp"
#include "refusal_queue.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

namespace sallyport::auth {
namespace {

using std::chrono::milliseconds;

BOOST_AUTO_TEST_SUITE(pool)

struct held_pool {
  core::asio::io_context context{1};
  core::asio::executor_work_guard<core::executor> work{context.get_executor()};
  counting_hasher hasher;
  std::vector<std::string> told;
  std::shared_ptr<hashing_pool> pool;

  explicit held_pool(std::uint32_t queue_max = 1024) {
    settings s;
    s.hash_queue_max = queue_max;
    pool = std::make_shared<hashing_pool>(s, hasher.verifier());
    hasher.hold();
    ask("held", "");
    hasher.begun(1);
  }
  ~held_pool() { hasher.release(); }
  held_pool(const held_pool&) = delete;
  held_pool& operator=(const held_pool&) = delete;

  std::shared_ptr<hashing_pool::job> ask(const std::string& name, const std::string& source) {
    auto done = [this, name](users::match, core::secret) { told.push_back(name); };
    return pool->submit(
        {context.get_executor(), source, core::secret(name), "$2a$04$/OK.fbVrR/bpIqNJ5ianF.KR5.PHAK3GlP3WDkvsl1WRNCvU7DCVK", done});
  }
  void until(std::size_t count) {
    while (told.size() < count) BOOST_REQUIRE(context.run_one_for(std::chrono::seconds(60)) == 1);
  }
};

BOOST_AUTO_TEST_CASE(sources_take_turns_however_many_jobs_one_of_them_has) {
  held_pool held;
  for (const char* guess : {"a1", "a2", "a3", "a4"}) BOOST_TEST(held.ask(guess, "192.0.2.1"));
  BOOST_TEST(held.ask("b1", "192.0.2.2"));
  BOOST_TEST(held.ask("c1", ""));
  BOOST_TEST(held.ask("b2", "192.0.2.2"));
  BOOST_TEST(held.pool->waiting() == 7u);
  held.hasher.release();
  held.until(8);
  BOOST_TEST((held.told == std::vector<std::string>{"held", "a1", "b1", "c1", "a2", "b2", "a3", "a4"}));
}

BOOST_AUTO_TEST_CASE(one_source_may_fill_a_quarter_of_the_queue_and_all_together_the_whole) {
  held_pool held(8);
  BOOST_TEST(held.ask("a1", "a"));
  BOOST_TEST(held.ask("a2", "a"));
  BOOST_TEST(!held.ask("a3", "a"));
  for (const char* source : {"b", "c", "d", "e", "f", "g"}) BOOST_TEST(held.ask("x", source));
  BOOST_TEST(!held.ask("y", "h"));
  BOOST_TEST(!held.ask("y", ""));
  BOOST_TEST(held.pool->waiting() == 8u);
  held.hasher.release();
  held.until(9);
  BOOST_TEST(held.ask("a3", "a"));
}

BOOST_AUTO_TEST_CASE(a_job_that_is_withdrawn_never_runs_and_one_that_runs_cannot_be) {
  held_pool held;
  const auto first = held.ask("first", "a"), second = held.ask("second", "a"), third = held.ask("third", "b");
  BOOST_TEST(held.pool->withdraw(first));
  BOOST_TEST(!held.pool->withdraw(first));
  BOOST_TEST(held.pool->withdraw(third));
  BOOST_TEST(held.pool->waiting() == 1u);
  held.hasher.release();
  held.until(2);
  BOOST_TEST(!held.pool->withdraw(second));
  BOOST_TEST((held.told == std::vector<std::string>{"held", "second"}));
  BOOST_TEST(held.hasher.hashes() == 2);
}

BOOST_AUTO_TEST_CASE(nobody_is_told_of_a_job_that_was_disowned_while_it_ran) {
  held_pool held;
  const auto running = held.ask("running", "");
  held.hasher.release();
  held.until(2);
  held.hasher.hold();
  const auto disowned = held.ask("disowned", "");
  held.hasher.begun(3);
  held.pool->disown(disowned);
  held.hasher.release();
  held.pool.reset();  // joins the threads: what could be posted is posted
  held.context.poll();
  BOOST_TEST((held.told == std::vector<std::string>{"held", "running"}));
}

BOOST_AUTO_TEST_CASE(a_refusal_leaves_at_the_floor_or_its_next_multiple_after_the_verdict) {
  const refusal_queue queue(milliseconds(50));
  const auto arrival = core::clock::now();
  const auto due = [&](std::chrono::nanoseconds verdict) { return queue.due(arrival, arrival + verdict) - arrival; };
  BOOST_TEST((due(milliseconds(0)) == milliseconds(50)));
  BOOST_TEST((due(std::chrono::nanoseconds(1)) == milliseconds(50)));
  BOOST_TEST((due(milliseconds(22)) == milliseconds(50)));
  BOOST_TEST((due(milliseconds(50)) == milliseconds(50)));
  BOOST_TEST((due(milliseconds(50) + std::chrono::nanoseconds(1)) == milliseconds(100)));
  BOOST_TEST((due(milliseconds(212)) == milliseconds(250)));
  BOOST_TEST((due(milliseconds(-5)) == milliseconds(50)));
  const refusal_queue without(milliseconds(0));
  BOOST_TEST((without.due(arrival, arrival + milliseconds(3)) == arrival + milliseconds(3)));
}

BOOST_AUTO_TEST_CASE(refusals_are_taken_in_the_order_of_their_times_and_not_before) {
  refusal_queue queue(milliseconds(50));
  const auto start = core::clock::now();
  told_waiter early, late, gone;
  queue.add({&late, denial::unknown_user}, start + milliseconds(10), start + milliseconds(11));
  const auto place = queue.add({&gone, denial::unknown_user}, start, start + milliseconds(2));
  queue.add({&early, denial::wrong_password}, start, start + milliseconds(20));
  queue.remove(place);
  BOOST_TEST((queue.next() == start + milliseconds(50)));
  BOOST_TEST(!queue.take(start + milliseconds(50) - std::chrono::nanoseconds(1)));
  BOOST_TEST(queue.take(start + milliseconds(50))->who == &early);
  BOOST_TEST(!queue.take(start + milliseconds(50)));
  BOOST_TEST(queue.take(start + milliseconds(60))->who == &late);
  BOOST_TEST(!queue.next());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::auth
