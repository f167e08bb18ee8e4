#include "conversations_ends.hpp"

#include <algorithm>

namespace sallyport::proxy::conversations {
namespace {

constexpr std::int64_t wide_window = 16 * 1024 * 1024;  // docs/passage.md 20
constexpr std::int64_t credit_is_near = 1'000'000;      // it comes at a MiB, and PINGs are few
constexpr std::size_t output_most = 128 * 1024;

}  // namespace

caller::caller(int descriptor, const client_plan& plan, std::size_t number, std::vector<seen_answer>& seen)
    : end(descriptor, plan.seed, plan.manners, "client " + std::to_string(number)),
      plan_(plan),
      seen_(seen),
      requests_(plan.requests.size()),
      pings_left_(plan.pings),
      unknown_left_(plan.unknown),
      priorities_left_(plan.priorities) {
  weighs_ = true;
  seen_.resize(plan.requests.size());
  put(h2::preface);
  put_settings(plan.first);
}

// What the product bears of a client (limits.window_updates); streams that it has opened are counted when their answer comes.
bool caller::may_credit() const { return window_updates_ < 5 + 2 * (asked_ + 10 * data_frames_in_); }

// And of PINGs; the last ones are for the end.
bool caller::may_ping() const { return pings_sent_ < 15 + head_frames_in_ + data_frames_in_; }

bool caller::act(bool idle) {
  ++turns_;
  if (hung_up_ || goodbye_said_) return false;
  if (plan_.hangs_up_after && turns_ > *plan_.hangs_up_after) {
    for (std::size_t i = 0; i < asked_; ++i) seen_[i].hung_up = true;
    hung_up_ = true;
    if (chance_.percent(50))
      hang_up(chance_.percent(50));
    else if (unsent() == 0)  // never inside a frame: that would be no valid conversation
      close_output();
    else
      hang_up(false);
    return true;
  }
  if (plan_.all_at_once && turns_ == 1) {
    for (int quiet = 0; quiet < 200; ++quiet)
      if (step(chance_.below(asked_)) || (chance_.percent(30) && ask_next()) || disturb()) quiet = 0;
    script_ = unsent() + written();
    return true;
  }
  if (unsent() > output_most) return false;
  bool moved = false;
  for (auto n = chance_.between(1, 8); n > 0; --n) {
    if (asked_ == 0 || chance_.percent(30)) moved = ask_next() || moved;
    if (asked_ > 0) moved = step(chance_.below(asked_)) || moved;
    if (chance_.percent(5)) moved = disturb() || moved;
  }
  if (asked_ + plan_.counts_to_zero < requests_.size() || !all_over()) return (idle && widen()) || moved;
  if (plan_.counts_to_zero && !counted_) return count_to_zero() || moved;
  return say_goodbye() || moved;
}

// A SETTINGS that closes all windows takes as many WINDOW_UPDATEs to open them: more than the product bears, when it comes again and again.
bool caller::widen() {
  if (may_credit() || widened_) return false;
  widened_ = true;
  put_settings({{4, 1 << 20}});
  return true;
}

bool caller::ask_next() {
  if (asked_ + plan_.counts_to_zero >= requests_.size()) return false;
  std::size_t open = 0;
  for (const auto& [id, s] : streams_) open += !s.over();
  if (open >= std::min<std::size_t>(peer_streams_, 100)) return false;
  const auto& p = plan_.requests[asked_];
  auto& r = requests_[asked_];
  r.id = static_cast<std::uint32_t>(2 * asked_ + 1);
  const bool ends = p.ends == request_plan::end::with_head;
  put_head(r.id, p.head, ends);
  seen_[asked_].opened = true;
  seen_[asked_].sent_end = ends;
  ++asked_;
  return true;
}

bool caller::step(std::size_t at) {
  if (at >= asked_ || (counting_ && at + 1 == requests_.size())) return false;
  const auto& p = plan_.requests[at];
  auto& r = requests_[at];
  const auto& s = streams_.at(r.id);
  if (s.over()) return false;
  if (p.reset_at_step && (r.steps >= *p.reset_at_step || (s.out_ended && chance_.percent(10)))) {
    give_up(at);
    return true;
  }
  if (s.out_ended || (s.in_ended && !p.stubborn) || !send_some(at)) return false;
  ++r.steps;
  return true;
}

bool caller::send_some(std::size_t at) {
  const auto& p = plan_.requests[at];
  auto& r = requests_[at];
  auto& s = streams_.at(r.id);
  const auto left = p.body.size() - r.sent;
  const bool padded = chance_.percent(p.padded);
  // Of empty frames the product bears a hundred in a row.
  if (left && chance_.percent(p.empty) && empties_in_a_row_ < 90) {
    ++empties_in_a_row_;
    put_data(r.id, {}, false, padded);
    return true;
  }
  if (!left) {
    if (p.ends == request_plan::end::never) return false;
    finish_request(at);
    return true;
  }
  auto n = room(s, left, chance_.size(p.frame_most));
  if (!n) return false;
  if (padded && n > 300 && n + 256 > room(s, 16'384, 16'384)) n -= 256;
  const bool ends = n == left && p.ends == request_plan::end::with_data;
  put_data(r.id, std::string_view(p.body).substr(r.sent, n), ends, padded);
  r.sent += n;
  seen_[at].sent_end = ends;
  empties_in_a_row_ = 0;
  return true;
}

void caller::finish_request(std::size_t at) {
  const auto& p = plan_.requests[at];
  if (p.ends == request_plan::end::with_trailers)
    put_head(requests_[at].id, p.trailers, true);
  else
    put_data(requests_[at].id, {}, true, chance_.percent(p.padded));
  seen_[at].sent_end = true;
}

void caller::give_up(std::size_t at) {
  seen_[at].gave_up = true;
  put_reset(requests_[at].id, chance_.one_of<std::uint32_t>({h2::cancel, h2::cancel, h2::no_error, h2::internal_error}));
}

// Everything that has nothing to do with a request.
bool caller::disturb() {
  switch (chance_.below(4)) {
    case 0:
      if (later_ >= plan_.later.size()) return false;
      put_settings(plan_.later[later_++]);
      return true;
    case 1:
      if (!pings_left_ || !may_ping()) return false;
      --pings_left_;
      put_ping();
      return true;
    case 2:
      if (!unknown_left_) return false;
      --unknown_left_;
      put_unknown();
      return true;
    default: break;
  }
  if (!priorities_left_) return false;
  --priorities_left_;
  const auto id = static_cast<std::uint32_t>(2 * chance_.below(40) + 1);
  put(h2::make(h2::priority, h2::none, id, h2::big_endian(id + 2, 4) + "\x10"));
  return true;
}

// ---- the end

bool caller::is_over(std::size_t at) const {
  const auto& s = streams_.at(requests_[at].id);
  return s.out_reset ? s.silent || s.unheard : s.over();
}

bool caller::all_over() const {
  for (std::size_t i = 0; i < asked_; ++i)
    if (!(counting_ && i + 1 == requests_.size()) && !is_over(i)) return false;
  return true;
}

std::string caller::left_open() const {
  if (done()) return {};
  std::string all = " " + name() + " asked " + std::to_string(asked_) + " of " + std::to_string(requests_.size()) + ", open:";
  for (std::size_t i = 0; i < asked_; ++i)
    if (!is_over(i)) all += describe(requests_[i].id);
  return all;
}

// A last upload, until credit comes for the connection: when nothing is on its way, the window is what it was at first, whatever befell the
// streams before. Where credit is near, a frame and a PING at a time.
bool caller::count_to_zero() {
  auto& r = requests_.back();
  if (!counting_) {
    counting_ = true;
    r.id = static_cast<std::uint32_t>(2 * asked_ + 1);
    put_head(r.id, plan_.requests.back().head, false);
    seen_[asked_].opened = true;
    ++asked_;
    return true;
  }
  if (pings_waiting()) return false;
  const auto& body = plan_.requests.back().body;
  auto& s = streams_.at(r.id);
  if (s.over()) return counted_ = true;
  if (s.out_ended || s.in_ended) return false;
  const auto left = body.size() - r.sent;
  if (!left) {
    finish_request(asked_ - 1);
    return true;
  }
  const auto n = room(s, left, 16'384);
  if (!n) return false;
  put_data(r.id, std::string_view(body).substr(r.sent, n), false, false);
  r.sent += n;
  if (sum_ - back_ < credit_is_near) return true;
  was_credited_ = false;
  put_ping([this] {
    if (was_credited_ && may_send_ != target_) fault("the connection's window has lost " + std::to_string(target_ - may_send_) + " octets");
  });
  return true;
}

bool caller::say_goodbye() {
  if (goodbye_asked_ || pings_waiting() || settings_waiting() || unsent()) return false;
  goodbye_asked_ = true;
  put_ping([this] {
    goodbye_said_ = true;
    close_output();
  });
  return true;
}

void caller::ended() {
  if (!goodbye_said_ && !hung_up_) fault("the connection was closed");
}

// ---- what comes

void caller::credited(std::uint32_t id, std::uint32_t bytes) {
  if (id) return;
  if (target_ == first_window && bytes == wide_window - first_window) {
    target_ = wide_window;
  } else {
    back_ += bytes;
    was_credited_ = true;
    // It is told of whole frames, all that have come until then.
    if (!sums_.contains(back_)) fault("credit for " + std::to_string(back_) + " octets, which no frame ends at");
  }
  if (may_send_ > target_) fault("more credit for the connection than was used");
}

void caller::head(std::uint32_t id, headers fields, bool ends) {
  auto& a = seen_[at_of(id)];
  const auto status = support::find(fields, ":status");
  if (!a.has_head && status.size() == 3 && status[0] == '1') {
    if (ends) fault("an end on an interim answer", id);
    a.interim.push_back(std::move(fields));
    return;
  }
  if (a.has_trailers || (a.has_head && !ends)) fault("one header block too many", id);
  (a.has_head ? a.trailers : a.head) = std::move(fields);
  a.has_trailers = a.has_head;
  a.has_head = true;
  a.ended = ends;
}

void caller::content(std::uint32_t id, std::string_view bytes, bool ends) {
  auto& a = seen_[at_of(id)];
  a.body += bytes;
  a.ended = ends;
  const auto& p = plan_.requests[at_of(id)];
  if (!ends && p.reset_at_bytes && a.body.size() >= *p.reset_at_bytes && !streams_.at(id).over()) give_up(at_of(id));
}

void caller::was_reset(std::uint32_t id, std::uint32_t why) {
  auto& a = seen_[at_of(id)];
  if (a.ended && why != h2::no_error) fault("an answer that ended is reset with " + std::to_string(why), id);
  if (!a.ended && why == h2::no_error) fault("half an answer is reset without an error", id);
  a.reset = why;
}

}  // namespace sallyport::proxy::conversations
