// How a connection to a backend is made, and how soon again after that failed; shared by the pools.
#pragma once

#include <sallyport/core/asio.hpp>
#include <sallyport/core/result.hpp>
#include <sallyport/telemetry/labels.hpp>
#include <sallyport/upstream/exchange.hpp>
#include <sallyport/upstream/settings.hpp>

#include <random>

namespace sallyport::upstream {

// Name to socket: every address of the name in turn. The deadline is the caller's.
core::task<core::result<core::tcp_socket>> dial(endpoint to);

telemetry::connect_result result_of(core::error_code why);
telemetry::upstream_failure label_of(failure why);

// 100 ms to 5 s, with jitter, so that a fleet does not knock at once (passage 14). Until then requests fail fast.
class reconnect_pause {
 public:
  void failed();
  void succeeded() { failures_ = 0; }
  bool over() const { return core::clock::now() >= not_before_; }

 private:
  std::uint32_t failures_ = 0;  // in a row
  core::clock::time_point not_before_{};
  std::minstd_rand jitter_{std::random_device{}()};
};

}  // namespace sallyport::upstream
