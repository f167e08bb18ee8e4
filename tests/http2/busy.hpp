// Owners that do something with every event, and know what a session may tell and write whatever comes in: the invariants of the fault
// tests and of the fuzz targets. A broken invariant throws, so that both can use them.
#pragma once

#include <sallyport/http2/session.hpp>

#include <map>
#include <stdexcept>
#include <string>

namespace sallyport::http2::tests {

inline void demand(bool condition, const char* what) {
  if (!condition) throw std::logic_error(what);
}

// The peer's view of what a session writes: frames, and the states of its streams.
class written {
 public:
  explicit written(bool by_client) : preface_(by_client ? client_preface.size() : 0) {}

  void take(core::bytes out) {
    for (std::size_t at = 0; at < out.size();) {
      if (preface_) {
        const auto n = std::min(preface_, out.size());
        preface_ -= n;
        at += n;
        continue;
      }
      demand(out.size() - at >= frame_header_bytes, "output ends inside a frame's header");
      const auto length = number(out, at, 3);
      demand(length <= frame_max_bytes, "a frame over 16 KiB");
      demand(out.size() - at - frame_header_bytes >= length, "output ends inside a frame");
      frame(static_cast<unsigned>(number(out, at + 3, 1)), static_cast<unsigned>(number(out, at + 4, 1)),
            static_cast<std::uint32_t>(number(out, at + 5, 4)), length);
      at += frame_header_bytes + length;
    }
  }

 private:
  static std::size_t number(core::bytes from, std::size_t at, int octets) {
    std::size_t value = 0;
    for (int i = 0; i < octets; ++i) value = value << 8 | static_cast<std::size_t>(from[at + static_cast<std::size_t>(i)]);
    return value;
  }
  // RFC 9113 5.1 from the other side: a head first, nothing behind the end but WINDOW_UPDATE and RST_STREAM, nothing at all behind
  // RST_STREAM.
  void frame(unsigned type, unsigned flags, std::uint32_t id, std::size_t length) {
    demand(first_ == false || type == 4, "the first frame is not SETTINGS");
    first_ = false;
    demand(block_ == 0 || (type == 9 && id == block_), "a frame inside a header block");
    auto& s = streams_[id];
    switch (type) {
      case 0:
        demand(id && s.head && !s.ended && !s.reset, "DATA where none may be");
        s.ended = flags & 1;
        break;
      case 1:
        demand(id && !s.ended && !s.reset, "HEADERS where none may be");
        s.head = true;
        s.ended = flags & 1;
        block_ = flags & 4 ? 0 : id;
        break;
      case 3:
        demand(id && length == 4 && !s.reset, "RST_STREAM where none may be");
        s.reset = true;
        break;
      case 4: demand(id == 0 && (flags & 1 ? length == 0 : length % 6 == 0), "SETTINGS of a wrong form"); break;
      case 6: demand(id == 0 && length == 8, "PING of a wrong form"); break;
      case 7: demand(id == 0 && length >= 8, "GOAWAY of a wrong form"); break;
      case 8: demand(length == 4 && !s.reset, "WINDOW_UPDATE where none may be"); break;
      case 9:
        demand(block_ != 0, "CONTINUATION without HEADERS");
        block_ = flags & 4 ? 0 : id;
        break;
      default: demand(false, "a frame that we never send");
    }
  }

  struct state {
    bool head = false, ended = false, reset = false;
  };
  std::map<std::uint32_t, state> streams_;
  std::size_t preface_;
  std::uint32_t block_ = 0;
  bool first_ = true;
};

// What a session may tell of a stream: nothing before its beginning, nothing after its end.
class told {
 public:
  void begun(stream& on) { demand(live_.emplace(on.id, false).second, "a stream that begins twice"); }
  void data(stream& on, bool end) {
    const auto at = live_.find(on.id);
    demand(at != live_.end() && !at->second, "DATA of a stream that has ended");
    at->second = end;
  }
  void gone(stream& on) { demand(live_.erase(on.id) == 1, "an end of a stream that is not there"); }
  void let_go(stream& on) {
    live_.erase(on.id);
    on.owner = nullptr;
  }

 private:
  std::map<std::uint32_t, bool> live_;
};

// A server whose answer depends on the stream's number: refused at once, echoed, answered at the end, reset, or left alone.
class busy_server final : public server_events {
 public:
  explicit busy_server(buffer_pool& pool, const limits& within = {}) : within_(within), session_(within, pool, scratch_, *this, now_) {}

  void feed(core::bytes in) {
    session_.receive(in, now_);
    now_ += std::chrono::milliseconds(1);
    demand(session_.open_streams() <= within_.streams, "more streams than allowed");
    flush();
  }
  void flush() {
    for (int i = 0; i < 1000 && session_.has_output(); ++i) {
      written_.take(session_.output());
      session_.output_taken();
    }
  }
  server_session& session() { return session_; }

