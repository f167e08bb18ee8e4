#include <sallyport/upstream/tunnels.hpp>

#include "dial.hpp"

#include <sallyport/core/deadline.hpp>
#include <sallyport/net/names.hpp>

namespace sallyport::upstream {

tunnels::connection::connection(tunnels& home, std::unique_ptr<net::stream> stream) : home_(home), stream_(std::move(stream)) {
  home_.counted_.connections.raise();
  home_.counted_.tunnels.raise();
}

tunnels::connection::~connection() {
  home_.counted_.connections.lower();
  home_.counted_.tunnels.lower();
  --home_.open_;
}

void tunnels::connection::count(std::uint64_t to_backend, std::uint64_t to_client) {
  home_.counted_.count(telemetry::direction::to_backend, to_backend - std::exchange(to_backend_, to_backend));
  home_.counted_.count(telemetry::direction::to_client, to_client - std::exchange(to_client_, to_client));
}

tunnels::tunnels(const surroundings& around, const settings& s, resolver& names)
    : around_(around), names_(names), settings_(s), counted_(around.counts.backend(s.name)), pause_(std::make_unique<reconnect_pause>()) {}

tunnels::~tunnels() = default;

void tunnels::count(failure why) { counted_.count(label_of(why)); }

core::task<core::result<std::unique_ptr<net::stream>>> tunnels::dial_one(endpoint to, dial_failure& failure) {
  auto addresses = net::known_addresses(to.host, to.port);
  if (addresses.empty()) {
    auto asking = names_.resolve(to);
    auto found = co_await std::move(asking);
    if (!found) co_return found.error();
    addresses = std::move(*found);
  }
  destination there{std::move(addresses), certificate_name(settings_, to.host), {}};
  auto attempt = dial(around_, settings_, std::move(there), failure);
  co_return co_await std::move(attempt);
}

core::task<tunnels::opened> tunnels::open(auth::permit, std::optional<endpoint> named) {
  opened answer;
  if (open_ >= settings_.tunnels) answer.why = failure::no_slot;
  if (open_ >= settings_.tunnels || !pause_->over()) {
    count(answer.why);
    co_return answer;
  }
  ++open_;
  const auto& all = settings_.endpoints;
  const auto first = next_++;
  for (std::size_t i = 0; i < (named ? 1 : all.size()); ++i) {
    const auto to = named ? *named : all[(first + i) % all.size()];
    dial_failure failure;
    auto attempt = dial_one(to, failure);
    auto made = co_await core::with_deadline(std::move(attempt), settings_.connect);
    if (!made) failure.why = made.error();
    counted_.count(result_of(failure));
    if (made) {
      pause_->succeeded();
      answer.made = std::make_unique<connection>(*this, std::move(*made));
      co_return answer;
    }
    log_unreachable(around_.log, settings_, to.host + ":" + std::to_string(to.port), failure, 0);
  }
  --open_;
  // That one of several is away does not stop tunnels to the others.
  if (!named || all.size() == 1) pause_->failed();
  count(failure::unreachable);
  co_return answer;
}

}  // namespace sallyport::upstream
