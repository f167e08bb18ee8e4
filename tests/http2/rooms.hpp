// A session with somebody around it: what it tells is noted as lines, what it writes is read back as lines, and every byte that goes in is
// also fed one at a time. `fed_both_ways` runs a test twice, with a room of either kind, and wants the same transcript from both.
#pragma once

#include "wire.hpp"

#include <sallyport/http2/session.hpp>

#include <functional>

namespace sallyport::http2::tests {

enum class feeding { whole, by_the_byte };

inline std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += (text.empty() ? "" : " | ") + line;
  return text;
}

// The http2 fields of a list that lives longer than the call.
inline std::vector<field> fields_of(const list& from) {
  std::vector<field> all;
  for (const auto& [name, value] : from) all.push_back(make_field(identify(name), name, value));
  return all;
}

std::vector<field> fields_of(list&&) = delete;  // the views would outlive it

inline const list ok{{":status", "200"}, {"content-type", "application/grpc"}};
inline const list status_0{{"grpc-status", "0"}};
inline const list refusal{{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "16"}};

// The lines of what was told. DATA of one stream that comes in pieces is one line, and so is what has been sent of it.
class notes {
 public:
  void line(std::string text) {
    settle();
    lines_.push_back(std::move(text));
  }
  void data(std::uint32_t id, core::bytes payload, bool end) {
    if (kind_ != kind::data || id_ != id) settle();
    kind_ = kind::data;
    id_ = id;
    payload_.append(reinterpret_cast<const char*>(payload.data()), payload.size());
    end_ = end;
    if (end) settle();
  }
  void sent(std::uint32_t id, std::size_t bytes) {
    if (kind_ != kind::sent || id_ != id) settle();
    kind_ = kind::sent;
    id_ = id;
    sent_ += bytes;
  }
  std::vector<std::string> take() {
    settle();
    return std::exchange(lines_, {});
  }

 private:
  enum class kind { none, data, sent };
  void settle() {
    const auto on = std::to_string(id_);
    if (kind_ == kind::data) {
      auto text = payload_.size() > 40 ? std::to_string(payload_.size()) + " bytes" : "'" + payload_ + "'";
      lines_.push_back("data " + on + " " + text + (end_ ? " end" : ""));
    }
    if (kind_ == kind::sent) lines_.push_back("sent " + on + " " + std::to_string(sent_));
    kind_ = kind::none;
    payload_.clear();
    sent_ = 0;
    end_ = false;
  }
  std::vector<std::string> lines_;
  kind kind_ = kind::none;
  std::uint32_t id_ = 0;
  std::string payload_;
  std::size_t sent_ = 0;
  bool end_ = false;
};

inline std::string told_closed(const stream& on, code why, bool by_peer) {
  return "closed " + std::to_string(on.id) + " " + std::string(name_of(why)) + (by_peer ? " by peer" : " by us");
}

// What both kinds of room share. Session is the session's class, Events the interface that it tells.
template <class Session, class Events>
class room : public Events {
 public:
  room(feeding how, const limits& within) : now(core::clock::now()), session(within, pool_, scratch_, *this, now), how_(how) {}
  virtual ~room() = default;

  // Every loan ends with the call: the bytes are a copy of exactly that size, so that ASan sees a view that is kept.
  void feed(std::string_view text) {
    const auto step = how_ == feeding::whole ? text.size() : 1;
    while (!text.empty()) {
      const auto piece = std::make_unique<std::string>(text.substr(0, step));
      session.receive(bytes_of(*piece), now);
      text.remove_prefix(std::min(step, text.size()));
    }
  }
  std::string events() { return note(joined(notes_.take())); }
  // What is to be written now; taken, as by a socket that has room.
  std::string output() { return note(joined(output_lines())); }
  std::vector<std::string> output_lines() {
    const auto out = session.output();
    const std::string text(reinterpret_cast<const char*>(out.data()), out.size());
    session.output_taken();
    return reader_.lines(text);
  }
  // A stream that is open; the test fails when it is not.
  stream& on(std::uint32_t id) {
    auto* const found = find(id);
    BOOST_REQUIRE_MESSAGE(found, "stream " << id << " is not open");
    return *found;
  }
  stream* find(std::uint32_t id) {
    stream* found = nullptr;
    session.for_each_stream([&](stream& s) { found = s.id == id ? &s : found; });
    return found;
  }
  void send(std::uint32_t id, std::string_view payload, bool end = false) { session.send_data(on(id), bytes_of(payload), end); }
  void later(std::chrono::milliseconds by) { now += by; }

