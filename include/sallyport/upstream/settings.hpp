// A backend as the configuration names it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace sallyport::upstream {

enum class credentials { strip, forward };  // what becomes of the client's authorization field

struct endpoint {
  std::string host;
  std::uint16_t port = 0;
};

struct settings {
  std::string name;
  std::vector<endpoint> endpoints;  // exactly one for now
  credentials credential = credentials::strip;
  std::uint32_t streams_a_connection = 100;  // at most, and at most what the peer allows
  std::uint32_t connections = 8;             // a worker
  std::uint32_t waiters_max = 1024;          // streams that wait for a slot, a worker
  std::chrono::milliseconds wait{5'000};     // then UNAVAILABLE
  std::chrono::milliseconds connect{2'000};
  std::chrono::milliseconds idle{50'000};
};

}  // namespace sallyport::upstream
