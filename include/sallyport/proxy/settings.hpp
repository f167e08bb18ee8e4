// What the data path is told: listeners, backends, limits. Filled by config, passed on by app. Times are durations, sizes are bytes.
#pragma once

#include <sallyport/auth/gate.hpp>
#include <sallyport/http1/limits.hpp>
#include <sallyport/http2/limits.hpp>
#include <sallyport/net/listener.hpp>
#include <sallyport/tls/context.hpp>
#include <sallyport/upstream/settings.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace sallyport::proxy {

struct listener_settings {
  net::listener_settings address;              // name, host, port
  std::optional<tls::server_settings> tls;     // nothing: plaintext (tlsMode 0)
  enum class protocol { http, tcp, connect };  // auto: HTTP/2 and HTTP/1.1; bytes; HTTP CONNECT, then bytes
  protocol speaks = protocol::http;
  auth::tokens tokens = auth::tokens::required;
  bool certificate_user = false;      // tcp: door 2 is the name in the client certificate
  enum class health { token, open };  // who may ask grpc.health.v1: as any request, or everybody (listeners[].health: public)
  health health_for = health::token;
  std::string backend;  // name of an upstream::settings
};

struct limits {
  std::chrono::milliseconds handshake{10'000};      // limits.handshake: absolute, accept to handshake done
  std::chrono::milliseconds first_request{60'000};  // limits.first_request: then GOAWAY(NO_ERROR)
  std::chrono::milliseconds idle{900'000};          // limits.idle: without a stream; PING counts as life
  std::chrono::milliseconds write_stall{60'000};    // limits.write_stall: no byte taken by the socket while output waits
  std::size_t buffers_bytes = 256 * 1024 * 1024;    // limits.buffers: a worker's memory for bytes on their way
  std::chrono::milliseconds drain{30'000};          // limits.drain: SIGTERM to the end of open streams
  std::chrono::milliseconds tunnel_idle{0};         // limits.tunnel_idle: without a byte; 0: that is legal for ever
  net::admission_limits admission;  // limits.connections, limits.connections_per_source, limits.handshakes, limits.handshakes_per_source
  std::chrono::milliseconds http1_head{10'000};  // limits.http1_head: the first byte of a head to its last, in HTTP/2 as well
  std::chrono::milliseconds http1_idle{60'000};  // limits.http1_idle: between two requests
  http1::limits http1;
  http2::limits
      http2;  // limits.streams, limits.header_list, limits.header_fields, limits.continuations, limits.resets, limits.resets_per_second
};

}  // namespace sallyport::proxy
