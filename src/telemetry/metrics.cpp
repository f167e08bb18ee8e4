#include <sallyport/telemetry/metrics.hpp>

#include <sallyport/core/expect.hpp>

#include "metrics_page.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::telemetry {

namespace {

std::size_t place_of(std::string_view name, const std::vector<std::string>& names) {
  const auto found = std::find(names.begin(), names.end(), name);
  SALLYPORT_EXPECT(found != names.end());
  return static_cast<std::size_t>(found - names.begin());
}

}  // namespace

shard::shard(const metrics_settings& names) : names_(names), listeners_(names.listeners.size()), backends_(names.backends.size()) {}

listener_counts& shard::listener(std::string_view name) { return listeners_[place_of(name, names_.listeners)]; }
backend_counts& shard::backend(std::string_view name) { return backends_[place_of(name, names_.backends)]; }

metrics::metrics(metrics_settings named) : named_(std::move(named)), started_(std::chrono::system_clock::now()) {}

shard& metrics::make_shard() {
  const std::lock_guard lock(mutex_);
  return *shards_.emplace_back(std::make_unique<shard>(named_));
}

void metrics::set_certificates(std::vector<certificate_figures> now, std::vector<std::uint64_t> generations) {
  const std::lock_guard lock(mutex_);
  certificates_ = std::move(now);
  generations_ = std::move(generations);
}

std::string metrics::page() const {
  const std::lock_guard lock(mutex_);
  return page_maker(*this).text();
}

totals metrics::sums() const {
  const std::lock_guard lock(mutex_);
  return page_maker(*this).sums();
}

}  // namespace sallyport::telemetry
