// The part of a session that both roles share: streams, output, windows. What comes in is in session_frames.cpp.
#include <sallyport/http2/session.hpp>

#include "closed_ids.hpp"
#include "frame.hpp"
#include "hpack.hpp"

#include <sallyport/core/defence.hpp>
#include <sallyport/core/expect.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace sallyport::http2 {
namespace {

constexpr double ping_rate = 1, pings_saved_max = 1000;  // docs/passage.md 5
constexpr double settings_rate = 2, unknown_frames_rate = 20;

std::size_t slot_of(std::uint32_t id, std::size_t size) { return (id >> 1) & (size - 1); }

}  // namespace

bool token_bucket::take(time_point now, double reserve) {
  if (last_ != time_point{} && left_ < burst_) left_ = std::min(burst_, left_ + rate_ * std::chrono::duration<double>(now - last_).count());
  last_ = now;
  if (left_ < reserve + 1) return false;
  left_ -= 1;
  return true;
}

session::session(side role, const limits& within, buffer_pool& pool, decoded_block& scratch, session_events& events, time_point now)
    : limits_(within),
      events_(events),
      out_(pool),
      now_(now),
      resets_(within.resets, within.resets_per_second),
      closed_(std::make_unique<closed_ids>()),
      role_(role),
      scratch_(scratch),
      decoder_(std::make_unique<hpack_decoder>()),
      pings_(within.pings, ping_rate),
      settings_(within.settings, settings_rate),
      unknown_frames_(within.unknown_frames, unknown_frames_rate),
      last_frame_(now) {}

session::~session() = default;

const std::vector<field>& session::block_fields() const { return scratch_.fields; }
bool session::block_had_too_many() const { return scratch_.too_many; }

// ---- the table of streams

stream& session::open_stream(std::uint32_t id) {
  if (count_ >= table_.size()) {
    // Rehashed at one stream a slot: a connection with a few streams has a small table.
    std::vector<stream*> bigger(table_.empty() ? 8 : table_.size() * 2);
    for_each_stream([&bigger](stream& s) {
      auto& head = bigger[slot_of(s.id, bigger.size())];
      s.next = head;
      head = &s;
    });
    table_ = std::move(bigger);
  }
  if (spare_.empty()) {
    all_.push_back(std::make_unique<stream>());
    spare_.push_back(all_.back().get());
  }
  auto& s = *spare_.back();
  spare_.pop_back();
  s.id = id;
  s.send_window = peer_initial_window_;
  s.receive_window = s.window = stream_window_bytes;
  s.opened = now_;
  ++streams_opened_;
  auto& head = table_[slot_of(id, table_.size())];
  s.next = head;
  head = &s;
  ++count_;
  return s;
}

stream* session::find(std::uint32_t id) const {
  if (table_.empty()) return nullptr;
  auto* s = table_[slot_of(id, table_.size())];
  while (s && s->id != id) s = s->next;
  return s;
}

void session::disown(stream& on) {
  on.owner = nullptr;
  if (on.growth) std::exchange(on.growth, nullptr)->give_back(on.window - stream_window_bytes);
}

void session::remove(stream& s) {
  disown(s);
  unqueue(s);
  if (data_stream_ == &s) data_stream_ = nullptr;
  auto** at = &table_[slot_of(s.id, table_.size())];
  while (*at != &s) at = &(*at)->next;
  *at = s.next;
  --count_;
  closed_->close(s.id, closed_ids::state::ended);
  s = stream{};
  spare_.push_back(&s);
}

void session::finish_if_done(stream& s) {
  if (role_ == side::client && s.remote_ended && !s.owner && (!s.local_ended || s.waiting)) {
    // An orphan that was answered (docs/passage.md 18): its slot comes back, and no reset is spent on it. A backend that has answered may
    // never open the window that the rest of the body waits for.
    unqueue(s);
    s.waiting.reset();
    end_stream_now(s);
  }
  if (s.remote_ended && s.local_ended && !s.waiting && !s.trailers) remove(s);
}

// ---- output

std::byte* session::frame(std::size_t payload, std::uint8_t type, std::uint8_t flags, std::uint32_t id) {
  // As much at once as the last turn needed: a buffer that grows is copied.
  if (!out_.capacity() && last_output_bytes_ > buffer_pool::chunk_bytes) out_.room(last_output_bytes_);
  auto* at = out_.room(frame_header_bytes + payload);
  put24(at, static_cast<std::uint32_t>(payload));
  put8(at + 3, type);
  put8(at + 4, flags);
  put32(at + 5, id);
  out_.commit(frame_header_bytes + payload);
  if (type == data_frame)
    ++data_sent_;
  else
    control_bytes_ += frame_header_bytes + payload;
  if (type == data_frame || type == headers_frame) pings_.save(1, pings_saved_max);
  return at + frame_header_bytes;
}

