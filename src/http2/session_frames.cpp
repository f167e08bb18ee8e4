// What comes in: frames are found in the bytes that are lent, DATA is passed on as it comes, every other frame when it is whole.
#include <sallyport/http2/session.hpp>

#include "closed_ids.hpp"
#include "frame.hpp"
#include "hpack.hpp"

#include <sallyport/core/defence.hpp>

#include <algorithm>
#include <cstring>

namespace sallyport::http2 {

void session::receive(core::bytes in, time_point now) {
  now_ = now;
  if (in.empty()) return;
  if (preface_seen_ < client_preface.size() && role_ == side::server) in = take_preface(in);
  while (!in.empty() && !failed_) {
    if (data_left_) {
      const auto n = std::min(data_left_, in.size());
      data_left_ -= n;
      data_payload(in.first(n), data_left_ == 0);
      in = in.subspan(n);
      continue;
    }
    if (rest_.empty() && in.size() >= frame_header_bytes) {
      const auto length = get24(in, 0);
      if (!take_header(in)) return;
      const auto type = get8(in, 3);
      const auto flags = get8(in, 4);
      const auto id = get32(in, 5) & id_mask;
      if (type == data_frame && !(flags & padded)) {
        in = in.subspan(frame_header_bytes);
        handle_data_frame(flags, id, length, length);
        continue;
      }
      if (in.size() >= frame_header_bytes + length) {
        handle(type, flags, id, in.subspan(frame_header_bytes, length));
        in = in.subspan(frame_header_bytes + length);
        continue;
      }
    }
    // A frame in pieces: gathered until its header, then its whole, is there.
    const auto wanted = rest_.size() < frame_header_bytes ? frame_header_bytes : frame_header_bytes + get24(rest_, 0);
    const auto n = std::min(wanted - rest_.size(), in.size());
    if (rest_.empty()) rest_since_ = now_;
    rest_.insert(rest_.end(), in.begin(), in.begin() + static_cast<std::ptrdiff_t>(n));
    in = in.subspan(n);
    if (rest_.size() < wanted) continue;
    const auto length = get24(rest_, 0);
    if (wanted == frame_header_bytes && !take_header(rest_)) return;
    const auto type = get8(rest_, 3);
    const auto flags = get8(rest_, 4);
    const auto id = get32(rest_, 5) & id_mask;
    if (type == data_frame && !(flags & padded)) {
      rest_.clear();
      handle_data_frame(flags, id, length, length);
    } else if (rest_.size() == frame_header_bytes + length) {
      const auto whole = std::move(rest_);
      rest_ = {};
      handle(type, flags, id, core::bytes(whole).subspan(frame_header_bytes));
    }
  }
}

time_point session::unfinished_since() const {
  if (block_id_) return block_since_;
  const bool is_data = rest_.size() > 3 && get8(rest_, 3) == data_frame;
  return rest_.empty() || is_data ? time_point{} : rest_since_;
}

core::bytes session::take_preface(core::bytes in) {
  const auto n = std::min(in.size(), client_preface.size() - preface_seen_);
  if (std::memcmp(in.data(), client_preface.data() + preface_seen_, n) != 0) {
    fail(code::protocol_error, "no HTTP/2 preface");  // RFC 9113 3.4
    return {};
  }
  preface_seen_ += n;
  return in.subspan(n);
}

// What holds for every frame, before its payload is looked at or kept.
bool session::take_header(core::bytes header) {
  const auto type = get8(header, 3);
  const auto id = get32(header, 5) & id_mask;
  last_frame_ = now_;
  if (core::defended("H24a") && get24(header, 0) > frame_max_bytes)
    fail(code::frame_size_error, "frame over SETTINGS_MAX_FRAME_SIZE");  // RFC 9113 4.2
  else if (!settings_seen_ && type != settings_frame)
    fail(code::protocol_error, "the first frame is not SETTINGS");
  else if (core::defended("H24e") && block_id_ && (type != continuation_frame || id != block_id_))
    fail(code::protocol_error, "a frame inside a header block");
  return !failed_;
}

void session::handle(std::uint8_t type, std::uint8_t flags, std::uint32_t id, core::bytes payload) {
  switch (type) {
    case data_frame: return handle_padded_data(flags, id, payload);
    case headers_frame: return handle_headers(flags, id, payload);
    case priority_frame: return handle_priority(id, payload);
    case rst_stream_frame: return handle_rst(id, payload);
    case settings_frame: return handle_settings(flags, id, payload);
    case push_promise_frame:  // RFC 9113 8.4: a client must not, and a server was told not to
      if (core::defended("H24d")) fail(code::protocol_error, "PUSH_PROMISE");
      return;
    case ping_frame: return handle_ping(flags, id, payload);
    case goaway_frame: return handle_goaway(id, payload);
    case window_update_frame: return handle_window_update(id, payload);
    case continuation_frame: return handle_continuation(flags, id, payload);
    default:  // ignored (RFC 9113 5.5), but not without end
      if (role_ == side::server && core::defended("H24b") && !unknown_frames_.take(now_))
        exceed(limit::unknown_frames, "too many unknown frames");
  }
}

// ---- DATA (RFC 9113 6.1)

void session::count_connection(std::size_t bytes) {
  const auto n = static_cast<std::int64_t>(bytes);
  connection_receive_window_ -= n;
  if (core::defended("H14c") && connection_receive_window_ < 0) return fail(code::flow_control_error, "DATA over the connection's window");
  connection_uncredited_ += n;
  // Connection credit goes back at once (docs/passage.md 20), in updates of half a window or a MiB.
  const auto enough = std::min<std::int64_t>(connection_window_target_ / 2, 1 << 20);
  if (connection_uncredited_ < enough) return;
  write_window_update(0, static_cast<std::uint32_t>(connection_uncredited_));
  connection_receive_window_ += connection_uncredited_;
  connection_uncredited_ = 0;
}

// RFC 9113 8.1.1: a frame that goes over the announced length, or ends short of it, is known by its header, and nothing of it is passed on.
bool session::content_fits(const stream& s, std::size_t content, bool end) {
  if (!core::defended("H21a") || s.content_length < 0) return true;
  const auto sum = s.content_received + static_cast<std::int64_t>(content);
  return end ? sum == s.content_length : sum <= s.content_length;
}

// `length` counts against the windows, `content` is what of it is not padding.
void session::handle_data_frame(std::uint8_t flags, std::uint32_t id, std::size_t length, std::size_t content) {
  if (id == 0) return fail(code::protocol_error, "DATA on stream 0");
  if (core::defended("H16d") && is_idle(id)) return fail(code::protocol_error, "DATA on an idle stream");
  count_connection(length);
  if (failed_) return;
  auto* s = find(id);
  data_ends_ = (flags & end_stream) != 0;
  bool forgotten = false;
  if (!s) {
    const auto why = closed_->of(id);
    if (core::defended("H16e") && (why == closed_ids::state::ended || why == closed_ids::state::skipped))
      return fail(code::stream_closed, "DATA on a closed stream");
    forgotten = why == closed_ids::state::forgotten;
    if (role_ == side::server && data_ends_) closed_->close(id, closed_ids::state::ended);  // what was on its way is here
  }
  if (core::defended("H16e") && s && s->remote_ended) {
    stream_error(id, s, code::stream_closed);
    s = nullptr;
  }
  if (s) {
    s->receive_window -= static_cast<std::int64_t>(length);
    if (core::defended("H14c") && s->receive_window < 0) {
      stream_error(id, s, code::flow_control_error);
      s = nullptr;
    }
  }
  // A frame that brings nothing costs its sender nothing (docs/defences.md H08).
  if (content || (data_ends_ && !forgotten))
    empty_data_ = 0;
  else if (role_ == side::server && core::defended("H08") && ++empty_data_ > limits_.empty_data)
    return exceed(limit::empty_data, "too many empty DATA frames");
  if (s && !content_fits(*s, content, data_ends_)) {
    stream_error(id, s, code::protocol_error);
    s = nullptr;
  }
  data_stream_ = s;
  data_left_ = length;
  if (length == 0) data_payload({}, true);
}

void session::handle_padded_data(std::uint8_t flags, std::uint32_t id, core::bytes payload) {
  if (payload.empty()) return fail(code::frame_size_error, "DATA too short");
  if (core::defended("H24c") && get8(payload, 0) >= payload.size()) return fail(code::protocol_error, "padding as long as the frame");
  const auto padding = std::size_t{get8(payload, 0)} + 1;
  handle_data_frame(flags, id, payload.size(), payload.size() - padding);
  if (failed_) return;
  data_left_ = 0;
  // Padding counts against the windows and is nobody's to pass on (RFC 9113 6.9.1).
  if (data_stream_) credit(*data_stream_, padding);
  data_payload(payload.subspan(1, payload.size() - padding), true);
}

void session::data_payload(core::bytes payload, bool last) {
  auto* s = data_stream_;
  if (last) data_stream_ = nullptr;
  if (!s) return;
  s->content_received += static_cast<std::int64_t>(payload.size());
  const bool end = last && data_ends_;
  if (end && !take_end(*s)) return;
  if (!s->owner) {
    // Refused or answered already: what still comes is credited, and a client that goes on is told to stop (docs/passage.md 12).
    if (role_ == side::server && !data_ends_ && may_stop(*s)) return reset(*s, code::no_error);
    credit(*s, payload.size());
  } else if (!payload.empty() || end)
    events_.data(*s, payload, end);
  if (end && s->remote_ended) finish_if_done(*s);
}

// RFC 9113 8.1.1: a body shorter than announced is malformed, and its end is not passed on.
bool session::take_end(stream& s) {
  s.remote_ended = true;
  if (!core::defended("H21a") || s.content_length < 0 || s.content_received == s.content_length) return true;
  stream_error(s.id, &s, code::protocol_error);
  return false;
}

// ---- HEADERS and CONTINUATION (RFC 9113 6.2, 6.10)

void session::handle_headers(std::uint8_t flags, std::uint32_t id, core::bytes payload) {
  if (id == 0) return fail(code::protocol_error, "HEADERS on stream 0");
  std::size_t padding = 0;
  if (flags & padded) {
    if (payload.empty()) return fail(code::frame_size_error, "HEADERS too short");
    padding = get8(payload, 0);
    payload = payload.subspan(1);
  }
  if (flags & priority_flag) {
    if (payload.size() < 5) return fail(code::frame_size_error, "HEADERS too short");
    if (core::defended("H07b") && (get32(payload, 0) & id_mask) == id) return fail(code::protocol_error, "a stream that depends on itself");
    payload = payload.subspan(5);
  }
  if (padding > payload.size()) return fail(code::protocol_error, "padding longer than the frame");
  payload = payload.first(payload.size() - padding);
  block_id_ = id;
  block_ends_ = (flags & end_stream) != 0;
  block_continuations_ = 0;
  if (flags & end_headers) {
    block_is_whole(payload);
    return;
  }
  block_.assign(payload.begin(), payload.end());
  block_since_ = now_;
}

void session::handle_continuation(std::uint8_t flags, std::uint32_t, core::bytes payload) {
  if (!block_id_) return fail(code::protocol_error, "CONTINUATION without HEADERS");
  // Empty ones count: a flood of them costs a peer nothing (docs/defences.md H03).
  if (core::defended("H03a") && ++block_continuations_ > limits_.continuations)
    return exceed(limit::continuations, "too many CONTINUATION frames");
  if (core::defended("H03b") && block_.size() + payload.size() > limits_.header_block_bytes)
    return exceed(limit::header_block, "header block too large");
  block_.insert(block_.end(), payload.begin(), payload.end());
  if (!(flags & end_headers)) return;
  const auto whole = std::move(block_);
  block_ = {};
  block_is_whole(whole);
}

void session::block_is_whole(core::bytes block) {
  const auto id = std::exchange(block_id_, 0);
  const auto verdict = decoder_->decode(block, limits_, scratch_);
  if (verdict == hpack_decoder::verdict::malformed) return fail(code::compression_error, "header block does not decode");
  on_headers(id, block_ends_, verdict == hpack_decoder::verdict::too_large);
}

// ---- the rest

void session::handle_priority(std::uint32_t id, core::bytes payload) {
  // Deprecated by RFC 9113 5.3.2; its form is still checked.
  if (id == 0) return fail(code::protocol_error, "PRIORITY on stream 0");
  if (payload.size() != 5) return fail(code::frame_size_error, "PRIORITY of a wrong length");
  if (core::defended("H07b") && (get32(payload, 0) & id_mask) == id) return fail(code::protocol_error, "a stream that depends on itself");
  if (role_ == side::server && core::defended("H07a") && ++priorities_ > limits_.priorities + 2 * streams_opened_)
    exceed(limit::priorities, "too many PRIORITY frames");
}

void session::handle_rst(std::uint32_t id, core::bytes payload) {
  if (id == 0) return fail(code::protocol_error, "RST_STREAM on stream 0");
  if (payload.size() != 4) return fail(code::frame_size_error, "RST_STREAM of a wrong length");
  if (core::defended("H16d") && is_idle(id)) return fail(code::protocol_error, "RST_STREAM on an idle stream");
  auto* s = find(id);
  if (!s) return;
  // Rapid reset (CVE-2023-44487): a budget for streams that did not live a second.
  const bool young = now_ - s->opened < std::chrono::seconds(1);
  const auto why = static_cast<code>(get32(payload, 0));
  if (s->owner) events_.closed(*s, why, true);
  remove(*s);
  if (role_ == side::server && young && core::defended("H01a") && !resets_.take(now_)) on_reset_budget_spent();
}

void session::handle_settings(std::uint8_t flags, std::uint32_t id, core::bytes payload) {
  if (id != 0) return fail(code::protocol_error, "SETTINGS on a stream");
  if (flags & ack) {
    if (!payload.empty()) return fail(code::frame_size_error, "SETTINGS acknowledgement with a payload");
    if (!settings_seen_) return fail(code::protocol_error, "the first frame is not SETTINGS");
    settings_acknowledged_ = true;
    return;
  }
  if (payload.size() % 6) return fail(code::frame_size_error, "SETTINGS of a wrong length");
  settings_seen_ = true;
  // Each costs an acknowledgement, and a change of the window a walk over the streams (docs/defences.md H04).
  if ((core::defended("H04b") && payload.size() / 6 > limits_.settings_entries) || (core::defended("H04a") && !settings_.take(now_)))
    return exceed(limit::settings, "too many SETTINGS");
  for (std::size_t at = 0; at < payload.size() && !failed_; at += 6) handle_setting(get16(payload, at), get32(payload, at + 2));
  if (failed_) return;
  frame(0, settings_frame, ack, 0);
  ++acknowledgements_;
  on_settings();
}

void session::handle_setting(std::uint16_t id, std::uint32_t value) {  // RFC 9113 6.5.2
  switch (id) {
    case header_table_size: return encoder_->limit_table(value);
    case enable_push:
      if (value > 1 || (value == 1 && role_ == side::client)) fail(code::protocol_error, "SETTINGS_ENABLE_PUSH");
      return;
    case max_concurrent_streams: peer_max_streams_ = value; return;
    case initial_window_size:
      if (core::defended("H14b") && value > window_max) return fail(code::flow_control_error, "SETTINGS_INITIAL_WINDOW_SIZE");
      return change_initial_window(value);
    case max_frame_size:
      if (value < frame_max_bytes || value > 0xffffff) fail(code::protocol_error, "SETTINGS_MAX_FRAME_SIZE");
      return;
    default: return;  // ignored, as grpc-core's 0xfe03 (RFC 9113 6.5.2)
  }
}

void session::change_initial_window(std::uint32_t value) {
  const auto change = static_cast<std::int64_t>(value) - peer_initial_window_;
  peer_initial_window_ = value;
  for_each_stream([this, change](stream& s) {
    s.send_window += change;  // may become negative (RFC 9113 6.9.2)
    if (core::defended("H14b") && s.send_window > window_max)
      fail(code::flow_control_error, "SETTINGS_INITIAL_WINDOW_SIZE");
    else if (s.send_window > 0 && s.waiting)
      queue(s);
  });
}

void session::handle_ping(std::uint8_t flags, std::uint32_t id, core::bytes payload) {
  if (id != 0) return fail(code::protocol_error, "PING on a stream");
  if (payload.size() != 8) return fail(code::frame_size_error, "PING of a wrong length");
  const auto opaque = std::uint64_t{get32(payload, 0)} << 32 | get32(payload, 4);
  if (flags & ack) {
    if (!ping_outstanding_ || opaque != ping_number_) return;
    ping_outstanding_ = false;
    events_.ping_answered();
    return;
  }
  if (core::defended("H05") && !pings_.take(now_))
    return exceed(limit::pings, "too_many_pings");  // docs/passage.md 5; the words that grpc clients know
  write_ping(opaque, true);
}

void session::handle_window_update(std::uint32_t id, core::bytes payload) {
  if (payload.size() != 4) return fail(code::frame_size_error, "WINDOW_UPDATE of a wrong length");
  const std::int64_t more = get32(payload, 0) & id_mask;
  // What a client may have reason to send grows with what we sent (docs/defences.md H09).
  if (role_ == side::server && core::defended("H09") &&
      ++window_updates_ > limits_.window_updates + 2 * (streams_opened_ + 10 * data_sent_))
    return exceed(limit::window_updates, "too many WINDOW_UPDATE frames");
  if (id == 0) {
    if (core::defended("H14a") && more == 0) return fail(code::protocol_error, "WINDOW_UPDATE of 0");
    connection_send_window_ += more;
    if (core::defended("H14b") && connection_send_window_ > window_max) fail(code::flow_control_error, "WINDOW_UPDATE over 2^31-1");
    return;
  }
  if (core::defended("H16d") && is_idle(id)) return fail(code::protocol_error, "WINDOW_UPDATE on an idle stream");
  auto* s = find(id);
  if (!s) return;  // late
  if (core::defended("H14a") && more == 0) return stream_error(id, s, code::protocol_error);
  s->send_window += more;
  if (core::defended("H14b") && s->send_window > window_max) return stream_error(id, s, code::flow_control_error);
  if (s->waiting && s->send_window > 0) queue(*s);
}

void session::handle_goaway(std::uint32_t id, core::bytes payload) {
  if (id != 0) return fail(code::protocol_error, "GOAWAY on a stream");
  if (payload.size() < 8) return fail(code::frame_size_error, "GOAWAY too short");
  on_goaway(get32(payload, 0) & id_mask, static_cast<code>(get32(payload, 4)));
}

}  // namespace sallyport::http2
