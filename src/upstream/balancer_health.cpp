// What the balancer thinks of its endpoints: ejected by what goes wrong, brought back by probes or by a request that is answered.
#include "endpoint_pool.hpp"

#include <sallyport/core/deadline.hpp>

#include <algorithm>

namespace sallyport::upstream {

std::int64_t balancer::count_up() const {
  return std::count_if(members_.begin(), members_.end(), [](const auto& m) { return m->health.up; });
}

void balancer::failing(endpoint_pool& which, telemetry::ejection why) {
  using enum telemetry::ejection;
  // An endpoint that has no other to stand in for it is left only where its own connections would be.
  const bool keeps_from_connecting = why == connect_failed || why == died_young || why == enhance_your_calm;
  if (only_ && !keeps_from_connecting) return;
  which.pause.failed();
  which.trouble();
  auto& health = which.health;
  health.tried = false;
  health.streak = 0;
  health.next_probe = which.pause.until();
  if (std::exchange(health.up, false)) {
    counted_.count(why);
    around_.log.warning("endpoint_down", {{"backend", settings_.name},
                                          {"endpoint", which.where().label},
                                          {"reason", telemetry::words<telemetry::ejection>[static_cast<std::size_t>(why)]},
                                          {"up", count_up()},
                                          {"of", members_.size()}});
    show_endpoints();
  }
  if (why == connect_failed && !which.where().addresses.empty()) resolve_soon();
  move_line(which);
}

void balancer::raise(endpoint_pool& which, std::string_view reason) {
  auto& health = which.health;
  health.streak = 0;
  health.tried = false;
  health.next_probe = core::clock::now() + settings_.health.interval;
  if (std::exchange(health.up, true)) return;
  around_.log.info(
      "endpoint_up",
      {{"backend", settings_.name}, {"endpoint", which.where().label}, {"reason", reason}, {"up", count_up()}, {"of", members_.size()}});
  show_endpoints();
}

// With probes, and others to ask meanwhile, only they bring an endpoint back: what answers may be what was under way before.
void balancer::connected(endpoint_pool& which) {
  if (!which.health.up && (only_ || !probes() || which.health.tried)) raise(which, "connected");
}

void balancer::answered(endpoint_pool& which) {
  if (!which.health.up && !only_ && probes() && !which.health.tried) return;
  which.pause.succeeded();
  which.unburden();
  raise(which, "answered");
}

// ---- probes: a connect, with TLS its handshake, and not a byte more

void balancer::probe_where_due(core::clock::time_point now) {
  if (!probes()) return;
  for (const auto& m : members_) {
    auto& health = m->health;
    if (health.probing || now < health.next_probe || m->where().addresses.empty()) continue;
    if (health.up && (m->outstanding() > 0 || m->take_answered())) {  // its requests tell more
      health.streak = 0;
      health.next_probe = now + settings_.health.interval;
      continue;
    }
    health.probing = true;
    around_.tasks.spawn(probe(m));
  }
}

core::task<void> balancer::probe(std::shared_ptr<endpoint_pool> which) {
  dial_failure failure;
  auto attempt = which->dial(failure);
  const auto made = co_await core::with_deadline(std::move(attempt), settings_.health.timeout);
  which->health.probing = false;
  if (stopped_ || which->retired()) co_return;
  if (!made && failure.tls && which->health.up) {  // no request may ever tell why
    failure.why = made.error();
    which->log_unreachable(failure);
  }
  probed(*which, made.has_value());
}

void balancer::probed(endpoint_pool& which, bool accepted) {
  auto& health = which.health;
  health.next_probe = core::clock::now() + settings_.health.interval;
  if (accepted == health.up) {
    health.streak = 0;
  } else if (++health.streak >= (health.up ? settings_.health.fall : settings_.health.rise)) {
    if (health.up) return failing(which, telemetry::ejection::probe_failed);
    which.pause.lift();
    raise(which, "probes");
  }
}

}  // namespace sallyport::upstream