void session::append_block(std::uint32_t id, core::bytes block, bool end) {
  // Split by the frame size, without PADDED and PRIORITY (docs/passage.md 22).
  auto type = headers_frame;
  std::uint8_t flags = end ? end_stream : no_flags;
  for (;;) {
    const auto piece = block.first(std::min(block.size(), frame_max_bytes));
    block = block.subspan(piece.size());
    auto* to = frame(piece.size(), type, static_cast<std::uint8_t>(flags | (block.empty() ? end_headers : no_flags)), id);
    if (!piece.empty()) std::memcpy(to, piece.data(), piece.size());
    if (block.empty()) return;
    type = continuation_frame;
    flags = no_flags;
  }
}

bool session::write_headers(std::uint32_t id, const std::vector<field>& fields, bool end) {
  // Encoded in place behind a frame header that is filled in afterwards: nearly every block fits into one frame.
  const auto before = out_.size();
  out_.commit((out_.room(frame_header_bytes), frame_header_bytes));
  const bool changed = encoder_->encode(fields, out_);
  const auto length = out_.size() - before - frame_header_bytes;
  auto* at = const_cast<std::byte*>(out_.view().data()) + before;
  if (length > frame_max_bytes) {
    const std::vector<std::byte> block(at + frame_header_bytes, at + frame_header_bytes + length);
    out_.uncommit(length + frame_header_bytes);
    append_block(id, block, end);
    return changed;
  }
  put24(at, static_cast<std::uint32_t>(length));
  put8(at + 3, headers_frame);
  put8(at + 4, static_cast<std::uint32_t>(end_headers | (end ? end_stream : no_flags)));
  put32(at + 5, id);
  control_bytes_ += frame_header_bytes + length;
  pings_.save(1, pings_saved_max);
  return changed;
}

void session::write_rst(std::uint32_t id, code why) { put32(frame(4, rst_stream_frame, no_flags, id), static_cast<std::uint32_t>(why)); }

void session::write_window_update(std::uint32_t id, std::uint32_t bytes) { put32(frame(4, window_update_frame, no_flags, id), bytes); }

void session::write_goaway(std::uint32_t last_id, code why, std::string_view reason) {
  goaway_id_ = std::min(goaway_id_, last_id);  // RFC 9113 6.8: must not increase
  auto* at = frame(8 + reason.size(), goaway_frame, no_flags, 0);
  put32(at, goaway_id_);
  put32(at + 4, static_cast<std::uint32_t>(why));
  if (!reason.empty()) std::memcpy(at + 8, reason.data(), reason.size());
}

void session::write_ping(std::uint64_t opaque, bool is_ack) {
  auto* at = frame(8, ping_frame, is_ack ? ack : no_flags, 0);
  put32(at, static_cast<std::uint32_t>(opaque >> 32));
  put32(at + 4, static_cast<std::uint32_t>(opaque));
  if (is_ack) ++acknowledgements_;
}

void session::ping() {
  ping_outstanding_ = true;
  write_ping(++ping_number_, false);
}

core::bytes session::output() {
  before_output();
  if (line_) pump();
  return out_.view();
}

void session::output_taken() {
  last_output_bytes_ = out_.size();
  out_.clear();
  control_bytes_ = acknowledgements_ = 0;
  ++flushes_;
}

// ---- commands

void session::fail(code why, std::string_view reason) {
  if (failed_) return;
  failed_ = true;
  failure_ = why;
  failure_reason_ = reason;
  write_goaway(role_ == side::server ? highest_peer_id_ : 0, why, reason);
}

void session::exceed(limit which, std::string_view reason) {
  events_.limit_reached(which);
  fail(code::enhance_your_calm, reason);
}

void session::reset(stream& on, code why) {
  const auto id = on.id;
  write_rst(id, why);
  remove(on);
  closed_->close(id, closed_ids::state::reset);
}

void session::stream_error(std::uint32_t id, stream* s, code why) {
  write_rst(id, why);
  events_.stream_failed(id, why);
  if (s) {
    if (s->owner) events_.closed(*s, why, false);
    remove(*s);
  }
  closed_->close(id, closed_ids::state::reset);
  // Made-you-reset (CVE-2025-8671): what the peer provokes costs as much as what it sends.
  if (role_ == side::server && core::defended("H02a") && !resets_.take(now_)) on_reset_budget_spent();
}

