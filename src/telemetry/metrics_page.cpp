#include "metrics_page.hpp"

#include "process_figures.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <utility>
#include <vector>

namespace sallyport::telemetry {

// Builds the list that prometheus-cpp writes. Each family's name and help stand in one call of `begin`.
class page_maker::families {
 public:
  using labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  void counter(std::string name, std::string help) { begin(std::move(name), std::move(help), prometheus::MetricType::Counter); }
  void gauge(std::string name, std::string help) { begin(std::move(name), std::move(help), prometheus::MetricType::Gauge); }
  void histogram(std::string name, std::string help) { begin(std::move(name), std::move(help), prometheus::MetricType::Histogram); }

  template <class Number>
  void value(labels of, Number number) {
    auto& metric = labelled(of);
    (all_.back().type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = static_cast<double>(number);
  }

  // The count is the sum of the buckets, so that the two agree however the worker writes meanwhile.
  void times(labels of, const std::array<std::uint64_t, timings::buckets>& in_bucket, double seconds) {
    auto& to = labelled(of).histogram;
    for (std::size_t at = 0; at < timings::buckets; ++at) {
      to.sample_count += in_bucket[at];
      const double bound = at < timings::bounds.size() ? std::chrono::duration<double>(timings::bounds[at]).count()
                                                       : std::numeric_limits<double>::infinity();
      to.bucket.push_back({to.sample_count, bound});
    }
    to.sample_sum = seconds;
  }

  std::string text() const { return prometheus::TextSerializer().Serialize(all_); }

 private:
  void begin(std::string name, std::string help, prometheus::MetricType type) {
    all_.push_back({std::move(name), std::move(help), type, {}});
  }
  prometheus::ClientMetric& labelled(labels of) {
    auto& metric = all_.back().metric.emplace_back();
    for (const auto& [name, value] : of) metric.label.push_back({std::string(name), std::string(value)});
    return metric;
  }

  std::vector<prometheus::MetricFamily> all_;
};

std::string page_maker::text() const {
  families all;
  add_client_side(all);
  add_requests(all);
  add_backends(all);
  add_certificates(all);
  add_whole(all);
  return all.text();
}

void page_maker::add_client_side(families& to) const {
  const auto& listeners = of_.named_.listeners;
  // One sample for each value of a label, the zeros too: a rate needs a first sample.
  const auto for_each = [&to, this](std::string_view label, const auto& values, auto shown) {
    for (std::size_t at = 0; at < values.size(); ++at)
      to.value({{label, values[at]}}, sum<std::uint64_t>([&](const shard& s) { return shown(s, at).value(); }));
  };
  to.counter("sallyport_connections_accepted_total", "Connections that were let in, before the TLS handshake.");
  for_each("listener", listeners, [](const shard& s, std::size_t at) -> auto& { return s.listeners_[at].accepted; });
  to.gauge("sallyport_connections_open", "Connections of clients that are open, handshakes included.");
  for (std::size_t at = 0; at < listeners.size(); ++at)
    to.value({{"listener", listeners[at]}}, sum<std::int64_t>([at](const shard& s) { return s.listeners_[at].open.value(); }));
  to.counter("sallyport_connections_refused_total", "Connections that were closed before a byte was read, by the limit that was reached.");
  for_each("reason", words<connection_refusal>, [](const shard& s, std::size_t at) -> auto& { return s.connection_refusals_[at]; });
  to.counter("sallyport_handshakes_total", "TLS handshakes, by what came of them.");
  for_each("result", words<handshake_result>, [](const shard& s, std::size_t at) -> auto& { return s.handshakes_[at]; });
  to.counter("sallyport_connection_ends_total", "Connections of clients that have ended after the handshake, by cause.");
  for_each("cause", words<connection_end>, [](const shard& s, std::size_t at) -> auto& { return s.connection_ends_[at]; });
  to.counter("sallyport_http2_limits_total", "Times that a client ran into a limit of HTTP/2, by limit.");
  for_each("limit", words<http2_limit>, [](const shard& s, std::size_t at) -> auto& { return s.http2_limits_[at]; });
  to.counter("sallyport_auth_checks_total", "Credentials of requests that were judged, by how the verdict was found.");
  for_each("result", words<auth_check>, [](const shard& s, std::size_t at) -> auto& { return s.auth_checks_[at]; });
}

void page_maker::add_requests(families& to) const {
  const auto& kinds = words<request_kind>;
  const auto times = [&](families::labels of, auto found) {
    std::array<std::uint64_t, timings::buckets> counts{};
    for (std::size_t at = 0; at < counts.size(); ++at)
      counts[at] = sum<std::uint64_t>([&](const shard& s) { return found(s).in_bucket(at); });
    to.times(of, counts, static_cast<double>(sum<std::uint64_t>([&](const shard& s) { return found(s).nanoseconds(); })) / 1e9);
  };
  to.counter("sallyport_requests_total", "Requests that have ended, by who answers them and what the client got.");
  for (std::size_t kind = 0; kind < kinds.size(); ++kind)
    for (std::size_t of = 0; of < values_of<request_outcome>; ++of)
      to.value({{"kind", kinds[kind]}, {"outcome", words<request_outcome>[of]}},
               sum<std::uint64_t>([&](const shard& s) { return s.requests_[kind][of].value(); }));
  to.histogram("sallyport_request_seconds", "Time from a request's head to the end of its answer, by who answers it.");
  for (std::size_t kind = 0; kind < kinds.size(); ++kind)
    times({{"kind", kinds[kind]}}, [kind](const shard& s) -> auto& { return s.request_times_[kind]; });
  to.histogram("sallyport_hashing_seconds",
               "Time that the check of one password that was not in the cache took, with the wait for its turn.");
  times({}, [](const shard& s) -> auto& { return s.histograms_[static_cast<std::size_t>(histogram::hashing)]; });
}

// Every worker sees for itself: the largest number of addresses, and the smallest of those that are up.
page_maker::figures page_maker::endpoints(std::size_t backend) const {
  figures found;
  for (const auto& each : of_.shards_) {
    const auto& seen = each->backends_[backend];
    const auto total = seen.endpoints.value(), up = seen.endpoints_up.value();
    if (total == 0) continue;  // no worker's
    found.up = found.of == 0 ? up : std::min(found.up, up);
    found.of = std::max(found.of, total);
  }
  return found;
}

void page_maker::add_backends(families& to) const {
  const auto& names = of_.named_.backends;
  const auto amounts = [&](amount backend_counts::* which) {
    for (std::size_t at = 0; at < names.size(); ++at)
      to.value({{"backend", names[at]}}, sum<std::int64_t>([&](const shard& s) { return (s.backends_[at].*which).value(); }));
  };
  const auto tallies = [&](std::string_view label, const auto& values, auto which) {
    for (std::size_t at = 0; at < names.size(); ++at)
      for (std::size_t of = 0; of < values.size(); ++of)
        to.value({{"backend", names[at]}, {label, values[of]}},
                 sum<std::uint64_t>([&](const shard& s) { return (s.backends_[at].*which)[of].value(); }));
  };
  to.gauge("sallyport_upstream_connections", "Connections to a backend that are open.");
  amounts(&backend_counts::connections);
  to.counter("sallyport_upstream_connects_total", "Attempts to connect to a backend, by what came of them.");
  tallies("result", words<connect_result>, &backend_counts::connects);
  to.gauge("sallyport_upstream_waiting", "Requests that wait for a place on a connection to a backend.");
  amounts(&backend_counts::waiting);
  to.gauge("sallyport_upstream_streams", "Requests that are on their way to a backend or back.");
  amounts(&backend_counts::streams);
  to.gauge("sallyport_upstream_orphans", "Places on connections to a backend that are held by requests whose client has gone.");
  amounts(&backend_counts::orphans);
  to.counter("sallyport_upstream_failures_total", "Requests that a backend did not answer to their end, by reason.");
  tallies("reason", words<upstream_failure>, &backend_counts::failures);
  to.gauge("sallyport_tunnels_open", "Tunnels to a backend that are open.");
  amounts(&backend_counts::tunnels);
  to.counter("sallyport_tunnel_bytes_total", "Bytes that tunnels have carried, by direction.");
  tallies("direction", words<direction>, &backend_counts::tunnel_bytes);
  to.counter("sallyport_upstream_retries_total",
             "Requests that were sent to a backend again, because it certainly had not looked at them, by what came of that.");
  tallies("result", words<retry_result>, &backend_counts::retries);
  to.gauge("sallyport_upstream_endpoints", "Addresses of a backend.");
  for (std::size_t at = 0; at < names.size(); ++at) to.value({{"backend", names[at]}}, endpoints(at).of);
  to.gauge("sallyport_upstream_endpoints_up", "Addresses of a backend that take requests.");
  for (std::size_t at = 0; at < names.size(); ++at) to.value({{"backend", names[at]}}, endpoints(at).up);
  to.counter("sallyport_upstream_ejections_total", "Times that a worker stopped to ask an address of a backend, by reason.");
  tallies("reason", words<ejection>, &backend_counts::ejections);
}

void page_maker::add_certificates(families& to) const {
  const auto counter_of = [&](counter which) {
    to.value({}, sum<std::uint64_t>([which](const shard& s) { return s.counters_[static_cast<std::size_t>(which)].value(); }));
  };
  // Without TLS there are none, and a family wants a sample.
  if (!of_.certificates_.empty())
    to.gauge("sallyport_certificate_expiry_seconds", "When a certificate, client CA or CRL that is in use ends, in seconds since 1970.");
  for (const auto& one : of_.certificates_)
    to.value({{"listener", one.listener}, {"kind", one.kind}, {"file", one.file}, {"subject", one.subject}, {"sha256", one.sha256}},
             one.expires);
  if (!of_.certificates_.empty())
    to.gauge("sallyport_certificates_generation", "How often the listener's certificates, CAs and CRLs have been loaded.");
  for (std::size_t at = 0; at < of_.generations_.size(); ++at)
    if (of_.generations_[at] != 0) to.value({{"listener", of_.named_.listeners[at]}}, of_.generations_[at]);
  to.counter("sallyport_certificate_reloads_total", "Times that changed files have taken the place of the old ones.");
  counter_of(counter::certificate_reloads);
  to.counter("sallyport_certificate_reload_failures_total",
             "Times that changed files could not be used, so that the old ones are still served.");
  counter_of(counter::certificate_reload_failures);
  to.counter("sallyport_certificates_no_longer_trusted_total",
             "Connections that were turned out because the client's certificate was not good any more.");
  counter_of(counter::certificates_no_longer_trusted);
}

void page_maker::add_whole(families& to) const {
  const auto gauge_of = [&](gauge which) {
    to.value({}, sum<std::int64_t>([which](const shard& s) { return s.gauges_[static_cast<std::size_t>(which)].value(); }));
  };
  to.gauge("sallyport_hashing_queue", "Passwords that are being hashed, or wait for that.");
  gauge_of(gauge::hashing_queue);
  to.gauge("sallyport_buffers_bytes", "Memory that is held for bytes on their way through.");
  gauge_of(gauge::buffers_bytes);
  to.gauge("sallyport_users", "Users in the store.");
  gauge_of(gauge::users);
  to.counter("sallyport_users_changes_total", "Changes of the users that are in force: added, dropped, new password, new roles.");
  to.value({}, sum<std::uint64_t>([](const shard& s) { return s.counters_[static_cast<std::size_t>(counter::users_changes)].value(); }));
  to.gauge("sallyport_build_info", "Always 1; the labels are the versions of this program and of the TLS library that it runs with.");
  to.value({{"version", of_.named_.version}, {"openssl", of_.named_.openssl}}, 1);
  to.gauge("sallyport_start_time_seconds", "When this process started to serve, in seconds since 1970.");
  to.value({}, std::chrono::duration<double>(of_.started_.time_since_epoch()).count());
  const auto process = figures_of_process();
  to.counter("process_cpu_seconds_total", "CPU time of this process, user and system.");
  if (process.cpu_seconds) to.value({}, *process.cpu_seconds);
  to.gauge("process_resident_memory_bytes", "Memory of this process that is in RAM.");
  if (process.resident_bytes) to.value({}, *process.resident_bytes);
  to.gauge("process_open_fds", "Files and sockets that are open.");
  if (process.open_files) to.value({}, *process.open_files);
  to.gauge("process_max_fds", "Files and sockets that may be open.");
  if (process.open_files_max) to.value({}, *process.open_files_max);
}

totals page_maker::sums() const {
  totals all;
  const auto& names = of_.named_;
  for (std::size_t at = 0; at < names.listeners.size(); ++at)
    all.listeners.push_back({names.listeners[at], sum<std::int64_t>([at](const shard& s) { return s.listeners_[at].open.value(); }),
                             sum<std::uint64_t>([at](const shard& s) { return s.listeners_[at].accepted.value(); })});
  for (std::size_t at = 0; at < names.backends.size(); ++at) {
    const auto of = [&](amount backend_counts::* which) {
      return sum<std::int64_t>([&](const shard& s) { return (s.backends_[at].*which).value(); });
    };
    all.backends.push_back(
        {names.backends[at], of(&backend_counts::connections), of(&backend_counts::waiting), of(&backend_counts::streams)});
  }
  all.users = sum<std::int64_t>([](const shard& s) { return s.gauges_[static_cast<std::size_t>(gauge::users)].value(); });
  return all;
}

}  // namespace sallyport::telemetry
