// Who waits for a name, how long, and what becomes of the look-up.
#include <sallyport/upstream/resolver.hpp>

#include "slow_names.hpp"

#include <sallyport/core/deadline.hpp>
#include <sallyport/core/task_group.hpp>

#include <pthread.h>

#include <deque>

namespace sallyport::upstream {
namespace {

using namespace std::chrono_literals;
namespace asio = core::asio;
using heard = std::optional<resolver::answer>;

core::error_code error_in(const heard& said) { return said && !*said ? said->error() : core::error_code(); }

std::size_t addresses_in(const heard& said) { return said && *said ? (*said)->size() : 0; }

struct asking {
  std::shared_ptr<slow_names> slow = std::make_shared<slow_names>();
  asio::io_context io{1};
  core::task_group tasks{io.get_executor()};
  std::optional<system_resolver> names{slow->look_up()};
  std::deque<heard> told;

  ~asking() {
    io.restart();
    io.poll();  // tasks that have ended leave their group before it cancels them from outside the loop
    tasks.cancel();
    until([this] { return tasks.size() == 0; });
    names.reset();
  }
  core::task<void> put(endpoint name, core::clock::duration limit, heard& into) {
    auto work = names->resolve(std::move(name));
    into = co_await core::with_deadline(std::move(work), limit);
  }
  core::task<void> put(endpoint name, heard& into) {
    auto work = names->resolve(std::move(name));
    into = co_await std::move(work);
  }
  // Up to its wait.
  void begin(core::task<void> one) {
    tasks.spawn(std::move(one));
    io.restart();
    io.poll();
  }
  heard& ask(endpoint name) {
    auto& into = told.emplace_back();
    begin(put(std::move(name), into));
    return into;
  }
  heard& ask(const std::string& host) { return ask(endpoint{host, 19530}); }
  heard& ask(const std::string& host, core::clock::duration limit) {
    auto& into = told.emplace_back();
    begin(put({host, 19530}, limit, into));
    return into;
  }
  bool until(const std::function<bool()>& reached) {
    for (const auto end = core::clock::now() + 10s; !reached(); io.run_one_for(10ms)) {
      if (core::clock::now() >= end) return false;
      io.restart();
    }
    return true;
  }
};

// No thread can be started, as on a machine without memory for its stack.
class no_threads {
 public:
  no_threads() {
    pthread_attr_t none;
    pthread_getattr_default_np(&usual_);
    pthread_attr_init(&none);
    pthread_attr_setstacksize(&none, std::size_t{1} << 60);
    BOOST_REQUIRE(pthread_setattr_default_np(&none) == 0);
    pthread_attr_destroy(&none);
  }
  ~no_threads() {
    pthread_setattr_default_np(&usual_);
    pthread_attr_destroy(&usual_);
  }

