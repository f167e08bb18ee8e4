#include "http1_conversation.hpp"

#include "connect_request.hpp"
#include "connection.hpp"
#include "exchange.hpp"

#include <sallyport/core/defence.hpp>

#include <algorithm>

namespace sallyport::proxy {
std::unique_ptr<conversation> speak_http1(connection& on) { return std::make_unique<http1_conversation>(on); }

http1_conversation::http1_conversation(connection& on)
    : on_(on),
      session_(on.around().within.http1, on.around().buffers, on.around().scratch, *this, core::clock::now(),
               on.door().trust ? "https" : "http", on.door().serves_connect()) {}

// Credits and ends of answers were commands: what they make possible is taken up here, at the end of the turn.
core::bytes http1_conversation::output() {
  if (!ending_ || !core::defended("P10d")) {
    session_.resume(core::clock::now());
    if (cannot_be_whole()) give_up("client_closed");
  }
  return session_.output();
}

std::string_view http1_conversation::over() const {
  if (!cause_.empty()) return cause_;
  if (session_.failed()) return "protocol_error";
  if (session_.closing()) return session_.cut() ? "broken_off" : close_after_ ? "refused" : draining_ ? "drained" : "client_closed";
  const bool answered = !session_.answering() && !session_.keeps_input() && !session_.has_output() && !on_.writing();
  return client_ended_ && answered ? "client_closed" : "";
}

// ---- requests

void http1_conversation::request_started(const http2::request_head& head, bool end) {
  body_begun_ = close_after_ = false;
  pace_.restart(core::clock::now());
  if (on_.door().serves_connect()) {
    auto& begun = *connect_request::make(on_);
    request_ = &begun;
    begun.begin(*this, nullptr, head, end);
  } else {
    auto& begun = take_exchange(on_.around());
    request_ = &begun;
    begun.begin(on_, *this, nullptr, head, end);
  }
  on_.mark();
}

void http1_conversation::data(core::bytes payload, bool end) {
  body_begun_ = true;
  pace_.came(payload.size());
  if (request_)
    request_->request_data(payload, end);
  else
    session_.credit(payload.size());
}

void http1_conversation::sent(std::size_t bytes) {
  if (request_) request_->response_sent(bytes);
}

void http1_conversation::request_broken() {
  if (auto* const gone = std::exchange(request_, nullptr)) gone->client_gone();
}

// The rest of a request will not come; a whole one may still be answered (RFC 9112 9.6), those that wait behind it as well.
void http1_conversation::client_ended() {
  client_ended_ = true;
  if (!core::defended("O11a") || cannot_be_whole()) give_up("client_closed");
}

bool http1_conversation::cannot_be_whole() const { return client_ended_ && session_.in_body() && !session_.keeps_input(); }

// ---- answers

void http1_conversation::send_head(handle, const std::vector<http2::field>& fields, bool end) {
  if (!close_after_) return session_.send_head(fields, end);
  fields_ = fields;
  fields_.push_back(http2::make_field(http2::known::connection, "connection", "close"));
  session_.send_head(fields_, end);
}

void http1_conversation::credit(handle, std::size_t bytes) {
  session_.credit(bytes);
  on_.mark();
  on_.wake_reader();
}

bool http1_conversation::hand_over(std::unique_ptr<upstream::tunnels::connection>& to, const auth::permit& passed, tunnel_record& of) {
  on_.become_tunnel(std::move(to), passed, std::move(of), session_.accept_connect());
  return true;
}

void http1_conversation::users_changed() {
  if (request_) request_->judge_again();
}

// ---- the end

void http1_conversation::give_up(std::string_view cause) {
  end_exchanges();
  session_.abort_response();
  cause_ = cause;
}

void http1_conversation::too_slow(std::string_view cause) {
  too_slow_ = true;
  give_up(cause);
}

// Nothing is begun any more for a client that is gone: requests of its may wait behind the one that was under way.
void http1_conversation::end_exchanges() {
  ending_ = true;
  if (auto* const gone = std::exchange(request_, nullptr)) gone->client_gone();
}

void http1_conversation::begin_drain() {
  draining_ = true;
  session_.begin_shutdown();
}

void http1_conversation::end_drain(broken_off why) {
  if (request_) request_->end_with(refusal_of(why));
  cause_ = "drain_timed_out";
}

void http1_conversation::sweep(core::clock::time_point now) {
  const auto& within = on_.around().within;
  if (session_.closing()) return;
  if (core::defended("P14a") && session_.head_began() != core::clock::time_point{} && now - session_.head_began() >= within.http1_head)
    return too_slow("head_timed_out");
  // A client that waits for a 100 is not slow, until it sends without one (RFC 9110 10.1.1).
  const bool waits = session_.expects_continue() && !body_begun_;
  // Nor one whose answer is whole, and whose body is only dropped: it is idle.
  const bool due = session_.answering() && session_.in_body() && session_.wants_input() && !waits;
  if (core::defended("P14b") && pace_.is_too_slow(due, now)) return too_slow("body_too_slow");
  if (request_) request_->sweep(now);
  // A client that still takes its answer is not idle.
  if (session_.answering() || request_ || session_.has_output() || on_.writing()) idle_since_ = now;
  if (core::defended("P14c") && now - std::max(idle_since_, session_.idle_since()) >= within.http1_idle) cause_ = "idle";
}

}  // namespace sallyport::proxy
