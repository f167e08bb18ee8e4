// What the running server tells of itself: to the page of metrics and, over the admin socket, to `sallyport ctl status`. Owned by the
// running server and used on its main thread, but for the shards behind it, which the workers write.
#pragma once

#include <sallyport/admin/page.hpp>
#include <sallyport/admin/socket.hpp>
#include <sallyport/config/settings.hpp>
#include <sallyport/telemetry/metrics.hpp>
#include <sallyport/users/store.hpp>

#include <boost/json/object.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace sallyport::app {

class server_status final : public admin::status_source {
 public:
  explicit server_status(const config::settings& s);

  telemetry::metrics& metrics_of_all() { return metrics_; }

  // What has come about, in this order.
  void opened(users::store& store) { store_ = &store; }
  void listening(std::size_t listener, std::string address, bool tls);
  void serving(std::size_t workers);
  void draining();
  // What is served now, and each listener's generation of it (0: plaintext).
  void certificates(std::vector<telemetry::certificate_figures> now, std::vector<std::uint64_t> generations);

  std::string metrics() override;
  std::string why_not_ready() override { return why_not_; }
  boost::json::object as_json();

 private:
  void refresh();

  const config::settings& settings_;
  telemetry::metrics metrics_;
  telemetry::shard& counts_;  // the main thread's
  users::store* store_ = nullptr;
  struct door {
    std::string address;
    bool tls = false;
    std::uint64_t generation = 0;
  };
  std::vector<door> doors_;  // one a listener
  std::vector<telemetry::certificate_figures> certificates_;
  std::size_t workers_ = 0;
  std::string why_not_ = "starting";
};

// Adds {"op": "status"} -> {"status": {…}} to what `others` answers. `about` outlives it.
admin::handler with_status(server_status& about, admin::handler others);

}  // namespace sallyport::app
