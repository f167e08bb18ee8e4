// Owners that do something with every event, and know what a session may tell and write whatever comes in: the invariants of the random
// tests and of the fuzz targets. A broken invariant throws, so that both can use them.
#pragma once

#include <sallyport/http1/session.hpp>

#include <cstring>
#include <stdexcept>
#include <string>

namespace sallyport::http1::tests {

inline void demand(bool condition, const char* what) {
  if (!condition) throw std::logic_error(what);
}

// Told of one message: a head, then DATA up to one end.
class told {
 public:
  void begun(bool end) {
    demand(!live_, "a message begins in another");
    live_ = !end;
  }
  void data(std::size_t bytes, bool end) {
    demand(live_, "DATA of no message");
    demand(bytes > 0 || end, "DATA of nothing");
    live_ = !end;
  }
  void gone() { live_ = false; }
  bool live() const { return live_; }

 private:
  bool live_ = false;
};

// A view of a head must lie in memory that is there: every byte is read.
inline void read_all(const std::vector<field>& fields) {
  std::size_t sum = 0;
  for (const auto& f : fields) {
    demand(!f.name.empty(), "a field without a name");
    demand(f.name.find_first_of("\r\n\0 ") == f.name.npos && f.value.find_first_of(std::string_view("\r\n\0", 3)) == f.value.npos,
           "a field that ends a line");
    demand(f.id != known::connection && f.id != known::transfer_encoding && f.id != known::te && f.id != known::upgrade,
           "a field of the connection");
    for (const char c : f.name) sum += static_cast<unsigned char>(c);
    for (const char c : f.value) sum += static_cast<unsigned char>(c);
  }
  volatile auto kept = sum;
  (void)kept;
}

// A server whose answer depends on the request's number: at once, echoed, at the end, cut, or after a while.
class busy_server final : public server_events {
 public:
  explicit busy_server(buffer_pool& pool, const limits& within = {})
      : within_(within), session_(within, pool, scratch_, *this, now_, "https") {}

