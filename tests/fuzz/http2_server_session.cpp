// Whatever a client may send behind its preface and an empty SETTINGS. Input: a plan (turns.hpp), then the bytes.
//
// Invariants: other pieces, other nothing; what is told is in order (http2::tests::told), what is written is frames in order (written); a
// head that is told has what the doors rely on; a body that is told to its end is as long as it was announced; no limit is passed.
#include "head_judge.hpp"
#include "turns.hpp"

#include <sallyport/http2/session.hpp>

#include <http2/busy.hpp>

#include <map>

namespace {

using namespace sallyport;
using namespace sallyport::fuzz;
using http2::make_field;
using http2::stream;

http2::limits limits_for(const plan& how) {
  http2::limits within;
  if (!how.has(0)) return within;
  within.streams = 3;
  within.streams_refused = 4;
  within.header_list_bytes = 300;
  within.header_fields = 9;
  within.header_block_bytes = 600;
  within.continuations = 2;
  within.resets = 3;
  within.pings = within.settings = within.empty_data = within.window_updates = within.priorities = within.unknown_frames = 3;
  return within;
}

class server final : public http2::server_events {
 public:
  explicit server(const plan& how) : how_(how), within_(limits_for(how)), session_(within_, pool_, scratch_, *this, now_) {
    receive(bytes_of(http2::client_preface));
    receive(bytes_of(std::string_view("\0\0\0\4\0\0\0\0\0", 9)));
  }
  bool wants_input() const { return !session_.failed(); }
  void receive(core::bytes piece) { session_.receive(piece, now_); }
  void turn_ends() {
    settle();
    if (how_.has(1)) session_.sweep(now_);
    ++turns_;
    if (how_.has(2) && turns_ == 3) session_.begin_shutdown();
    if (how_.has(2) && turns_ == 6) session_.finish_shutdown();
    flush();
    demand(session_.open_streams() <= within_.streams, "more streams than allowed");
    now_ += how_.step;
  }
  void end() {
    for (int i = 0; i < 4; ++i) turn_ends();
    if (session_.failed()) notes.line("failed " + std::string(name_of(session_.failure())) + " " + std::string(session_.failure_reason()));
  }

  void request_started(stream& on, const http2::request_head& head, bool end) override {
    auto line = "request " + std::to_string(on.id) + (head.too_large ? " too large" : "") + (end ? " end" : "");
    if (!head.too_large) {
      demand_request(head);
      for (const auto& f : *head.fields) line.append("\n ").append(f.name).append("=").append(f.value).append(f.never_index ? "!" : "");
      demand(!end || head.content_length <= 0, "an end before the length that was announced");
    }
    notes.line(line);
    on.owner = this;
    told_.begun(on);
    if (end) told_.data(on, true);
    auto& r = requests_[on.id];
    r = {};
    r.on = &on;
    r.announced = head.too_large ? -1 : head.content_length;
    r.ended = end;
    if (head.too_large || kind(on.id) == 1) refuse(r, http2::server_session::stop::at_once);
  }
  void data(stream& on, core::bytes payload, bool end) override {
    told_.data(on, end);
    auto& r = requests_.at(on.id);
    r.gathered += text_of(payload);
    r.received += static_cast<std::int64_t>(payload.size());
    r.ended = end;
    demand(r.announced < 0 || (end ? r.received == r.announced : r.received <= r.announced), "a body that is not as long as announced");
    if (end) note(on.id, r);
  }
  void sent(stream& on, std::size_t bytes) override {
    demand(bytes > 0, "sent of nothing");
    auto& r = requests_.at(on.id);
    demand(bytes <= r.unsent, "more sent than there was");
    r.unsent -= bytes;
  }
  void closed(stream& on, http2::code why, bool by_peer) override {
    told_.gone(on);
    note(on.id, requests_.at(on.id));
    notes.line("closed " + std::to_string(on.id) + " " + std::to_string(static_cast<unsigned>(why)) + (by_peer ? " by peer" : " by us"));
    requests_.erase(on.id);
  }
  void ping_answered() override { notes.line("ping answered"); }
  void stream_failed(std::uint32_t id, http2::code) override { notes.line("stream failed " + std::to_string(id)); }
  void limit_reached(http2::limit which) override { notes.line("limit " + std::to_string(static_cast<unsigned>(which))); }

  transcript notes;

 private:
  struct request {
    stream* on = nullptr;
    std::string gathered, echo;
    std::int64_t announced = -1, received = 0;
    std::size_t owed = 0, unsent = 0;
    bool ended = false, end_noted = false, answered = false;
  };

