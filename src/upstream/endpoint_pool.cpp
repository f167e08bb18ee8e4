#include "endpoint_pool.hpp"

#include <algorithm>

namespace sallyport::upstream {

endpoint_pool::endpoint_pool(balancer& home, target where)
    : around_(home.around_), settings_(home.settings_), counted_(home.counted_), home_(home), where_(std::move(where)) {}

void endpoint_pool::take(balanced_request& who) {
  who.home = this;
  ++outstanding_;
}

void endpoint_pool::let_go(balanced_request& who) {
  who.home = nullptr;
  --outstanding_;
}

// ---- lines

bool endpoint_pool::lines_are_full() const { return home_.waiting_ >= settings_.waiters_max; }

void endpoint_pool::enter(line& which, balanced_request& who) {
  who.waiting = true;
  ++home_.waiting_;
  // Nearly always the end: only who comes from another line has waited longer.
  auto at = which.end();
  while (at != which.begin() && (*std::prev(at))->since > who.since) --at;
  which.insert(at, &who);
}

void endpoint_pool::leave(line& which, balanced_request& who) {
  if (std::erase(which, &who) == 0) return;
  who.waiting = false;
  --home_.waiting_;
}

balanced_request& endpoint_pool::take_first(line& from) {
  auto& first = *from.front();
  from.pop_front();
  first.waiting = false;
  --home_.waiting_;
  return first;
}

balanced_request* endpoint_pool::take_waiting() {
  if (line_.empty()) return nullptr;
  auto& first = take_first(line_);
  let_go(first);
  return &first;
}

void endpoint_pool::expire(line& from, core::clock::time_point now) {
  while (!from.empty() && now - from.front()->since >= settings_.wait) fail(take_first(from), failure::no_slot);
}

// ---- what it tells

// +- 20 %, so that a fleet does not reconnect at once (passage 14).
core::clock::time_point endpoint_pool::retirement(core::clock::time_point born) {
  if (settings_.max_connection_age.count() == 0) return core::clock::time_point::max();
  std::uniform_real_distribution<double> spread(0.8, 1.2);
  return born + std::chrono::duration_cast<core::clock::duration>(settings_.max_connection_age * spread(jitter_));
}

void endpoint_pool::log_unreachable(core::error_code why) {
  around_.log.warning("backend_unreachable",
                      {{"backend", settings_.name}, {"endpoint", where_.label}, {"reason", why.message()}, {"waiting", line_.size()}});
}

exchange* endpoint_pool::refused(failure why) {
  count(why);
  return nullptr;
}

void endpoint_pool::count(failure why) {
  constexpr std::uint32_t broken_max = 5;
  counted_.count(label_of(why));
  if (why == failure::broken && ++broken_in_a_row_ % broken_max == 0) failing(telemetry::ejection::broken);
}

void endpoint_pool::failing(telemetry::ejection why) {
  if (!stopped_ && !retired_) home_.failing(*this, why);
}

void endpoint_pool::connected() { home_.connected(*this); }

void endpoint_pool::tell_answered() { home_.answered(*this); }

void endpoint_pool::need_addresses() { home_.resolve_soon(); }

endpoint_pool* endpoint_pool::another() const { return home_.another(*this); }

}  // namespace sallyport::upstream
