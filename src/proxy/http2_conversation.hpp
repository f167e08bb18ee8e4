// A client that speaks HTTP/2: a session, and an exchange on each of its streams.
#pragma once

#include "body_pace.hpp"
#include "context.hpp"
#include "conversation.hpp"

#include <sallyport/core/defence.hpp>

namespace sallyport::proxy {

class http2_conversation final : public conversation, private http2::server_events {
 public:
  explicit http2_conversation(connection& on);

  void receive(core::bytes in, core::clock::time_point now) override;
  void client_ended() override;
  bool wants_input(bool blocked) const override {  // docs/passage.md 21
    return !core::defended("H06a") || !blocked || !session_.control_is_high();
  }
  void not_read() override;
  core::bytes output() override { return session_.output(); }
  void output_taken() override { session_.output_taken(); }
  bool has_output() const override { return session_.has_output(); }
  bool requested() const override { return requested_; }
  std::size_t output_memory() const override { return session_.output_memory() + session_.unowned_waiting(); }
  void shed_unowned() override { session_.drop_unowned(); }
  void users_changed() override;
  void begin_drain() override;
  void end_drain(broken_off why) override;
  void end_exchanges() override;
  void sweep(core::clock::time_point now) override;
  std::string_view over() const override;
  std::string_view complaint() const override { return cause_.empty() ? session_.failure_reason() : std::string_view(); }
  std::string_view complaint_code() const override { return name_of(session_.failure()); }

  void send_informational(handle on, const http2::response_head& head) override;
  void send_head(handle on, const std::vector<http2::field>& fields, bool end) override { session_.send_head(*on, fields, end); }
  std::size_t send_data(handle on, core::bytes payload, bool end) override { return session_.send_data(*on, payload, end); }
  void send_trailers(handle on, const std::vector<http2::field>& fields) override { session_.send_trailers(*on, fields); }
  void credit(handle on, std::size_t bytes) override { session_.credit(*on, bytes); }
  void let_go(handle on) override { session_.disown(*on); }
  void stop_request(handle on, bool gently) override;
  bool refuse_unprocessed(handle on) override;
  void break_off(handle on, http2::code why) override { session_.reset(*on, why); }
  void permitted() override;
  bool takes_trailers() const override { return true; }
  http2::window_allowance* response_growth() override { return &downloads_; }
  std::size_t held_bytes(handle on) const override { return on->waiting ? on->waiting->capacity() : 0; }
  std::string_view name() const override { return "h2"; }

 private:
  void request_started(http2::stream& on, const http2::request_head& head, bool end) override;
  void data(http2::stream& on, core::bytes payload, bool end) override;
  void sent(http2::stream& on, std::size_t bytes) override;
  void closed(http2::stream& on, http2::code why, bool by_peer) override;
  void ping_answered() override;
  void stream_failed(std::uint32_t id, http2::code why) override;
  void limit_reached(http2::limit which) override;

  void sweep_requests(core::clock::time_point now);
  void end(http2::code why, std::string_view reason, std::string_view cause);

  connection& on_;
  http2::window_allowance uploads_, downloads_;  // outlive the session's streams
  http2::server_session session_;
  core::clock::time_point began_, last_stream_, drain_began_{}, unread_{};  // unread_: the last time that it had to wait
  body_pace pace_{core::clock::now()};
  bool permitted_ = false, requested_ = false;
  std::string_view cause_;  // of the end, when it was ours
};

}  // namespace sallyport::proxy
