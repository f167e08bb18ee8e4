// How a connection to a backend is made, and how soon again after that failed; shared by the pools.
#pragma once

#include <sallyport/core/asio.hpp>
#include <sallyport/core/result.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/telemetry/labels.hpp>
#include <sallyport/tls/session.hpp>
#include <sallyport/upstream/exchange.hpp>
#include <sallyport/upstream/settings.hpp>
#include <sallyport/upstream/surroundings.hpp>

#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace sallyport::upstream {

using tcp_address = core::asio::ip::tcp::endpoint;

// Where to, and as what.
struct destination {
  std::vector<tcp_address> addresses;
  std::string name;           // that the certificate must be for; not used without TLS
  std::string_view protocol;  // for ALPN; empty: none
};
std::string certificate_name(const settings& backend, const std::string& host);

// Why there is no connection. `tls`: TCP had one, and the handshake failed, or had no end when the time was up.
struct dial_failure {
  core::error_code why;
  std::optional<tls::handshake_failure> tls = {};
};

// Every address in turn, until one accepts and has shaken hands, where the backend has TLS. The deadline is the caller's, `failure` his,
// too: it is complete but for `why`, which is what the task ends with.
core::task<core::result<std::unique_ptr<net::stream>>> dial(const surroundings& around, const settings& backend, destination to,
                                                            dial_failure& failure);

telemetry::connect_result result_of(const dial_failure& failure);
void log_unreachable(telemetry::logger& log, const settings& backend, std::string_view endpoint, const dial_failure& failure,
                     std::size_t waiting);
// Why a connection ended, for the log.
std::string words_for(const net::stream& ended, core::error_code why);
telemetry::upstream_failure label_of(failure why);

// 100 ms to 5 s, with jitter, so that a fleet does not knock at once (docs/passage.md 14).
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
