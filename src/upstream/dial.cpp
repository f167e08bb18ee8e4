#include "dial.hpp"

#include <sallyport/core/defence.hpp>
#include <sallyport/core/expect.hpp>
#include <sallyport/net/plain_stream.hpp>

namespace sallyport::upstream {

using namespace std::chrono_literals;
namespace asio = core::asio;

std::string certificate_name(const settings& backend, const std::string& host) {
  if (!backend.tls) return {};
  return backend.tls->server_name.empty() ? host : backend.tls->server_name;
}

namespace {

using dialled = core::result<std::unique_ptr<net::stream>>;

core::task<dialled> shake_hands(const surroundings& around, const settings& backend, const destination& to, core::tcp_socket socket,
                                dial_failure& failure) {
  SALLYPORT_EXPECT(backend.trust != nullptr);  // whoever made the settings has loaded it
  auto session = std::make_unique<tls::session>(std::move(socket), *backend.trust->now(), to.name, to.protocol, around.bench);
  failure.tls.emplace();  // the deadline may come first
  const auto done = co_await session->connect();
  if (done) {
    failure.tls.reset();
    co_return std::move(session);
  }
  failure.tls = session->failure();
  co_return done.error();
}

}  // namespace

core::task<dialled> dial(const surroundings& around, const settings& backend, destination to, dial_failure& failure) {
  core::error_code last = asio::error::host_not_found;
  for (const auto& address : to.addresses) {
    auto socket = co_await net::connect(address);
    if (!socket) {
      if (!failure.tls) last = socket.error();  // what is wrong with its TLS says more than that it does not listen on ::1 as well
      continue;
    }
    if (!backend.tls) co_return std::make_unique<net::plain_stream>(std::move(*socket), around.bench);
    auto shaking = shake_hands(around, backend, to, std::move(*socket), failure);
    auto shaken = co_await std::move(shaking);
    if (shaken) co_return shaken;
    last = shaken.error();
  }
  co_return last;
}

telemetry::connect_result result_of(const dial_failure& failure) {
  using enum telemetry::connect_result;
  const auto why = failure.why;
  if (!why) return ok;
  if (failure.tls && why != asio::error::timed_out) return failure.tls->depth ? certificate : handshake;
  if (why == asio::error::connection_refused) return refused;
  if (why == asio::error::timed_out) return timed_out;
  if (why == asio::error::host_not_found || why == asio::error::host_not_found_try_again || why == asio::error::no_data) return unresolved;
  if (why == asio::error::host_unreachable || why == asio::error::network_unreachable) return unreachable;
  return other;
}

void log_unreachable(telemetry::logger& log, const settings& backend, std::string_view endpoint, const dial_failure& failure,
                     std::size_t waiting) {
  if (!failure.tls) {
    log.warning("backend_unreachable",
                {{"backend", backend.name}, {"endpoint", endpoint}, {"reason", failure.why.message()}, {"waiting", waiting}});
    return;
  }
  const auto& tls = *failure.tls;
  log.warning("backend_unreachable", {{"backend", backend.name},
                                      {"endpoint", endpoint},
                                      {"reason", "TLS: " + (tls.reason.empty() ? failure.why.message() : tls.reason)},
                                      {"depth", tls.depth.value_or(-1)},
                                      {"subject", tls.subject},
                                      {"serial", tls.serial},
                                      {"openssl", tls.openssl},
                                      {"waiting", waiting}});
}

std::string words_for(const net::stream& ended, core::error_code why) {
  const auto more = ended.reason();
  return more.empty() ? why.message() : why.message() + ": " + std::string(more);
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