  void data(stream& s, core::bytes payload, bool end) override {
    BOOST_TEST(s.owner == this);
    notes_.data(s.id, payload, end);
    if (when_data) when_data(s, payload, end);
  }
  void sent(stream& s, std::size_t bytes) override {
    notes_.sent(s.id, bytes);
    if (when_sent) when_sent(s, bytes);
  }
  void closed(stream& s, code why, bool by_peer) override { notes_.line(told_closed(s, why, by_peer)); }
  void ping_answered() override { notes_.line("ping answered"); }
  void limit_reached(limit which) override { reached.push_back(which); }

  const std::vector<std::string>& transcript() const { return transcript_; }
  output_reader& reader() { return reader_; }

  time_point now;
  std::vector<limit> reached;
  std::function<void(stream&, core::bytes, bool)> when_data;
  std::function<void(stream&, std::size_t)> when_sent;

 private:
  std::string note(const std::string& text) {
    transcript_.push_back(text);
    return text;
  }
  buffer_pool pool_;
  decoded_block scratch_;

 public:
  Session session;

 protected:
  notes notes_;

 private:
  feeding how_;
  output_reader reader_;
  std::vector<std::string> transcript_;
};

class server_room final : public room<server_session, server_events> {
 public:
  explicit server_room(feeding how, const limits& within = {}) : room(how, within) {}

  // The handshake of the protocol is behind it, and nothing of it in the way.
  void open(const std::string& first = settings()) {
    feed(std::string(client_preface) + first + settings_ack());
    BOOST_TEST(output() == "SETTINGS 3=" + std::to_string(streams) + " 6=16384 | SETTINGS ack");
    BOOST_TEST(events() == "");
  }
  void head(std::uint32_t id, const list& fields = ok, bool end = false) { session.send_head(on(id), fields_of(fields), end); }
  void trailers(std::uint32_t id, const list& fields = status_0) { session.send_trailers(on(id), fields_of(fields)); }

  void request_started(stream& s, const request_head& h, bool end) override {
    if (owned) s.owner = this;
    auto text = "request " + std::to_string(s.id) + (h.grpc ? " grpc" : "") + (end ? " end" : "");
    if (h.too_large) return notes_.line(text + " too large"), started(s, h, end);
    notes_.line(text + " " + std::string(h.path));
    if (when_head) when_head(h);
    started(s, h, end);
  }

  bool owned = true;  // false: nobody is interested, as after a refusal
  std::uint32_t streams = limits().streams;
  std::function<void(const request_head&)> when_head;
  std::function<void(stream&, const request_head&, bool)> when_started;

 private:
  void started(stream& s, const request_head& h, bool end) {
    if (when_started) when_started(s, h, end);
  }
};

class client_room final : public room<client_session, client_events> {
 public:
  explicit client_room(feeding how, const limits& within = upstream_limits()) : room(how, within) {}
  static limits upstream_limits() {
    limits l;
    l.streams = 100;
    return l;
  }
  // Our preface is out, and the backend's SETTINGS are here.
  void open(const std::string& first = settings()) {
    preface();
    feed(first);
    BOOST_TEST(output() == "SETTINGS ack");
  }
  void preface() {
    const auto out = session.output();
    std::string text(reinterpret_cast<const char*>(out.data()), out.size());
    session.output_taken();
    BOOST_REQUIRE(text.starts_with(client_preface));
    BOOST_TEST(joined(reader().lines(text.substr(client_preface.size()))) == "SETTINGS 2=0 | WINDOW_UPDATE 0 2147418112");
  }
  stream& ask(bool end = true, const list& fields = call()) { return session.open(fields_of(fields), end, this); }

  void response_started(stream& s, const response_head& h, bool end) override {
    notes_.line("response " + std::to_string(s.id) + " " + std::to_string(h.status) + (end ? " end" : ""));
    if (when_response) when_response(s, h, end);
  }
  void response_trailers(stream& s, const response_head& h) override {
    BOOST_TEST(h.status == 0u);
    notes_.line("trailers " + std::to_string(s.id) + " " + std::to_string(h.fields->size()));
  }
  void unprocessed(stream& s) override { notes_.line("unprocessed " + std::to_string(s.id)); }
  void going_away(code why) override { notes_.line("going away " + std::string(name_of(why))); }

  std::function<void(stream&, const response_head&, bool)> when_response;
};

// The body of a test, run with a room that is fed whole frames and with one that is fed single bytes.
template <class Room = server_room, class Body, class... Limits>
void fed_both_ways(Body&& body, const Limits&... within) {
  std::vector<std::string> whole, single;
  BOOST_TEST_CONTEXT("fed in one piece") {
    Room r(feeding::whole, within...);
    body(r);
    r.events(), r.output();
    whole = r.transcript();
  }
  BOOST_TEST_CONTEXT("fed one byte at a time") {
    Room r(feeding::by_the_byte, within...);
    body(r);
    r.events(), r.output();
    single = r.transcript();
  }
  BOOST_TEST(joined(whole) == joined(single));
}

}  // namespace sallyport::http2::tests