  void feed(core::bytes in) {
    // Like an owner that reads only when it is asked to.
    for (int i = 0; i < 100 && !session_.wants_input() && !session_.closing(); ++i) turn();
    if (!session_.wants_input()) return;
    session_.receive(in, now_);
    turn();
  }
  // The end of a turn: what was owed is given, and what waits goes on.
  void turn() {
    now_ += std::chrono::milliseconds(1);
    if (owed_) session_.credit(std::exchange(owed_, 0));
    if (session_.answering() && late_ && !told_.live()) late_ = false, answer(true);
    session_.resume(now_);
    flush();
    session_.resume(now_);
  }
  void flush() {
    for (int i = 0; i < 1000 && session_.has_output(); ++i) {
      demand(session_.output().size() <= session::output_mark_bytes + 200'000, "more output than the mark allows");
      if (written_.empty())
        written_.assign(reinterpret_cast<const char*>(session_.output().data()), std::min<std::size_t>(session_.output().size(), 64));
      session_.output_taken();
    }
    if (!written_.empty()) demand(written_.starts_with("HTTP/1.1 "), "output that is no answer");
    demand(!session_.has_output(), "output without end");
  }
  server_session& session() { return session_; }

  void request_started(const request_head& head, bool end) override {
    demand(!session_.closing(), "a request when closing");
    told_.begun(end);
    read_all(*head.fields);
    demand(!head.method.empty() && !head.path.empty() && head.fields->front().id == known::method, "a head that is not whole");
    ++number_;
    if (number_ % 5 == 1) return answer(true);
    if (number_ % 5 == 2) {
      session_.send_continue();
      answer(false);
      if (end) send_end();
      return;
    }
    if (number_ % 5 == 4) session_.send_continue();
    late_ = true;
  }
  void data(core::bytes payload, bool end) override {
    told_.data(payload.size(), end);
    owed_ += payload.size();
    demand(owed_ <= within_.window_bytes, "more than the window");
    if (number_ % 5 == 2) {
      session_.send_data(payload, false);
      if (end) send_end();
      if (payload.size() % 13 == 12) session_.abort_response();
    }
  }
  void request_broken() override {
    demand(told_.live(), "a broken request that had ended");
    told_.gone();
    late_ = false;
    if (number_ % 2 && number_ % 5 != 2) answer(true);  // an echo has its head
  }
  void sent(std::size_t bytes) override { demand(bytes > 0, "sent of nothing"); }

 private:
  // The rest of a request whose answer is whole is not told, and not owed.
  void answer(bool whole) {
    if (!session_.answering() || session_.closing()) return;
    session_.send_head(number_ % 3 ? chunked_ : sized_, false);
    if (!whole) return;
    session_.send_data(std::as_bytes(std::span(tail_)), true);
    told_.gone();
  }
  void send_end() {
    if (number_ % 3 == 0) return session_.abort_response();  // what was echoed is not what the head announced
    session_.send_data({}, true);
  }

  const limits within_;
  const std::string tail_ = std::string(20'000, 't');
  const std::vector<field> chunked_{http2::make_field(known::status, ":status", "200")};
  const std::vector<field> sized_{http2::make_field(known::status, ":status", "200"),
                                  http2::make_field(known::content_length, "content-length", "20000")};
  decoded_block scratch_;
  time_point now_ = core::clock::now();
  told told_;
  std::string written_;
  std::size_t owed_ = 0;
  unsigned number_ = 0;
  bool late_ = false;
  server_session session_;
};

// A client that asks again whenever it may.
class busy_client final : public client_events {
 public:
  explicit busy_client(buffer_pool& pool, unsigned number = 0) : number_(number), session_(limits(), pool, scratch_, *this, now_) { ask(); }

  void feed(core::bytes in) {
    for (int i = 0; i < 100 && !session_.wants_input() && !session_.closing(); ++i) turn();
    if (!session_.wants_input()) return;
    session_.receive(in, now_);
    turn();
  }
  void end() {
    session_.peer_closed();
    for (int i = 0; i < 100; ++i) turn();
    demand(!session_.reusable(), "a connection that has ended may be used again");
    demand(session_.closing() || !told_.live(), "an answer without an end");
  }
  client_session& session() { return session_; }

  void informational(std::uint32_t status, const response_head& head) override {
    demand(status >= 100 && status < 200 && status != 101, "an informational head that is none");
    read_all(*head.fields);
  }
  void response_started(const response_head& head, bool end) override {
    demand(asked_, "an answer that nobody asked for");
    asked_ = false;
    demand(head.status >= 200 && head.status < 1000, "a final head that is none");
    told_.begun(end);
    read_all(*head.fields);
  }
  void data(core::bytes payload, bool end) override {
    told_.data(payload.size(), end);
    owed_ += payload.size();
    demand(owed_ <= limits().window_bytes, "more than the window");
    if (payload.size() % 13 == 12) session_.cancel();
  }
  void sent(std::size_t bytes) override { demand(bytes > 0, "sent of nothing"); }

 private:
  void turn() {
    now_ += std::chrono::milliseconds(1);
    if (owed_) session_.credit(std::exchange(owed_, 0));
    session_.resume(now_);
    flush();
    if (session_.reusable()) ask();
  }
  void flush() {
    for (int i = 0; i < 1000 && session_.has_output(); ++i) {
      (void)session_.output();
      session_.output_taken();
    }
    demand(!session_.has_output(), "output without end");
  }
  void ask() {
    ++number_;
    auto fields = fields_;
    if (number_ % 4 == 1) fields[0].value = "HEAD";
    const bool end = number_ % 3 != 0;
    demand(session_.open(fields, end), "a request that cannot be said");
    asked_ = true;
    if (!end) session_.send_data(std::as_bytes(std::span(body_)), true);
    flush();
  }

  const std::string body_ = std::string(30'000, 'b');
  const std::vector<field> fields_{http2::make_field(known::method, ":method", "POST"),
                                   http2::make_field(known::path, ":path", "/v2/vectordb"),
                                   http2::make_field(known::authority, ":authority", "h")};
  decoded_block scratch_;
  time_point now_ = core::clock::now();
  told told_;
  std::size_t owed_ = 0;
  unsigned number_;
  bool asked_ = false;
  client_session session_;
};

}  // namespace sallyport::http1::tests
