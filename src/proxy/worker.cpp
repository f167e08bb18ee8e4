#include <sallyport/proxy/worker.hpp>

#include "buffer_budget.hpp"
#include "connect_request.hpp"
#include "connection.hpp"
#include "exchange.hpp"
#include "health_call.hpp"

#include <sallyport/core/defence.hpp>
#include <sallyport/upstream/balancer.hpp>

#include <sallyport/core/expect.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <unordered_set>

namespace sallyport::proxy {
namespace {

using namespace std::chrono_literals;
constexpr auto sweep_interval = 250ms;  // how late a limit in seconds may be
constexpr auto last_words = 3s;         // after the drain's end: refusals leave and linger, then everything is aborted

telemetry::connection_refusal refusal_of(net::admission::verdict why) {
  using enum net::admission::verdict;
  switch (why) {
    case too_many_connections: return telemetry::connection_refusal::limits_connections;
    case too_many_from_source: return telemetry::connection_refusal::limits_connections_per_source;
    case too_many_handshakes: return telemetry::connection_refusal::limits_handshakes;
    case too_many_handshakes_from_source: return telemetry::connection_refusal::limits_handshakes_per_source;
    case admitted: break;
  }
  SALLYPORT_EXPECT(false);
  return {};
}

}  // namespace

struct worker::impl {
  explicit impl(const shared_parts& p);

  core::task<void> serve(std::shared_ptr<connection> accepted, telemetry::listener_counts& counted);
  core::task<void> sweep();
  void sweep_once(core::clock::time_point now);
  void begin_drain();
  void end_connections();
  listener_context context_of(const listener_settings& on, std::shared_ptr<const tls::live<tls::context>> trust);

