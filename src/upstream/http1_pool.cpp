#include "http1_pool.hpp"

#include "http1_connection.hpp"

#include <sallyport/core/deadline.hpp>

#include <algorithm>

namespace sallyport::upstream {

http1_pool::http1_pool(balancer& home, target where, const http1::limits& within, std::shared_ptr<http1_store> store)
    : endpoint_pool(home, std::move(where), "http/1.1"), store_(std::move(store)), limits_(within) {}

http1_pool::~http1_pool() = default;

exchange* http1_pool::open(const auth::permit& passed, const std::vector<http2::field>& fields, bool end, responder& to, failure& why) {
  why = failure::unreachable;
  if (stopped_) return nullptr;
  auto* const carrier = line_.empty() ? idle() : nullptr;
  if (!carrier) {
    if (!may_try()) return refused(why);
    why = failure::no_slot;
    if (!has_place_for(passed.user_name())) return refused(why);
  }
  auto& request = store_->take();
  take(request, passed.user_name());
  request.to = &to;
  if (carrier) {
    if (carrier->carry(request, fields, end)) return &request;
    give_back(request);
    why = failure::cannot_be_said;
    return nullptr;
  }
  request.held = std::make_unique<parked>(fields, around_.buffers, end);
  request.since = core::clock::now();
  enter(request);
  connect_if_wanted();
  return &request;
}

void http1_pool::adopt(balanced_request& who) {
  take(who, who.share->name);
  auto* const carrier = line_.empty() ? idle() : nullptr;
  if (carrier) return start(*carrier, static_cast<http1_exchange&>(who));
  enter(who);
  connect_if_wanted();
}

// The one that was used last: the others may grow old and go.
http1_connection* http1_pool::idle() {
  for (auto at = connections_.rbegin(); at != connections_.rend(); ++at)
    if ((*at)->takes_requests()) return at->get();
  return nullptr;
}

// A request that has waited gets its connection.
void http1_pool::start(http1_connection& on, http1_exchange& request) {
  const auto held = std::move(request.held);
  if (!on.carry(request, held->fields.fields(), held->end && held->body.empty())) {
    auto& told = *request.to;
    give_back(request);
    return told.failed(failure::cannot_be_said);
  }
  if (held->body.empty()) return;
  const auto taken = on.send(held->body.view(), held->end);
  if (taken) request.to->request_taken(taken);
}

void http1_pool::dispatch() {
  while (!line_.empty()) {
    auto* const carrier = idle();
    if (!carrier) break;
    start(*carrier, static_cast<http1_exchange&>(take_next()));
  }
  connect_if_wanted();
}

void http1_pool::connect_if_wanted() {
  if (line_.empty() || stopped_ || retired_ || !pause.over()) return;
  if (where().addresses.empty()) return need_addresses();
  const auto reading = std::count_if(connections_.begin(), connections_.end(), [](const auto& c) { return c->reads_first(); });
  while (connecting_ + static_cast<std::size_t>(reading) < line_.size() &&
         connections_.size() + connecting_ < settings_.http1_connections) {
    ++connecting_;
    around_.tasks.spawn(connect());
  }
}

core::task<void> http1_pool::connect() {
  dial_failure failure;
  const auto term = begin_tenure();
  auto attempt = dial(failure);
  auto made = co_await core::with_deadline(std::move(attempt), settings_.connect);
  --connecting_;
  if (stopped_ || retired_) co_return;
  if (!made) {
    failure.why = made.error();
    connect_failed(failure);
    co_return;
  }
  counted_.count(telemetry::connect_result::ok);
  const auto fresh = std::make_shared<http1_connection>(*this, std::move(*made), term);
  connections_.push_back(fresh);
  counted_.connections.raise();
  around_.tasks.spawn(fresh->run());
  connected();
  dispatch();
}

void http1_pool::connect_failed(const dial_failure& why) {
  counted_.count(result_of(why));
  log_unreachable(why);
  failing(telemetry::ejection::connect_failed);  // who waits may be with another endpoint after this
  // The failure is shared by all who waited for this, unless somebody else may still serve them.
  while (connections_.empty() && connecting_ == 0 && !line_.empty()) fail(take_next(), failure::unreachable);
}

void http1_pool::fail(balanced_request& who, failure why) {
  auto& told = *who.to;
  give_back(static_cast<http1_exchange&>(who));
  count(why);
  told.failed(why);
}

void http1_pool::lost(http1_connection& which) {
  counted_.connections.lower(static_cast<std::int64_t>(std::erase_if(connections_, [&which](const auto& c) { return c.get() == &which; })));
  if (!stopped_) dispatch();
}

void http1_pool::sweep(core::clock::time_point now, pool_figures& add_to) {
  const auto present = connections_;  // one that ends takes itself out of the list
  for (const auto& c : present) c->sweep(now);
  expire(now);
  connect_if_wanted();
  for (const auto& c : connections_) add_to.streams += c->busy() ? 1 : 0;
  add_to.waiting += static_cast<std::int64_t>(line_.size());
}

void http1_pool::retire() {
  retired_ = true;
  const auto present = connections_;
  for (const auto& c : present) c->retire();
}

void http1_pool::stop() {
  stopped_ = true;
  const auto present = connections_;
  for (const auto& c : present) c->abort();
}

void http1_pool::give_back(http1_exchange& done) {
  let_go(done);
  done.to = nullptr;
  done.on = nullptr;
  done.held.reset();
  store_->give_back(done);
}

std::size_t http1_exchange::send(core::bytes payload, bool end) { return waiting ? held->add(payload, end) : on->send(payload, end); }

void http1_exchange::credit(std::size_t bytes) {
  if (on) on->credit(bytes);
}

std::size_t http1_exchange::held_bytes() const {
  return held ? held->fields.held_bytes() + held->body.capacity() : on ? on->held_bytes() : 0;
}

void http1_exchange::cancel() {
  auto& from = static_cast<http1_pool&>(*home);
  if (waiting)
    from.leave(*this);
  else
    on->let_go();
  from.give_back(*this);
}

}  // namespace sallyport::upstream
