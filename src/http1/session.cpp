// The part of a session that both roles share: what comes in is taken step by step, as far as credit goes; what goes out waits for room
// below the mark.
#include <sallyport/http1/session.hpp>

#include "fields.hpp"
#include "head_writer.hpp"
#include "reader.hpp"

#include <sallyport/core/defence.hpp>
#include <sallyport/core/expect.hpp>

#include <algorithm>
#include <charconv>
#include <limits>

namespace sallyport::http1 {
namespace {

constexpr std::size_t piece_max_bytes = 64 * 1024;  // of a body, in one chunk: the mark is looked at between them

}  // namespace

session::session(const limits& within, buffer_pool& pool, decoded_block& scratch, session_events& events, time_point now)
    : limits_(within),
      events_(events),
      scratch_(scratch),
      reader_(std::make_unique<reader>()),
      out_(pool),
      now_(now),
      kept_(pool),
      waiting_(pool) {}

session::~session() = default;

// ---- input

void session::receive(core::bytes in, time_point now) {
  now_ = now;
  if (closing_) return;
  if (!kept_.empty()) {
    kept_.append(in);
    in = {};
  }
  take_up(in);
}

bool session::wants_input() const {
  if (closing_ || end_of_input_ || phase_ == phase::tunnel) return false;
  return !core::defended("O10b") || (kept_.size() < limits_.window_bytes && room_in_window() > 0);
}

bool session::in_body() const {
  return phase_ == phase::length || phase_ == phase::chunked || phase_ == phase::trailers || phase_ == phase::until_close;
}

std::vector<std::byte> session::give_up_input() {
  const auto all = kept_.view();
  std::vector<std::byte> given(all.begin(), all.end());
  kept_.clear();
  return given;
}

void session::take_up(core::bytes fresh) {
  SALLYPORT_EXPECT(!taking_up_);
  taking_up_ = true;
  while (!closing_) {
    const bool from_kept = !kept_.empty();
    const auto in = from_kept ? kept_.view() : fresh;
    if (phase_ == phase::whole && !on_whole(!in.empty())) break;
    if (in.empty()) {
      if (end_of_input_) on_end_of_input();
      break;
    }
    const auto taken = step(in);
    if (from_kept)
      kept_.consume(taken);
    else
      fresh = fresh.subspan(taken);
    if (taken == 0) break;
  }
  if (closing_)
    kept_.clear();
  else
    kept_.append(fresh);
  taking_up_ = false;
}

// How much of `in` was dealt with; 0: no more can be, for now.
std::size_t session::step(core::bytes in) {
  switch (phase_) {
    case phase::head:
    case phase::trailers: return step_head(in);
    case phase::length: return step_length(in);
    case phase::chunked: return step_chunked(in);
    case phase::until_close: return step_until_close(in);
    default: return 0;
  }
}

std::size_t session::step_head(core::bytes in) {
  auto rest = in;
  switch (reader_->head.take(rest)) {
    case head_reader::found::nothing:
      if (phase_ == phase::head) note_head_began();
      break;
    case head_reader::found::start_line:
      if (phase_ == phase::head) note_head_began();
      on_start_line();
      break;
    case head_reader::found::fault: on_fault(reader_->head.why()); break;
    case head_reader::found::end:
      if (phase_ == phase::head) {
        head_began_ = {};
        on_head();
        if (phase_ != phase::head) reader_->head.release();
      } else if (const auto why = read_trailers(reader_->lines())) {
        on_fault(why);
      } else {
        reader_->head.release();
        phase_ = phase::whole;
        events_.data({}, true);
      }
  }
  return in.size() - rest.size();
}

// An empty line before a head is no beginning of one.
void session::note_head_began() {
  if (!reader_->head.begun())
    head_began_ = {};
  else if (head_began_ == time_point{})
    head_began_ = now_;
}

std::size_t session::step_length(core::bytes in) {
  const auto most = dropping_ ? in.size() : room_in_window();
  const auto payload = in.first(static_cast<std::size_t>(std::min<std::uint64_t>({left_, in.size(), most})));
  if (payload.empty()) return 0;
  left_ -= payload.size();
  if (left_ == 0) phase_ = phase::whole;
  if (!dropping_) {
    uncredited_ += payload.size();
    events_.data(payload, left_ == 0);
  }
  return payload.size();
}

std::size_t session::step_chunked(core::bytes in) {
  auto rest = in;
  const auto found = reader_->chunks.take(rest, room_in_window(), limits_);
  if (!found.fault.empty()) {
    on_fault({400, found.fault});
  } else if (found.last) {
    phase_ = phase::trailers;
    reader_->head.start(head_reader::kind::trailers, limits_.trailer_bytes, limits_.fields);
  } else if (!found.data.empty()) {
    uncredited_ += found.data.size();
    events_.data(found.data, false);
  }
  return in.size() - rest.size();
}

std::size_t session::step_until_close(core::bytes in) {
  const auto payload = in.first(std::min(in.size(), room_in_window()));
  if (payload.empty()) return 0;
  uncredited_ += payload.size();
  events_.data(payload, false);
  return payload.size();
}

void session::start_body(phase how, std::int64_t length) {
  phase_ = how == phase::length && length == 0 ? phase::whole : how;
  left_ = how == phase::length ? static_cast<std::uint64_t>(length) : 0;
  dropping_ = false;
  uncredited_ = 0;
  if (how == phase::chunked) reader_->chunks.start();
}

void session::credit(std::size_t bytes) { uncredited_ -= std::min(bytes, uncredited_); }

// ---- output

core::bytes session::output() {
  pump();
  return out_.view();
}

void session::output_taken() {
  out_.clear();
  output_was_taken_ = true;
}

void session::start_sending(framing how, std::int64_t length) {
  framing_ = how;
  unsent_ = how == framing::length ? static_cast<std::uint64_t>(length) : 0;
  end_waits_ = false;
  sending_ = true;
}

bool session::fits(std::size_t bytes, bool end) {
  if (!core::defended("H21d") || framing_ != framing::length) return true;
  if (bytes > unsent_ || (end && bytes != unsent_)) return false;
  unsent_ -= bytes;
  return true;
}

std::size_t session::send_data(core::bytes payload, bool end) {
  if (closing_) return payload.size();
  SALLYPORT_EXPECT(sending_ && !end_waits_);
  if (!fits(payload.size(), end)) {
    // What was announced cannot be kept any more: half a message it is, whoever is to blame (docs/passage.md 17).
    note_failure(end && payload.size() < unsent_ ? "message_shorter_than_announced" : "message_longer_than_announced");
    cut_message();
    return payload.size();
  }
  std::size_t taken = payload.size();  // no body at all: HEAD, 204 and 304 have none whatever is given
  if (framing_ != framing::none) {
    taken = waiting_.empty() ? write_body(payload) : 0;
    waiting_.append(payload.subspan(taken));
  }
  if (end && waiting_.empty())
    finish_sending();
  else
    end_waits_ = end;
  return taken;
}

std::size_t session::write_body(core::bytes payload) {
  std::size_t taken = 0;
  while (taken < payload.size() && out_.size() < output_mark_bytes) {
    const auto piece = payload.subspan(taken, std::min(payload.size() - taken, piece_max_bytes));
    if (framing_ == framing::chunked) {
      char size[16];
      const auto* const end = std::to_chars(size, size + sizeof size, piece.size(), 16).ptr;
      write(out_, {std::string_view(size, static_cast<std::size_t>(end - size)), "\r\n"});
    }
    out_.append(piece);
    if (framing_ == framing::chunked) write(out_, {"\r\n"});
    taken += piece.size();
  }
  return taken;
}

void session::pump() {
  while (!waiting_.empty() && out_.size() < output_mark_bytes) {
    const auto n = write_body(waiting_.view().first(std::min(waiting_.size(), piece_max_bytes)));
    waiting_.consume(n);
    // What the owner does when it is told may add to it, or end the connection.
    const bool ended = end_waits_ && waiting_.empty();
    events_.sent(n);
    if (ended && sending_) finish_sending();
  }
}

void session::finish_sending() {
  if (framing_ == framing::chunked) write(out_, {"0\r\n\r\n"});
  sending_ = end_waits_ = false;
  on_sent_whole();
}

void session::stop() {
  waiting_.clear();
  if (!taking_up_) kept_.clear();
  sending_ = end_waits_ = false;
  closing_ = true;
}

void session::cut_message() {
  cut_ = true;
  stop();
}

}  // namespace sallyport::http1
