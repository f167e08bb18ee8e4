// One HTTP/1.1 connection to a backend, and the request that is on it. Kept alive by its own coroutine and by the pool.
#pragma once

#include "http1_pool.hpp"
#include "parked.hpp"

#include <sallyport/http1/session.hpp>
#include <sallyport/net/output_pump.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::upstream {

class http1_exchange final : public balanced_request {
 public:
  virtual ~http1_exchange() = default;

  std::size_t send(core::bytes payload, bool end) override;
  void credit(std::size_t bytes) override;
  void cancel() override;
  std::size_t held_bytes() const override;

  http1_connection* on = nullptr;
  std::unique_ptr<parked> held;  // while it waits
};

class http1_connection final : public http1::client_events,
                               public net::receiver,
                               public net::output_source,
                               public std::enable_shared_from_this<http1_connection> {
 public:
  http1_connection(http1_pool& home, std::unique_ptr<net::stream> stream, tenure term);
  ~http1_connection();

  core::task<void> run();  // until the connection ends
  void sweep(core::clock::time_point now);
  void abort() noexcept;
  void retire();  // takes no new request, and closes when it has finished the one it has

  bool takes_requests() { return is_free() && !stream_->has_input(); }
  bool reads_first() { return is_free() && stream_->has_input(); }  // what has come decides whether it takes requests; it dispatches then
  bool busy() const { return request_ != nullptr; }
  std::size_t held_bytes() const { return session_.held_bytes() + session_.output_memory(); }  // of the request that is on it
  // False: the request cannot be said in HTTP/1.1, and nothing was written.
  bool carry(http1_exchange& request, const std::vector<http2::field>& fields, bool end);
  void let_go();  // the request is cancelled
  std::size_t send(core::bytes payload, bool end);
  void credit(std::size_t bytes);

 private:
  void informational(std::uint32_t status, const http2::response_head& head) override;
  void response_started(const http2::response_head& head, bool end) override;
  void data(core::bytes payload, bool end) override;
  void sent(std::size_t bytes) override;

  void received(core::bytes in) override;
  core::bytes output() override;
  void output_taken() override { session_.output_taken(); }
  void output_drained() override;
  void output_failed(core::error_code why) override;

  bool is_free() const { return !ended_ && !retired_ && !deaf_ && !request_ && session_.reusable(); }
  bool takes_nothing() const { return deaf_ || pump_.blocked(); }
  responder& release();
  void look_at_end();
  void cut() noexcept;
  core::task<void> something_left();  // some output has, or there is room for more input, or the connection has ended
  void lost(core::error_code why);

  http1_pool& home_;
  const tenure term_;
  const std::unique_ptr<net::stream> stream_;
  http1::client_session session_;
  net::output_pump pump_;
  core::timer wanted_;
  http1_exchange* request_ = nullptr;
  core::clock::time_point idle_since_, asked_{};  // when the request's last bytes were given to it
  bool head_seen_ = false, retired_ = false, deaf_ = false, ended_ = false, lost_ = false;
};

}  // namespace sallyport::upstream