  void request_started(stream& on, const request_head& head, bool end) override {
    on.owner = this;
    told_.begun(on);
    if (end) told_.data(on, true);
    if (head.too_large || on.id % 7 == 1) return refuse(on, end);
    if (on.id % 7 == 3) return;
    session_.send_head(on, fields_, false);
    if (end) finish(on, true);
  }
  void data(stream& on, core::bytes payload, bool end) override {
    told_.data(on, end);
    session_.credit(on, payload.size());
    if (on.id % 7 == 3) return;
    if (on.id % 7 == 5 && payload.size() % 5 == 4) {
      told_.let_go(on);
      return session_.reset(on, code::cancel);
    }
    session_.send_data(on, payload, false);
    if (end || payload.size() % 11 == 10) finish(on, end);
  }
  void sent(stream& on, std::size_t bytes) override { demand(on.owner == this && bytes > 0, "sent of nothing"); }
  void closed(stream& on, code, bool) override { told_.gone(on); }

 private:
  void refuse(stream& on, bool whole) {
    told_.let_go(on);
    session_.send_head(on, fields_, true);
    if (!whole) session_.stop_request(on, server_session::stop::at_once);
  }
  void finish(stream& on, bool whole) {
    told_.let_go(on);
    if (on.id % 2 && on.id % 3)
      session_.send_trailers(on, trailers_);
    else
      session_.send_data(on, std::as_bytes(std::span(tail_)), true);
    if (!whole) session_.stop_request(on, on.id % 4 == 1 ? server_session::stop::gently : server_session::stop::at_once);
  }

  const limits within_;
  const std::string tail_ = std::string(20'000, 't');
  const std::vector<field> fields_{make_field(known::status, ":status", "200"), make_field(known::other, "x", tail_)};
  const std::vector<field> trailers_{make_field(known::grpc_status, "grpc-status", "0")};
  decoded_block scratch_;
  time_point now_ = core::clock::now();
  told told_;
  written written_{false};
  server_session session_;
};

// A client with requests under way, some of them whole, some still sending.
class busy_client final : public client_events {
 public:
  explicit busy_client(buffer_pool& pool) : session_(limits(), pool, scratch_, *this, now_) { ask(); }

  void feed(core::bytes in) {
    session_.receive(in, now_);
    now_ += std::chrono::milliseconds(1);
    flush();
    if (!session_.failed()) ask();
  }
  void flush() {
    for (int i = 0; i < 1000 && session_.has_output(); ++i) {
      written_.take(session_.output());
      session_.output_taken();
    }
  }
  client_session& session() { return session_; }

  void response_started(stream& on, const response_head& head, bool end) override {
    demand(head.status >= 200 && head.status < 1000, "a final head that is none");
    if (end) told_.data(on, true), let_go(on);
  }
  void response_trailers(stream& on, const response_head&) override {
    told_.data(on, true);
    let_go(on);
  }
  void data(stream& on, core::bytes payload, bool end) override {
    told_.data(on, end);
    session_.credit(on, payload.size());
    if (end) return let_go(on);
    if (payload.size() % 7 == 6) {
      told_.let_go(on);
      session_.cancel(on);
    }
  }
  void sent(stream& on, std::size_t bytes) override { demand(on.owner == this && bytes > 0, "sent of nothing"); }
  void closed(stream& on, code, bool) override { told_.gone(on); }
  void unprocessed(stream& on) override { told_.gone(on); }
  void going_away(code) override { demand(session_.retiring(), "going away and not retiring"); }

 private:
  void ask() {
    while (session_.open_streams() < 8 && session_.capacity() > 0) {
      auto& s = session_.open(fields_, asked_ % 3 == 0, this);
      told_.begun(s);
      if (asked_ % 3 == 1) session_.send_data(s, std::as_bytes(std::span(body_)), true);
      if (asked_ % 3 == 2) session_.send_data(s, std::as_bytes(std::span(body_)), false);
      ++asked_;
    }
  }
  void let_go(stream& on) {
    told_.let_go(on);
    if (!on.local_ended) session_.cancel(on);
  }

  const std::string body_ = std::string(30'000, 'b');
  const std::vector<field> fields_{make_field(known::method, ":method", "POST"), make_field(known::scheme, ":scheme", "https"),
                                   make_field(known::path, ":path", "/s/m"),
                                   make_field(known::content_type, "content-type", "application/grpc")};
  decoded_block scratch_;
  time_point now_ = core::clock::now();
  told told_;
  written written_{true};
  unsigned asked_ = 0;
  client_session session_;
};

}  // namespace sallyport::http2::tests
