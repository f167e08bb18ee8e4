#include "server_status.hpp"

#include "openssl_version.hpp"

#include <boost/json/array.hpp>

#include <chrono>
#include <utility>

namespace sallyport::app {

namespace {

namespace json = boost::json;

telemetry::metrics_settings named_in(const config::settings& s) {
  telemetry::metrics_settings named{SALLYPORT_VERSION, openssl_version(), {}, {}};
  for (const auto& l : s.listeners) named.listeners.push_back(l.address.name);
  for (const auto& b : s.backends) named.backends.push_back(b.name);
  return named;
}

json::array endpoints_of(const upstream::settings& backend) {
  json::array all;
  for (const auto& e : backend.endpoints) {
    const bool v6 = e.host.find(':') != std::string::npos;
    all.push_back(json::value((v6 ? "[" + e.host + "]" : e.host) + ":" + std::to_string(e.port)));
  }
  return all;
}

json::array certificates_of(const std::vector<telemetry::certificate_figures>& all, const std::string& listener) {
  json::array found;
  for (const auto& one : all)
    if (one.listener == listener)
      found.push_back(
          json::object{{"kind", one.kind}, {"file", one.file}, {"subject", one.subject}, {"sha256", one.sha256}, {"expires", one.expires}});
  return found;
}

}  // namespace

server_status::server_status(const config::settings& s)
    : settings_(s), metrics_(named_in(s)), counts_(metrics_.make_shard()), doors_(s.listeners.size()) {}

void server_status::listening(std::size_t listener, std::string address, bool tls) {
  doors_[listener].address = std::move(address);
  doors_[listener].tls = tls;
}

void server_status::certificates(std::vector<telemetry::certificate_figures> now, std::vector<std::uint64_t> generations) {
  for (std::size_t i = 0; i < doors_.size(); ++i) doors_[i].generation = generations[i];
  certificates_ = now;
  metrics_.set_certificates(std::move(now), std::move(generations));
}

void server_status::serving(std::size_t workers) {
  workers_ = workers;
  why_not_.clear();
}

void server_status::draining() { why_not_ = "draining: it takes no new connections, and ends when the open requests have ended"; }

void server_status::refresh() {
  if (store_) counts_.set(telemetry::gauge::users, static_cast<std::int64_t>(store_->snapshot()->all().size()));
}

std::string server_status::metrics() {
  refresh();
  return metrics_.page();
}

json::object server_status::as_json() {
  refresh();
  const auto sums = metrics_.sums();
  const auto up = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now() - metrics_.started());
  std::int64_t open = 0;
  json::array listeners, backends;
  for (std::size_t i = 0; i < settings_.listeners.size(); ++i) {
    const auto& l = settings_.listeners[i];
    open += sums.listeners[i].open;
    listeners.push_back(json::object{{"name", l.address.name},
                                     {"address", doors_[i].address},
                                     {"tls", doors_[i].tls},
                                     {"certificates_generation", doors_[i].generation},
                                     {"certificates", certificates_of(certificates_, l.address.name)},
                                     {"tokens", l.tokens == auth::tokens::required && !l.certificate_user},
                                     {"certificate_user", l.certificate_user},
                                     {"backend", l.backend},
                                     {"connections", sums.listeners[i].open},
                                     {"accepted", sums.listeners[i].accepted}});
  }
  for (std::size_t i = 0; i < settings_.backends.size(); ++i)
    backends.push_back(json::object{{"name", settings_.backends[i].name},
                                    {"endpoints", endpoints_of(settings_.backends[i])},
                                    {"connections", sums.backends[i].connections},
                                    {"waiting", sums.backends[i].waiting},
                                    {"streams", sums.backends[i].streams}});
  return {{"version", SALLYPORT_VERSION},
          {"openssl", openssl_version()},
          {"uptime_seconds", up.count()},
          {"ready", why_not_.empty()},
          {"why_not_ready", why_not_},
          {"workers", workers_},
          {"connections", open},
          {"users", sums.users},
          {"listeners", std::move(listeners)},
          {"backends", std::move(backends)}};
}

admin::handler with_status(server_status& about, admin::handler others) {
  return [&about, others = std::move(others)](json::object request, std::function<void(json::object)> done) {
    const json::value* op = request.if_contains("op");
    if (op && op->is_string() && op->get_string() == "status") return done({{"status", about.as_json()}});
    others(std::move(request), std::move(done));
  };
}

}  // namespace sallyport::app
