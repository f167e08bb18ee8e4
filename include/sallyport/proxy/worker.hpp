// One worker: a thread, an io_context, acceptors of its own on every listener's port, a gate, a pool a backend, and the connections that it
// accepted. Built and started by app; nothing is shared with another worker but what `shared_parts` names. `drain`, `abandon` and
// `users_changed` may be called from any thread.
#pragma once

#include <sallyport/auth/gate.hpp>
#include <sallyport/milvus/service.hpp>
#include <sallyport/proxy/settings.hpp>
#include <sallyport/telemetry/log.hpp>
#include <sallyport/telemetry/metrics.hpp>
#include <sallyport/tls/live.hpp>

#include <memory>
#include <string>
#include <vector>

namespace sallyport::proxy {

// Outlives every worker.
struct shared_parts {
  users::store& store;
  milvus::service& service;
  std::shared_ptr<auth::hashing_pool> hashing;
  std::shared_ptr<net::admission> gatekeeper;
  telemetry::logger& log;
  telemetry::metrics& metrics;  // each worker takes a shard
  const auth::settings& auth;
  const proxy::limits& limits;
  const std::vector<upstream::settings>& backends;
};

class worker {
 public:
  explicit worker(const shared_parts& parts);
  ~worker();
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  // Before run. The settings outlive the worker. Tells the address that was bound (port 0: chosen by the system), or what stands against
  // it.
  // `trust` is looked at anew for each connection, and for each request of a client that has shown a certificate. nullptr: plaintext.
  core::outcome<boost::asio::ip::tcp::endpoint> listen(const listener_settings& on, std::shared_ptr<const tls::live<tls::context>> trust);

  void run();            // serves on the calling thread, until drained
  void drain();          // no new connections; open streams go on for limits.drain, then it ends
  void abandon();        // ends at once
  void users_changed();  // the open streams are judged again, at once

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace sallyport::proxy