 private:
  pthread_attr_t usual_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(look_ups)

BOOST_FIXTURE_TEST_CASE(a_name_that_hangs_delays_no_other, asking) {
  auto& first = ask("slow.test");
  BOOST_REQUIRE(slow->until_hanging(1));
  slow->say("quick.test", {1, 2});
  auto& second = ask("quick.test");
  BOOST_TEST(until([&] { return second.has_value(); }));
  BOOST_TEST(addresses_in(second) == 2U);
  BOOST_TEST(!first);
}

BOOST_FIXTURE_TEST_CASE(who_asks_for_a_name_that_is_looked_up_shares_the_answer_and_who_asks_later_gets_a_new_one, asking) {
  auto& first = ask("slow.test");
  auto& second = ask("slow.test");
  auto& elsewhere = ask(endpoint{"slow.test", 5432});
  BOOST_REQUIRE(slow->until_hanging(2));  // a port is part of the name
  slow->say("slow.test", {1, 2});
  BOOST_TEST(until([&] { return first && second && elsewhere; }));
  BOOST_TEST(addresses_in(first) == 2U);
  BOOST_TEST(addresses_in(second) == 2U);
  BOOST_TEST(slow->asked("slow.test") == 2U);
  slow->say("slow.test", core::error_code(asio::error::no_recovery));
  auto& later = ask("slow.test");
  BOOST_TEST(until([&] { return later.has_value(); }));
  BOOST_TEST(error_in(later) == asio::error::no_recovery);
  BOOST_TEST(slow->asked("slow.test") == 3U);
}

BOOST_FIXTURE_TEST_CASE(a_deadline_ends_one_wait_in_time_and_leaves_the_look_up_to_others, asking) {
  auto& hurried = ask("slow.test", 20ms);
  auto& patient = ask("slow.test");
  BOOST_TEST(until([&] { return hurried.has_value(); }));
  BOOST_TEST(error_in(hurried) == asio::error::timed_out);
  BOOST_TEST(!patient);
  auto& later = ask("slow.test");
  slow->say("slow.test", {1});
  BOOST_TEST(until([&] { return patient && later; }));
  BOOST_TEST(addresses_in(patient) == 1U);
  BOOST_TEST(addresses_in(later) == 1U);
  BOOST_TEST(slow->asked("slow.test") == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_look_up_that_nobody_waits_for_is_joined_by_the_next_who_asks, asking) {
  auto& hurried = ask("slow.test", 1ms);
  BOOST_TEST(until([&] { return hurried.has_value(); }));
  auto& later = ask("slow.test");
  slow->say("slow.test", {1});
  BOOST_TEST(until([&] { return later.has_value(); }));
  BOOST_TEST(addresses_in(later) == 1U);
  BOOST_TEST(slow->asked("slow.test") == 1U);
}

BOOST_FIXTURE_TEST_CASE(cancellation_ends_a_wait_at_once, asking) {
  auto& said = ask("slow.test");
  BOOST_REQUIRE(slow->until_hanging(1));
  tasks.cancel();
  BOOST_TEST(until([&] { return tasks.size() == 0; }));
  BOOST_TEST(error_in(said) == asio::error::operation_aborted);
  BOOST_TEST(slow->until_hanging(1));
}

BOOST_FIXTURE_TEST_CASE(a_look_up_that_hangs_keeps_no_io_context_running, asking) {
  auto& said = ask("slow.test", 1ms);
  io.restart();
  io.run_for(10s);
  BOOST_TEST(io.stopped());
  BOOST_TEST(error_in(said) == asio::error::timed_out);
  BOOST_TEST(slow->until_hanging(1));
}

BOOST_FIXTURE_TEST_CASE(a_resolver_goes_at_once_and_tells_those_who_wait_and_the_late_answer_finds_nobody, asking) {
  auto& said = ask("slow.test");
  BOOST_REQUIRE(slow->until_hanging(1));
  names.reset();
  BOOST_TEST(slow->until_hanging(1));
  BOOST_TEST(until([&] { return said.has_value() && tasks.size() == 0; }));
  BOOST_TEST(error_in(said) == asio::error::operation_aborted);
  slow->say("slow.test", {1});
  BOOST_REQUIRE(slow->left(0));
  io.restart();
  BOOST_TEST(io.poll() == 0U);
}

BOOST_FIXTURE_TEST_CASE(an_answer_that_is_on_its_way_when_the_resolver_goes_finds_nobody, asking) {
  auto& said = ask("slow.test");
  slow->say("slow.test", {1});
  BOOST_REQUIRE(slow->left(1));
  names.reset();
  BOOST_TEST(until([&] { return said.has_value(); }));
  BOOST_TEST(error_in(said) == asio::error::operation_aborted);
}

// What it would touch is gone: for the sanitizers to see.
BOOST_AUTO_TEST_CASE(a_late_answer_touches_no_io_context_that_has_gone) {
  std::shared_ptr<slow_names> slow;
  {
    asking on;
    slow = on.slow;
    on.ask("slow.test");
    BOOST_REQUIRE(slow->until_hanging(1));
  }
  slow->say("slow.test", {1});
  BOOST_TEST(slow->left(0));
}

BOOST_FIXTURE_TEST_CASE(without_a_thread_the_answer_is_an_error_and_the_next_one_is_not, asking) {
  slow->say("slow.test", {1});
  std::optional<no_threads> now(std::in_place);
  auto& said = ask("slow.test");
  now.reset();
  BOOST_TEST(until([&] { return said.has_value(); }));
  BOOST_TEST(error_in(said) == asio::error::try_again);
  auto& later = ask("slow.test");
  BOOST_TEST(until([&] { return later.has_value(); }));
  BOOST_TEST(addresses_in(later) == 1U);
}

BOOST_FIXTURE_TEST_CASE(the_system_knows_localhost_and_nothing_under_invalid, asking) {
  names.emplace();
  auto& known = ask("localhost");
  auto& unknown = ask("no..such.invalid");  // an empty label: no name server is asked
  BOOST_REQUIRE(until([&] { return known && unknown; }));
  BOOST_REQUIRE(addresses_in(known) > 0U);
  for (const auto& address : **known) {
    BOOST_TEST(address.address().is_loopback());
    BOOST_TEST(address.port() == 19530);
  }
  BOOST_TEST(error_in(unknown) == asio::error::host_not_found);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::upstream
