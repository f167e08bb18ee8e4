// A test that hangs ends the test program, by name, instead of whoever waits for it. Included once, by the file with BOOST_TEST_MODULE.
#pragma once

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>

namespace sallyport::support {

class watchdog {
 public:
  static constexpr std::chrono::seconds limit{180};  // it is there for what hangs; a slow machine under a sanitizer takes its time
  watchdog() : thread_([this] { watch(); }) {}
  ~watchdog() {
    {
      const std::lock_guard held(mutex_);
      over_ = true;
    }
    moved_.notify_all();
    thread_.join();
  }
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;

 private:
  struct observer final : boost::unit_test::test_observer {
    explicit observer(watchdog& on) : dog(on) { boost::unit_test::framework::register_observer(*this); }
    ~observer() override { boost::unit_test::framework::deregister_observer(*this); }
    void test_unit_start(const boost::unit_test::test_unit& unit) override {
      dog.say(unit.p_type == boost::unit_test::TUT_CASE ? unit.p_name.get() : "");
    }
    void test_unit_finish(const boost::unit_test::test_unit&, unsigned long) override { dog.say(""); }
    watchdog& dog;
  };

  void say(const std::string& name) {
    const std::lock_guard held(mutex_);
    name_ = name;
    ++number_;
    moved_.notify_all();
  }
  void watch() {
    std::unique_lock held(mutex_);
    while (!over_) {
      const auto seen = number_;
      const bool moved = moved_.wait_for(held, limit, [&] { return over_ || number_ != seen; });
      if (moved || name_.empty()) continue;
      std::fprintf(stderr, "watchdog: \"%s\" runs for more than %d s\n", name_.c_str(), static_cast<int>(limit.count()));
      std::abort();
    }
  }

  std::mutex mutex_;
  std::condition_variable moved_;
  std::string name_;
  unsigned number_ = 0;
  bool over_ = false;
  std::thread thread_;
  observer observer_{*this};
};

}  // namespace sallyport::support

using sallyport_watchdog = sallyport::support::watchdog;
BOOST_TEST_GLOBAL_FIXTURE(sallyport_watchdog);
