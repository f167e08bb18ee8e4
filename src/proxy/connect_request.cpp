#include "connect_request.hpp"

#include "buffer_budget.hpp"
#include "connect_rules.hpp"
#include "connection.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace sallyport::proxy {

connect_request* connect_request::make(connection& on) {
  const auto made = std::make_shared<connect_request>(on);
  made->self_ = made;
  return made.get();
}

connect_request::connect_request(connection& on)
    : around_(on.around()),
      on_(&on),
      record_(on, "connect"),
      source_(on.source()),
      out_(on.around().buffers),
      room_(on.around().executor, core::timer::time_point::max()) {
  around_.tunnels.insert(this);
}

// ---- door 2, and what the target is

void connect_request::begin(downstream& to, downstream::handle down, const http2::request_head& head, bool end) {
  to_ = &to;
  down_ = down;
  request_ended_ = end;
  head_only_ = head.method == "HEAD";
  target_.assign(head.authority);
  if (!on_->still_trusted()) return refuse(refusal_of(broken_off::certificate_untrusted));
  if (const auto fault = fault_of_connect(head)) return refuse(*fault);
  const auto shown = find_proxy_credential(*head.fields);
  auth::evidence facts;
  facts.demanded = on_->door().settings.tokens;
  facts.spoken = auth::form::basic;
  facts.certificate = on_->certificate();
  facts.authorization = shown.value;
  facts.authorization_fields = shown.fields;
  facts.arrival = core::clock::now();
  facts.source = on_->source();
  auto verdict = around_.gate.admit(facts, on_->memo(), *this);
  if (const auto* why = std::get_if<auth::denial>(&verdict)) return refuse(connect_refusal_of(*why));
  if (auto* passed = std::get_if<auth::permit>(&verdict)) return admitted(std::move(*passed));
  judging_ = true;
}

void connect_request::denied(auth::denial why) {
  judging_ = false;
  refuse(connect_refusal_of(why));
}

// Where this port leads is for those alone who have passed.
void connect_request::admitted(auth::permit passed) {
  judging_ = false;
  to_->permitted();
  permit_ = std::move(passed);
  if (!around_.budget->admits(holder())) return refuse(refusal_of(broken_off::buffers_short));
  if (look_at_target(target_, on_->door().tunnels.about().endpoints) != connect_target::backend) return refuse(wrong_target());
  around_.tasks.spawn(dial(shared_from_this(), *permit_));
}

core::task<void> connect_request::dial(std::shared_ptr<connect_request> self, auth::permit passed) {
  auto& by = on_->door().tunnels;
  auto named = named_endpoint(target_, by.about().endpoints);
  auto attempt = by.open(std::move(passed), std::move(named));
  auto opened = co_await std::move(attempt);
  if (over_) co_return;  // the client has gone, or its user
  if (!opened.made) {
    refuse(refusal_of(opened.why));
  } else if (!on_->still_trusted()) {  // a whole connection that became a tunnel would not be asked again
    refuse(refusal_of(broken_off::certificate_untrusted));
  } else {
    backend_ = std::move(opened.made);
    open();
  }
  self.reset();
}

void connect_request::open() {
  record_.opened(*backend_, *permit_);
  if (to_->hand_over(backend_, *permit_, record_)) {
    to_->let_go(down_);
    return finish("handed_over");
  }
  const std::vector<http2::field> head{http2::make_field(http2::known::status, ":status", "200")};
  to_->send_head(down_, head, false);
  on_->mark();
  backend_->stream().limit_receive(http2::session::stream_window_bytes);
  pump_.emplace(around_.turn, around_.tasks, backend_->stream(), *this);
  pump_->keep = weak_from_this();
  moved_at_ = core::clock::now();
  around_.tasks.spawn(read_backend(shared_from_this()));
  pump_->mark();
}

