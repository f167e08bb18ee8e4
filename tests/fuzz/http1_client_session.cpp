// Whatever a backend may send in HTTP/1.1 to a client that asks again whenever it may, and the end of its stream. Input: a plan
// (turns.hpp), then the bytes.
//
// Invariants: other pieces, other nothing; an answer is one that was asked for, has a head that is one, and content as long as it says; a
// connection that has failed or ended is never used again.
#include "head_judge.hpp"
#include "turns.hpp"

#include <http1/busy.hpp>

namespace {

using namespace sallyport;
using namespace sallyport::fuzz;
using http2::make_field;

http1::limits limits_for(const plan& how) {
  http1::limits within;
  if (!how.has(0)) return within;
  within.head_bytes = 200;
  within.fields = 5;
  within.chunk_line_bytes = 20;
  within.chunk_extensions_bytes = 30;
  within.trailer_bytes = 60;
  within.window_bytes = 48;
  return within;
}

class client final : public http1::client_events {
 public:
  explicit client(const plan& how) : how_(how), within_(limits_for(how)), session_(within_, pool_, scratch_, *this, now_) { ask(); }

  bool wants_input() {
    for (int i = 0; i < 20 && !session_.wants_input() && !session_.closing(); ++i) turn_ends();
    return session_.wants_input();
  }
  void receive(core::bytes piece) {
    came_ += piece.size();
    session_.receive(piece, now_);
  }
  void turn_ends() {
    now_ += how_.step;
    note();
    session_.credit(std::exchange(owed_, 0));
    if (how_.has(1) && received_ > 30) session_.cancel();
    session_.resume(now_);
    flush();
    demand(!session_.reusable() || session_.answered(), "used again before it has answered");
    if (session_.reusable()) ask();
  }
  void end() {
    if (how_.has(2)) session_.peer_closed();
    turns_until_quiet(*this);
    if (how_.has(2)) {
      demand(!session_.reusable(), "a connection that has ended may be used again");
      demand(session_.closing() || !told_.live(), "an answer without an end");
    }
    notes.line(session_.closing() ? "closing" : "open");
    if (session_.failed()) {
      demand(!session_.reusable(), "a connection that has failed may be used again");
      notes.line("failed " + std::string(session_.failure_reason()));
    }
  }

  void informational(std::uint32_t status, const http2::response_head& head) override {
    demand(asked_ && came_ > came_before_ && status == head.status && status < 200 && status != 101, "an informational head that is none");
    demand_response(head, 100);
    note_head("informational", head);
  }
  void response_started(const http2::response_head& head, bool end) override {
    demand(std::exchange(asked_, false) && came_ > came_before_, "an answer that nobody asked for");
    demand_response(head, 200);
    told_.begun(end);
    announced_ = head_only_ || head.status == 204 || head.status == 304 ? -1 : head.content_length;
    received_ = 0;
    demand(!end || announced_ <= 0, "an end before the length that was announced");
    note_head(end ? "whole response" : "response", head);
  }
  void data(core::bytes payload, bool end) override {
    told_.data(payload.size(), end);
    gathered_ += text_of(payload);
    received_ += static_cast<std::int64_t>(payload.size());
    owed_ += payload.size();
    demand(owed_ <= within_.window_bytes, "more than the window");
    demand(announced_ < 0 || (end ? received_ == announced_ : received_ <= announced_), "content that is not as long as announced");
    if (!end) return;
    note();
    notes.line("end");
  }
  void sent(std::size_t bytes) override { demand(bytes > 0, "sent of nothing"); }

  transcript notes;

 private:
  void note_head(const std::string& what, const http2::response_head& head) {
    http1::tests::read_all(*head.fields);
    auto line = what + " " + std::to_string(head.status) + " " + std::to_string(head.content_length);
    for (const auto& f : *head.fields) line.append("\n ").append(f.name).append("=").append(f.value);
    notes.line(line);
  }
  void note() {
    if (gathered_.empty()) return;
    notes.line("data '" + std::exchange(gathered_, {}) + "'");
  }
  void flush() {
    for (int i = 0; i < 100 && session_.has_output(); ++i) {
      notes.written(session_.output());
      session_.output_taken();
    }
    demand(!session_.has_output(), "output without end");
  }
  void ask() {
    ++number_;
    const auto kind = (number_ + (how_.habits >> 4)) % 4;
    auto fields = fields_;
    head_only_ = kind == 1;
    if (head_only_) fields[0].value = "HEAD";
    demand(session_.open(fields, kind != 2), "a request that cannot be said");
    notes.line("asked");
    asked_ = true;
    came_before_ = came_;
    if (kind == 2) session_.send_data(bytes_of("some of a body"), how_.has(3));
    flush();
  }

  const plan how_;
  const http1::limits within_;
  const std::vector<http2::field> fields_{make_field(known::method, ":method", "POST"), make_field(known::path, ":path", "/v2/vectordb"),
                                          make_field(known::authority, ":authority", "h")};
  http2::buffer_pool pool_;
  http2::decoded_block scratch_;
  core::clock::time_point now_ = beginning;
  http1::tests::told told_;
  std::string gathered_;
  std::int64_t announced_ = -1, received_ = 0;
  std::size_t owed_ = 0, came_ = 0, came_before_ = 0;
  unsigned number_ = 0;
  bool asked_ = false, head_only_ = false;
  http1::client_session session_;
};

void check(core::bytes input) {
  source from(input);
  const plan how(from);
  feed_both_ways<client>(how, from.rest());
}

}  // namespace

SALLYPORT_FUZZ_TARGET(http1_client_session, check)
