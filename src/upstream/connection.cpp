#include "connection.hpp"

#include <sallyport/core/defence.hpp>
#include <sallyport/core/expect.hpp>

#include <algorithm>

namespace sallyport::upstream {
namespace {

using namespace std::chrono_literals;
constexpr auto silence_before_ping = 10s;  // docs/passage.md 15
constexpr auto ping_wait = 5s;
constexpr auto young_age = 1s;
constexpr std::size_t pending_acknowledgements_max = 64;  // docs/passage.md 21

}  // namespace

connection::connection(pool& home, std::unique_ptr<net::stream> stream, std::uint64_t number, tenure term)
    : home_(home),
      number_(number),
      term_(term),
      stream_(std::move(stream)),
      session_(home.limits_, home.around_.buffers, home.around_.scratch, *this, core::clock::now()),
      pump_(home.around_.turn, home.around_.tasks, *stream_, *this),
      born_(core::clock::now()),
      last_received_(born_),
      last_busy_(born_) {
  ++home.alive_;
}

connection::~connection() { --home_.alive_; }

core::task<void> connection::run() {
  const auto self = shared_from_this();
  pump_.keep = self;
  pump_.mark();
  core::error_code why;
  while (!ended_) {
    const auto got = co_await stream_->receive(*this);
    if (!got)
      why = got.error();
    else if (*got == core::progress::ended)
      why = core::asio::error::eof;
    if (why) break;
    if (idle()) home_.dispatch();  // it may have been TLS' own, for which a request waits because of reads_first
  }
  lost(why);
  // What was queued as a farewell (a GOAWAY) goes out if the socket takes it at once.
  pump_.flush();
  stream_->abort();
}

void connection::received(core::bytes in) {
  const auto now = core::clock::now();
  last_received_ = now;
  suspect_ = false;
  session_.receive(in, now);
  if (session_.failed() || (pump_.blocked() && output_is_flooded())) {
    lost(core::asio::error::connection_aborted);
    ended_ = true;
  }
  if (session_.has_output()) pump_.mark();
  home_.dispatch();
}

// What enters the output below its mark ends above it, by less than a frame or a head. On top come acknowledgements, resets and credit,
// which have no window: a backend that makes us write them, and takes none of it, is not waited for.
bool connection::output_is_flooded() const {
  constexpr auto mark = http2::session::output_mark_bytes;
  const auto bytes = session_.output_bytes();
  return bytes > 2 * mark || (bytes >= mark && session_.acknowledgements() > pending_acknowledgements_max);
}

// EOF and GOAWAY are read before anything is written (docs/passage.md 14): a request on an idle connection that the backend has closed
// would be lost.
bool connection::reads_first() { return core::defended("O09b") && !ended_ && idle() && stream_->has_input(); }

bool connection::has_room() {
  // A shut window may stay so as long as the backend does not read one stream.
  const bool shut = core::defended("O10c") && session_.takes_no_data();
  return !suspect_ && !retired_ && !deaf_ && !ended_ && !shut && session_.capacity() > 0 && !reads_first();
}

void connection::carry(pooled_exchange& request, const std::vector<http2::field>& fields, bool end) {
  request.on = this;
  request.stream = &session_.open(fields, end, &request);
  request.stream->growth = request.to->response_growth();
  last_busy_ = core::clock::now();
  pump_.mark();
}

// The request has left its stream.
pooled_exchange& connection::detach(http2::stream& on) {
  auto& request = *static_cast<pooled_exchange*>(on.owner);
  session_.disown(on);
  request.on = nullptr;
  request.stream = nullptr;
  return request;
}

// The exchange ends by its answer: whoever got it is told after that. A request that is not whole yet is broken off; so is one whose rest
// waits for a window, which the backend has no reason to open any more.
responder& connection::release_answered(http2::stream& on) {
  auto& request = detach(on);
  auto& to = *request.to;
  home_.give_back(request);
  if (!on.local_ended || on.waiting) session_.cancel(on);
  return to;
}

// What the backend certainly did not look at is sent once more, when it can be (docs/passage.md 16).
void connection::failed(http2::stream& on, failure why) {
  auto& request = detach(on);
  if (why == failure::unprocessed && home_.send_again(request, number_)) return;
  home_.fail(request, why);
}

void connection::informational(http2::stream& on, const http2::response_head& head) {
  static_cast<pooled_exchange*>(on.owner)->to->informational(head);
}

void connection::response_started(http2::stream& on, const http2::response_head& head, bool end) {
  auto& request = *static_cast<pooled_exchange*>(on.owner);
  answered_since_ping_ = useful_ = true;
  home_.answered();
  request.settle(telemetry::retry_result::answered);
  if (!end) {
    request.kept.drop();
    return request.to->response_head(head, false);
  }
  auto& to = release_answered(on);
  to.response_head(head, true);
}

void connection::response_trailers(http2::stream& on, const http2::response_head& trailers) {
  auto& to = release_answered(on);
  to.response_trailers(trailers);
}

void connection::data(http2::stream& on, core::bytes payload, bool end) {
  answered_since_ping_ = true;
  if (core::defended("H27g") && !on.head_received) {
    // DATA before a head is malformed (RFC 9113 8.1).
    auto& request = detach(on);
    session_.cancel(on);
    return home_.fail(request, failure::broken);
  }
  if (!end) return static_cast<pooled_exchange*>(on.owner)->to->response_data(payload, false);
  auto& to = release_answered(on);
  to.response_data(payload, true);
}

void connection::sent(http2::stream& on, std::size_t bytes) { static_cast<pooled_exchange*>(on.owner)->taken(bytes); }

void connection::closed(http2::stream& on, http2::code why, bool by_peer) {
  if (by_peer && why == http2::code::refused_stream) return unprocessed(on);
  failed(on, by_peer && why == http2::code::cancel ? failure::cancelled : failure::broken);
}

// A backend that has begun to answer has looked at it, whatever it says now.
void connection::unprocessed(http2::stream& on) {
  const bool has_looked = on.head_received || on.informational > 0;
  failed(on, core::defended("O09d") && has_looked ? failure::broken : failure::unprocessed);
}

void connection::going_away(http2::code why) {
  if (why == http2::code::enhance_your_calm) home_.failing(telemetry::ejection::enhance_your_calm);
}

void connection::output_drained() {
  if (leaving() && idle()) return abort();
  home_.dispatch();  // a reset has freed a slot, or the output is below its mark again
}

// It takes no more. Answers that have come, and the GOAWAY that tells what was never looked at, are still read up to the end.
void connection::output_failed(core::error_code why) {
  if (why == core::asio::error::connection_reset || why == core::asio::error::broken_pipe) {
    deaf_ = true;
    return;
  }
  lost(why);
  abort();
}

void connection::abort() noexcept {
  ended_ = true;
  stream_->abort();
}

void connection::make_way() {
  retired_ = true;
  lost(core::asio::error::connection_aborted, "its place was needed by one that takes requests");
  abort();
}

void connection::retire() {
  retired_ = true;
  if (idle()) abort();
}

// Every request under way ends; the clients' connections live on (docs/passage.md 17).
void connection::lost(core::error_code why, std::string_view words) {
  if (std::exchange(lost_, true)) return;
  ended_ = true;
  const auto streams = session_.open_streams();
  // One that a backend ends in good order after some work, however soon, has not failed: nginx does so after a thousand requests.
  const bool orderly = retired_ || (useful_ && session_.retiring());
  const bool young = !orderly && core::clock::now() - born_ < young_age;
  const bool is_alert = !stream_->reason().empty();  // in TLS 1.3 it may come before the first request has left
  session_.for_each_stream([this](http2::stream& s) {
    if (s.owner) failed(s, failure::broken);
  });
  if (session_.failed()) {
    home_.around_.log.warning("backend_broke_protocol", {{"backend", home_.settings_.name},
                                                         {"endpoint", home_.where().label},
                                                         {"code", name_of(session_.failure())},
                                                         {"reason", session_.failure_reason()},
                                                         {"streams", streams}});
  } else if ((streams || (young && is_alert)) && !home_.stopped_) {
    home_.around_.log.warning("backend_lost", {{"backend", home_.settings_.name},
                                               {"endpoint", home_.where().label},
                                               {"reason", words.empty() ? words_for(*stream_, why) : std::string(words)},
                                               {"streams", streams}});
  } else {
    home_.around_.log.debug("backend_connection_closed", {{"backend", home_.settings_.name}, {"reason", words_for(*stream_, why)}});
  }
  home_.lost(*this, young);
}

void connection::sweep(core::clock::time_point now) {
  session_.sweep(now);
  if (session_.has_output()) pump_.mark();
  if (!idle()) last_busy_ = now;
  if (home_.is_over(term_, now)) retired_ = true;
  if (idle() && (leaving() || now - last_busy_ >= home_.settings_.idle)) return abort();
  if (session_.ping_outstanding()) {
    // What comes in the meantime is a sign of life, if late.
    const auto silent_since = std::max(ping_sent_, last_received_);
    if (core::defended("O07a") && now - silent_since >= ping_wait && !std::exchange(suspect_, true))
      home_.failing(telemetry::ejection::ping_unanswered);
    return;
  }
  if (idle() || !answered_since_ping_ || now - last_received_ < silence_before_ping) return;
  answered_since_ping_ = false;
  ping_sent_ = now;
  session_.ping();
  pump_.mark();
}

}  // namespace sallyport::upstream
