// What each end must have seen, from what was planned and from what each end did: by RFC 9113 and by the rules of docs/passage.md, which
// are named where they are looked after. Nothing here knows how the product does it.
#include "conversations.hpp"

#include "support/h2_wire.hpp"

#include <algorithm>

namespace sallyport::proxy::conversations {
namespace {

namespace h2 = support::h2;

constexpr std::size_t surely_kept = 4'096;  // a body that is always held whole for a second sending (docs/passage.md 16)

std::string shown(const headers& fields) {
  std::string text;
  for (const auto& f : fields) text += f.name + "=" + f.value.substr(0, 60) + (f.never_indexed ? " (never indexed); " : "; ");
  for (auto& c : text)
    if (c < 0x20 || c > 0x7e) c = '?';
  return text.empty() ? "nothing" : text;
}

class judge_of_one {
 public:
  judge_of_one(const conversation& talk, const request_plan& plan, const seen_answer& seen, const std::vector<attempt>& reached)
      : talk_(talk), plan_(plan), seen_(seen), reached_(reached) {}

  std::string complaints() {
    backend();
    client();
    return text_;
  }

 private:
  void demand(bool condition, const std::string& what) {
    if (!condition) text_ += "  " + what + "\n";
  }
  void same(const headers& wanted, const headers& got, const std::string& what) {
    demand(wanted == got, what + " is " + shown(got) + "\n    and not " + shown(wanted));
  }
  // Whoever is not heard to the end, may be cancelled.
  bool left() const { return seen_.gave_up || seen_.hung_up; }

  // ---- the backend

  void backend() {
    if (plan_.kind != fate::passes) return demand(reached_.empty(), "what is refused reaches the backend");
    demand(reached_.empty() || seen_.opened, "a request that nobody made");
    demand(reached_.size() <= 2, "a request is sent " + std::to_string(reached_.size()) + " times");  // docs/passage.md 16
    for (std::size_t i = 0; i < reached_.size(); ++i) {
      attempt_at(reached_[i]);
      if (i + 1 == reached_.size()) continue;
      demand(was_not_processed(reached_[i]), "a request that may have been processed is sent again");
      demand(reached_[i].connection != reached_[i + 1].connection, "it is sent again on the same connection");
    }
  }
  void attempt_at(const attempt& t) {
    same(plan_.forwarded, t.head, "the head at the backend");
    demand(plan_.body.starts_with(t.body), "the body at the backend differs after " + std::to_string(common(t.body)) + " octets");
    if (t.ended) {
      demand(seen_.sent_end, "the backend sees an end that the client did not send");
      demand(t.body.size() == plan_.body.size(), "a body ends after " + std::to_string(t.body.size()) + " octets");
    }
    if (t.reset) {
      demand(*t.reset == h2::cancel, "the backend is reset with " + std::to_string(*t.reset));  // docs/passage.md 18
      demand(left() || t.finished || t.died != attempt::death::none, "the backend is told CANCEL without a reason");
    }
    const bool over = (t.ended && t.finished) || t.reset || t.has_reset || t.disowned || t.died != attempt::death::none;
    demand(over, "a stream is left open at the backend");
  }
  std::size_t common(const std::string& got) const {
    return static_cast<std::size_t>(std::mismatch(got.begin(), got.end(), plan_.body.begin(), plan_.body.end()).first - got.begin());
  }
  static bool has_looked(const attempt& t) { return t.interim || t.has_head; }
  static bool was_not_processed(const attempt& t) {
    return t.disowned || (t.has_reset == std::optional<std::uint32_t>(h2::refused_stream) && !has_looked(t));
  }

  // ---- the client

