// The endpoints of one backend, as one worker sees them: a pool of connections for each address, and the choice between them. Every request
// goes to the endpoint that is up and has the least of them under way, so that one client is spread over all.
//
// An endpoint that fails is ejected for a pause that grows while it fails again, and its line moves to the others; with several, TCP probes
// (settings.health) bring it back. When all are down, the one whose pause ends first is tried, and requests fail fast in between. Names are
// resolved again and again off the data path; an address that has left finishes what it carries. A request that a backend certainly did not
// process is sent once more (docs/passage.md 16).
//
// A request gets in by a permit alone. Owned by its worker and used on its thread; `stop` ends it, and its tasks must have ended before it
// goes. Bounded: addresses (256), requests that wait (settings.waiters_max, over all endpoints) and how long; each pool by its settings.
#pragma once

#include <sallyport/http1/limits.hpp>
#include <sallyport/upstream/exchange.hpp>
#include <sallyport/upstream/resolver.hpp>
#include <sallyport/upstream/surroundings.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::upstream {

class endpoint_pool;
struct target;

class balancer final : public opener {
 public:
  balancer(const surroundings& around, const settings& s, resolver& names);                               // of HTTP/2
  balancer(const surroundings& around, const settings& s, resolver& names, const http1::limits& within);  // of REST by HTTP/1.1
  ~balancer();
  balancer(const balancer&) = delete;
  balancer& operator=(const balancer&) = delete;

  exchange* open(const auth::permit& passed, const std::vector<http2::field>& fields, bool end, responder& to, failure& why) override;

  // For tunnels, which make connections of their own. Where to: the one to try first in front, and those that are down last. Of all, or of
  // what `named`, an endpoint of the settings, stands for. Empty: all are down, and the next attempt is not due.
  std::vector<std::shared_ptr<endpoint_pool>> tunnel_order(const std::optional<endpoint>& named);
  void tunnel_made(endpoint_pool& to);
  void tunnel_failed(endpoint_pool& to);

  // Once in a while, from the worker's sweep: waiting times, idle connections, PINGs to backends that are silent, probes.
  void sweep(core::clock::time_point now);
  void stop();  // ends every connection; open exchanges have been cancelled before

 private:
  friend class endpoint_pool;
  struct watched_name;
  using pools = std::vector<std::shared_ptr<endpoint_pool>>;
  using maker = std::function<std::shared_ptr<endpoint_pool>(balancer&, target)>;

  balancer(const surroundings& around, const settings& s, resolver& names, const std::vector<endpoint>& where, bool shown);
  void begin(maker make);

  // Choosing.
  endpoint_pool* choose(const endpoint_pool* but);
  endpoint_pool* choose_ejected();
  bool takes_requests(const endpoint_pool& which) const;
  endpoint_pool* another(const endpoint_pool& than);
  void move_line(endpoint_pool& from);

  // What the pools tell.
  void failing(endpoint_pool& which, telemetry::ejection why);
  void connected(endpoint_pool& which);
  void answered(endpoint_pool& which);
  void resolve_soon();

  // Health.
  bool probes() const { return settings_.health.interval.count() > 0 && members_.size() > 1; }
  void raise(endpoint_pool& which, std::string_view reason);
  void probe_where_due(core::clock::time_point now);
  core::task<void> probe(std::shared_ptr<endpoint_pool> which);
  void probed(endpoint_pool& which, bool accepted);
  std::int64_t count_up() const;

  // Names.
  core::task<void> watch(std::size_t which);
  void learn(watched_name& of, const core::result<std::vector<core::asio::ip::tcp::endpoint>>& found);
  std::vector<target> targets() const;
  std::vector<target> targets_of(const endpoint& one) const;
  void reconcile(bool log);
  void show_endpoints();

  surroundings around_;
  settings settings_;
  resolver& resolver_;
  telemetry::backend_counts& counted_;
  const std::vector<endpoint> where_;
  const bool shown_;  // its addresses are on the page of metrics
  maker make_;
  std::vector<std::unique_ptr<watched_name>> names_;
  pools members_, retired_;
  endpoint_pool* only_ = nullptr;  // of one: no choice
  std::size_t next_ = 0;           // where the next search begins, so that ties go round
  std::size_t next_tunnel_ = 0;    // likewise
  std::size_t waiting_ = 0;        // in all lines
  std::int64_t endpoints_shown_ = 0, up_shown_ = 0, streams_shown_ = 0, orphans_shown_ = 0, waiting_shown_ = 0;
  bool stopped_ = false;
};

}  // namespace sallyport::upstream