  // 0 echoes, 1 refuses at once, 2 refuses at the end of a turn, 3 leaves it alone, 4 resets it, 5 and 6 answer at length.
  unsigned kind(std::uint32_t id) const { return (id / 2 + (how_.habits >> 4)) % 7; }

  void note(std::uint32_t id, request& r) {
    if (r.gathered.empty() && (!r.ended || r.end_noted)) return;
    r.end_noted = r.ended;
    notes.line("data " + std::to_string(id) + " '" + r.gathered + "'" + (r.ended ? " end" : ""));
    r.owed += r.gathered.size();
    r.echo += r.gathered;
    r.gathered.clear();
  }
  void settle() {
    std::vector<std::uint32_t> open;
    for (const auto& [id, r] : requests_) open.push_back(id);
    for (const auto id : open)
      if (const auto at = requests_.find(id); at != requests_.end()) settle(id, at->second);
  }
  void settle(std::uint32_t id, request& r) {
    note(id, r);
    if (kind(id) != 3 || !how_.has(3)) session_.credit(*r.on, std::exchange(r.owed, 0));
    switch (kind(id)) {
      case 0: return echo(r);
      case 2: return refuse(r, http2::server_session::stop::gently);
      case 4: return r.received || r.ended ? give_up(r) : void();
      case 5: return answer_as_room_comes(r);
      case 6: return answer_with_trailers(r);
      default: return;
    }
  }
  void echo(request& r) {
    auto& on = *r.on;
    if (!std::exchange(r.answered, true)) session_.send_head(on, fields_, false);
    const auto payload = std::exchange(r.echo, {});
    if (!r.ended) {
      r.unsent += payload.size();
      r.unsent -= session_.send_data(on, bytes_of(payload), false);
      return;
    }
    let_go(on);
    session_.send_data(on, bytes_of(payload), true);
  }
  void give_up(request& r) {
    auto& on = *r.on;
    let_go(on);
    session_.reset(on, http2::code::cancel);
  }
  void answer_as_room_comes(request& r) {
    auto& on = *r.on;
    if (!std::exchange(r.answered, true)) {
      session_.send_head(on, long_, false);
      r.unsent = tail_.size() - session_.send_data(on, bytes_of(tail_), false);
    } else if (r.unsent == 0) {
      const bool whole = r.ended;
      let_go(on);
      session_.send_data(on, {}, true);
      if (!whole) session_.stop_request(on, http2::server_session::stop::at_once);
    }
  }
  void answer_with_trailers(request& r) {
    auto& on = *r.on;
    const bool whole = r.ended;
    let_go(on);
    session_.send_head(on, fields_, false);
    session_.send_data(on, bytes_of(tail_), false);
    session_.send_trailers(on, trailers_);
    if (!whole) session_.stop_request(on, http2::server_session::stop::gently);
  }

  void refuse(request& r, http2::server_session::stop how) {
    auto& on = *r.on;
    const bool whole = r.ended;
    let_go(on);
    session_.send_head(on, fields_, true);
    if (!whole) session_.stop_request(on, how);
  }
  void let_go(stream& on) {
    requests_.erase(on.id);
    told_.let_go(on);
  }
  void flush() {
    for (int i = 0; i < 1000 && session_.has_output(); ++i) {
      const auto out = session_.output();
      written_.take(out);
      notes.written(out);
      session_.output_taken();
    }
  }

  const plan how_;
  const http2::limits within_;
  const std::string tail_ = std::string(70'000, 't');
  const std::vector<http2::field> fields_{make_field(known::status, ":status", "200"),
                                          make_field(known::content_type, "content-type", "application/grpc")};
  const std::vector<http2::field> long_{fields_[0], make_field(known::other, "x", std::string_view(tail_).substr(0, 20'000))};
  const std::vector<http2::field> trailers_{make_field(known::grpc_status, "grpc-status", "0")};
  http2::buffer_pool pool_;
  http2::decoded_block scratch_;
  http2::time_point now_ = beginning;
  http2::tests::told told_;
  http2::tests::written written_{false};
  std::map<std::uint32_t, request> requests_;
  int turns_ = 0;
  http2::server_session session_;
};

void check(core::bytes input) {
  source from(input);
  const plan how(from);
  feed_both_ways<server>(how, from.rest());
}

}  // namespace

SALLYPORT_FUZZ_TARGET(http2_server_session, check)
