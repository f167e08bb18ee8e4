#include <sallyport/upstream/balancer.hpp>

#include "connection.hpp"
#include "http1_connection.hpp"
#include "watched_name.hpp"

#include <sallyport/core/expect.hpp>
#include <sallyport/net/names.hpp>

#include <algorithm>

namespace sallyport::upstream {

balancer::balancer(const surroundings& around, const settings& s, resolver& names, const std::vector<endpoint>& where, bool shown)
    : around_(around), settings_(s), resolver_(names), counted_(around.counts.backend(s.name)), where_(where), shown_(shown) {}

balancer::balancer(const surroundings& around, const settings& s, resolver& names) : balancer(around, s, names, s.endpoints, true) {
  auto store = std::make_shared<shared_exchanges>();
  begin([store](balancer& home, target where) { return std::make_shared<pool>(home, std::move(where), store); });
}

balancer::balancer(const surroundings& around, const settings& s, resolver& names, const http1::limits& within)
    : balancer(around, s, names, s.rest_endpoints.empty() ? s.endpoints : s.rest_endpoints, !s.rest_endpoints.empty()) {
  auto store = std::make_shared<http1_store>();
  begin([store, within](balancer& home, target where) { return std::make_shared<http1_pool>(home, std::move(where), within, store); });
}

balancer::~balancer() = default;

void balancer::begin(maker make) {
  make_ = std::move(make);
  for (const auto& e : where_)
    if (net::known_addresses(e.host, e.port).empty()) names_.push_back(std::make_unique<watched_name>(e, around_.executor));
  reconcile(false);
  for (std::size_t i = 0; i < names_.size(); ++i) around_.tasks.spawn(watch(i));
}

exchange* balancer::open(const auth::permit& passed, const std::vector<http2::field>& fields, bool end, responder& to, failure& why) {
  auto* to_this = only_;
  if (!to_this) to_this = choose(nullptr);
  if (!to_this) to_this = choose_ejected();
  if (to_this) return to_this->open(passed, fields, end, to, why);
  why = failure::unreachable;
  counted_.count(label_of(why));
  return nullptr;
}

// ---- choosing

// Without probes an endpoint that is down is asked again when its pause is over.
bool balancer::takes_requests(const endpoint_pool& which) const {
  return which.health.up || (!probes() && !which.where().addresses.empty() && which.pause.over());
}

// The one that is up with the fewest requests under way; of several such the next in turn, so that idle ones share evenly.
endpoint_pool* balancer::choose(const endpoint_pool* but) {
  endpoint_pool* best = nullptr;
  std::size_t at = next_, best_at = 0;
  for (std::size_t left = members_.size(); left > 0; --left, ++at) {
    if (at >= members_.size()) at = 0;
    auto& m = *members_[at];
    if (&m == but || (best && m.outstanding() >= best->outstanding()) || !takes_requests(m)) continue;
    best = &m;
    best_at = at;
  }
  if (best) next_ = best_at + 1;
  return best;
}

// All are down: the one whose pause ends first, when there is hope. A name without an address has to be looked up before it can be tried.
endpoint_pool* balancer::choose_ejected() {
  const auto rank = [](const endpoint_pool& m) { return std::pair(m.where().addresses.empty(), m.pause.until()); };
  endpoint_pool* first = nullptr;
  for (const auto& m : members_)
    if (m->may_try() && (!first || rank(*m) < rank(*first))) first = m.get();
  if (first) first->health.tried = true;
  return first;
}

endpoint_pool* balancer::another(const endpoint_pool& than) { return choose(&than); }

void balancer::move_line(endpoint_pool& from) {
  for (;;) {
    auto* to = another(from);
    if (!to && from.retired()) to = only_ ? only_ : members_.front().get();
    if (!to) return;
    auto* const who = from.take_waiting();
    if (!who) return;
    to->adopt(*who);
  }
}

// ---- once in a while

void balancer::sweep(core::clock::time_point now) {
  pool_figures all;
  for (const auto& m : members_) m->sweep(now, all);
  for (const auto& m : retired_) m->sweep(now, all);
  std::erase_if(retired_, [](const auto& m) { return m->at_rest(); });
  if (!stopped_) probe_where_due(now);
  const auto show = [](telemetry::amount& on, std::int64_t& shown, std::int64_t value) { on.raise(value - std::exchange(shown, value)); };
  show(counted_.streams, streams_shown_, all.streams);
  show(counted_.orphans, orphans_shown_, all.orphans);
  show(counted_.waiting, waiting_shown_, all.waiting);
}

void balancer::stop() {
  stopped_ = true;
  for (const auto& n : names_) n->timer.cancel();
  for (const auto& m : members_) m->stop();
  for (const auto& m : retired_) m->stop();
}

}  // namespace sallyport::upstream
