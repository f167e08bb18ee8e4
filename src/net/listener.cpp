#include <sallyport/net/listener.hpp>

#include <sallyport/core/defence.hpp>
#include <sallyport/net/names.hpp>

#include "socket_options.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

namespace sallyport::net {

using core::error_code;
using core::fault;
namespace asio = core::asio;
using tcp = asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

using reuse_port = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
constexpr std::chrono::milliseconds pause_min = 50ms, pause_max = 500ms;

core::result<std::vector<tcp::endpoint>> addresses_of(core::executor on, const listener_settings& settings) {
  auto known = known_addresses(settings.host, settings.port);
  if (!known.empty()) return known;
  error_code ec;
  // Waits for the system's resolver; only when a listener is opened.
  asio::ip::basic_resolver<tcp, core::executor> resolver(on);
  const auto found =
      resolver.resolve(settings.host, std::to_string(settings.port), tcp::resolver::passive | tcp::resolver::numeric_service, ec);
  if (ec) return ec;
  std::vector<tcp::endpoint> all;
  for (const auto& entry : found) all.push_back(entry.endpoint());
  return all;
}

// SO_REUSEPORT would let a second instance of ours share the port unnoticed: a socket without it cannot be bound beside one that listens.
error_code find_taken(core::executor on, const tcp::endpoint& at) {
  core::tcp_acceptor probe(on);
  error_code ec;
  probe.open(at.protocol(), ec);
  if (!ec) probe.set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec) probe.bind(at, ec);
  return ec;
}

error_code bind_to(core::tcp_acceptor& acceptor, const tcp::endpoint& at) {
  error_code ec;
  acceptor.open(at.protocol(), ec);
  if (!ec) acceptor.set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec) acceptor.set_option(reuse_port(true), ec);
  if (!ec) acceptor.bind(at, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (!ec) acceptor.non_blocking(true, ec);
  prepare(acceptor);
  return ec;
}

std::string advice(const error_code& ec) {
  if (ec == asio::error::address_in_use) return ": another program listens there, see `ss -ltnp`";
  if (ec == asio::error::access_denied) return ": a port below 1024 needs CAP_NET_BIND_SERVICE";
  if (ec == boost::system::errc::address_not_available) return ": no interface of this host has that address";
  return {};
}

std::string place_of(const listener_settings& settings) {
  const bool v6 = settings.host.find(':') != std::string::npos;
  return (v6 ? '[' + settings.host + ']' : settings.host) + ':' + std::to_string(settings.port);
}

bool is_for_the_operator(admission::verdict why) {
  return why == admission::verdict::too_many_connections || why == admission::verdict::too_many_handshakes;
}

}  // namespace

core::outcome<std::unique_ptr<listener>> listener::open(core::executor on, const listener_settings& settings,
                                                        std::shared_ptr<admission> gatekeeper, bool handshakes, telemetry::logger& log) {
  const auto places = addresses_of(on, settings);
  if (!places) {
    return fault{places.error(),
                 "listener " + settings.name + ": cannot find the address of " + settings.host + ": " + places.error().message()};
  }
  error_code last = asio::error::host_not_found;
  for (const auto& place : *places) {
    core::tcp_acceptor acceptor(on);
    last = settings.alone ? find_taken(on, place) : error_code();
    if (!last) last = bind_to(acceptor, place);
    if (!last) {
      return std::unique_ptr<listener>(new listener(std::move(acceptor), settings.name, std::move(gatekeeper), handshakes, log));
    }
    // The other addresses of a name are for hosts that lack a family, not for a port that somebody has.
    if (last == asio::error::address_in_use) break;
  }
  return fault{last, "listener " + settings.name + ": cannot listen on " + place_of(settings) + ": " + last.message() + advice(last)};
}

listener::listener(core::tcp_acceptor acceptor, std::string name, std::shared_ptr<admission> gatekeeper, bool handshakes,
                   telemetry::logger& log)
    : acceptor_(std::move(acceptor)),
      pause_(acceptor_.get_executor()),
      name_(std::move(name)),
      gatekeeper_(std::move(gatekeeper)),
      handshakes_(handshakes),
      log_(log) {}

core::task<void> listener::run(std::function<void(accepted)> take, std::function<void(admission::verdict)> refused) {
  auto pause = pause_min;
  while (acceptor_.is_open()) {
    peer_address peer;
    auto [ec, socket] = co_await acceptor_.async_accept(peer.endpoint, core::await);
    if (!acceptor_.is_open()) co_return;
    if (!ec) {
      pause = pause_min;
      admit(std::move(socket), peer, take, refused);
      continue;
    }
    // accept(2): no descriptor or memory left, or an error of the network that concerned this connection only. Trying again at once would
    // spin while the connection still waits in the queue.
    log_.warning("accept_paused", {{"listener", name_}, {"reason", ec.message()}, {"pause_ms", pause.count()}});
    pause_.expires_after(core::defended("O04") ? pause : 1ms);
    pause = std::min(pause * 2, pause_max);
    auto [cancelled] = co_await pause_.async_wait(core::await);
    if (cancelled) co_return;
  }
}

void listener::admit(core::tcp_socket socket, const peer_address& peer, const std::function<void(accepted)>& take,
                     const std::function<void(admission::verdict)>& refused) {
  auto answer = admission::enter(gatekeeper_, peer, handshakes_);
  if (answer.why != admission::verdict::admitted) {
    if (refused) refused(answer.why);
    const auto at = is_for_the_operator(answer.why) ? telemetry::level::warning : telemetry::level::info;
    if (log_.enabled(at)) {
      log_.write(at, "connection_refused", {{"listener", name_}, {"peer", peer.text()}, {"reason", name_of(answer.why)}});
    }
    return;
  }
  take(accepted{std::move(socket), peer, std::move(answer.place)});
}

void listener::close() noexcept {
  error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
}

tcp::endpoint listener::local() const {
  error_code ignored;
  return acceptor_.local_endpoint(ignored);
}

}  // namespace sallyport::net
