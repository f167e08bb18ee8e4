// A request that is in a pool's line, or on a stream of one of its connections.
#pragma once

#include "endpoint_pool.hpp"
#include "kept_request.hpp"

namespace sallyport::upstream {

class connection;

class pooled_exchange final : public balanced_request {
 public:
  pooled_exchange(http2::buffer_pool& buffers, std::size_t& larges) : kept(buffers, larges) {}
  virtual ~pooled_exchange() = default;

  std::size_t send(core::bytes payload, bool end) override;
  void credit(std::size_t bytes) override;
  void cancel() override;
  std::size_t held_bytes() const override;

  void begin(const std::vector<http2::field>& fields, bool end, responder& whom);
  void taken(std::size_t bytes);                   // bytes that had waited are on their way
  void settle(telemetry::retry_result what_came);  // of the second sending, if this is one

  connection* on = nullptr;
  http2::stream* stream = nullptr;
  kept_request kept;
  enum class sending { first, second, settled } which = sending::first;
  std::uint64_t avoids = 0;  // the connection of its pool that refused it

 private:
  friend class pool;
  std::size_t told_ = 0;    // bytes that the responder knows to be on their way
  std::size_t silent_ = 0;  // those that go a second time, of which it is not told again
};

}  // namespace sallyport::upstream