  const shared_parts parts;
  telemetry::shard& counts = parts.metrics.make_shard();
  core::asio::io_context io{1};
  core::task_group tasks{io.get_executor()};    // connections, to clients and to backends
  core::task_group keepers{io.get_executor()};  // the listeners and the sweep
  net::turn turn{io.get_executor()};
  net::workbench bench;
  http2::buffer_pool buffers;
  http2::decoded_block scratch;
  auth::gate gate;
  context around;
  buffer_budget budget{around, parts.limits.buffers_bytes};
  upstream::system_resolver names;
  std::vector<std::unique_ptr<upstream::balancer>> pools;
  std::vector<std::unique_ptr<upstream::balancer>> rest_pools;  // of the same backends; nullptr: none
  std::vector<std::unique_ptr<upstream::tunnels>> tunnels;      // likewise, one a backend
  std::vector<std::unique_ptr<listener_context>> doors;
  std::vector<std::unique_ptr<net::listener>> listeners;
  std::unordered_set<connection*> connections;
  core::timer sweeper{io.get_executor()};
  bool draining = false, refused = false, finished = false;
  core::clock::time_point drain_until{};
};

worker::impl::impl(const shared_parts& p)
    : parts(p),
      gate(io.get_executor(), p.auth, p.store, p.hashing, p.log, counts),
      around{io.get_executor(), tasks, turn, bench, buffers, scratch, gate, p.service, p.log, counts, p.limits} {
  around.budget = &budget;
  buffers.watch(p.limits.buffers_bytes / 10 * 9, [this] { core::asio::post(io, [this] { budget.look(connections); }); });
  const upstream::surroundings lent{io.get_executor(), tasks, turn, bench, buffers, scratch, p.log, counts};
  for (const auto& b : p.backends) {
    pools.push_back(std::make_unique<upstream::balancer>(lent, b, names));
    tunnels.push_back(std::make_unique<upstream::tunnels>(lent, b, names, *pools.back()));
    rest_pools.push_back(b.speaks == upstream::rest::http1 ? std::make_unique<upstream::balancer>(lent, b, names, http1::limits{})
                                                           : nullptr);
  }
}

listener_context worker::impl::context_of(const listener_settings& on, std::shared_ptr<const tls::live<tls::context>> trust) {
  const auto& all = parts.backends;
  const auto at = std::find_if(all.begin(), all.end(), [&](const auto& b) { return b.name == on.backend; });
  SALLYPORT_EXPECT(at != all.end());  // config has checked the names
  const auto index = static_cast<std::size_t>(at - all.begin());
  upstream::opener* rest = rest_pools[index].get();
  if (at->speaks == upstream::rest::h2) rest = pools[index].get();
  return {on, std::move(trust), *pools[index], rest, at->credential, at->identity, *tunnels[index]};
}

core::task<void> worker::impl::serve(std::shared_ptr<connection> accepted, telemetry::listener_counts& counted) {
  counted.accepted.add();
  counted.open.raise();
  // Also when the task is cancelled in the middle.
  struct presence {
    impl& in;
    connection& who;
    telemetry::listener_counts& counted;
    ~presence() {
      in.connections.erase(&who);
      counted.open.lower();
      if (in.draining) in.sweeper.cancel();
    }
  };
  connections.insert(accepted.get());
  const presence here{*this, *accepted, counted};
  co_await accepted->run();
}

core::task<void> worker::impl::sweep() {
  while (!finished) {
    sweeper.expires_after(sweep_interval);
    co_await sweeper.async_wait(core::await);
    sweep_once(core::clock::now());
  }
  for (const auto& p : pools) p->stop();
  for (const auto& p : rest_pools)
    if (p) p->stop();
  tasks.cancel();
  co_await tasks.joined();
}

void worker::impl::sweep_once(core::clock::time_point now) {
  for (auto* c : connections) c->sweep(now);
  budget.look(connections);
  for (const auto& p : pools) p->sweep(now);
  for (const auto& p : rest_pools)
    if (p) p->sweep(now);
  if (!draining) return;
  if (connections.empty() && around.tunnels.empty()) finished = true;  // a tunnel may outlive its connection
  if (now < drain_until || !core::defended("O12b")) return;
  if (!std::exchange(refused, true)) {
    for (auto* c : connections) c->end_drain();
  } else if (now >= drain_until + last_words) {
    end_connections();
  }
}

void worker::impl::begin_drain() {
  if (std::exchange(draining, true)) return;
  drain_until = core::clock::now() + parts.limits.drain;
  for (const auto& l : listeners) l->close();
  around.serving = false;
  const auto watchers = around.watchers;  // each leaves the list
  for (auto* w : watchers) w->readiness_changed();
  for (auto* c : connections) c->begin_drain();
  sweeper.cancel();
}

void worker::impl::end_connections() {
  for (auto* c : connections) c->abandon();
  const auto left = around.tunnels;  // each leaves the list
  for (auto* t : left) t->abandon();
  finished = true;
}

worker::worker(const shared_parts& parts) : impl_(std::make_unique<impl>(parts)) {}

worker::~worker() = default;

core::outcome<core::asio::ip::tcp::endpoint> worker::listen(const listener_settings& on,
                                                            std::shared_ptr<const tls::live<tls::context>> trust) {
  auto& w = *impl_;
  const bool handshakes = trust != nullptr;
  auto opened = net::listener::open(w.io.get_executor(), on.address, w.parts.gatekeeper, handshakes, w.parts.log);
  if (!opened) return opened.error();
  w.doors.push_back(std::make_unique<listener_context>(w.context_of(on, std::move(trust))));
  w.listeners.push_back(std::move(*opened));
  auto& door = *w.doors.back();
  auto& listener = *w.listeners.back();
  auto& counted = w.counts.listener(on.address.name);
  auto take = [&w, &door, &counted](net::accepted from) {
    auto made = std::make_shared<connection>(w.around, door, std::move(from));
    w.tasks.spawn(w.serve(std::move(made), counted));
  };
  w.keepers.spawn(listener.run(std::move(take), [&w](net::admission::verdict why) { w.counts.count(refusal_of(why)); }));
  return listener.local();
}

void worker::run() {
  auto& w = *impl_;
  w.keepers.spawn(w.sweep());
  w.io.run();
}

void worker::drain() {
  core::asio::post(impl_->io, [w = impl_.get()] { w->begin_drain(); });
}

void worker::abandon() {
  core::asio::post(impl_->io, [w = impl_.get()] {
    w->begin_drain();
    w->end_connections();
    w->sweeper.cancel();
  });
}

void worker::users_changed() {
  core::asio::post(impl_->io, [w = impl_.get()] {
    for (auto* c : w->connections) c->users_changed();
  });
}

}  // namespace sallyport::proxy
