// Whatever a client may send in HTTP/1.1: heads, bodies of both framings, the next request behind them. Input: a plan (turns.hpp), then the
// bytes.
//
// Invariants: other pieces, other nothing; what is told is in order (http1::tests::told); a head that is told has what the doors rely on; a
// body that is told to its end is as long as it was announced; the window is kept; all that is written begins with an answer.
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
  within.target_bytes = 40;
  within.chunk_line_bytes = 20;
  within.chunk_extensions_bytes = 30;
  within.trailer_bytes = 60;
  within.window_bytes = 48;
  return within;
}

class server final : public http1::server_events {
 public:
  explicit server(const plan& how) : how_(how), within_(limits_for(how)), session_(within_, pool_, scratch_, *this, now_, "https") {}

  // Like an owner that reads only when it is asked to.
  bool wants_input() {
    for (int i = 0; i < 20 && !session_.wants_input() && !session_.closing(); ++i) turn_ends();
    return session_.wants_input();
  }
  void receive(core::bytes piece) { session_.receive(piece, now_); }
  void turn_ends() {
    now_ += how_.step;
    settle();
    if (how_.has(1) && ++turns_ == 5) session_.begin_shutdown();
    session_.resume(now_);
    flush();
    session_.resume(now_);
  }
  void end() {
    turns_until_quiet(*this);
    notes.line(session_.closing() ? "closing" : "open");
    if (session_.cut()) notes.line("cut");
    if (session_.failed()) notes.line("failed " + std::string(session_.failure_reason()));
    demand(notes.written().empty() || notes.written().starts_with("HTTP/1.1 "), "output that is no answer");
  }

  void request_started(const http2::request_head& head, bool end) override {
    demand(!session_.closing(), "a request when closing");
    told_.begun(end);
    demand_request(head);
    http1::tests::read_all(*head.fields);
    demand(!end || head.content_length <= 0, "an end before the length that was announced");
    std::string line = end ? "whole request" : "request";
    for (const auto& f : *head.fields) line.append("\n ").append(f.name).append("=").append(f.value);
    notes.line(line + (session_.expects_continue() ? "\n waits for a 100" : ""));
    gathered_.clear();
    owed_ = 0;
    announced_ = head.content_length;
    received_ = 0;
    ended_ = end;
    begun_ = false;
    ++number_;
    if (kind() == 0) return answer_whole();
    if (kind() == 1 || kind() == 4) session_.send_continue();
    if (kind() == 1) begun_ = true, session_.send_head(chunked_, false);
  }
  void data(core::bytes payload, bool end) override {
    told_.data(payload.size(), end);
    gathered_ += text_of(payload);
    received_ += static_cast<std::int64_t>(payload.size());
    ended_ = end;
    owed_ += payload.size();
    demand(owed_ <= within_.window_bytes, "more than the window");
    demand(announced_ < 0 || (end ? received_ == announced_ : received_ <= announced_), "a body that is not as long as announced");
    if (end) note();
  }
  void request_broken() override {
    demand(told_.live(), "a broken request that had ended");
    told_.gone();
    note();
    notes.line("broken");
    if (kind() == 3) answer_whole();
  }
  void sent(std::size_t bytes) override { demand(bytes > 0, "sent of nothing"); }

  transcript notes;

 private:
  // 0 answers at once, 1 echoes, 2 answers when the request is whole, 3 at the end of a turn, 4 likewise with a length, 5 half of it.
  unsigned kind() const { return (number_ + (how_.habits >> 4)) % 6; }

  void note() {
    if (gathered_.empty() && !ended_) return;
    notes.line("data '" + gathered_ + "'" + (ended_ ? " end" : ""));
    echo_ = gathered_;
    gathered_.clear();
  }
  void settle() {
    if (!gathered_.empty()) note();
    session_.credit(std::exchange(owed_, 0));
    const auto echo = std::exchange(echo_, {});
    if (!session_.answering() || session_.closing()) return;
    switch (kind()) {
      case 1: return echo_back(echo);
      case 2: return ended_ ? answer_whole() : void();
      case 3: return answer_whole();
      case 4: return begin_sized(), session_.send_data(bytes_of(tail_), true), told_.gone();
      case 5: return begin_sized(), session_.send_data(bytes_of("half"), false), session_.abort_response();
      default: return;
    }
  }
  void echo_back(const std::string& echo) {
    if (!echo.empty() || ended_) session_.send_data(bytes_of(echo), ended_);
  }
  void begin_sized() {
    if (!std::exchange(begun_, true)) session_.send_head(sized_, false);
  }
  // The rest of a request whose answer is whole is not told.
  void answer_whole() {
    if (!session_.answering() || session_.closing()) return;
    session_.send_head(chunked_, false);
    session_.send_data(bytes_of(tail_), true);
    told_.gone();
    ended_ = true;
  }
  void flush() {
    for (int i = 0; i < 100 && session_.has_output(); ++i) {
      notes.written(session_.output());
      session_.output_taken();
    }
    demand(!session_.has_output(), "output without end");
  }

  const plan how_;
  const http1::limits within_;
  const std::string tail_ = std::string(300, 't');
  const std::vector<http2::field> chunked_{make_field(known::status, ":status", "200")};
  const std::vector<http2::field> sized_{make_field(known::status, ":status", "200"),
                                         make_field(known::content_length, "content-length", "300")};
  http2::buffer_pool pool_;
  http2::decoded_block scratch_;
  core::clock::time_point now_ = beginning;
  http1::tests::told told_;
  std::string gathered_, echo_;
  std::int64_t announced_ = -1, received_ = 0;
  std::size_t owed_ = 0;
  unsigned number_ = 0;
  int turns_ = 0;
  bool ended_ = false, begun_ = false;
  http1::server_session session_;
};

void check(core::bytes input) {
  source from(input);
  const plan how(from);
  feed_both_ways<server>(how, from.rest());
}

}  // namespace

SALLYPORT_FUZZ_TARGET(http1_server_session, check)
