// How a connection to a backend is made, and how soon again after that failed; shared by the pools.
#pragma once

#include <sallyport/core/asio.hpp>
#include <sallyport/core/result.hpp>
#include <sallyport/telemetry/labels.hpp>
#include <sallyport/upstream/exchange.hpp>

#include <random>
#include <vector>

namespace sallyport::upstream {

using tcp_address = core::asio::ip::tcp::endpoint;

// Every address in turn, until one accepts. The deadline is the caller's.
core::task<core::result<core::tcp_socket>> dial(std::vector<tcp_address> addresses);

telemetry::connect_result result_of(core::error_code why);
telemetry::upstream_failure label_of(failure why);

// 100 ms to 5 s, with jitter, so that a fleet does not knock at once (passage 14).
class reconnect_pause {
 public:
  void failed();                                // again within the pause: it is the same failure
  void succeeded() { failures_ = 0; }           // the next pause is a short one
  void lift() { until_ = core::clock::now(); }  // it is over; the next one is longer
  bool over() const { return core::clock::now() >= until_; }
  core::clock::time_point until() const { return until_; }

 private:
  std::uint32_t failures_ = 0;  // in a row
  core::clock::time_point until_{};
  std::minstd_rand jitter_{std::random_device{}()};
};

}  // namespace sallyport::upstream
