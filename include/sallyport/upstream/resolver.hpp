// From a name to addresses. An interface, so that tests can let a name move. Used on the worker's thread; outlives whoever asks, and their
// tasks.
#pragma once

#include <sallyport/core/asio.hpp>
#include <sallyport/core/result.hpp>
#include <sallyport/upstream/settings.hpp>

#include <vector>

namespace sallyport::upstream {

class resolver {
 public:
  virtual core::task<core::result<std::vector<core::asio::ip::tcp::endpoint>>> resolve(endpoint name) = 0;

 protected:
  ~resolver() = default;
};

// getaddrinfo, on a thread that Asio keeps for it: a slow name server delays nobody but who asked. Not bounded in time but by the system's
// own settings.
class system_resolver final : public resolver {
 public:
  core::task<core::result<std::vector<core::asio::ip::tcp::endpoint>>> resolve(endpoint name) override;
};

}  // namespace sallyport::upstream
