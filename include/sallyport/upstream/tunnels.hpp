// Connections from one worker to one backend, for clients whose bytes go on as they are: one for each tunnel, opened when door 2 has
// passed its client and never shared. To the endpoint with the fewest of them; what the backend's balancer knows to be down comes last, and
// the balancer is told what came of each attempt, so that there is one opinion of an endpoint.
//
// A connection is had by a permit alone. Owned by its worker and used on its thread; outlives the connections, and its balancer outlives
// it. Bounded: connections at once, and the time that making one may take; when all endpoints are down it fails fast until the next attempt
// is due.
#pragma once

#include <sallyport/auth/gate.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/upstream/exchange.hpp>
#include <sallyport/upstream/resolver.hpp>
#include <sallyport/upstream/surroundings.hpp>

#include <memory>
#include <optional>

namespace sallyport::upstream {

class balancer;
class endpoint_pool;
struct dial_failure;

class tunnels {
 public:
  tunnels(const surroundings& around, const settings& s, resolver& names, balancer& where);
  ~tunnels();
  tunnels(const tunnels&) = delete;
  tunnels& operator=(const tunnels&) = delete;

  // Gives its place back when it goes.
  class connection {
   public:
    connection(tunnels& home, std::shared_ptr<endpoint_pool> to, std::unique_ptr<net::stream> stream);
    ~connection();
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    net::stream& stream() { return *stream_; }
    void count(std::uint64_t to_backend, std::uint64_t to_client);  // all that it has carried so far

   private:
    tunnels& home_;
    const std::shared_ptr<endpoint_pool> to_;
    const std::unique_ptr<net::stream> stream_;
    std::uint64_t to_backend_ = 0, to_client_ = 0;  // counted already
  };

  struct opened {
    std::unique_ptr<connection> made;    // nullptr: `why` says why
    failure why = failure::unreachable;  // or no_slot
  };
  // named: the endpoint that is wanted, else one after the other until one accepts.
  core::task<opened> open(auth::permit passed, std::optional<endpoint> named);

  const settings& about() const { return settings_; }

 private:
  void count(failure why);
  core::task<core::result<std::unique_ptr<net::stream>>> dial(std::shared_ptr<endpoint_pool> to);
  core::task<core::result<std::unique_ptr<net::stream>>> dial_addresses(const endpoint_pool& to, dial_failure& failure);

  surroundings around_;
  resolver& names_;
  settings settings_;
  telemetry::backend_counts& counted_;
  balancer& where_;
  std::uint32_t open_ = 0;  // and those that are being made
};

}  // namespace sallyport::upstream
