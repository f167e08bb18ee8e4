#include "endpoint_pool.hpp"

#include <sallyport/core/defence.hpp>

namespace sallyport::upstream {

endpoint_pool::endpoint_pool(balancer& home, target where, std::string_view protocol)
    : around_(home.around_),
      settings_(home.settings_),
      counted_(home.counted_),
      home_(home),
      where_(std::move(where)),
      protocol_(protocol) {}

void endpoint_pool::take(balanced_request& who, std::string_view user) {
  who.home = this;
  who.share = &line_.share_of(user);
  ++who.share->outstanding;
  ++outstanding_;
}

void endpoint_pool::let_go(balanced_request& who) {
  who.home = nullptr;
  --who.share->outstanding;
  --outstanding_;
}

// ---- the line

bool endpoint_pool::lines_are_full() const { return home_.waiting_ >= settings_.waiters_max; }

// When all lines are full, whoever has fewer in this one than another user takes the place of that user's last.
bool endpoint_pool::has_place_for(std::string_view user) {
  return !lines_are_full() || (core::defended("O05f") && line_.is_longest_above(line_.share_of(user)));
}

void endpoint_pool::enter(balanced_request& who) {
  auto* const gives_way = lines_are_full() ? line_.take_last_of_longest() : nullptr;
  if (gives_way) waits_no_more(*gives_way);
  begins_to_wait(who);
  line_.enter(who);
  if (gives_way) fail(*gives_way, failure::no_slot);
}

void endpoint_pool::leave(balanced_request& who) {
  if (line_.leave(who)) waits_no_more(who);
}

balanced_request& endpoint_pool::take_next() {
  auto& next = line_.take_next(outstanding_ - line_.size());
  waits_no_more(next);
  return next;
}

balanced_request* endpoint_pool::take_waiting() {
  if (line_.empty()) return nullptr;
  auto& next = take_next();
  let_go(next);
  return &next;
}

void endpoint_pool::expire(core::clock::time_point now) {
  while (auto* const who = line_.take_expired(now - settings_.wait)) {
    waits_no_more(*who);
    fail(*who, failure::no_slot);
  }
  line_.tidy();
}

void endpoint_pool::begins_to_wait(balanced_request& who) {
  who.waiting = true;
  ++home_.waiting_;
}

void endpoint_pool::waits_no_more(balanced_request& who) {
  who.waiting = false;
  --home_.waiting_;
}

// ---- what it tells

// +- 20 %, so that a fleet does not reconnect at once (docs/passage.md 14).
tenure endpoint_pool::begin_tenure() {
  if (settings_.max_connection_age.count() == 0) return {core::clock::time_point::max(), trust_generation()};
  std::uniform_real_distribution<double> spread(0.8, 1.2);
  const auto age = std::chrono::duration_cast<core::clock::duration>(settings_.max_connection_age * spread(jitter_));
  return {core::clock::now() + age, trust_generation()};
}

core::task<core::result<std::unique_ptr<net::stream>>> endpoint_pool::dial(dial_failure& failure) {
  return upstream::dial(around_, settings_, {where_.addresses, where_.name, protocol_}, failure);
}

void endpoint_pool::log_unreachable(const dial_failure& why) {
  upstream::log_unreachable(around_.log, settings_, where_.label, why, line_.size());
}

exchange* endpoint_pool::refused(failure why) {
  count(why);
  return nullptr;
}

void endpoint_pool::count(failure why) {
  constexpr std::uint32_t broken_max = 5;
  counted_.count(label_of(why));
  if (why == failure::broken && !making_way_ && ++broken_in_a_row_ % broken_max == 0) failing(telemetry::ejection::broken);
}

void endpoint_pool::failing(telemetry::ejection why) {
  if (!stopped_ && !retired_) home_.failing(*this, why);
}

void endpoint_pool::connected() { home_.connected(*this); }

void endpoint_pool::tell_answered() { home_.answered(*this); }

void endpoint_pool::need_addresses() { home_.resolve_soon(); }

endpoint_pool* endpoint_pool::another() const { return home_.another(*this); }

}  // namespace sallyport::upstream
