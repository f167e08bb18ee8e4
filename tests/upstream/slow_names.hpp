// Look-ups that hang until the test says what the name stands for. Outlives the resolvers that it is given to.
#pragma once

#include <sallyport/upstream/resolver.hpp>

#include <boost/test/unit_test.hpp>

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace sallyport::upstream {

class slow_names {
 public:
  slow_names() = default;
  slow_names(const slow_names&) = delete;
  slow_names& operator=(const slow_names&) = delete;
  // No thread is left behind, for the sanitizers' sake.
  ~slow_names() {
    {
      const std::lock_guard alone(held_);
      over_ = true;
    }
    moved_.notify_all();
    BOOST_TEST(left(0));
  }

  system_resolver::look_up look_up() const { return guest(*this); }

  void say(const std::string& name, resolver::answer found) {
    {
      const std::lock_guard alone(held_);
      known_.insert_or_assign(name, std::move(found));
    }
    moved_.notify_all();
  }
  void say(const std::string& name, std::initializer_list<std::uint16_t> ports) {
    std::vector<core::asio::ip::tcp::endpoint> all;
    for (const auto port : ports) all.emplace_back(core::asio::ip::address_v4::loopback(), port);
    say(name, resolver::answer(std::move(all)));
  }

  std::size_t asked(const std::string& name) const {
    const std::lock_guard alone(held_);
    const auto at = asked_.find(name);
    return at == asked_.end() ? 0 : at->second;
  }
  bool until_hanging(std::size_t n) const {
    std::unique_lock alone(held_);
    return moved_.wait_for(alone, limit, [&] { return hanging_ == n; });
  }
  // Every look-up's thread has done all that it will ever do. A resolver that lives keeps one guest for itself.
  bool left(std::size_t resolvers) const {
    std::unique_lock alone(held_);
    return moved_.wait_for(alone, limit, [&] { return guests_ == resolvers; });
  }

 private:
  static constexpr std::chrono::seconds limit{10};

  struct guest {
    explicit guest(const slow_names& at) : host(at) { come(); }
    guest(const guest& other) : host(other.host) { come(); }
    ~guest() {
      const std::lock_guard alone(host.held_);
      --host.guests_;
      host.moved_.notify_all();  // within the lock: the host may go when it is free
    }
    void come() const {
      const std::lock_guard alone(host.held_);
      ++host.guests_;
    }
    resolver::answer operator()(const endpoint& name) const {
      std::unique_lock alone(host.held_);
      ++host.asked_[name.host];
      ++host.hanging_;
      host.moved_.notify_all();
      host.moved_.wait(alone, [&] { return host.over_ || host.known_.count(name.host); });
      --host.hanging_;
      const auto at = host.known_.find(name.host);
      if (at == host.known_.end()) return core::error_code(core::asio::error::host_not_found);
      return at->second;
    }
    const slow_names& host;
  };

  mutable std::mutex held_;
  mutable std::condition_variable moved_;
  mutable std::map<std::string, std::size_t> asked_;
  mutable std::size_t hanging_ = 0, guests_ = 0;
  std::map<std::string, resolver::answer> known_;
  bool over_ = false;
};

}  // namespace sallyport::upstream
