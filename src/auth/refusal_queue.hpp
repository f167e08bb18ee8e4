// Refusals that wait for their time: arrival + floor, or the next multiple of it after the verdict, so that the time of a refusal says
// nothing about the user's hash. Data only: whoever owns it keeps the timer. One thread; as many entries as there are waiters.
#pragma once

#include <sallyport/auth/gate.hpp>

#include <map>
#include <optional>

namespace sallyport::auth {

class refusal_queue {
 public:
  struct refusal {
    waiter* who;
    denial why;
  };
  using queue = std::multimap<core::clock::time_point, refusal>;
  using place = queue::iterator;

  explicit refusal_queue(core::clock::duration floor) : floor_(floor) {}

  place add(refusal of, core::clock::time_point arrival, core::clock::time_point verdict) {
    return waiting_.emplace(due(arrival, verdict), of);
  }
  void remove(place at) { waiting_.erase(at); }
  // The next one whose time has come.
  std::optional<refusal> take(core::clock::time_point now) {
    if (waiting_.empty() || waiting_.begin()->first > now) return std::nullopt;
    const refusal next = waiting_.begin()->second;
    waiting_.erase(waiting_.begin());
    return next;
  }
  std::optional<core::clock::time_point> next() const { return waiting_.empty() ? std::nullopt : std::optional(waiting_.begin()->first); }

  core::clock::time_point due(core::clock::time_point arrival, core::clock::time_point verdict) const {
    if (floor_ <= core::clock::duration::zero()) return verdict;
    const auto taken = verdict > arrival ? verdict - arrival : core::clock::duration::zero();
    const auto whole = taken / floor_;
    const auto multiples = taken % floor_ == core::clock::duration::zero() && whole > 0 ? whole : whole + 1;
    return arrival + multiples * floor_;
  }

 private:
  core::clock::duration floor_;
  queue waiting_;
};

}  // namespace sallyport::auth
