#include "tunnel_record.hpp"

#include "connection.hpp"
#include "refusal.hpp"

namespace sallyport::proxy {

tunnel_record::tunnel_record(connection& on, std::string_view protocol)
    : around_(on.around()),
      began_(core::clock::now()),
      protocol_(protocol),
      peer_(on.peer_text()),
      listener_(on.door().settings.address.name),
      backend_(on.door().settings.backend) {}

void tunnel_record::count(telemetry::request_outcome of) {
  around_.counts.count(telemetry::request_kind::tunnel, of);
  around_.counts.observe(telemetry::request_kind::tunnel, core::clock::now() - began_);
}

void tunnel_record::opened(upstream::tunnels::connection& to, const auth::permit& passed) {
  to_ = &to;
  user_ = passed.user_name();
  count(telemetry::request_outcome::ok);
  around_.log.info("tunnel_opened",
                   {{"user", user_}, {"protocol", protocol_}, {"peer", peer_}, {"listener", listener_}, {"backend", backend_}});
}

void tunnel_record::moved(std::uint64_t to_backend, std::uint64_t to_client) {
  to_backend_ = to_backend;
  to_client_ = to_client;
  if (to_) to_->count(to_backend, to_client);
}

void tunnel_record::closed(std::string_view cause) {
  if (!to_) return;
  to_ = nullptr;
  const auto lasted = std::chrono::duration_cast<std::chrono::milliseconds>(core::clock::now() - began_);
  around_.log.info("tunnel_closed", {{"cause", cause},
                                     {"to_backend", to_backend_},
                                     {"to_client", to_client_},
                                     {"duration_ms", lasted.count()},
                                     {"user", user_},
                                     {"protocol", protocol_},
                                     {"peer", peer_},
                                     {"listener", listener_},
                                     {"backend", backend_}});
}

void tunnel_record::refused(const refusal& why, std::string_view user, std::string_view target, std::string_view certificate) {
  count(outcome_of_http(why.http));
  around_.log.info("request_refused", {{"reason", why.reason},
                                       {"http_status", why.http},
                                       {"target", target},
                                       {"user", user},
                                       {"peer", peer_},
                                       {"certificate", certificate},
                                       {"listener", listener_}});
}

void tunnel_record::gone() { count(telemetry::request_outcome::cancelled); }

}  // namespace sallyport::proxy
