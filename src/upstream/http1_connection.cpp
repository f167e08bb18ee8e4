#include "http1_connection.hpp"

#include <sallyport/core/defence.hpp>
#include <sallyport/core/expect.hpp>

namespace sallyport::upstream {

http1_connection::http1_connection(http1_pool& home, std::unique_ptr<net::stream> stream, tenure term)
    : home_(home),
      term_(term),
      stream_(std::move(stream)),
      session_(home.limits_, home.around_.buffers, home.around_.scratch, *this, core::clock::now()),
      pump_(home.around_.turn, home.around_.tasks, *stream_, *this),
      wanted_(home.around_.executor),
      idle_since_(core::clock::now()) {
  ++home.alive_;
}

http1_connection::~http1_connection() { --home_.alive_; }

core::task<void> http1_connection::run() {
  const auto self = shared_from_this();
  pump_.keep = self;
  core::error_code why;
  while (!ended_) {
    // HTTP/1.1 has no windows: what the client has no room for stays in the socket. Between two requests nobody owes a credit.
    while (!ended_ && request_ && !session_.wants_input()) co_await something_left();
    if (ended_) break;
    const auto got = co_await stream_->receive(*this);
    if (!got)
      why = got.error();
    else if (*got == core::progress::ended)
      why = core::asio::error::eof;
    if (!why && !request_) home_.dispatch();  // it may have been TLS' own, for which a request waits because of reads_first
    if (!why) continue;
    // The end of the connection is the end of an answer that said so, and a fault of any other.
    if (why == core::asio::error::eof) {
      session_.peer_closed();
      // What the client has no room for yet is still on its way.
      while (request_ && !ended_ && !session_.failed()) co_await something_left();
    }
    break;
  }
  lost(why);
  stream_->abort();
}

core::task<void> http1_connection::something_left() {
  wanted_.expires_at(core::timer::time_point::max());
  co_await wanted_.async_wait(core::await);
  // No flush takes up what was kept while the backend takes nothing, and it may be waiting for us to read.
  if (!ended_ && takes_nothing()) received({});
}

void http1_connection::received(core::bytes in) {
  session_.receive(in, core::clock::now());
  if (session_.has_output()) pump_.mark();
  look_at_end();
}

bool http1_connection::carry(http1_exchange& request, const std::vector<http2::field>& fields, bool end) {
  if (!session_.open(fields, end)) return false;
  request_ = &request;
  request.on = this;
  head_seen_ = false;
  asked_ = core::clock::now();
  pump_.mark();
  return true;
}

std::size_t http1_connection::send(core::bytes payload, bool end) {
  asked_ = core::clock::now();
  const auto taken = session_.send_data(payload, end);
  pump_.mark();
  return taken;
}

void http1_connection::credit(std::size_t bytes) {
  session_.credit(bytes);
  pump_.mark();
  wanted_.cancel();  // the flush tells only when all has left
}

// ---- the answer

// The exchange is over: whoever got it is told after that.
responder& http1_connection::release() {
  auto& done = *std::exchange(request_, nullptr);
  auto& to = *done.to;
  home_.give_back(done);
  return to;
}

void http1_connection::informational(std::uint32_t, const http2::response_head& head) {
  if (request_) request_->to->informational(head);
}

void http1_connection::response_started(const http2::response_head& head, bool end) {
  head_seen_ = true;
  home_.answered();
  if (!request_) return;
  if (end)
    release().response_head(head, true);
  else
    request_->to->response_head(head, false);
}

void http1_connection::data(core::bytes payload, bool end) {
  if (!request_) return session_.credit(payload.size());
  if (end)
    release().response_data(payload, true);
  else
    request_->to->response_data(payload, false);
}

void http1_connection::sent(std::size_t bytes) {
  asked_ = core::clock::now();
  if (request_) request_->to->request_taken(bytes);
}

// ---- output and the end

core::bytes http1_connection::output() {
  session_.resume(core::clock::now());
  return session_.output();
}

void http1_connection::output_drained() {
  wanted_.cancel();
  look_at_end();
}

// It takes no more. Its answer may have come all the same, before the request was whole, and is read up to its end; where that end is not
// known, an error of the stream is none.
void http1_connection::output_failed(core::error_code why) {
  if (request_ && (why == core::asio::error::connection_reset || why == core::asio::error::broken_pipe)) {
    deaf_ = true;
    wanted_.cancel();
    return;
  }
  lost(why);
  abort();
}

void http1_connection::look_at_end() {
  if (session_.failed()) {
    lost(core::asio::error::connection_aborted);
    return abort();
  }
  if (request_ || !head_seen_) return;
  // The answer came before the request was whole, or the backend keeps no connection.
  if (retired_ || deaf_ || !session_.reusable()) return abort();
  idle_since_ = core::clock::now();
  home_.dispatch();
}

void http1_connection::let_go() {
  request_ = nullptr;
  session_.cancel();
  cut();
}

// Half a request must not look whole, and what the backend does not take would keep it from hearing of the end.
void http1_connection::cut() noexcept {
  stream_->reset();
  abort();
}

void http1_connection::lost(core::error_code why) {
  if (std::exchange(lost_, true)) return;
  ended_ = true;
  if (session_.failed())
    home_.around_.log.warning("backend_broke_protocol", {{"backend", home_.settings_.name},
                                                         {"endpoint", home_.where().label},
                                                         {"code", "http/1.1"},
                                                         {"reason", session_.failure_reason()},
                                                         {"streams", request_ ? 1 : 0}});
  else if (request_ && !home_.stopped_)
    home_.around_.log.warning(
        "backend_lost",
        {{"backend", home_.settings_.name}, {"endpoint", home_.where().label}, {"reason", words_for(*stream_, why)}, {"streams", 1}});
  if (request_) home_.fail(*std::exchange(request_, nullptr), failure::broken);
  home_.lost(*this);
}

void http1_connection::retire() {
  retired_ = true;
  if (!request_) abort();
}

void http1_connection::abort() noexcept {
  ended_ = true;
  stream_->abort();
  wanted_.cancel();
}

void http1_connection::sweep(core::clock::time_point now) {
  if (core::defended("O07b") && request_ && !head_seen_ && now - asked_ >= home_.settings_.rest_head) {
    home_.fail(*std::exchange(request_, nullptr), failure::timed_out);
    return cut();
  }
  if (home_.is_over(term_, now)) retired_ = true;
  if (!request_ && (retired_ || now - idle_since_ >= home_.settings_.idle)) abort();
}

}  // namespace sallyport::upstream
