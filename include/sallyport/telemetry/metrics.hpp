// Counts, and the page that shows them. Whoever counts has a `shard` of its own: plain numbers that one thread writes (a worker; the users'
// store; or whoever holds one mutex, as the threads of the hashing pool do) by a relaxed load and store each, without a lock, an allocation
// or a string. `metrics` owns the shards, outlives all who count, and adds them up when the page is asked for, on the asker's thread.
//
//   shard& counts = all.make_shard();                            // once, at start; any thread
//   counts.count(handshake_result::ok);
//   counts.count(request_kind::grpc, request_outcome::ok);
//   counts.observe(request_kind::grpc, core::clock::now() - began);
//   counts.set(gauge::buffers_bytes, pool.size());
//   backend_counts& b = counts.backend("milvus");                // once: it looks the name up
//   b.connections.raise();  b.count(connect_result::ok);  b.count(retry_result::answered);
//
// What can be counted is bounded: each label's values are in labels.hpp, the listeners' and backends' names in the configuration. Every
// family with its labels is in docs/metrics.md.
#pragma once

#include <sallyport/telemetry/labels.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <compare>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::telemetry {

// A number that only grows. One writer at a time; read from any thread.
class tally {
 public:
  void add(std::uint64_t more = 1) { value_.store(value_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// A number that goes up and down. Of several shards the sum is shown: 5 here and -2 there are 3.
class amount {
 public:
  void set(std::int64_t now) { value_.store(now, std::memory_order_relaxed); }
  void raise(std::int64_t by = 1) { set(value() + by); }
  void lower(std::int64_t by = 1) { set(value() - by); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

// A histogram of times, 0.5 ms to 60 s.
class timings {
 public:
  using duration = std::chrono::nanoseconds;
  static constexpr std::array<duration, 16> bounds{
      std::chrono::microseconds(500), std::chrono::milliseconds(1),   std::chrono::microseconds(2'500), std::chrono::milliseconds(5),
      std::chrono::milliseconds(10),  std::chrono::milliseconds(25),  std::chrono::milliseconds(50),    std::chrono::milliseconds(100),
      std::chrono::milliseconds(250), std::chrono::milliseconds(500), std::chrono::seconds(1),          std::chrono::milliseconds(2'500),
      std::chrono::seconds(5),        std::chrono::seconds(10),       std::chrono::seconds(30),         std::chrono::seconds(60)};
  static constexpr std::size_t buckets = bounds.size() + 1;  // the last one: longer than every bound

  void add(duration took) {
    std::size_t at = 0;
    while (at < bounds.size() && took > bounds[at]) ++at;
    counts_[at].add();
    if (took.count() > 0) nanoseconds_.add(static_cast<std::uint64_t>(took.count()));
  }
  std::uint64_t in_bucket(std::size_t at) const { return counts_[at].value(); }  // not cumulative
  std::uint64_t nanoseconds() const { return nanoseconds_.value(); }

 private:
  std::array<tally, buckets> counts_;
  tally nanoseconds_;
};

struct alignas(64) listener_counts {
  tally accepted;  // connections that were let in, before door 1
  amount open;
};

struct alignas(64) backend_counts {
  amount connections, waiting, streams;  // open; requests in line for a place; requests on their way
  amount orphans;                        // exchanges whose client is gone and whose slot is still kept
  amount endpoints, endpoints_up;        // addresses, and those of them that are asked; every worker sees for itself
  amount tunnels;                        // connections that carry a client's bytes as they are
  void count(direction which, std::uint64_t bytes) { tunnel_bytes[static_cast<std::size_t>(which)].add(bytes); }
  void count(connect_result of) { connects[static_cast<std::size_t>(of)].add(); }
  void count(upstream_failure why) { failures[static_cast<std::size_t>(why)].add(); }
  void count(ejection why) { ejections[static_cast<std::size_t>(why)].add(); }
  void count(retry_result of) { retries[static_cast<std::size_t>(of)].add(); }

  std::array<tally, values_of<connect_result>> connects;
  std::array<tally, values_of<upstream_failure>> failures;
  std::array<tally, values_of<ejection>> ejections;
  std::array<tally, values_of<retry_result>> retries;
  std::array<tally, values_of<direction>> tunnel_bytes;
};

// What has no label; `words` has their names in the page, without the ends that their kinds and units give them.
enum class counter { users_changes, certificates_no_longer_trusted, certificate_reloads, certificate_reload_failures };
enum class gauge { hashing_queue, buffers_bytes, users };
enum class histogram { hashing };
template <>
inline constexpr std::array words<counter>{std::string_view("users_changes"), std::string_view("certificates_no_longer_trusted"),
                                           std::string_view("certificate_reloads"), std::string_view("certificate_reload_failures")};
template <>
inline constexpr std::array words<gauge>{std::string_view("hashing_queue"), std::string_view("buffers_bytes"), std::string_view("users")};
template <>
inline constexpr std::array words<histogram>{std::string_view("hashing")};

struct metrics_settings {
  std::string version, openssl;                  // build_info
  std::vector<std::string> listeners, backends;  // names, each once
};

class alignas(64) shard {
 public:
  explicit shard(const metrics_settings& names);
  shard(const shard&) = delete;
  shard& operator=(const shard&) = delete;

  void count(counter what, std::uint64_t by = 1) { counters_[static_cast<std::size_t>(what)].add(by); }
  void count(connection_refusal why) { connection_refusals_[static_cast<std::size_t>(why)].add(); }
  void count(handshake_result of) { handshakes_[static_cast<std::size_t>(of)].add(); }
  void count(request_kind kind, request_outcome of) { requests_[static_cast<std::size_t>(kind)][static_cast<std::size_t>(of)].add(); }
  void count(auth_check of) { auth_checks_[static_cast<std::size_t>(of)].add(); }
  void count(http2_limit which) { http2_limits_[static_cast<std::size_t>(which)].add(); }
  void count(connection_end why) { connection_ends_[static_cast<std::size_t>(why)].add(); }

  void set(gauge which, std::int64_t now) { gauges_[static_cast<std::size_t>(which)].set(now); }
  void raise(gauge which, std::int64_t by = 1) { gauges_[static_cast<std::size_t>(which)].raise(by); }
  void lower(gauge which, std::int64_t by = 1) { gauges_[static_cast<std::size_t>(which)].lower(by); }

  void observe(request_kind of, timings::duration took) { request_times_[static_cast<std::size_t>(of)].add(took); }
  void observe(histogram which, timings::duration took) { histograms_[static_cast<std::size_t>(which)].add(took); }

  // Looked up by name: once, by whoever counts there. A name that is not in the settings is a bug of ours.
  listener_counts& listener(std::string_view name);
  backend_counts& backend(std::string_view name);

 private:
  friend class metrics;
  friend struct page_maker;
  template <class Label>
  using tallies = std::array<tally, values_of<Label>>;

  const metrics_settings& names_;
  tallies<counter> counters_;
  std::array<amount, values_of<gauge>> gauges_;
  std::array<timings, values_of<histogram>> histograms_;
  tallies<connection_refusal> connection_refusals_;
  tallies<handshake_result> handshakes_;
  std::array<tallies<request_outcome>, values_of<request_kind>> requests_;
  std::array<timings, values_of<request_kind>> request_times_;
  tallies<auth_check> auth_checks_;
  tallies<http2_limit> http2_limits_;
  tallies<connection_end> connection_ends_;
  std::vector<listener_counts> listeners_;  // in the order of the settings; never resized
  std::vector<backend_counts> backends_;
};

// A certificate, CA or CRL that is in use: from the operator's files, so no stranger makes the page grow.
struct certificate_figures {
  std::string listener, kind, file, subject, sha256;
  std::int64_t expires = 0;  // seconds since 1970
  auto operator<=>(const certificate_figures&) const = default;
};

// The sums that `status` shows.
struct totals {
  struct listener {
    std::string name;
    std::int64_t open = 0;
    std::uint64_t accepted = 0;
  };
  struct backend {
    std::string name;
    std::int64_t connections = 0, waiting = 0, streams = 0;
  };
  std::vector<listener> listeners;
  std::vector<backend> backends;
  std::int64_t users = 0;
};

class metrics {
 public:
  explicit metrics(metrics_settings named);
  metrics(const metrics&) = delete;
  metrics& operator=(const metrics&) = delete;

  // Any thread, at start: shards live as long as this, so that nothing that was counted is lost.
  shard& make_shard();

  // Any thread. Takes the place of what was told before; a generation for each listener, 0: plaintext.
  void set_certificates(std::vector<certificate_figures> now, std::vector<std::uint64_t> generations);

  // Any thread. Text exposition format 0.0.4, with what /proc tells of this process.
  std::string page() const;
  totals sums() const;
  std::chrono::system_clock::time_point started() const { return started_; }

 private:
  friend struct page_maker;
  const metrics_settings named_;
  const std::chrono::system_clock::time_point started_;
  mutable std::mutex mutex_;  // of the lists, not of what is in the shards
  std::vector<certificate_figures> certificates_;
  std::vector<std::uint64_t> generations_;
  std::vector<std::unique_ptr<shard>> shards_;
};

}  // namespace sallyport::telemetry
