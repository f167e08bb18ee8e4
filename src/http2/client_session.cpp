#include <sallyport/http2/session.hpp>

#include "closed_ids.hpp"
#include "frame.hpp"
#include "head_rules.hpp"
#include "hpack.hpp"

#include <sallyport/core/defence.hpp>
#include <sallyport/core/expect.hpp>

#include <algorithm>
#include <cstring>

namespace sallyport::http2 {
namespace {

// What backends bear of resets (docs/passage.md 18): nghttpd and Go end a connection at a burst of a thousand.
limits with_upstream_resets(limits l) {
  l.resets = 300;
  l.resets_per_second = 10;
  return l;
}

constexpr double orphan_reserve = 75;          // so many resets are left to requests whose clients go now
constexpr std::uint8_t informational_max = 8;  // docs/passage.md 18

}  // namespace

client_session::client_session(const limits& within, buffer_pool& pool, decoded_block& scratch, client_events& events, time_point now)
    : session(side::client, with_upstream_resets(within), pool, scratch, events, now), handler_(events) {
  encoder_ = std::make_unique<hpack_encoder>(hpack_encoder::table::shared);
  out_.append(std::as_bytes(std::span(client_preface)));
  auto* at = frame(6, settings_frame, no_flags, 0);
  put16(at, enable_push);
  put32(at + 2, 0);
  grow_connection_window(0x7fffffff);  // streams are bounded each, the connection is not (docs/passage.md 20)
}

std::size_t client_session::capacity() const {
  if (failed() || retiring() || output_bytes() >= output_mark_bytes) return 0;
  const auto most = std::min<std::size_t>(limits_.streams, peer_max_streams_);
  return most > open_streams() ? most - open_streams() : 0;
}

stream& client_session::open(const std::vector<field>& fields, bool end, void* owner) {
  SALLYPORT_EXPECT(!retiring());
  closed_->use(next_id_);
  auto& s = open_stream(next_id_);
  next_id_ += 2;
  s.owner = owner;
  s.flush = flushes_;
  s.head_has_state = write_headers(s.id, fields, end);
  s.local_ended = end;
  s.asked_for_head = std::any_of(fields.begin(), fields.end(), [](const field& f) { return f.id == known::method && f.value == "HEAD"; });
  return s;
}

bool client_session::cancel(stream& on, token_bucket* also) {
  disown(on);
  if (core::defended("H01c") && on.flush == flushes_ && !on.head_has_state) {
    take_back(on);
    return true;
  }
  if (also && core::defended("H01d") && !also->take(now_)) return false;
  if (core::defended("H01b") && !resets_.take(now_)) return false;
  reset(on, code::cancel);
  return true;
}

// Every frame of the stream leaves the output, which holds whole frames, behind the preface in the first flush.
void client_session::take_back(stream& s) {
  const auto id = s.id;
  auto* const all = const_cast<std::byte*>(out_.view().data());
  const core::bytes view = out_.view();
  auto to = flushes_ == 1 ? client_preface.size() : 0;
  for (auto at = to; at < view.size();) {
    const auto length = frame_header_bytes + get24(view, at);
    if ((get32(view, at + 5) & id_mask) != id) {
      if (to != at) std::memmove(all + to, all + at, length);
      to += length;
    } else if (get8(view, at + 3) == data_frame) {
      connection_send_window_ += static_cast<std::int64_t>(length - frame_header_bytes);
    }
    at += length;
  }
  out_.uncommit(view.size() - to);
  remove(s);
  closed_->close(id, closed_ids::state::reset);
}

void client_session::sweep(time_point now) {
  orphans_ = 0;
  for_each_stream([this, now](stream& s) {
    if (s.owner || s.remote_ended) return;
    if (resets_.take(now, orphan_reserve))
      reset(s, code::cancel);
    else
      ++orphans_;
  });
}

void client_session::on_headers(std::uint32_t id, bool end, bool too_large) {
  if (is_idle(id)) return fail(code::protocol_error, "HEADERS on an idle stream");
  auto* s = find(id);
  if (!s) {
    if (closed_->of(id) == closed_ids::state::ended) fail(code::stream_closed, "HEADERS on a closed stream");
    return;
  }
  if (s->remote_ended) return stream_error(id, s, code::stream_closed);
  if (too_large) return stream_error(id, s, code::enhance_your_calm);
  response(*s, end);
}

void client_session::response(stream& s, bool end) {
  response_head head;
  if (s.head_received) {
    // The second block is the trailers, and the last (RFC 9113 8.1).
    head.fields = &block_fields();
    if (core::defended("H27c") && (!end || !trailers_are_valid(block_fields(), false))) return stream_error(s.id, &s, code::protocol_error);
    if (!take_end(s)) return;
    if (s.owner) handler_.response_trailers(s, head);
    if (s.remote_ended) finish_if_done(s);
    return;
  }
  if (!read_response_head(block_fields(), head) && core::defended("H27a")) return stream_error(s.id, &s, code::protocol_error);
  if (head.status < 200) {
    // 101 has no meaning in HTTP/2 (RFC 9113 8.6), and an end after 1xx is no answer.
    if (core::defended("H27b") && (end || head.status == 101 || ++s.informational > informational_max))
      return stream_error(s.id, &s, code::protocol_error);
    if (s.owner) handler_.informational(s, head);
    return;
  }
  s.head_received = true;
  // RFC 9113 8.1.1: a length that does not come true is half an answer, unless there is no content by definition.
  if (!s.asked_for_head && head.status != 204 && head.status != 304) {
    s.content_length = head.content_length;
    if (end && head.content_length > 0) return stream_error(s.id, &s, code::protocol_error);
  }
  s.remote_ended = end;
  if (s.owner) handler_.response_started(s, head, end);
  if (s.remote_ended) finish_if_done(s);
}

void client_session::on_goaway(std::uint32_t last_id, code why) {
  going_away_ = core::defended("H23b");
  for_each_stream([this, last_id](stream& s) {
    if (core::defended("O09a") && s.id <= last_id) return;
    if (s.owner) handler_.unprocessed(s);
    remove(s);
  });
  handler_.going_away(why);
}

}  // namespace sallyport::http2
