#include <sallyport/http2/session.hpp>

#include "closed_ids.hpp"
#include "frame.hpp"
#include "head_rules.hpp"
#include "hpack.hpp"

#include <sallyport/core/defence.hpp>

#include <cstring>

namespace sallyport::http2 {
namespace {

constexpr double refused_rate = 10;

}  // namespace

server_session::server_session(const limits& within, buffer_pool& pool, decoded_block& scratch, server_events& events, time_point now,
                               bool connect_allowed)
    : session(side::server, within, pool, scratch, events, now),
      handler_(events),
      connect_allowed_(connect_allowed),
      refused_(within.streams_refused, refused_rate) {
  encoder_ = std::make_unique<hpack_encoder>(hpack_encoder::table::none);
  // Our preface, before anything is known of the client (RFC 9113 3.4): pymilvus waits for it.
  auto* at = frame(12, settings_frame, no_flags, 0);
  put16(at, max_concurrent_streams);
  put32(at + 2, limits_.streams);
  put16(at + 6, max_header_list_size);
  put32(at + 8, limits_.header_list_bytes);
}

void server_session::on_headers(std::uint32_t id, bool end, bool too_large) {
  if (core::defended("H16a") && (id & 1) == 0) return fail(code::protocol_error, "a client's stream with an even number");
  const bool is_new = id > highest_peer_id_;
  if (is_new) {
    highest_peer_id_ = id;
    closed_->use(id);
  }
  if (too_large && !bears_oversize()) return;  // whosever it is: to find out is what it costs
  if (!is_new) {
    if (auto* s = find(id)) return too_large ? stream_error(id, s, code::protocol_error) : trailers(*s, end);
    return late_headers(id, end);
  }
  // After our GOAWAY: inflated, dropped, its DATA credited (docs/passage.md 7).
  if (core::defended("H23a") && id > last_accepted_id_) return closed_->close(id, closed_ids::state::reset);
  if (core::defended("H15a") && open_streams() >= limits_.streams) {
    write_rst(id, code::refused_stream);  // certainly not processed: the client may send it again
    closed_->close(id, closed_ids::state::reset);
    events_.limit_reached(limit::streams);
    if (core::defended("H15b") && !refused_.take(now_)) exceed(limit::streams_refused, "too many streams");
    return;
  }
  request_head head;
  if (too_large) {
    head.too_large = true;
    for (const auto& f : block_fields()) head.grpc = head.grpc || (f.id == known::content_type && is_grpc(f.value));
  } else if (!read_request_head(block_fields(), head, connect_allowed_)) {
    return stream_error(id, nullptr, code::protocol_error);
  }
  if (core::defended("H21b") && end && head.content_length > 0) return stream_error(id, nullptr, code::protocol_error);
  auto& s = open_stream(id);
  s.content_length = head.content_length;
  s.remote_ended = end;
  handler_.request_started(s, head, end);
}

// On a stream that is not open any more. Of one that we have reset they may be trailers that were on their way: once.
void server_session::late_headers(std::uint32_t id, bool end) {
  const auto why = closed_->of(id);
  if (core::defended("H16b") && why == closed_ids::state::skipped)
    return fail(code::protocol_error, "a stream with a lower number than the last");  // RFC 9113 5.1.1
  if (core::defended("H16c") && why == closed_ids::state::ended) return fail(code::stream_closed, "HEADERS on a closed stream");
  if (end) closed_->close(id, closed_ids::state::ended);
  if (core::defended("H02c") && !resets_.take(now_)) on_reset_budget_spent();
}

// Of a gRPC client's trailers only their end matters: grpc-go and grpc-core end the whole connection at a second HEADERS
// (docs/passage.md 4).
void server_session::trailers(stream& s, bool end) {
  if (s.remote_ended) return stream_error(s.id, &s, code::stream_closed);
  if (connect_allowed_ && s.owner) return stream_error(s.id, &s, code::protocol_error);  // a tunnel has none (RFC 9113 8.5)
  if (!end || !trailers_are_valid(block_fields(), true)) return stream_error(s.id, &s, code::protocol_error);
  if (!take_end(s)) return;
  if (s.owner) events_.data(s, {}, true);
  if (s.remote_ended) finish_if_done(s);
}

bool server_session::bears_oversize() {
  constexpr std::uint32_t bearable = 3;  // within a minute (docs/passage.md 6)
  if (oversize_ == 0 || now_ - oversize_since_ > std::chrono::minutes(1)) {
    oversize_ = 0;
    oversize_since_ = now_;
  }
  events_.limit_reached(block_had_too_many() ? limit::header_fields : limit::header_list);
  if (core::defended("H10b") && ++oversize_ >= bearable) fail(code::enhance_your_calm, "header lists over the limit");
  return !failed();
}

void server_session::on_goaway(std::uint32_t, code) {}  // a client that leaves still gets its answers

void server_session::on_reset_budget_spent() { exceed(limit::resets, "too many resets"); }

void server_session::send_head(stream& on, const std::vector<field>& fields, bool end) {
  write_headers(on.id, fields, end);
  if (!end) return;
  on.local_ended = true;
  finish_if_done(on);
}

void server_session::send_trailers(stream& on, const std::vector<field>& fields) {
  if (!on.waiting) return send_head(on, fields, true);
  // The encoder has no state, so the block may be encoded now and leave later.
  buffer block(out_.pool());
  encoder_->encode(fields, block);
  const auto encoded = block.view();
  on.trailers = std::make_unique<std::vector<std::byte>>(encoded.begin(), encoded.end());
  on.local_ended = true;
}

void server_session::stop_request(stream& on, stop how) {
  on.stops_gently = how == stop::gently;
  if (on.waiting)
    on.reset_waits = true;
  else if (on.stops_gently)
    stop_gently(on);
  else
    stopped_.push_back(on.id);
}

void server_session::before_output() {
  for (const auto id : stopped_)
    if (auto* s = find(id); s && !s->remote_ended) reset(*s, code::no_error);
  stopped_.clear();
}

void server_session::sweep(time_point now) {
  now_ = now;
  for_each_stream([this](stream& s) {
    if (may_stop(s)) return reset(s, code::no_error);
    if (!is_stalled(s)) return;
    events_.limit_reached(limit::response_stall);
    if (s.owner) events_.closed(s, code::cancel, false);
    reset(s, code::cancel);
  });
}

// An answer for which the client opens no window (docs/passage.md 24, docs/defences.md H13). A window that is opened by a byte now and then
// is closed.
bool server_session::is_stalled(stream& s) const {
  constexpr std::uint64_t progress_bytes = 1024;
  if (!s.waiting || (s.send_window > 0 && connection_send_window_ > 0)) {
    s.stalled_since = {};
    return false;
  }
  if (s.stalled_since == time_point{} || s.data_sent - s.sent_when_stalled >= progress_bytes) {
    s.stalled_since = now_;
    s.sent_when_stalled = s.data_sent;
  }
  return core::defended("H13b") && now_ - s.stalled_since >= limits_.response_stall;
}

std::size_t server_session::unowned_waiting() const {
  std::size_t bytes = 0;
  for_each_stream([&bytes](stream& s) {
    if (!s.owner && s.waiting) bytes += s.waiting->capacity();
  });
  return bytes;
}

void server_session::drop_unowned() {
  for_each_stream([this](stream& s) {
    if (!s.owner && s.waiting) reset(s, code::cancel);
  });
}

void server_session::begin_shutdown() {
  if (shutdown_ != step::none || failed()) return;
  shutdown_ = step::announced;
  write_goaway(0x7fffffff, code::no_error, "shutting down");
  ping();
}

void server_session::finish_shutdown() {
  if (shutdown_ == step::finished || failed()) return;
  shutdown_ = step::finished;
  last_accepted_id_ = highest_peer_id_;
  write_goaway(last_accepted_id_, code::no_error, "shutting down");
}

}  // namespace sallyport::http2
