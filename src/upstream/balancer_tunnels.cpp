// Where tunnels go to, and what the balancer learns from them. They are no requests: each has a connection of its own, and goes on for as
// long as its two ends like, so that the fewest of them is what tells of load.
#include "endpoint_pool.hpp"

#include <algorithm>

namespace sallyport::upstream {

std::vector<std::shared_ptr<endpoint_pool>> balancer::tunnel_order(const std::optional<endpoint>& named) {
  const auto wanted = named ? targets_of(*named) : std::vector<target>{};
  const auto is_wanted = [&](const target& one) {
    return !named || std::any_of(wanted.begin(), wanted.end(), [&one](const target& w) { return w.is(one); });
  };
  // Without probes one that is down is asked again when its pause is over, by one tunnel at a time.
  const auto comes_first = [this](const endpoint_pool& m) { return m.health.up || (takes_requests(m) && !m.health.tried); };
  pools first, last;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const auto& m = members_[(next_tunnel_ + i) % members_.size()];
    if (is_wanted(m->where())) (comes_first(*m) ? first : last).push_back(m);
  }
  const bool due = !first.empty() || std::any_of(last.begin(), last.end(), [](const auto& m) { return m->pause.over(); });
  if (!due) return {};
  const auto has_fewer = [](const auto& a, const auto& b) { return a->tunnels < b->tunnels; };
  std::stable_sort(first.begin(), first.end(), has_fewer);
  std::stable_sort(last.begin(), last.end(), [](const auto& a, const auto& b) { return a->pause.until() < b->pause.until(); });
  first.insert(first.end(), last.begin(), last.end());
  auto& chosen = *first.front();
  if (!chosen.health.up) chosen.health.tried = true;
  const auto at = std::find(members_.begin(), members_.end(), first.front());
  next_tunnel_ = static_cast<std::size_t>(at - members_.begin()) + 1;
  return first;
}

// A connection is all that it takes to be up, as for a probe.
void balancer::tunnel_made(endpoint_pool& to) {
  if (stopped_ || to.retired()) return;
  if (to.where().addresses.empty()) {  // whoever made it knows them, and requests must not be sent there before we do
    to.health.tried = false;
    return resolve_soon();
  }
  connected(to);
  if (to.health.up) to.pause.succeeded();
}

void balancer::tunnel_failed(endpoint_pool& to) {
  if (!stopped_ && !to.retired()) failing(to, telemetry::ejection::connect_failed);
}

}  // namespace sallyport::upstream
