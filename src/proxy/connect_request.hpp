// One CONNECT, and in HTTP/2 the tunnel that it opens: door 2 judges it, then its target is looked at, then a connection to the
// backend is made, and only then is there a 200. In HTTP/1.1 the whole connection becomes the tunnel and this is over.
//
//   judging -> waiting for the gate   dialling -> for the backend   open -> the stream's DATA goes on as it comes (HTTP/2)
//
// Keeps itself alive until it is over, and may outlive its stream by what the backend has still to take. Bounded: DATA by the stream's
// window, for its credit goes back when the backend's socket has taken it; the backend's bytes by one receive of 64 KiB, for no other
// follows until the stream has taken that.
#pragma once

#include "context.hpp"
#include "downstream.hpp"
#include "refusal.hpp"
#include "request.hpp"
#include "tunnel_record.hpp"

#include <sallyport/net/output_pump.hpp>

#include <memory>
#include <optional>
#include <string>

namespace sallyport::proxy {

class connection;

class connect_request final : public request,
                              public keeper,
                              public auth::waiter,
                              public net::receiver,
                              public net::output_source,
                              public std::enable_shared_from_this<connect_request> {
 public:
  static connect_request* make(connection& on);
  explicit connect_request(connection& on);

  void begin(downstream& to, downstream::handle down, const http2::request_head& head, bool end);

  void request_data(core::bytes payload, bool end) override;
  void response_sent(std::size_t bytes) override;
  void client_gone() override;
  void stalled() override { gone("write_stalled"); }
  void judge_again() override;
  void end_with(const refusal& why) override;
  void sweep(core::clock::time_point now) override;

  bool in_use() const override { return !over_; }
  connection* on() const override { return on_; }
  std::string_view holder() const override { return permit_ ? holder_of(*permit_, source_) : source_; }
  std::size_t held_bytes() const override;
  std::size_t outside_bytes() const override { return backend_ ? backend_->stream().held_bytes() : 0; }
  core::clock::time_point moved() const override { return moved_at_; }
  void shed() override;
  void abandon();  // nobody waits for it any longer

 private:
  void admitted(auth::permit passed) override;
  void denied(auth::denial why) override;
  core::task<void> dial(std::shared_ptr<connect_request> self, auth::permit passed);
  void open();
  void refuse(const refusal& why);
  void gone(std::string_view cause);

  core::task<void> read_backend(std::shared_ptr<connect_request> self);
  core::task<void> close_backend(std::shared_ptr<connect_request> self);
  void received(core::bytes in) override;
  core::bytes output() override { return out_.view(); }
  void output_taken() override { out_.clear(); }
  void output_drained() override;
  void output_failed(core::error_code why) override;

  void backend_ended();
  core::task<void> watch(std::shared_ptr<connect_request> self);
  void detach();
  void end_if_both_ended();
  void cut(std::string_view cause, http2::code told);
  void finish(std::string_view cause);

  context& around_;
  connection* on_;  // nullptr, with the next two: the stream is over
  downstream* to_ = nullptr;
  downstream::handle down_ = nullptr;
  std::shared_ptr<connect_request> self_;
  tunnel_record record_;
  std::string target_;
  const std::string source_;
  std::optional<auth::permit> permit_;
  std::unique_ptr<upstream::tunnels::connection> backend_;
  std::optional<net::output_pump> pump_;
  http2::buffer out_;        // for the backend
  core::timer room_;         // what the backend's reader waits on while the stream has not taken all
  std::size_t waiting_ = 0;  // of the backend's bytes: not in the client's output yet
  std::size_t uncredited_ = 0;
  std::uint64_t to_backend_ = 0, to_client_ = 0;
  core::clock::time_point moved_at_ = core::clock::now();
  bool judging_ = false, head_only_ = false;
  bool request_ended_ = false, closing_backend_ = false, backend_closed_ = false;  // towards the backend
  bool response_ended_ = false, backend_deaf_ = false, over_ = false;
};

}  // namespace sallyport::proxy
