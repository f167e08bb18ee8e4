// Whatever a backend may send behind an empty SETTINGS, to a client with requests under way. Input: a plan (turns.hpp), then the bytes.
//
// Invariants: other pieces, other nothing; what is told is in order, what is written is frames in order; an answer's head is one, and its
// content is as long as it says; no request is told processed and unprocessed.
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
  within.header_list_bytes = 300;
  within.header_fields = 9;
  within.header_block_bytes = 600;
  within.continuations = 2;
  within.pings = within.settings = 3;
  return within;
}

class client final : public http2::client_events {
 public:
  explicit client(const plan& how) : how_(how), session_(limits_for(how), pool_, scratch_, *this, now_) {
    ask();
    if (!how_.has(1)) flush();
    receive(bytes_of(std::string_view("\0\0\0\4\0\0\0\0\0", 9)));
  }
  bool wants_input() const { return !session_.failed(); }
  void receive(core::bytes piece) { session_.receive(piece, now_); }
  void turn_ends() {
    settle();
    if (how_.has(2)) session_.sweep(now_);
    if (how_.has(3)) session_.ping();
    if (!session_.failed()) ask();
    flush();
    now_ += how_.step;
  }
  void end() {
    for (int i = 0; i < 4; ++i) turn_ends();
    if (session_.failed()) notes.line("failed " + std::string(name_of(session_.failure())) + " " + std::string(session_.failure_reason()));
  }

  void informational(stream& on, const http2::response_head& head) override {
    demand_response(head, 100);
    demand(head.status < 200 && head.status != 101 && !requests_.at(on.id).answered, "an informational head that is none");
    note_head("informational", on, head);
  }
  void response_started(stream& on, const http2::response_head& head, bool end) override {
    demand_response(head, 200);
    auto& r = requests_.at(on.id);
    demand(!std::exchange(r.answered, true), "a second head");
    const bool bodiless = kind(on.id) == 3 || head.status == 204 || head.status == 304;
    r.announced = bodiless ? -1 : head.content_length;
    demand(!end || r.announced <= 0, "an end before the length that was announced");
    note_head(end ? "whole response" : "response", on, head);
    if (end) told_.data(on, true), finish(on);
  }
  void response_trailers(stream& on, const http2::response_head& head) override {
    demand_fields(*head.fields, true);
    demand(head.status == 0, "trailers with a status");
    auto& r = requests_.at(on.id);
    demand(r.answered && (r.announced < 0 || r.received == r.announced), "trailers before the length that was announced");
    told_.data(on, true);
    note(on.id, r);
    note_head("trailers", on, head);
    finish(on);
  }
  void data(stream& on, core::bytes payload, bool end) override {
    told_.data(on, end);
    auto& r = requests_.at(on.id);
    demand(on.head_received == r.answered, "a head that was not told");
    if (!r.answered) {  // malformed (RFC 9113 8.1), and its owner's to end
      notes.line("data before a head " + std::to_string(on.id));
      return give_up(on);
    }
    r.gathered += text_of(payload);
    r.received += static_cast<std::int64_t>(payload.size());
    demand(r.announced < 0 || (end ? r.received == r.announced : r.received <= r.announced), "content that is not as long as announced");
    if (!end) return;
    note(on.id, r);
    notes.line("end " + std::to_string(on.id));
    finish(on);
  }
  void sent(stream& on, std::size_t bytes) override {
    auto& r = requests_.at(on.id);
    demand(bytes > 0 && bytes <= r.unsent, "sent of nothing, or more than there was");
    r.unsent -= bytes;
  }
  void closed(stream& on, http2::code why, bool by_peer) override {
    told_.gone(on);
    note(on.id, requests_.at(on.id));
    notes.line("closed " + std::to_string(on.id) + " " + std::to_string(static_cast<unsigned>(why)) + (by_peer ? " by peer" : " by us"));
    requests_.erase(on.id);
  }
  void unprocessed(stream& on) override {
    told_.gone(on);
    note(on.id, requests_.at(on.id));
    notes.line("unprocessed " + std::to_string(on.id));
    requests_.erase(on.id);
  }
  void going_away(http2::code why) override {
    demand(session_.retiring() && session_.capacity() == 0, "going away, and more is asked for");
    notes.line("going away " + std::to_string(static_cast<unsigned>(why)));
  }
  void ping_answered() override { notes.line("ping answered"); }
  void stream_failed(std::uint32_t id, http2::code) override { notes.line("stream failed " + std::to_string(id)); }
  void limit_reached(http2::limit which) override { notes.line("limit " + std::to_string(static_cast<unsigned>(which))); }