std::size_t session::send_data(stream& on, core::bytes payload, bool end) {
  SALLYPORT_EXPECT(!on.local_ended);
  std::size_t taken = 0;
  if (!on.waiting && !line_) {
    // One copy, straight into the output, as long as windows and the mark allow and nobody stands in line before it.
    while (taken < payload.size() && out_.size() < output_mark_bytes) {
      const auto room = std::min(on.send_window, connection_send_window_);
      if (room <= 0) break;
      const auto n = std::min({payload.size() - taken, frame_max_bytes, static_cast<std::size_t>(room)});
      const bool last = end && taken + n == payload.size();
      std::memcpy(frame(n, data_frame, last ? end_stream : no_flags, on.id), payload.data() + taken, n);
      on.send_window -= static_cast<std::int64_t>(n);
      connection_send_window_ -= static_cast<std::int64_t>(n);
      taken += n;
      if (last) on.local_ended = true;
    }
    if (taken == payload.size()) {
      if (end && !on.local_ended) end_stream_now(on);
      if (on.local_ended) finish_if_done(on);
      return taken;
    }
  } else if (payload.empty() && !on.waiting) {
    if (end) end_stream_now(on), finish_if_done(on);
    return 0;
  }
  if (!on.waiting) on.waiting = std::make_unique<buffer>(out_.pool());
  on.waiting->append(payload.subspan(taken));
  on.end_waits = end;
  on.local_ended = end;
  if (on.send_window > 0) queue(on);
  return taken;
}

void session::end_stream_now(stream& s) {
  frame(0, data_frame, end_stream, s.id);
  s.local_ended = true;
}

void session::stop_gently(stream& s) {
  s.flush = flushes_;
  s.stops_since = now_;
}

bool session::may_stop(const stream& s) const {
  constexpr auto moment = std::chrono::milliseconds(100);
  return s.flush && s.flush < flushes_ && now_ - s.stops_since >= moment;
}

void session::credit(stream& on, std::size_t bytes) {
  on.uncredited += static_cast<std::uint32_t>(bytes);
  if (on.remote_ended || on.uncredited < static_cast<std::uint32_t>(on.window) / 2) return;
  const auto more = on.uncredited + grown(on);
  write_window_update(on.id, more);
  on.receive_window += more;
  on.uncredited = 0;
}

// A stream that has carried two windows is one of many bytes, and a window twice as large halves its round trips.
std::uint32_t session::grown(stream& s) {
  if (!s.growth || s.window >= stream_window_max_bytes || s.content_received < 2 * std::int64_t{s.window}) return 0;
  const auto more = std::min(s.window, stream_window_max_bytes - s.window);
  if (!s.growth->take(more)) return 0;
  s.window += more;
  return static_cast<std::uint32_t>(more);
}

void session::grow_connection_window(std::int64_t to) {
  if (to <= connection_window_target_) return;
  const auto more = to - connection_window_target_;
  write_window_update(0, static_cast<std::uint32_t>(more));
  connection_receive_window_ += more;
  connection_window_target_ = to;
}

// ---- DATA that had to wait: streams take turns in frames of at most 16 KiB (docs/passage.md 22)

void session::queue(stream& s) {
  if (s.queued) return;
  s.queued = true;
  s.next_queued = nullptr;
  (line_ ? line_end_->next_queued : line_) = &s;
  line_end_ = &s;
}

void session::unqueue(stream& s) {
  if (!s.queued) return;
  stream* before = nullptr;
  for (auto* at = line_; at != &s; at = at->next_queued) before = at;
  (before ? before->next_queued : line_) = s.next_queued;
  if (line_end_ == &s) line_end_ = before;
  s.queued = false;
  s.next_queued = nullptr;
}

void session::pump() {
  while (line_ && connection_send_window_ > 0 && out_.size() < output_mark_bytes) {
    auto& s = *line_;
    unqueue(s);
    if (s.send_window > 0) pump_one(s);
  }
}

void session::pump_one(stream& s) {
  const auto room = static_cast<std::size_t>(std::min(s.send_window, connection_send_window_));
  const auto n = std::min({s.waiting->size(), frame_max_bytes, room});
  const bool emptied = n == s.waiting->size();
  const bool last = emptied && s.end_waits && !s.trailers;
  std::memcpy(frame(n, data_frame, last ? end_stream : no_flags, s.id), s.waiting->view().data(), n);
  s.waiting->consume(n);
  s.data_sent += n;
  s.send_window -= static_cast<std::int64_t>(n);
  connection_send_window_ -= static_cast<std::int64_t>(n);
  if (emptied) s.waiting.reset();
  if (!emptied && s.send_window > 0) queue(s);
  // What the owner does when it is told may end the stream, or add to it: only an end that was there before is written here.
  const bool ended = emptied && s.local_ended;
  if (s.owner) events_.sent(s, n);
  if (ended && s.local_ended) finish_sending(s);
}

void session::finish_sending(stream& s) {
  if (s.trailers) {
    append_block(s.id, *s.trailers, true);
    s.trailers.reset();
  }
  s.end_waits = false;
  if (s.reset_waits && !s.remote_ended) {
    if (!s.stops_gently) return reset(s, code::no_error);
    stop_gently(s);
  }
  finish_if_done(s);
}

}  // namespace sallyport::http2
