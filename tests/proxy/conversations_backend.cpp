#include "conversations_ends.hpp"

#include <algorithm>

namespace sallyport::proxy::conversations {

server::server(int descriptor, const serving_plan& plan, std::size_t number, desk& shared)
    : end(descriptor, plan.seed + number, plan.manners, "backend connection " + std::to_string(number)),
      plan_(plan),
      number_(number),
      shared_(shared),
      pings_left_(plan.pings),
      unknown_left_(plan.unknown) {
  expects_preface_ = true;
  put_settings(plan.first);
}

attempt& server::record_of(const answering& a) const { return shared_.what.reached[a.client][a.request][a.number]; }

std::size_t server::open_streams() const {
  return static_cast<std::size_t>(std::count_if(streams_.begin(), streams_.end(), [](const auto& s) { return !s.second.over(); }));
}

bool server::at_rest() const {
  return dead_ || closed() ||
         std::all_of(answers_.begin(), answers_.end(), [this](const auto& a) { return a.first > last_ || streams_.at(a.first).over(); });
}

std::string server::left_open() const {
  std::string all;
  if (!at_rest())
    for (const auto& [id, a] : answers_)
      if (id <= last_ && !streams_.at(id).over()) all += " " + name() + describe(id) + " of request " + std::to_string(a.request);
  return all;
}

// ---- requests

void server::head(std::uint32_t id, headers fields, bool ends) {
  if (answers_.contains(id)) fault("a second header block of a request", id);
  if (id % 2 == 0 || id <= highest_) fault("a stream out of order", id);
  highest_ = id;
  if (dead_) return;
  if (settings_known_ && open_streams() > plan_.streams) fault("more streams than SETTINGS_MAX_CONCURRENT_STREAMS", id);
  const auto path = support::find(fields, ":path");
  const auto found = shared_.by_path.find(path);
  if (found == shared_.by_path.end()) fault("a request for " + path + ", which must not pass", id);
  const auto [client, request] = found->second;
  auto& all = shared_.what.reached[client][request];
  answers_[id] = {nullptr, client, request, all.size(), false};
  under_way_.push_back(id);
  attempt fresh;
  fresh.connection = number_;
  fresh.id = id;
  fresh.head = std::move(fields);
  fresh.ended = ends;
  all.push_back(std::move(fresh));
}

void server::content(std::uint32_t id, std::string_view bytes, bool ends) {
  if (!answers_.contains(id)) return;
  auto& t = record_of(answers_.at(id));
  t.body += bytes;
  t.ended = ends;
}

void server::was_reset(std::uint32_t id, std::uint32_t why) {
  if (!answers_.contains(id)) return;
  record_of(answers_.at(id)).reset = why;
}

void server::ended() {
  if (dead_ || house_closes_) return;
  if (!retiring_) fault("the connection was closed");
  if (!at_rest()) fault("the connection was closed with requests under way:" + left_open());
}

// ---- answers

bool server::act(bool) {
  if (dead_) {
    if (unsent() == 0) close_output();
    return false;
  }
  bool moved = weather();
  for (auto n = chance_.between(1, 8); n > 0 && !under_way_.empty() && !dead_; --n) {
    auto& id = under_way_[chance_.below(under_way_.size())];
    auto& a = answers_.at(id);
    moved = answer(id, a) || moved;
    if (!a.done && !streams_.at(id).over()) continue;
    id = under_way_.back();
    under_way_.pop_back();
  }
  if (dead_ || !chance_.percent(5)) return moved;
  if (later_ < plan_.later.size() && chance_.percent(30)) {
    put_settings(plan_.later[later_++]);
  } else if (pings_left_ && settings_known_) {
    --pings_left_;
    put_ping();
  } else if (unknown_left_) {
    --unknown_left_;
    put_unknown();
  } else {
    return moved;
  }
  return true;
}

bool server::is_due(const answering& a, const answer_plan& plan) const {
  const auto& t = record_of(a);
  switch (plan.begins) {
    case answer_plan::when::at_head: return true;
    case answer_plan::when::in_body: return t.ended || t.body.size() >= plan.after;
    case answer_plan::when::at_end: break;
  }
  return t.ended;
}

void server::reset(std::uint32_t id, answering& a, std::uint32_t why) {
  a.done = true;
  record_of(a).has_reset = why;
  put_reset(id, why);
}

bool server::answer(std::uint32_t id, answering& a) {
  using how = answer_plan::how;
  const auto& plan = shared_.plan.clients[a.client].requests[a.request].answer;
  const auto& s = streams_.at(id);
  if (a.done || s.over() || id > last_ || !is_due(a, plan)) return false;
  auto& t = record_of(a);
  if (t.interim < plan.interim) {
    ++t.interim;
    put_head(id, {{":status", "103"}, {"link", "</x>; rel=" + std::to_string(t.interim)}}, false);
    return true;
  }
  const bool refuses = plan.ends == how::refuse || (plan.ends == how::refuse_once && a.number == 0);
  if (refuses) return reset(id, a, h2::refused_stream), true;
  if (plan.ends == how::reset && !plan.reset_after) return reset(id, a, plan.code), true;
  if (!t.has_head) {
    t.has_head = true;
    t.finished = a.done = plan.ends == how::head_alone;
    put_head(id, plan.head, t.finished);
    return true;
  }
  if (plan.ends == how::reset && t.sent >= std::min(*plan.reset_after, plan.body.size())) return reset(id, a, plan.code), true;
  return answer_body(id, a, plan);
}

bool server::answer_body(std::uint32_t id, answering& a, const answer_plan& plan) {
  using how = answer_plan::how;
  auto& t = record_of(a);
  const auto left = plan.body.size() - t.sent;
  if (chance_.percent(plan.empty)) return put_data(id, {}, false, chance_.percent(plan.padded)), true;
  if (!left) {
    t.finished = a.done = true;
    if (plan.ends == how::without_trailers)
      put_data(id, {}, true, chance_.percent(plan.padded));
    else
      put_head(id, plan.trailers, true);
    return true;
  }
  const auto n = room(streams_.at(id), left, chance_.size(plan.frame_most));
  if (!n) return false;
  const bool ends = n == left && plan.ends == how::without_trailers && chance_.percent(50);
  put_data(id, std::string_view(plan.body).substr(t.sent, n), ends, chance_.percent(plan.padded));
  t.sent += n;
  t.sent_whole = t.sent;
  t.finished = a.done = ends;
  return true;
}

// ---- weather

bool server::weather() {
  if (answers_.size() < plan_.after || !settings_known_) return false;
  if (plan_.says_goodbye > goodbyes_ && chance_.percent(20)) {
    ++goodbyes_;
    const bool first_of_two = plan_.says_goodbye == 2 && goodbyes_ == 1;
    const auto one = std::next(answers_.begin(), static_cast<std::ptrdiff_t>(chance_.below(answers_.size() + 1)));
    goodbye(first_of_two ? 0x7fffffff : one == answers_.end() ? 0 : one->first);
    return true;
  }
  if (plan_.dies == serving_plan::end::none || !chance_.percent(10)) return false;
  die();
  return true;
}

// What was answered already is not disowned: a server that says so would lie.
void server::goodbye(std::uint32_t last) {
  retiring_ = true;
  for (const auto& [id, a] : answers_) {
    const auto& t = record_of(a);
    if (t.interim || t.has_head || t.has_reset || t.reset) last = std::max(last, id);
  }
  for (auto& [id, a] : answers_)
    if (id > last) record_of(a).disowned = a.done = true;
  last_ = last;
  put(h2::make_goaway(last, h2::no_error));
}

void server::die() {
  dead_ = true;
  const bool abrupt = plan_.dies == serving_plan::end::abrupt;
  bool cut_off = false;
  for (auto& [id, a] : answers_) {
    auto& t = record_of(a);
    const auto& s = streams_.at(id);
    if (id > last_ || (s.over() && !abrupt)) continue;
    t.died = abrupt ? attempt::death::abrupt : attempt::death::orderly;
    const auto& body = shared_.plan.clients[a.client].requests[a.request].answer.body;
    if (abrupt || cut_off || s.over() || !t.has_head || t.finished || t.sent == body.size()) continue;
    // A frame that is cut off: what has come of it may have been passed on.
    const auto n = room(s, body.size() - t.sent, 16'384);
    if (n < 2 || chance_.percent(50)) continue;
    const auto part = chance_.between(1, n - 1);
    put(h2::make(h2::data, h2::none, id, body.substr(t.sent, n)).substr(0, 9 + part));
    t.sent += part;
    cut_off = true;
  }
  say_no_more();
  if (abrupt) hang_up(true);
}

}  // namespace sallyport::proxy::conversations