  void client() {
    if (!seen_.opened) return;
    if (left()) return so_far();
    if (plan_.kind == fate::answered_here) return answered_here();
    if (plan_.kind != fate::passes) return refusal();
    demand(seen_.sent_end || seen_.reset, "a client that still uploads is not told to stop");  // docs/passage.md 12
    if (reached_.empty()) return never_got_there();
    const auto& t = reached_.back();
    if (was_not_processed(t)) return not_processed();
    // What was written last may have been lost.
    if (t.died == attempt::death::abrupt && !(t.finished && seems_whole())) return broken(t, t.has_reset && says("1") ? 1 : 14);
    if (t.finished) return whole(t);
    if (t.has_reset) return broken(t, *t.has_reset == h2::cancel ? 1 : 14);
    if (t.died != attempt::death::none) return broken(t, 14);
    demand(false, "the client has an answer that the backend did not give");
  }
  void interim(std::size_t most) {
    demand(plan_.rest || seen_.interim.empty(), "gRPC gets an interim answer");  // docs/passage.md 18
    if (!plan_.rest) return;
    demand(seen_.interim.size() <= most, "more interim answers than were sent");
    for (std::size_t i = 0; i < seen_.interim.size(); ++i)
      same({{":status", "103"}, {"link", "</x>; rel=" + std::to_string(i + 1)}}, seen_.interim[i], "an interim answer");
  }
  bool says(std::string_view status) const {
    return support::find(seen_.has_trailers ? seen_.trailers : seen_.head, "grpc-status") == status;
  }
  bool seems_whole() const {
    return seen_.head == plan_.answer.head_passed && seen_.body == plan_.answer.body && seen_.ended &&
           (!seen_.has_trailers || seen_.trailers == plan_.answer.trailers);
  }
  void whole(const attempt& t) {
    const auto& a = plan_.answer;
    interim(t.interim);
    if (plan_.rest) demand(seen_.interim.size() == t.interim, "an interim answer is lost");
    same(a.head_passed, seen_.head, "the answer's head");
    body(a.body.size(), a.body.size());
    demand(seen_.ended, "the answer does not end");
    // docs/passage.md 19.
    const bool trailers = a.ends != answer_plan::how::head_alone && a.ends != answer_plan::how::without_trailers && !plan_.rest;
    same(trailers ? a.trailers : headers{}, seen_.trailers, "the answer's trailers");
    demand(seen_.has_trailers == trailers, "trailers where none were, or the other way round");
    demand(!seen_.reset || *seen_.reset == h2::no_error, "a whole answer is reset");
  }
  void body(std::size_t least, std::size_t most) {
    const auto n = seen_.body.size();
    demand(plan_.answer.body.starts_with(seen_.body), "the answer's body is not what was sent");
    demand(n >= least && n <= most,
           "the answer's body has " + std::to_string(n) + " octets, and not " + std::to_string(least) + " to " + std::to_string(most));
  }
  // A client that left: what it saw was right until then.
  void so_far() {
    if (plan_.kind != fate::passes || seen_.head != plan_.answer.head_passed) {
      demand(seen_.body.empty() || plan_.rest || plan_.kind != fate::passes, "content of another answer");
      return;
    }
    body(0, plan_.answer.body.size());
    if (seen_.has_trailers && !reached_.empty() && reached_.back().finished) same(plan_.answer.trailers, seen_.trailers, "the trailers");
  }

  // docs/passage.md 17: before the head trailers-only, after it trailers; REST 502, or a reset, which does not wait for a window. Never a
  // clean end.
  void broken(const attempt& t, int status) {
    interim(t.interim);
    const bool abrupt = t.died == attempt::death::abrupt;
    if (!(abrupt ? seen_.has_head && seen_.head == plan_.answer.head_passed : t.has_head)) return refused_with(status, 502, {});
    same(plan_.answer.head_passed, seen_.head, "the answer's head");
    body(abrupt || plan_.rest ? 0 : t.died == attempt::death::none ? t.sent : t.sent_whole, abrupt ? plan_.answer.body.size() : t.sent);
    if (plan_.rest) {
      demand(!seen_.ended && seen_.reset == std::optional<std::uint32_t>(h2::internal_error), "half an answer ends cleanly");
      return;
    }
    demand(seen_.ended && seen_.has_trailers, "half an answer ends without trailers");
    demand(support::find(seen_.trailers, ":status") == "(none)", "trailers with :status");
    demand(support::find(seen_.trailers, "grpc-status") == std::to_string(status), "half an answer ends with " + shown(seen_.trailers));
  }
  // docs/passage.md 16.
  void not_processed() {
    const bool must_be_sent_again = talk_.calm() && reached_.size() == 1 && plan_.body.size() <= surely_kept;
    demand(!must_be_sent_again, "a request that was refused unprocessed is not sent again");
    // The other connection could not be had, or was read no more; or the word was lost.
    if (!talk_.calm() && seen_.has_head) return unavailable();
    demand(seen_.reset == std::optional<std::uint32_t>(h2::refused_stream), "the client is not told REFUSED_STREAM");
    demand(!seen_.has_head && !seen_.ended, "something came before REFUSED_STREAM");
  }
  // Where connections come and go, none may be had; or the request was on its way to one that was read no more.
  void never_got_there() {
    demand(!talk_.calm(), "a request does not reach the backend");
    if (seen_.reset == std::optional<std::uint32_t>(h2::refused_stream)) return demand(!seen_.has_head, "REFUSED_STREAM after a head");
    unavailable();
  }
  void unavailable() { refused_with(14, support::find(seen_.head, ":status") == "502" ? 502 : 503, {}); }

