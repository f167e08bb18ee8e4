// A client that speaks HTTP/1.1: one request at a time, each judged by itself.
#pragma once

#include "body_pace.hpp"
#include "context.hpp"
#include "conversation.hpp"
#include "request.hpp"

#include <sallyport/core/defence.hpp>
#include <sallyport/http1/session.hpp>

namespace sallyport::proxy {

class http1_conversation final : public conversation, private http1::server_events {
 public:
  explicit http1_conversation(connection& on);

  void receive(core::bytes in, core::clock::time_point now) override { session_.receive(in, now); }
  void client_ended() override;
  bool wants_input(bool) const override { return session_.wants_input(); }
  core::bytes output() override;
  void output_taken() override { session_.output_taken(); }
  bool has_output() const override { return session_.has_output(); }
  std::size_t output_memory() const override { return session_.output_memory(); }
  void users_changed() override;
  void begin_drain() override;
  void end_drain(broken_off why) override;
  void end_exchanges() override;
  void sweep(core::clock::time_point now) override;
  std::string_view over() const override;
  bool cut() const override { return session_.cut(); }
  bool unfinished(bool unsent) const override { return unsent || session_.has_output() || session_.in_answer(); }
  std::string_view complaint() const override {
    return too_slow_ ? cause_ : cause_.empty() ? session_.failure_reason() : std::string_view();
  }
  std::string_view complaint_code() const override { return {}; }

  void send_informational(handle, const http2::response_head& head) override { session_.send_informational(head.status, *head.fields); }
  void send_head(handle, const std::vector<http2::field>& fields, bool end) override;
  std::size_t send_data(handle, core::bytes payload, bool end) override { return session_.send_data(payload, end); }
  void send_trailers(handle, const std::vector<http2::field>&) override { session_.send_data({}, true); }  // HTTP/1.1 clients get none
  void credit(handle, std::size_t bytes) override;
  void let_go(handle) override { request_ = nullptr; }
  void stop_request(handle, bool) override {}  // the session closes, or drops what is left of it
  bool refuse_unprocessed(handle) override { return false; }
  void break_off(handle, http2::code) override { session_.abort_response(); }
  void close_after() override { close_after_ = core::defended("P10b"); }
  void permitted() override {}
  bool expects_continue() const override { return session_.expects_continue(); }
  bool takes_trailers() const override { return false; }
  std::size_t held_bytes(handle) const override { return session_.held_bytes(); }
  bool hand_over(std::unique_ptr<upstream::tunnels::connection>& to, const auth::permit& passed, tunnel_record& of) override;
  std::string_view name() const override { return "http/1.1"; }

 private:
  void request_started(const http2::request_head& head, bool end) override;
  void data(core::bytes payload, bool end) override;
  void sent(std::size_t bytes) override;
  void request_broken() override;
  bool cannot_be_whole() const;  // the client has ended, and the body under way was not all there
  void give_up(std::string_view cause);
  void too_slow(std::string_view cause);  // the same, and the log says so

  connection& on_;
  http1::server_session session_;
  request* request_ = nullptr;  // the one under way
  bool body_begun_ = false, client_ended_ = false, close_after_ = false, too_slow_ = false, draining_ = false, ending_ = false;
  body_pace pace_{core::clock::now()};
  core::clock::time_point idle_since_{};
  std::vector<http2::field> fields_;
  std::string_view cause_;
};

}  // namespace sallyport::proxy
