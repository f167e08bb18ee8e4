// A client of the tests: raw HTTP/2 frames over a blocking descriptor, everything that came kept for the test to look at. One thread. Every
// wait has a deadline.
#pragma once

#include "h2_wire.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::support {

struct answer {
  headers head, trailers;
  std::string body;
  std::size_t header_blocks = 0, data_bytes = 0;
  bool trailers_only = false;  // the first block ended the stream
  bool ended = false;
  std::optional<std::uint32_t> reset;
  std::vector<std::uint8_t> frames;  // their types, in order
  std::int64_t may_send = 65'535;
  const headers& last() const { return header_blocks > 1 ? trailers : head; }
  std::string status() const { return find(last(), "grpc-status"); }
  std::string message() const { return find(last(), "grpc-message"); }
};

struct client_options {
  std::uint32_t window = 65'535;  // of a stream; the connection's is opened wide
  bool credits = true;            // gives credit back as DATA comes
  bool keeps_bodies = true;
  bool acknowledges = true;  // SETTINGS
};

class h2_client {
 public:
  struct farewell {
    std::uint32_t last = 0, code = 0;
    std::string text;
  };

  explicit h2_client(int descriptor, const client_options& options = {}) : wire_(std::make_unique<wire>(descriptor)), options_(options) {
    wire_->write(std::string(h2::preface) + h2::make_settings({{4, options.window}}) + h2::make_window(0, 0x7fffffff - 65'535));
  }

  wire& socket() { return *wire_; }
  void raw(std::string_view bytes) { wire_->write(bytes); }

  std::uint32_t open(const headers& fields, bool end) {
    const auto id = next_;
    next_ += 2;
    answers_[id];
    raw(h2::make_head(id, fields, end));
    return id;
  }
  void data(std::uint32_t id, std::string_view bytes, bool end) {
    do {
      const auto piece = bytes.substr(0, 16'384);
      bytes.remove_prefix(piece.size());
      may_send_ -= static_cast<std::int64_t>(piece.size());
      answers_[id].may_send -= static_cast<std::int64_t>(piece.size());
      raw(h2::make(h2::data, end && bytes.empty() ? h2::end_stream : h2::none, id, piece));
    } while (!bytes.empty());
  }
  void reset(std::uint32_t id, std::uint32_t why = h2::cancel) { raw(h2::make_rst(id, why)); }
  void credit(std::uint32_t id, std::uint32_t bytes) { raw(h2::make_window(id, bytes)); }

  // Within the windows, as they are given; stops early when the stream has ended or `limit` is over. Returns what was sent.
  std::size_t upload(std::uint32_t id, std::string_view content, bool end, steady::duration limit = 20s) {
    std::size_t sent = 0;
    const auto until = steady::now() + limit;
    auto& a = answers_[id];
    while (sent < content.size() && !a.ended && !a.reset && steady::now() < until) {
      const auto room = std::min({a.may_send, may_send_, std::int64_t{16'384}, static_cast<std::int64_t>(content.size() - sent)});
      if (room <= 0) {
        if (!step(until)) break;
        continue;
      }
      data(id, content.substr(sent, static_cast<std::size_t>(room)), end && sent + static_cast<std::size_t>(room) == content.size());
      sent += static_cast<std::size_t>(room);
    }
    return sent;
  }

  // Reads until `reached`; false: the time is over, or the connection.
  bool until(const std::function<bool()>& reached, steady::duration limit = 10s) {
    const auto end = steady::now() + limit;
    while (!reached())
      if (!step(end)) return reached();
    return true;
  }
  answer& finish(std::uint32_t id, steady::duration limit = 10s) {
    auto& a = answers_[id];
    until([&a] { return a.ended || a.reset; }, limit);
    return a;
  }
  answer& call(const headers& fields, std::string_view body = {}, steady::duration limit = 10s) {
    const auto id = open(fields, body.empty());
    if (!body.empty()) data(id, body, true);
    return finish(id, limit);
  }
  // All that had been sent before this, is here now: a PING goes round.
  void settle() {
    const auto number = ++pings_;
    raw(h2::make(h2::ping, h2::none, 0, h2::big_endian(number, 8)));
    if (!until([this, number] { return answered_ >= number; })) throw std::runtime_error("no answer to a PING");
  }
  bool closed_by_peer(steady::duration limit = 10s) {
    until([] { return false; }, limit);
    return closed_;
  }
  void close() { wire_->hang_up(); }

  answer& at(std::uint32_t id) { return answers_[id]; }
  const std::vector<farewell>& farewells() const { return farewells_; }
  const std::vector<std::pair<std::uint32_t, std::uint32_t>>& credits() const { return credits_; }  // stream, bytes
  std::size_t credited(std::uint32_t id) const {
    std::size_t all = 0;
    for (const auto& [stream, bytes] : credits_) all += stream == id ? bytes : 0;
    return all;
  }
  bool closed() const { return closed_; }

 private:
  bool step(steady::time_point until) {
    if (auto f = reader_.next()) return take(*f), true;
    try {
      if (!closed_ && wire_->read(reader_.bytes, until)) return true;
    } catch (const std::runtime_error&) {
      return false;
    }
    closed_ = true;
    return false;
  }
  void take(const h2::frame& f) {
    if (f.id) answers_[f.id].frames.push_back(f.type);
    switch (f.type) {
      case h2::data: return take_data(f);
      case h2::head:
        block_ = f;
        if (f.flags & h2::end_headers) take_block();
        return;
      case h2::continuation:
        block_.payload += f.payload;
        if (f.flags & h2::end_headers) take_block();
        return;
      case h2::rst: answers_[f.id].reset = f.number(); return;
      case h2::settings:
        if (!(f.flags & h2::ack) && options_.acknowledges) raw(h2::make(h2::settings, h2::ack, 0));
        return;
      case h2::ping:
        if (f.flags & h2::ack)
          answered_ = f.number(4);
        else
          raw(h2::make(h2::ping, h2::ack, 0, f.payload));
        return;
      case h2::goaway: farewells_.push_back({f.number(), f.number(4), f.payload.substr(8)}); return;
      case h2::window:
        credits_.emplace_back(f.id, f.number());
        (f.id ? answers_[f.id].may_send : may_send_) += f.number();
        return;
      default: return;
    }
  }
  void take_block() {
    auto& a = answers_[block_.id];
    const auto fields = hpack_.decode(block_.payload);
    (a.header_blocks++ ? a.trailers : a.head) = fields;
    a.trailers_only = a.header_blocks == 1 && block_.ends();
    a.ended = a.ended || block_.ends();
  }
  void take_data(const h2::frame& f) {
    auto& a = answers_[f.id];
    a.data_bytes += f.payload.size();
    if (options_.keeps_bodies) a.body += f.payload;
    a.ended = a.ended || f.ends();
    if (options_.credits && !f.payload.empty() && !f.ends()) credit(f.id, static_cast<std::uint32_t>(f.payload.size()));
  }

  std::unique_ptr<wire> wire_;
  client_options options_;
  frame_reader reader_;
  hpack_reader hpack_;
  h2::frame block_;
  std::map<std::uint32_t, answer> answers_;
  std::vector<farewell> farewells_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> credits_;
  std::int64_t may_send_ = 65'535;
  std::uint32_t next_ = 1;
  std::uint64_t pings_ = 0, answered_ = 0;
  bool closed_ = false;
};

}  // namespace sallyport::support
