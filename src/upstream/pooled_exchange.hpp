// A request that is in the pool's line, or on a stream of one of its connections.
#pragma once

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

  // What a request keeps while it waits for a connection.
  struct parked {
    parked(const std::vector<http2::field>& head, http2::buffer_pool& pool, bool whole)
        : fields(head), body(pool), end(whole), since(core::clock::now()) {}
    http2::stored_fields fields;
    http2::buffer body;
    bool end;
    core::clock::time_point since;
  };

  responder* to = nullptr;
  connection* on = nullptr;
  http2::stream* stream = nullptr;
  std::unique_ptr<parked> waiting;

 private:
  pool& home_;
};

}  // namespace sallyport::upstream
