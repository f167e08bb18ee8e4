#include <sallyport/upstream/tunnels.hpp>

#include "endpoint_pool.hpp"

#include <sallyport/core/deadline.hpp>

namespace sallyport::upstream {

tunnels::connection::connection(tunnels& home, std::shared_ptr<endpoint_pool> to, std::unique_ptr<net::stream> stream)
    : home_(home), to_(std::move(to)), stream_(std::move(stream)) {
  home_.counted_.connections.raise();
  home_.counted_.tunnels.raise();
}

tunnels::connection::~connection() {
  home_.counted_.connections.lower();
  home_.counted_.tunnels.lower();
  --home_.open_;
  --to_->tunnels;
}

void tunnels::connection::count(std::uint64_t to_backend, std::uint64_t to_client) {
  home_.counted_.count(telemetry::direction::to_backend, to_backend - std::exchange(to_backend_, to_backend));
  home_.counted_.count(telemetry::direction::to_client, to_client - std::exchange(to_client_, to_client));
}

tunnels::tunnels(const surroundings& around, const settings& s, resolver& names, balancer& where)
    : around_(around), names_(names), settings_(s), counted_(around.counts.backend(s.name)), where_(where) {}

tunnels::~tunnels() = default;

void tunnels::count(failure why) { counted_.count(label_of(why)); }

core::task<tunnels::opened> tunnels::open(auth::permit, std::optional<endpoint> named) {
  opened answer;
  if (open_ >= settings_.tunnels) {
    answer.why = failure::no_slot;
    count(answer.why);
    co_return answer;
  }
  ++open_;
  const auto order = where_.tunnel_order(named);
  for (const auto& to : order) {
    auto attempt = dial(to);
    auto made = co_await std::move(attempt);
    if (!made) continue;
    answer.made = std::make_unique<connection>(*this, to, std::move(*made));
    co_return answer;
  }
  --open_;
  count(failure::unreachable);
  co_return answer;
}

core::task<core::result<std::unique_ptr<net::stream>>> tunnels::dial(std::shared_ptr<endpoint_pool> to) {
  ++to->tunnels;
  dial_failure failure;
  auto attempt = dial_addresses(*to, failure);
  auto made = co_await core::with_deadline(std::move(attempt), settings_.connect);
  if (!made) failure.why = made.error();
  counted_.count(result_of(failure));
  if (made) {
    where_.tunnel_made(*to);
  } else {
    --to->tunnels;
    to->log_unreachable(failure);
    where_.tunnel_failed(*to);
  }
  co_return made;
}

core::task<core::result<std::unique_ptr<net::stream>>> tunnels::dial_addresses(const endpoint_pool& to, dial_failure& failure) {
  auto addresses = to.where().addresses;
  if (addresses.empty()) {  // the balancer knows none yet
    auto asking = names_.resolve(to.where().of);
    auto found = co_await std::move(asking);
    if (!found) co_return found.error();
    addresses = std::move(*found);
  }
  destination there{std::move(addresses), to.where().name, {}};
  auto attempt = upstream::dial(around_, settings_, std::move(there), failure);
  co_return co_await std::move(attempt);
}

}  // namespace sallyport::upstream