  // docs/passage.md 12.
  void refused_with(int status, int http, const std::string& words) {
    demand(seen_.ended && !seen_.has_trailers && seen_.interim.size() <= plan_.answer.interim, "a refusal is not trailers-only");
    demand(!seen_.reset || *seen_.reset == h2::no_error, "a refusal is reset");
    demand(seen_.sent_end || seen_.reset, "a client that still uploads is not told to stop");
    if (plan_.rest || http == 415) {
      demand(support::find(seen_.head, ":status") == std::to_string(http), "the refusal is " + shown(seen_.head));
      demand(support::find(seen_.head, "content-length") == std::to_string(seen_.body.size()), "the refusal's length is not its own");
      demand(seen_.body.starts_with("{\"code\":"), "the refusal is not Milvus' JSON");
      return;
    }
    demand(seen_.body.empty(), "a refusal with content");
    if (words.empty())
      demand(seen_.head.size() == 4 && support::find(seen_.head, "grpc-status") == std::to_string(status) && !seen_.head[3].value.empty(),
             "the refusal is " + shown(seen_.head));
    else
      same({{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", std::to_string(status)}, {"grpc-message", words}},
           seen_.head, "the refusal");
  }
  void refusal() {
    switch (plan_.kind) {
      case fate::wrong_password: return refused_with(16, 401, "auth check failure, please check username and password are correct");
      case fate::no_token: return refused_with(16, 401, "missing authorization in header");
      case fate::bad_token: return refused_with(16, 401, "invalid token format");
      case fate::bad_path: return refused_with(12, 400, "malformed method name");
      case fate::wrong_type: return refused_with(12, 415, {});
      case fate::not_served: return refused_with(12, 0, {});
      case fate::too_large: return refused_with(8, 431, "request header fields too large");
      case fate::passes:
      case fate::answered_here: break;
    }
    demand(false, "no refusal");
  }
  void answered_here() {
    same({{":status", "200"}, {"content-type", "application/grpc"}}, seen_.head, "the head of an answer from here");
    demand(seen_.body == std::string("\0\0\0\0\2\x08\1", 7), "the health is another");
    demand(seen_.ended && support::find(seen_.trailers, "grpc-status") == "0", "the health ends with " + shown(seen_.trailers));
  }

  const conversation& talk_;
  const request_plan& plan_;
  const seen_answer& seen_;
  const std::vector<attempt>& reached_;
  std::string text_;
};

}  // namespace

std::string judge(const conversation& plan, const record& what) {
  std::string all;
  for (std::size_t c = 0; c < plan.clients.size(); ++c)
    for (std::size_t r = 0; r < plan.clients[c].requests.size(); ++r) {
      const auto& asked = plan.clients[c].requests[r];
      const auto found = judge_of_one(plan, asked, what.seen[c][r], what.reached[c][r]).complaints();
      if (found.empty()) continue;
      all += "client " + std::to_string(c) + ", stream " + std::to_string(2 * r + 1) + " (" + support::find(asked.head, ":path") + "):\n" +
             found;
    }
  return all;
}

std::string outcome(const conversation& plan, const record& what, std::size_t client) {
  std::string all;
  const auto number = [&all](const char* name, std::size_t n) { all += std::string(" ") + name + "=" + std::to_string(n); };
  const auto plain = [](headers fields) {
    std::erase_if(fields, [](const header& h) { return h.name == ":path"; });
    return shown(fields);
  };
  if (client >= what.seen.size()) return "nothing";
  for (std::size_t r = 0; r < plan.clients[client].requests.size(); ++r) {
    const auto& s = what.seen[client][r];
    all += "stream " + std::to_string(2 * r + 1) + ": " + shown(s.head) + shown(s.trailers);
    number("body", std::hash<std::string>()(s.body));
    number("interim", s.interim.size());
    number("ended", s.ended);
    for (const auto& t : what.reached[client][r]) {
      all += "\n  reached: " + plain(t.head);
      number("body", std::hash<std::string>()(t.body));
      number("ended", t.ended);
      number("reset", t.reset.has_value());
    }
    all += "\n";
  }
  return all;
}

}  // namespace sallyport::proxy::conversations
