// A backend as the configuration names it.
#pragma once

#include <sallyport/tls/client.hpp>
#include <sallyport/tls/live.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::upstream {

enum class credentials { strip, forward };  // what becomes of the client's authorization field

enum class identity { none, headers };  // whether the backend is told who passed

enum class rest { off, http1, h2 };  // what takes requests that are not gRPC

struct endpoint {
  std::string host;
  std::uint16_t port = 0;
  bool operator==(const endpoint&) const = default;
};

// What is asked of an address that takes no requests: whether it accepts a connection, and shakes hands where there is TLS. Without a byte
// more, because Milvus resets a connection for a bare preface.
struct health {
  std::chrono::milliseconds interval{5'000};  // 0: nothing is asked
  std::chrono::milliseconds timeout{2'000};
  std::uint32_t rise = 2, fall = 2;  // so many in a row
};

// TLS to all endpoints of a backend, those of REST as well.
struct tls_settings {
  tls::client_settings files;
  std::string server_name;  // what its certificates must be for; empty: the host of the endpoint
};

struct settings {
  std::string name;
  std::vector<endpoint> endpoints;  // 1 to 64
  credentials credential = credentials::strip;
  upstream::identity identity = upstream::identity::none;
  rest speaks = rest::http1;
  std::vector<endpoint> rest_endpoints;  // of HTTP/1.1, when it has a port of its own; 64 at most
  std::uint32_t http1_connections = 64;  // a worker
  std::chrono::milliseconds rest_head{
      300'000};                              // from the last byte of a request that the backend took, or was offered, to the answer's head
  std::uint32_t streams_a_connection = 100;  // at most, and at most what the peer allows
  std::uint32_t connections = 8;             // a worker
  std::uint32_t waiters_max = 1024;          // requests that wait for a place at any of the endpoints, a worker
  std::chrono::milliseconds wait{5'000};     // then UNAVAILABLE
  std::chrono::milliseconds connect{2'000};
  std::chrono::milliseconds idle{50'000};
  std::chrono::milliseconds resolve{30'000};                // how often names are
  std::chrono::milliseconds max_connection_age{1'800'000};  // +- 20 %; 0: never
  upstream::health health;
  std::optional<tls_settings> tls;                      // nothing: plaintext
  std::shared_ptr<tls::live<tls::client_trust>> trust;  // of tls, loaded; a connection is made with what is newest in it
  // A worker: each has two descriptors, and 288 KiB at the very most, when neither end takes what the other one sends.
  std::uint32_t tunnels = 1024;
};

}  // namespace sallyport::upstream
