#include "dial.hpp"

#include <sallyport/core/defence.hpp>
#include <sallyport/net/plain_stream.hpp>
#include <sallyport/upstream/resolver.hpp>

#include <boost/asio/ip/basic_resolver.hpp>

namespace sallyport::upstream {

using namespace std::chrono_literals;
namespace asio = core::asio;

core::task<core::result<std::vector<tcp_address>>> system_resolver::resolve(endpoint name) {
  using asking = asio::ip::basic_resolver<asio::ip::tcp, core::executor>;
  asking names(co_await asio::this_coro::executor);
  const auto port = std::to_string(name.port);
  auto [error, found] = co_await names.async_resolve(name.host, port, core::await);
  if (error) co_return error;
  std::vector<tcp_address> addresses;
  for (const auto& address : found) addresses.push_back(address.endpoint());
  co_return addresses;
}

core::task<core::result<core::tcp_socket>> dial(std::vector<tcp_address> addresses) {
  core::error_code last = asio::error::host_not_found;
  for (const auto& address : addresses) {
    auto made = co_await net::connect(address);
    if (made) co_return std::move(*made);
    last = made.error();
  }
  co_return last;
}

telemetry::connect_result result_of(core::error_code why) {
  using enum telemetry::connect_result;
  if (!why) return ok;
  if (why == asio::error::connection_refused) return refused;
  if (why == asio::error::timed_out) return timed_out;
  if (why == asio::error::host_not_found || why == asio::error::host_not_found_try_again || why == asio::error::no_data) return unresolved;
  if (why == asio::error::host_unreachable || why == asio::error::network_unreachable) return unreachable;
  return other;
}

telemetry::upstream_failure label_of(failure why) {
  switch (why) {
    case failure::unreachable: return telemetry::upstream_failure::unreachable;
    case failure::no_slot: return telemetry::upstream_failure::no_slot;
    case failure::unprocessed: return telemetry::upstream_failure::unprocessed;
    case failure::cancelled: return telemetry::upstream_failure::cancelled;
    case failure::timed_out: return telemetry::upstream_failure::timed_out;
    case failure::cannot_be_said:
    case failure::broken: break;
  }
  return telemetry::upstream_failure::broken;
}

void reconnect_pause::failed() {
  constexpr auto first = 100ms, most = 5'000ms;
  if (!over()) return;
  auto pause = first * (1u << std::min(failures_, 6u));
  if (pause > most) pause = most;
  ++failures_;
  std::uniform_real_distribution<double> spread(0.5, 1.0);
  if (core::defended("O06a")) until_ = core::clock::now() + std::chrono::duration_cast<core::clock::duration>(pause * spread(jitter_));
}

}  // namespace sallyport::upstream
