#include "pool.hpp"

#include "connection.hpp"

#include <sallyport/core/deadline.hpp>
#include <sallyport/core/defence.hpp>
#include <sallyport/core/expect.hpp>

#include <algorithm>

namespace sallyport::upstream {

pool::pool(balancer& home, target where, std::shared_ptr<shared_exchanges> store)
    : endpoint_pool(home, std::move(where), "h2"), store_(std::move(store)) {
  limits_.streams = settings_.streams_a_connection;
}

pool::~pool() = default;

exchange* pool::open(const auth::permit& passed, const std::vector<http2::field>& fields, bool end, responder& to, failure& why) {
  why = failure::unreachable;
  if (stopped_) return nullptr;
  auto* const carrier = line_.empty() ? with_room() : nullptr;
  if (!carrier) {
    if (!may_try()) return refused(why);
    why = failure::no_slot;
    if (!has_place_for(passed.user_name())) return refused(why);
  }
  auto& request = store_->exchanges.take(around_.buffers, store_->larges);
  take(request, passed.user_name());
  request.begin(fields, end, to);
  if (carrier) {
    carrier->carry(request, fields, end);
    return &request;
  }
  request.since = core::clock::now();
  enter(request);
  connect_if_wanted();
  return &request;
}

void pool::adopt(balanced_request& who) {
  take(who, who.share->name);
  auto& request = static_cast<pooled_exchange&>(who);
  request.avoids = 0;
  auto* const carrier = line_.empty() ? with_room() : nullptr;
  if (carrier) return start(*carrier, request);
  enter(request);
  connect_if_wanted();
}

// The first that has room: a packed connection sends many small requests in one segment, and an idle one may close.
connection* pool::with_room(std::uint64_t avoided) {
  for (const auto& c : connections_)
    if (c->number() != avoided && c->has_room()) return c.get();
  return nullptr;
}

// A request that is kept gets onto a connection.
void pool::start(connection& on, pooled_exchange& request) {
  auto& kept = request.kept;
  const auto body = kept.body();
  on.carry(request, kept.fields(), kept.ended() && body.empty());
  const auto gone = body.empty() ? 0 : on.session().send_data(*request.stream, body, kept.ended());
  if (request.which == pooled_exchange::sending::first)
    kept.trim();
  else if (core::defended("O09c"))
    kept.drop();  // there is no third time
  request.taken(gone);
}

void pool::dispatch() {
  while (!again_.empty()) {
    auto* const carrier = with_room(again_.front()->avoids);
    if (!carrier) break;
    start(*carrier, take_again());
  }
  while (!line_.empty()) {
    auto* const carrier = with_room();
    if (!carrier) break;
    start(*carrier, static_cast<pooled_exchange&>(take_next()));
  }
  connect_if_wanted();
}

// ---- connecting

bool pool::full() const {
  const auto taking = std::count_if(connections_.begin(), connections_.end(), [](const auto& c) { return !c->leaving(); });
  return static_cast<std::size_t>(taking) >= settings_.connections;
}

// Connections that only finish what they carry have successors. A stream may last for ever, so they are bounded too: the oldest ends where
// there are more than twice as many as take requests at most.
void pool::make_way() {
  if (!core::defended("O05g") || connections_.size() <= 2 * std::size_t{settings_.connections}) return;
  const auto oldest = std::find_if(connections_.begin(), connections_.end(), [](const auto& c) { return c->leaving(); });
  SALLYPORT_EXPECT(oldest != connections_.end());
  const auto leaving = *oldest;
  making_way_ = true;  // it is none of the endpoint's faults
  leaving->make_way();
  making_way_ = false;
}

void pool::connect_if_wanted() {
  if (line_.empty() && again_.empty()) return;
  if (connecting_ || stopped_ || retired_ || !pause.over()) return;
  if (where().addresses.empty()) return need_addresses();
  if (full()) return;
  for (const auto& c : connections_)
    if (c->reads_first()) return;
  connecting_ = true;
  around_.tasks.spawn(connect());
}

core::task<void> pool::connect() {
  // What was wanted before the backend asked for calm waits until the pause is over.
  if (!pause.over()) {
    connecting_ = false;
    co_return;
  }
  dial_failure failure;
  const auto term = begin_tenure();
  auto attempt = dial(failure);
  const auto limit = core::defended("O06b") ? settings_.connect : std::chrono::hours(1);
  auto made = co_await core::with_deadline(std::move(attempt), limit);
  connecting_ = false;
  if (stopped_ || retired_) co_return;
  if (!made) {
    failure.why = made.error();
    connect_failed(failure);
    co_return;
  }
  counted_.count(telemetry::connect_result::ok);
  const auto fresh = std::make_shared<connection>(*this, std::move(*made), ++connections_made_, term);
  connections_.push_back(fresh);
  counted_.connections.raise();
  around_.log.debug("backend_connected", {{"backend", settings_.name}, {"endpoint", where().label}, {"connections", connections_.size()}});
  around_.tasks.spawn(fresh->run());
  connected();
  make_way();
  dispatch();
}

void pool::connect_failed(const dial_failure& why) {
  counted_.count(result_of(why));
  log_unreachable(why);
  failing(telemetry::ejection::connect_failed);  // who waits may be with another endpoint after this
  while (!again_.empty()) fail(take_again(), failure::unprocessed);
  if (!connections_.empty()) return;
  // The failure is shared by all who waited for this connect.
  while (!line_.empty()) fail(take_next(), failure::unreachable);
}

// ---- the second sending (docs/passage.md 16)

// False: it is not sent again.
bool pool::send_again(pooled_exchange& request, std::uint64_t refused_by) {
  if (stopped_ || !request.kept.held()) return false;
  request.which = pooled_exchange::sending::second;
  request.silent_ = request.told_;
  request.since = core::clock::now();
  if (auto* const other = lines_are_full() ? nullptr : another()) {
    let_go(request);
    other->adopt(request);
    return true;
  }
  request.avoids = refused_by;
  if (auto* const carrier = with_room(refused_by)) {
    start(*carrier, request);
    return true;
  }
  if (wait_for_another(request)) return true;
  request.which = pooled_exchange::sending::first;  // it was not sent again after all
  return false;
}

bool pool::wait_for_another(pooled_exchange& request) {
  const bool other = std::any_of(connections_.begin(), connections_.end(),
                                 [&request](const auto& c) { return c->number() != request.avoids && !c->leaving(); });
  const bool fresh = !retired_ && (connecting_ || (pause.over() && !full()));
  if ((!other && !fresh) || lines_are_full()) return false;
  begins_to_wait(request);
  again_.push_back(&request);
  connect_if_wanted();
  return true;
}

balanced_request* pool::take_waiting() {
  if (again_.empty()) return endpoint_pool::take_waiting();
  auto& first = take_again();
  let_go(first);
  return &first;
}

pooled_exchange& pool::take_again() {
  auto& first = *again_.front();
  again_.pop_front();
  waits_no_more(first);
  return first;
}

// ---- ends

void pool::fail(balanced_request& who, failure why) {
  auto& request = static_cast<pooled_exchange&>(who);
  auto& told = *request.to;
  request.settle(why == failure::unprocessed || why == failure::unreachable ? telemetry::retry_result::unprocessed
                                                                            : telemetry::retry_result::failed);
  give_back(request);
  count(why);
  told.failed(why);
}

void pool::lost(connection& which, bool young) {
  counted_.connections.lower(static_cast<std::int64_t>(std::erase_if(connections_, [&which](const auto& c) { return c.get() == &which; })));
  if (young) failing(telemetry::ejection::died_young);
  dispatch();
}

void pool::sweep(core::clock::time_point now, pool_figures& add_to) {
  // A connection that ends takes itself out of the list.
  const auto present = connections_;
  for (const auto& c : present) c->sweep(now);
  while (!again_.empty() && now - again_.front()->since >= settings_.wait) fail(take_again(), failure::no_slot);
  expire(now);
  connect_if_wanted();
  for (const auto& c : connections_) {
    add_to.streams += static_cast<std::int64_t>(c->session().open_streams());
    add_to.orphans += static_cast<std::int64_t>(c->session().orphans());
  }
  add_to.waiting += static_cast<std::int64_t>(line_.size() + again_.size());
}

void pool::retire() {
  retired_ = true;
  const auto present = connections_;
  for (const auto& c : present) c->retire();
}

void pool::stop() {
  stopped_ = true;
  const auto present = connections_;
  for (const auto& c : present) c->abort();
}

void pool::give_back(pooled_exchange& done) {
  let_go(done);
  done.to = nullptr;
  done.on = nullptr;
  done.stream = nullptr;
  done.kept.drop();
  store_->exchanges.give_back(done);
}

void pool::forget(pooled_exchange& who) {
  if (std::erase(again_, &who))
    waits_no_more(who);
  else
    leave(who);
}

// ---- one request

void pooled_exchange::begin(const std::vector<http2::field>& fields, bool end, responder& whom) {
  to = &whom;
  which = sending::first;
  avoids = told_ = silent_ = 0;
  kept.begin(fields, end);
}

std::size_t pooled_exchange::send(core::bytes payload, bool end) {
  if (waiting) {
    kept.add_waiting(payload, end);
    return 0;
  }
  kept.add_sent(payload, end);
  const auto gone = on->session().send_data(*stream, payload, end);
  told_ += gone;
  on->mark();
  return gone;
}

// The responder hears of each byte once, whether it goes once or twice.
void pooled_exchange::taken(std::size_t bytes) {
  const auto again = std::min(bytes, silent_);
  silent_ -= again;
  bytes -= again;
  told_ += bytes;
  if (bytes) to->request_taken(bytes);
}

void pooled_exchange::settle(telemetry::retry_result what_came) {
  if (which != sending::second) return;
  which = sending::settled;
  static_cast<pool*>(home)->counted_.count(what_came);
}

void pooled_exchange::credit(std::size_t bytes) {
  if (!stream) return;
  on->session().credit(*stream, bytes);
  if (on->session().has_output()) on->mark();
}

std::size_t pooled_exchange::held_bytes() const {
  return kept.buffer_bytes() + (stream && stream->waiting ? stream->waiting->capacity() : 0);
}

void pooled_exchange::cancel() {
  auto& from = static_cast<pool&>(*home);
  settle(telemetry::retry_result::cancelled);
  if (waiting) {
    from.forget(*this);
  } else {
    on->session().cancel(*stream, &share->resets_left);
    on->mark();
  }
  from.give_back(*this);
}

}  // namespace sallyport::upstream