  transcript notes;

 private:
  struct request {
    stream* on = nullptr;
    std::string gathered;
    std::int64_t announced = -1, received = 0;
    std::size_t owed = 0, unsent = 0;
    bool answered = false;
  };

  // 0 whole, 1 with a body, 2 with one that has no end yet, 3 HEAD, 4 given up a turn later, 5 given up at the first DATA.
  unsigned kind(std::uint32_t id) const { return (id / 2 + (how_.habits >> 4)) % 6; }

  void ask() {
    for (; asked_ < 40 && session_.open_streams() < 8 && session_.capacity() > 0; ++asked_) {
      const auto of = kind(asked_ * 2 + 1);
      auto& on = session_.open(of == 3 ? head_ : fields_, of == 0 || of == 3, this);
      demand(on.id == asked_ * 2 + 1, "a number that is not the next");
      told_.begun(on);
      auto& r = requests_[on.id];
      r.on = &on;
      if (of == 1 || of == 2) r.unsent = body_.size() - session_.send_data(on, bytes_of(body_), of == 1);
    }
  }
  void note_head(const std::string& what, stream& on, const http2::response_head& head) {
    auto line = what + " " + std::to_string(on.id) + " " + std::to_string(head.status);
    for (const auto& f : *head.fields) line.append("\n ").append(f.name).append("=").append(f.value).append(f.never_index ? "!" : "");
    notes.line(line);
  }
  void note(std::uint32_t id, request& r) {
    if (r.gathered.empty()) return;
    notes.line("data " + std::to_string(id) + " '" + r.gathered + "'");
    r.owed += r.gathered.size();
    r.gathered.clear();
  }
  void settle() {
    std::vector<std::uint32_t> open;
    for (const auto& [id, r] : requests_) open.push_back(id);
    for (const auto id : open) {
      auto& r = requests_.at(id);
      note(id, r);
      session_.credit(*r.on, std::exchange(r.owed, 0));
      if (kind(id) == 4 || (kind(id) == 5 && r.received)) finish(*r.on);
    }
  }
  void finish(stream& on) {
    if (!on.local_ended || !on.remote_ended) return give_up(on);
    requests_.erase(on.id);
    told_.let_go(on);
  }
  void give_up(stream& on) {
    requests_.erase(on.id);
    told_.let_go(on);
    session_.cancel(on);
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
  const std::string body_ = std::string(9'000, 'b');
  const std::vector<http2::field> fields_{make_field(known::method, ":method", "POST"), make_field(known::scheme, ":scheme", "https"),
                                          make_field(known::path, ":path", "/s/m"),
                                          make_field(known::content_type, "content-type", "application/grpc")};
  const std::vector<http2::field> head_{make_field(known::method, ":method", "HEAD"), fields_[1], fields_[2]};
  http2::buffer_pool pool_;
  http2::decoded_block scratch_;
  http2::time_point now_ = beginning;
  http2::tests::told told_;
  http2::tests::written written_{true};
  std::map<std::uint32_t, request> requests_;
  std::uint32_t asked_ = 0;
  http2::client_session session_;
};

void check(core::bytes input) {
  source from(input);
  const plan how(from);
  feed_both_ways<client>(how, from.rest());
}

}  // namespace

SALLYPORT_FUZZ_TARGET(http2_client_session, check)
