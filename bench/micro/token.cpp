// What door 2 costs once a token is known: N users, each with a token that has been verified, in random order, each on a fresh connection,
// so that it is looked up in the worker's cache; and the same token again on its own connection.
//
// Each check is timed by itself, with two reads of the clock, for the percentiles.
#include <auth/hashing_pool.hpp>
#include <sallyport/auth/gate.hpp>
#include <sallyport/core/expect.hpp>
#include <support/base64.hpp>
#include <support/user_store.hpp>

#include <benchmark/benchmark.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <random>

namespace sallyport::micro {
namespace {

using support::base64;

std::string name_of(std::size_t user) { return "user" + std::to_string(user); }

// Straight into the closed file: each change of an open store publishes all users anew.
void add_users(const std::string& path, std::size_t count) {
  sqlite3* file = nullptr;
  SALLYPORT_EXPECT(sqlite3_open(path.c_str(), &file) == SQLITE_OK);
  const std::string rows = "PRAGMA synchronous = OFF; WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < " +
                           std::to_string(count) +
                           ") INSERT INTO users SELECT CAST('user' || i AS BLOB), "
                           "'$2a$04$/OK.fbVrR/bpIqNJ5ianF.KR5.PHAK3GlP3WDkvsl1WRNCvU7DCVK', x'', i + 1000, 0, 0"
                           " FROM n; UPDATE counter SET last_version = " +
                           std::to_string(count + 1000) + ";";
  SALLYPORT_EXPECT(sqlite3_exec(file, rows.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(file);
}

class counting_waiter final : public auth::waiter {
 public:
  int waiting = 0;
  void admitted(auth::permit) override { --waiting; }
  void denied(auth::denial) override { SALLYPORT_EXPECT(false); }
};

// A worker's gate in front of so many users. Any password is right: what is measured comes after that.
class door {
 public:
  explicit door(std::size_t users) {
    users_.close();
    add_users(users_.settings().path, users);
    users_.open();
    pool_ =
        std::make_shared<auth::hashing_pool>(settings_, [](std::string_view, std::string_view) { return sallyport::users::match::yes; });
    gate_ = std::make_unique<auth::gate>(context_.get_executor(), settings_, *users_, pool_, users_.log(), metrics_.make_shard());
    for (std::size_t i = 0; i < users; ++i) tokens_.push_back(base64(name_of(i) + ":password of " + name_of(i)));
    for (const auto& token : tokens_) verify(token);
  }

  const std::vector<std::string>& tokens() const { return tokens_; }
  auth::gate::verdict admit(const std::string& token, auth::memo& remembered) {
    auth::evidence facts;
    facts.authorization = token;
    facts.authorization_fields = 1;
    facts.arrival = now_;
    return gate_->admit(facts, remembered, who_);
  }

 private:
  void verify(const std::string& token) {
    auth::memo fresh;
    if (!std::holds_alternative<auth::gate::pending>(admit(token, fresh))) return;
    ++who_.waiting;
    while (who_.waiting > 0) {
      context_.restart();
      context_.run_one();
    }
  }

  users::user_store users_;
  auth::settings settings_;
  telemetry::metrics metrics_{{"0", "0", {}, {}}};
  core::asio::io_context context_{1};
  core::asio::executor_work_guard<core::executor> work_{context_.get_executor()};
  core::clock::time_point now_ = core::clock::now();
  counting_waiter who_;
  std::shared_ptr<auth::hashing_pool> pool_;
  std::unique_ptr<auth::gate> gate_;
  std::vector<std::string> tokens_;
};

// How often a check took so many nanoseconds.
class histogram {
 public:
  void add(std::chrono::nanoseconds took) {
    ++counts_[std::min<std::size_t>(static_cast<std::size_t>(took.count()), counts_.size() - 1)], ++all_;
  }
  double percentile(double part) const {
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i)
      if ((seen += counts_[i]) >= part * static_cast<double>(all_)) return static_cast<double>(i);
    return 0;
  }

 private:
  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(100'000);
  std::uint64_t all_ = 0;
};

template <class F>
void timed(benchmark::State& state, F&& check) {
  histogram took;
  for (auto _ : state) {
    const auto began = std::chrono::steady_clock::now();
    check();
    took.add(std::chrono::steady_clock::now() - began);
  }
  state.counters["p50_ns"] = took.percentile(0.5);
  state.counters["p99_ns"] = took.percentile(0.99);
}

void token_check(benchmark::State& state) {
  door at(static_cast<std::size_t>(state.range(0)));
  std::mt19937 random(1);
  std::vector<std::size_t> order(std::max<std::size_t>(at.tokens().size(), 1 << 16));
  for (auto& one : order) one = random() % at.tokens().size();
  std::size_t next = 0;
  timed(state, [&] {
    auth::memo fresh;
    const auto verdict = at.admit(at.tokens()[order[next++ % order.size()]], fresh);
    SALLYPORT_EXPECT(std::holds_alternative<auth::permit>(verdict));
  });
}
BENCHMARK(token_check)->Arg(1)->Arg(100)->Arg(10'000)->Arg(100'000);

void token_again(benchmark::State& state) {
  door at(1);
  auth::memo remembered;
  timed(state, [&] { SALLYPORT_EXPECT(std::holds_alternative<auth::permit>(at.admit(at.tokens()[0], remembered))); });
}
BENCHMARK(token_again);

}  // namespace
}  // namespace sallyport::micro
