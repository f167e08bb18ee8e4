// One request: a downstream joined to whoever answers it. It decides nothing: door 2 says whether it may pass, the path says who answers.
// Taken from the worker's spare ones when a head is whole, given back when the answer's end is in the session or the client has gone.
//
//   judging -> waiting for the gate; its DATA is parked within the stream's first window (docs/passage.md 10)
//   passing -> an upstream exchange has it
#pragma once

#include "context.hpp"
#include "downstream.hpp"
#include "grpc_message.hpp"
#include "refusal.hpp"
#include "request.hpp"

#include <memory>
#include <string>

namespace sallyport::proxy {

class connection;

class exchange final : public request, public keeper, public auth::waiter, public upstream::responder {
 public:
  void begin(connection& on, downstream& to, downstream::handle down, const http2::request_head& head, bool end);

  // From the client's session.
  void request_data(core::bytes payload, bool end) override;
  void response_sent(std::size_t bytes) override;
  void client_gone() override;  // given back

  void judge_again() override;
  void end_with(const refusal& why) override;        // in the words of gRPC or of REST; given back
  void sweep(core::clock::time_point now) override;  // its clocks (docs/passage.md 24); may end it
  void shed() override;

  bool in_use() const override { return on_ != nullptr; }
  connection* on() const override { return on_; }
  std::string_view holder() const override;
  std::size_t held_bytes() const override;
  core::clock::time_point moved() const override { return moved_; }
  // Whoever waits for a 100 is not inside, until it sends without one (RFC 9110 10.1.1).
  bool inside_message() const override { return rest_ ? !request_ended_ && !awaits_continue_ : position_.inside(); }

 private:
  void admitted(auth::permit passed) override;
  void denied(auth::denial why) override;

  void informational(const http2::response_head& head) override;
  void response_head(const http2::response_head& head, bool end) override;
  void response_data(core::bytes payload, bool end) override;
  http2::window_allowance* response_growth() override { return to_->response_growth(); }
  void response_trailers(const http2::response_head& trailers) override;
  void request_taken(std::size_t bytes) override;
  void failed(upstream::failure why) override;

  std::optional<broken_off> fault_of(const http2::request_head& head) const;
  void judge(const http2::request_head& head);
  void pass(auth::permit passed, const std::vector<http2::field>& fields, std::string_view path);
  void route_grpc(const std::vector<http2::field>& fields, std::string_view path, bool whole);
  void answer_health(std::string_view path, bool whole);
  void route_rest(const std::vector<http2::field>& fields, std::string_view path, bool whole);
  void forward(upstream::opener& by, const std::vector<http2::field>& fields, bool whole);
  void open(upstream::opener& by, const std::vector<http2::field>& fields, bool whole);
  void answer_as_rest(std::uint32_t status, std::string_view body, bool challenge);
  void log_refusal(const refusal& why) const;
  void count(telemetry::request_outcome of);
  template <class Send>
  void finish(Send&& send, bool gently);
  void break_off();
  void give_back();

  connection* on_ = nullptr;
  downstream* to_ = nullptr;
  downstream::handle down_ = nullptr;
  upstream::exchange* up_ = nullptr;
  std::optional<auth::permit> permit_;
  std::unique_ptr<http2::stored_fields> judged_;  // the head, while it waits for the gate
  std::unique_ptr<http2::buffer> parked_;         // DATA, likewise
  std::string path_;
  core::clock::time_point began_{}, moved_{};
  core::clock::time_point give_up_at_{};  // some time after the client has (grpc-timeout); 0: never
  grpc_message_position position_;
  std::uint32_t status_ = 0;  // REST: of the answer's head
  bool rest_ = false, post_ = false, head_only_ = false, basic_ = false, awaits_continue_ = false;
  bool request_ended_ = false, head_sent_ = false, answered_here_ = false, health_ = false;
};

// A spare one of the worker's, or a new one.
exchange& take_exchange(context& around);

}  // namespace sallyport::proxy
