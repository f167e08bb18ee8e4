// A session with somebody around it: what it tells is noted as lines, and what it writes is text. `fed` runs a test with the input whole,
// byte by byte, and (for short input) cut in two at every byte, and wants the same transcript each time.
#pragma once

#include <sallyport/http1/session.hpp>

#include <boost/test/unit_test.hpp>

#include <functional>
#include <string>
#include <utility>

namespace sallyport::http1::tests {

using list = std::vector<std::pair<std::string, std::string>>;

inline core::bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

inline std::vector<field> fields_of(const list& from) {
  std::vector<field> all;
  for (const auto& [name, value] : from) all.push_back(http2::make_field(http2::identify(name), name, value));
  return all;
}
std::vector<field> fields_of(list&&) = delete;  // the views would outlive it

inline std::string shown(const std::vector<field>& fields) {
  std::string text;
  for (const auto& f : fields) {
    text += (text.empty() ? "" : ", ") + std::string(f.name) + "=" + std::string(f.value);
    BOOST_TEST((f.id == http2::identify(f.name)));
  }
  return text;
}

// How input comes: the first piece, then all others, in bytes. 0: what there is.
struct feeding {
  std::size_t first = 0, then = 0;
};

class notes {
 public:
  void line(std::string text) {
    settle();
    lines_ += (lines_.empty() ? "" : " | ") + text;
  }
  void data(core::bytes payload, bool end) {
    if (sent_) settle();
    any_data_ = true;
    payload_.append(reinterpret_cast<const char*>(payload.data()), payload.size());
    end_ = end;
    if (end) settle();
  }
  void sent(std::size_t bytes) {
    if (any_data_) settle();
    sent_ += bytes;
  }
  std::string take() {
    settle();
    return std::exchange(lines_, {});
  }

 private:
  void settle() {
    if (std::exchange(any_data_, false)) {
      const auto text = std::exchange(payload_, {});
      line("data " + (text.size() > 60 ? std::to_string(text.size()) + " bytes" : "'" + text + "'") +
           (std::exchange(end_, false) ? " end" : ""));
    }
    if (const auto bytes = std::exchange(sent_, 0)) line("sent " + std::to_string(bytes));
  }
  std::string lines_, payload_;
  std::size_t sent_ = 0;
  bool any_data_ = false, end_ = false;
};

template <class Session, class Events>
class room : public Events {
 public:
  template <class... More>
  explicit room(feeding how, const limits& within, More... more) : session(within, pool_, scratch_, *this, now, more...), how_(how) {}
  virtual ~room() = default;

  // Every loan ends with the call: the bytes are a copy of exactly that size, so that ASan sees a view that is kept.
  void feed(std::string_view text) {
    while (!text.empty()) {
      auto n = fed_ == 0 && how_.first ? how_.first : fed_ < how_.first ? how_.first - fed_ : how_.then;
      if (n == 0 || n > text.size()) n = text.size();
      const std::vector<std::byte> piece(bytes_of(text).begin(), bytes_of(text).begin() + static_cast<std::ptrdiff_t>(n));
      session.receive(piece, now);
      fed_ += n;
      text.remove_prefix(n);
    }
  }
  std::string events() { return note(notes_.take()); }
  std::string output() {
    const auto out = session.output();
    const std::string text(reinterpret_cast<const char*>(out.data()), out.size());
    session.output_taken();
    return note(text);
  }
  void resume() { session.resume(now); }
  std::size_t send(std::string_view payload, bool end = false) {
    const std::vector<std::byte> copy(bytes_of(payload).begin(), bytes_of(payload).end());
    return session.send_data(copy, end);
  }
  void later(std::chrono::milliseconds by) { now += by; }

  void data(core::bytes payload, bool end) override {
    notes_.data(payload, end);
    if (credits) session.credit(payload.size());
    if (when_data) when_data(payload, end);
  }
  void sent(std::size_t bytes) override {
    notes_.sent(bytes);
    if (when_sent) when_sent(bytes);
  }
  const std::string& transcript() const { return transcript_; }

  bool credits = true;
  std::function<void(core::bytes, bool)> when_data;
  std::function<void(std::size_t)> when_sent;
  time_point now = core::clock::now();

 private:
  std::string note(std::string text) {
    transcript_ += text + "\n";
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
  std::size_t fed_ = 0;
  std::string transcript_;
};

class server_room final : public room<server_session, server_events> {
 public:
  explicit server_room(feeding how = {}, const limits& within = {}, bool connect_allowed = false)
      : room(how, within, std::string_view("https"), connect_allowed) {}

  void head(const list& fields, bool end = false) { session.send_head(fields_of(fields), end); }

  void request_started(const request_head& h, bool end) override {
    std::string text = "request " + shown(*h.fields);
    if (session.expects_continue()) text += " expects-continue";
    notes_.line(text + (end ? " end" : ""));
    if (when_started) when_started(h, end);
  }
  void request_broken() override {
    notes_.line("broken");
    if (when_broken) when_broken();
  }
  std::function<void(const request_head&, bool)> when_started;
  std::function<void()> when_broken;
};

class client_room final : public room<client_session, client_events> {
 public:
  explicit client_room(feeding how = {}, const limits& within = {}) : room(how, within) {}

  // Asks, and has the request written.
  std::string ask(const list& fields, bool end = true) {
    BOOST_TEST(session.open(fields_of(fields), end));
    return output();
  }
  void informational(std::uint32_t status, const response_head& h) override {
    BOOST_TEST(status == h.status);
    notes_.line("informational " + shown(*h.fields));
  }
  void response_started(const response_head& h, bool end) override {
    notes_.line("response " + shown(*h.fields) + (end ? " end" : ""));
    if (when_response) when_response(h, end);
  }
  std::function<void(const response_head&, bool)> when_response;
};

// Every way in which `bytes` may come.
inline std::vector<feeding> feedings(std::size_t bytes) {
  std::vector<feeding> all{{0, 0}, {1, 1}, {3, 7}};
  if (bytes <= 2'000)
    for (std::size_t cut = 1; cut < bytes; ++cut) all.push_back({cut, 0});
  return all;
}

// Runs `body` with a room for each of these, and wants one transcript.
template <class Room = server_room, class Body, class... Limits>
void fed(std::size_t bytes, Body&& body, const Limits&... within) {
  std::string first;
  for (const auto how : feedings(bytes)) {
    BOOST_TEST_CONTEXT("pieces of " << how.first << ", then " << how.then) {
      Room r(how, within...);
      body(r);
      r.events(), r.output();
      if (first.empty()) first = r.transcript();
      BOOST_TEST(r.transcript() == first);
    }
  }
}

}  // namespace sallyport::http1::tests
