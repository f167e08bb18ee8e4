// One request: a stream of a client's connection joined to whoever answers it. It decides nothing: door 2 says whether it may pass, the path says who answers.
// Taken from the worker's spare ones when a head is whole, given back when the answer's end is in the session or the client has gone.
//
//   judging -> waiting for the gate; its DATA is parked within the stream's first window (passage 10)
//   passing -> an upstream exchange has it
#pragma once

#include "context.hpp"
#include "grpc_status.hpp"

#include <memory>
#include <string>

namespace sallyport::proxy {

class connection;

class exchange final : public auth::waiter, public upstream::responder {
 public:
  void begin(connection& on, http2::stream& down, const http2::request_head& head, bool end);

  // From the client's session.
  void request_data(core::bytes payload, bool end);
  void response_sent(std::size_t bytes);   // DATA that had waited for the client's window
  void client_gone();                      // reset, or the connection ended; given back

  void judge_again();                      // users have changed (passage 13)
  void end_with(const refusal& why);       // trailers or trailers-only; given back

 private:
  void admitted(auth::permit passed) override;
  void denied(auth::denial why) override;

  void response_head(const http2::response_head& head, bool end) override;
  void response_data(core::bytes payload, bool end) override;
  void response_trailers(const http2::response_head& trailers) override;
  void request_taken(std::size_t bytes) override;
  void failed(upstream::failure why) override;

  void pass(auth::permit passed, const std::vector<http2::field>& fields, std::string_view path);
  void refuse_as_http(const http2::request_head& head, std::string_view status, std::string_view text, std::string_view reason);
  void log_refusal(const refusal& why) const;
  template <class Send>
  void finish(Send&& send, http2::server_session::stop how = http2::server_session::stop::at_once);
  void give_back();

  connection* on_ = nullptr;
  http2::stream* down_ = nullptr;
  upstream::exchange* up_ = nullptr;
  std::optional<auth::permit> permit_;
  std::unique_ptr<http2::stored_fields> judged_;   // the head, while it waits for the gate
  std::unique_ptr<http2::buffer> parked_;          // DATA, likewise
  std::string path_;
  bool request_ended_ = false, head_sent_ = false, answered_here_ = false;
};

}  // namespace sallyport::proxy