void connect_request::refuse(const refusal& why) {
  const auto* certificate = on_->certificate();
  record_.refused(why, permit_ ? permit_->user_name() : std::string_view(), target_,
                  certificate ? std::string_view(certificate->subject) : std::string_view());
  const auto status = std::to_string(why.http), words = why.message + "\n", length = std::to_string(words.size());
  std::vector<http2::field> fields;
  make_refusal_fields(why, status, length, fields);
  auto& to = *to_;
  auto& on = *on_;
  const auto down = down_;
  const bool whole = request_ended_, head_only = head_only_;
  to.close_after();  // what follows a refused CONNECT may be another protocol's, and is never taken for a request
  to.let_go(down);
  finish("refused");
  to.send_head(down, fields, head_only);
  if (!head_only) to.send_data(down, std::as_bytes(std::span(words)), true);
  if (!whole) to.stop_request(down, true);
  on.mark();
}

// ---- client to backend

void connect_request::request_data(core::bytes payload, bool end) {
  request_ended_ = request_ended_ || end;
  moved_at_ = core::clock::now();
  uncredited_ += payload.size();
  if (backend_deaf_) {
    to_->credit(down_, std::exchange(uncredited_, 0));
    if (end) backend_closed_ = true;
  } else {
    to_backend_ += payload.size();
    out_.append(payload);
    if (pump_) pump_->mark();
  }
  if (end && response_ended_) {
    detach();
    end_if_both_ended();
    if (!over_) around_.tasks.spawn(watch(shared_from_this()));
  }
}

void connect_request::output_drained() {
  if (over_) return;
  if (uncredited_ && to_ && !request_ended_) {
    to_->credit(down_, uncredited_);
    on_->mark();
  }
  uncredited_ = 0;
  if (request_ended_ && !std::exchange(closing_backend_, true)) around_.tasks.spawn(close_backend(shared_from_this()));
}

core::task<void> connect_request::close_backend(std::shared_ptr<connect_request> self) {
  (void)co_await backend_->stream().close();
  if (!over_) {
    backend_closed_ = true;
    end_if_both_ended();
  }
  self.reset();
}

// It takes no more; what it has said before may still be read, and is passed on up to its end.
void connect_request::output_failed(core::error_code) {
  if (over_) return;
  backend_deaf_ = true;
  out_.clear();
  if (response_ended_ && !request_ended_) return cut("backend_broken", http2::code::connect_error);  // nobody is left to hear the rest
  if (request_ended_) backend_closed_ = true;
  if (to_ && !request_ended_) {
    to_->credit(down_, uncredited_);
    on_->mark();
  }
  uncredited_ = 0;
  end_if_both_ended();
}

// ---- backend to client

core::task<void> connect_request::read_backend(std::shared_ptr<connect_request> self) {
  while (!over_) {
    const auto got = co_await backend_->stream().receive(*this);
    if (over_) break;
    if (!got) {
      cut("backend_broken", http2::code::connect_error);  // RFC 9113 8.5
    } else if (*got == core::progress::ended) {
      backend_ended();
      break;
    }
    while (waiting_ && !over_) {
      room_.expires_at(core::timer::time_point::max());
      co_await room_.async_wait(core::await);
    }
  }
  self.reset();
}

void connect_request::received(core::bytes in) {
  if (over_ || !to_) return;
  moved_at_ = core::clock::now();
  to_client_ += in.size();
  waiting_ += in.size() - to_->send_data(down_, in, false);
  on_->mark();
}

void connect_request::response_sent(std::size_t bytes) {
  moved_at_ = core::clock::now();
  waiting_ -= bytes;
  if (waiting_ == 0) room_.cancel();
}

void connect_request::backend_ended() {
  response_ended_ = true;
  auto& to = *to_;
  auto& on = *on_;
  const auto down = down_;
  // The stream's last event, if the client has said its last word: after it nothing is known of the stream.
  const bool last = request_ended_ || backend_deaf_, stops = backend_deaf_ && !request_ended_;
  if (last) detach();
  to.send_data(down, {}, true);
  if (stops) to.stop_request(down, true);
  on.mark();
  if (stops) backend_closed_ = true;
  end_if_both_ended();
  if (last && !over_) around_.tasks.spawn(watch(shared_from_this()));
}

