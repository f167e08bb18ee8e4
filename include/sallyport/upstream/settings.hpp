// A backend as the configuration names it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace sallyport::upstream {

enum class credentials { strip, forward };  // what becomes of the client's authorization field

enum class rest { off, http1, h2 };  // what takes requests that are not gRPC

struct endpoint {
  std::string host;
  std::uint16_t port = 0;
};

struct settings {
  std::string name;
  std::vector<endpoint> endpoints;  // exactly one for now
  credentials credential = credentials::strip;
  rest speaks = rest::http1;
  std::vector<endpoint> rest_endpoints;  // of HTTP/1.1, when it has a port of its own; one for now
  std::uint32_t http1_connections = 64;  // a worker
  std::chrono::milliseconds rest_head{
      300'000};                              // from the last byte of a request that the backend took, or was offered, to the answer's head
  std::uint32_t streams_a_connection = 100;  // at most, and at most what the peer allows
  std::uint32_t connections = 8;             // a worker
  std::uint32_t waiters_max = 1024;          // streams that wait for a slot, a worker
  std::chrono::milliseconds wait{5'000};     // then UNAVAILABLE
  std::chrono::milliseconds connect{2'000};
  std::chrono::milliseconds idle{50'000};
};

}  // namespace sallyport::upstream
