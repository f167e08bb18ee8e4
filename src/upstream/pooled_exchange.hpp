// A request that is in the pool's line, or on a stream of one of its connections.
#pragma once

#include "parked.hpp"

#include <sallyport/upstream/pool.hpp>

#include <memory>

namespace sallyport::upstream {

class pooled_exchange final : public exchange {
 public:
  explicit pooled_exchange(pool& home) : home_(home) {}
  virtual ~pooled_exchange() = default;

  std::size_t send(core::bytes payload, bool end) override;
  void credit(std::size_t bytes) override;
  void cancel() override;
  std::size_t held_bytes() const override;

  responder* to = nullptr;
  connection* on = nullptr;
  http2::stream* stream = nullptr;
  std::unique_ptr<parked> waiting;

 private:
  pool& home_;
};

}  // namespace sallyport::upstream
