// task_group and with_deadline: what is cancelled ends, what has ended is known, and nothing is left running behind the caller.
#include <sallyport/core/deadline.hpp>
#include <sallyport/core/task_group.hpp>

#include <boost/test/unit_test.hpp>

#include <memory>
#include <stdexcept>

namespace sallyport::core::tests {
namespace {

using namespace std::chrono_literals;

// Long enough that only cancellation ends it within the test.
constexpr auto ages = 1h;

struct worker {
  asio::io_context context{1};
  task_group group{context.get_executor()};
  // Until nothing is left to do: a task that was left behind would keep this from returning.
  void run() { context.run_for(60s); }
};

// Notes when it goes: a coroutine's frame is destroyed when its task has ended.
struct mark {
  explicit mark(int& where) : count(&where) {}
  mark(const mark&) = delete;
  mark& operator=(const mark&) = delete;
  ~mark() { ++*count; }
  int* count;
};

task<void> sleep_for(clock::duration time, int& ended, int& reached) {
  const mark on_end(ended);
  timer sleeper(co_await asio::this_coro::executor, time);
  co_await sleeper.async_wait(await);
  co_await sleeper.async_wait(await);  // the time is up already; a task that was cancelled unwinds here
  ++reached;
}

task<void> at_once(int& reached) {
  ++reached;
  co_return;
}

task<void> join(task_group& group, int& joined) {
  co_await group.joined();
  ++joined;
}

BOOST_AUTO_TEST_SUITE(groups)

BOOST_AUTO_TEST_CASE(a_group_knows_how_many_of_its_tasks_run) {
  worker w;
  int ended = 0, reached = 0;
  BOOST_TEST(w.group.size() == 0u);
  w.group.spawn(sleep_for(1ms, ended, reached));
  w.group.spawn(sleep_for(2ms, ended, reached));
  BOOST_TEST(w.group.size() == 2u);
  BOOST_TEST(reached == 0);
  w.run();
  BOOST_TEST(reached == 2);
  BOOST_TEST(ended == 2);
  BOOST_TEST(w.group.size() == 0u);
}

BOOST_AUTO_TEST_CASE(cancelled_tasks_unwind_silently_and_do_not_go_on) {
  worker w;
  int ended = 0, reached = 0;
  for (int i = 0; i < 10; ++i) w.group.spawn(sleep_for(ages, ended, reached));
  w.context.poll();
  BOOST_TEST(ended == 0);
  w.group.cancel();
  w.run();
  BOOST_TEST(ended == 10);
  BOOST_TEST(reached == 0);
  BOOST_TEST(w.group.size() == 0u);
}

BOOST_AUTO_TEST_CASE(a_task_that_is_cancelled_before_it_began_ends_too) {
  worker w;
  int ended = 0, reached = 0;
  w.group.spawn(sleep_for(ages, ended, reached));
  w.group.cancel();
  w.run();
  BOOST_TEST(w.group.size() == 0u);
  BOOST_TEST(reached == 0);
}

BOOST_AUTO_TEST_CASE(after_cancel_nothing_is_started) {
  worker w;
  int reached = 0;
  w.group.cancel();
  w.group.spawn(at_once(reached));
  BOOST_TEST(w.group.size() == 0u);
  w.run();
  BOOST_TEST(reached == 0);
}

BOOST_AUTO_TEST_CASE(joined_waits_for_the_last_task_and_not_longer) {
  worker w;
  task_group others(w.context.get_executor());
  int ended = 0, reached = 0, joined = 0;
  w.group.spawn(sleep_for(ages, ended, reached));
  w.group.spawn(sleep_for(1ms, ended, reached));
  others.spawn(join(w.group, joined));
  while (reached == 0) BOOST_REQUIRE(w.context.run_one_for(60s) == 1u);
  w.context.poll();
  BOOST_TEST(joined == 0);
  BOOST_TEST(w.group.size() == 1u);
  w.group.cancel();
  w.run();
  BOOST_TEST(joined == 1);
  BOOST_TEST(ended == 2);
  BOOST_TEST(others.size() == 0u);
}

BOOST_AUTO_TEST_CASE(joined_may_be_awaited_by_several_who_do_not_wake_each_other) {
  worker w;
  task_group others(w.context.get_executor());
  int ended = 0, reached = 0, joined = 0;
  w.group.spawn(sleep_for(ages, ended, reached));
  for (int i = 0; i < 3; ++i) others.spawn(join(w.group, joined));
  for (int turns = 0; w.context.poll_one() > 0; ++turns) BOOST_REQUIRE(turns < 1000);
  BOOST_TEST(joined == 0);
  w.group.cancel();
  w.run();
  BOOST_TEST(joined == 3);
}

BOOST_AUTO_TEST_CASE(joined_of_a_group_without_tasks_returns_at_once) {
  worker w;
  task_group others(w.context.get_executor());
  int joined = 0;
  others.spawn(join(w.group, joined));
  w.context.poll();
  BOOST_TEST(joined == 1);
}

BOOST_AUTO_TEST_CASE(a_task_may_start_another_and_cancel_them_all) {
  worker w;
  int ended = 0, reached = 0;
  auto first = [](worker& on, int& ends, int& reaches) -> task<void> {
    on.group.spawn(sleep_for(ages, ends, reaches));
    timer sleeper(co_await asio::this_coro::executor, 1ms);
    co_await sleeper.async_wait(await);
    on.group.cancel();
  };
  w.group.spawn(first(w, ended, reached));
  w.run();
  BOOST_TEST(w.group.size() == 0u);
  BOOST_TEST(ended == 1);
  BOOST_TEST(reached == 0);
}

BOOST_AUTO_TEST_SUITE_END()

// ---- with_deadline

task<result<int>> answer_after(clock::duration time, int& ended) {
  const mark on_end(ended);
  timer sleeper(co_await asio::this_coro::executor, time);
  co_await sleeper.async_wait(await);
  co_await sleeper.async_wait(await);
  co_return 42;
}

task<result<int>> fail_after(clock::duration time) {
  timer sleeper(co_await asio::this_coro::executor, time);
  co_await sleeper.async_wait(await);
  co_return error_code(asio::error::connection_refused);
}

task<void> await_with(task<result<int>> work, clock::duration limit, std::unique_ptr<result<int>>& into, int& ended, int& ended_before) {
  auto got = co_await with_deadline(std::move(work), limit);
  ended_before = ended;
  into = std::make_unique<result<int>>(std::move(got));
}

struct raced {
  std::unique_ptr<result<int>> got;
  int ended = 0, ended_before = -1;
  clock::duration took{};
  void race(task<result<int>> work, clock::duration limit) {
    worker w;
    const auto start = clock::now();
    w.group.spawn(await_with(std::move(work), limit, got, ended, ended_before));
    w.run();
    took = clock::now() - start;
    BOOST_REQUIRE(got);
    BOOST_TEST(w.group.size() == 0u);
  }
};

BOOST_AUTO_TEST_SUITE(deadlines)

BOOST_AUTO_TEST_CASE(work_that_is_done_in_time_gives_its_value_and_the_timer_is_gone) {
  raced r;
  r.race(answer_after(1ms, r.ended), 30s);
  BOOST_REQUIRE(r.got->has_value());
  BOOST_TEST(**r.got == 42);
  BOOST_TEST((r.took < 20s));  // run() would have waited for a timer that was left behind
}

BOOST_AUTO_TEST_CASE(work_that_fails_in_time_gives_its_own_error) {
  raced r;
  r.race(fail_after(1ms), 30s);
  BOOST_TEST((r.got->error() == asio::error::connection_refused));
}

BOOST_AUTO_TEST_CASE(work_that_is_late_is_cancelled_and_awaited_before_the_caller_goes_on) {
  raced r;
  r.race(answer_after(ages, r.ended), 1ms);
  BOOST_TEST((r.got->error() == asio::error::timed_out));
  BOOST_TEST(r.ended_before == 1);
  BOOST_TEST((r.took < 20s));
}

BOOST_AUTO_TEST_CASE(a_caller_that_is_cancelled_takes_its_work_along) {
  worker w;
  std::unique_ptr<result<int>> got;
  int ended = 0, ended_before = -1;
  w.group.spawn(await_with(answer_after(ages, ended), ages, got, ended, ended_before));
  w.context.poll();
  BOOST_TEST(ended == 0);
  w.group.cancel();
  w.run();
  BOOST_TEST(ended == 1);
  BOOST_TEST(w.group.size() == 0u);
  // It may learn of it as an error, but never as a value, nor as a time that was up.
  BOOST_TEST((!got || got->error() == asio::error::operation_aborted));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::core::tests
