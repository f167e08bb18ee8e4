// The page: every family by name, kind and help, summed over the shards at the moment of asking. One object a page, used under the mutex of
// the metrics it reads; what is written meanwhile by other threads is in this page or in the next.
#pragma once

#include <sallyport/telemetry/metrics.hpp>

#include <string>

namespace sallyport::telemetry {

struct page_maker {
  explicit page_maker(const metrics& of) : of_(of) {}
  std::string text() const;
  totals sums() const;

 private:
  class families;
  void add_client_side(families& to) const;
  void add_requests(families& to) const;
  void add_backends(families& to) const;
  void add_certificates(families& to) const;
  void add_whole(families& to) const;

  struct figures {
    std::int64_t of = 0, up = 0;
  };
  figures endpoints(std::size_t backend) const;

  // The sum over all shards of what `from` finds in each.
  template <class Number, class From>
  Number sum(From from) const {
    Number all = 0;
    for (const auto& each : of_.shards_) all += from(*each);
    return all;
  }

  const metrics& of_;
};

}  // namespace sallyport::telemetry
