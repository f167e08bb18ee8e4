// What the tests of the gate share: tokens as clients write them, a waiter that remembers what it was told, a worker's loop with a gate,
// and a pool whose hashing is counted, fast for what it has seen before, and can be held up.
#pragma once

#include "hashing_pool.hpp"
#include "support/base64.hpp"
#include "support/user_store.hpp"

#include <sallyport/auth/gate.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

namespace sallyport::auth {

inline std::ostream& operator<<(std::ostream& out, denial why) { return out << name_of(why); }

using support::base64;

// Milvus/bcrypt of cost 4, as Milvus itself makes them.
inline constexpr const char* bcrypt_of_milvus = "$2a$04$/OK.fbVrR/bpIqNJ5ianF.KR5.PHAK3GlP3WDkvsl1WRNCvU7DCVK";
inline const std::string root = base64("root:Milvus");

using settled = std::variant<permit, denial>;

inline denial why(const settled& verdict) {
  BOOST_REQUIRE(std::holds_alternative<denial>(verdict));
  return std::get<denial>(verdict);
}

inline permit passed(const settled& verdict) {
  BOOST_REQUIRE(std::holds_alternative<permit>(verdict));
  return std::get<permit>(verdict);
}

inline bool is_pending(const gate::verdict& v) { return std::holds_alternative<gate::pending>(v); }

struct told_waiter final : waiter {
  std::optional<permit> passed;
  std::optional<denial> why;
  core::clock::time_point when;
  int told = 0;
  std::function<void()> then;

  void admitted(permit p) override {
    passed = std::move(p);
    note();
  }
  void denied(denial d) override {
    why = d;
    note();
  }

 private:
  void note() {
    ++told;
    when = core::clock::now();
    if (then) then();
  }
};

// Any thread.
class counting_hasher {
 public:
  hashing_pool::verifier verifier() {
    return [this](std::string_view password, std::string_view hash) { return verify(password, hash); };
  }
  int hashes() const { return hashes_; }
  void hold() {
    const std::lock_guard held(mutex_);
    open_ = false;
  }
  void release() {
    {
      const std::lock_guard held(mutex_);
      open_ = true;
    }
    moved_.notify_all();
  }
  // Until `count` hashes have begun.
  void begun(int count) {
    std::unique_lock held(mutex_);
    moved_.wait(held, [&] { return hashes_ >= count; });
  }

 private:
  users::match verify(std::string_view password, std::string_view hash) {
    const std::pair asked{std::string(password), std::string(hash)};
    {
      std::unique_lock held(mutex_);
      ++hashes_;
      moved_.notify_all();
      moved_.wait(held, [this] { return open_; });
      if (const auto known = known_.find(asked); known != known_.end()) return known->second;
    }
    const auto verdict = users::verify_password(password, hash);
    const std::lock_guard held(mutex_);
    return known_.emplace(asked, verdict).first->second;
  }

  std::mutex mutex_;
  std::condition_variable moved_;
  bool open_ = true;
  std::map<std::pair<std::string, std::string>, users::match> known_;
  std::atomic<int> hashes_{0};
};

// A worker: its loop is run by `until` on the caller's thread.
class worker {
 public:
  worker(const settings& s, users::store& store, std::shared_ptr<hashing_pool> pool, telemetry::logger& log) : context_(1) {
    gate_ = std::make_unique<gate>(context_.get_executor(), s, store, std::move(pool), log, metrics_.make_shard());
  }
  ~worker() { gate_.reset(); }

  gate& door() { return *gate_; }
  bool shows(const std::string& line) const { return metrics_.page().find("\n" + line + "\n") != std::string::npos; }
  form spoken = form::grpc;  // of every request from here on
  void close() { gate_.reset(); }
  core::asio::io_context& context() { return context_; }

  gate::verdict admit(const std::string& value, waiter& who, memo& remembered, core::clock::time_point arrival = core::clock::now(),
                      std::string_view source = {}) {
    evidence facts;
    facts.authorization = value;
    facts.authorization_fields = 1;
    facts.arrival = arrival;
    facts.source = source;
    facts.spoken = spoken;
    return gate_->admit(facts, remembered, who);
  }
  // Not by BOOST_REQUIRE: Boost.Test's log is for the main thread alone.
  void until(const std::function<bool()>& reached) {
    while (!reached())
      if (context_.run_one_for(std::chrono::seconds(60)) == 0) throw std::runtime_error("nothing happened for a minute");
  }
  // All that is ready now, and nothing that would have to be waited for.
  void turn() { context_.poll(); }

  // A request from its beginning to its verdict, on a connection of its own or on one that has been used before.
  settled settle(const std::string& value, memo& remembered) {
    told_waiter who;
    auto verdict = admit(value, who, remembered);
    if (auto* passed = std::get_if<permit>(&verdict)) return std::move(*passed);
    if (auto* why = std::get_if<denial>(&verdict)) return *why;
    until([&] { return who.told > 0; });
    if (who.passed) return *who.passed;
    return *who.why;
  }
  settled settle(const std::string& value) {
    memo fresh;
    return settle(value, fresh);
  }
  // A connection that has passed with this token and, at its second request, remembers so.
  permit settle_twice(const std::string& value, memo& remembered) {
    passed(settle(value, remembered));
    return passed(settle(value, remembered));
  }
  bool passes(const std::string& value) { return std::holds_alternative<permit>(settle(value)); }

 private:
  telemetry::metrics metrics_{{"0", "0", {}, {}}};
  core::asio::io_context context_;
  core::asio::executor_work_guard<core::executor> work_{context_.get_executor()};
  std::unique_ptr<gate> gate_;
};

inline settings quick() {
  settings made;
  made.refusal_floor = std::chrono::milliseconds(1);
  return made;
}

// One store, one pool, one worker.
struct one_door {
  users::user_store users;
  counting_hasher hasher;
  settings chosen = quick();
  std::shared_ptr<hashing_pool> pool;
  std::unique_ptr<worker> at;

  one_door() : one_door(quick()) {}
  explicit one_door(const settings& s) : chosen(s) {
    pool = std::make_shared<hashing_pool>(chosen, hasher.verifier());
    at = std::make_unique<worker>(chosen, *users, pool, users.log());
  }
  one_door(const one_door&) = delete;
  one_door& operator=(const one_door&) = delete;
  ~one_door() { hasher.release(); }
};

}  // namespace sallyport::auth