// ---- the end

void connect_request::detach() {
  to_->let_go(down_);
  to_ = nullptr;
  down_ = nullptr;
  on_ = nullptr;
}

// The client has had its answer and said its last word; nobody sweeps this any more, and a backend that does not take what is left has this
// long for each byte. (Nothing is read from it now, so the timer is free.)
core::task<void> connect_request::watch(std::shared_ptr<connect_request> self) {
  const auto left = [this] { return out_.size() + backend_->stream().undelivered(); };
  for (auto before = left(); !over_; before = left()) {
    room_.expires_after(around_.within.write_stall);
    co_await room_.async_wait(core::await);
    if (!over_ && left() >= before) cut("write_stalled", http2::code::connect_error);
  }
  self.reset();
}

void connect_request::end_if_both_ended() {
  if (!over_ && response_ended_ && backend_closed_ && !to_) finish(backend_deaf_ ? "backend_broken" : "ended");
}

void connect_request::cut(std::string_view cause, http2::code told) {
  if (to_) {
    auto& to = *to_;
    auto& on = *on_;
    const auto down = down_;
    detach();
    to.break_off(down, told);
    on.mark();
  }
  if (backend_) backend_->stream().reset();
  finish(cause);
}

// RFC 9113 8.5: what ends the stream early is a reset for the backend.
void connect_request::client_gone() { gone(on_->why_gone()); }

void connect_request::gone(std::string_view cause) {
  if (!backend_) record_.gone();
  if (backend_) backend_->stream().reset();
  finish(cause);
}

void connect_request::judge_again() {
  if (!permit_ || around_.gate.still_good(*permit_)) return;
  end_with(connect_refusal_of(auth::denial::revoked));
}

void connect_request::end_with(const refusal& why) {
  if (!backend_) return refuse(why);
  cut(why.reason, http2::code::cancel);
}

std::size_t connect_request::held_bytes() const { return (to_ ? to_->held_bytes(down_) : 0) + out_.capacity() + outside_bytes(); }

void connect_request::abandon() {
  if (!backend_) record_.gone();
  cut("aborted", http2::code::cancel);
}

void connect_request::shed() { end_with(refusal_of(broken_off::buffers_short)); }

void connect_request::sweep(core::clock::time_point now) {
  if (!pump_) return;
  record_.moved(to_backend_, to_client_);
  const auto& within = around_.within;
  const auto taken_at = pump_->blocked() ? pump_->last_progress(now) : now;
  if (pump_->blocked()) moved_at_ = std::max(moved_at_, taken_at);
  if (now - taken_at >= within.write_stall)
    cut("write_stalled", http2::code::connect_error);
  else if (within.tunnel_idle.count() > 0 && now - moved_at_ >= within.tunnel_idle)
    cut("idle", http2::code::cancel);
  else if (response_ended_ && !backend_deaf_ && backend_->stream().is_gone())
    cut("backend_broken", http2::code::connect_error);
}

// Whoever called may be one of its own coroutines, or the pump: it goes when they have returned.
void connect_request::finish(std::string_view cause) {
  if (std::exchange(over_, true)) return;
  if (std::exchange(judging_, false)) around_.gate.forget(*this);
  around_.tunnels.erase(this);
  if (backend_) {
    record_.moved(to_backend_, to_client_);
    record_.closed(cause);
  }
  room_.cancel();
  out_.clear();  // at once: the budget for buffers counts again before this is gone
  to_ = nullptr;
  on_ = nullptr;
  if (self_) core::asio::post(around_.executor, [last = std::move(self_)] {});
}

}  // namespace sallyport::proxy
