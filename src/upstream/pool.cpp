#include <sallyport/upstream/pool.hpp>

#include "connection.hpp"
#include "dial.hpp"
#include "pooled_exchange.hpp"

#include <sallyport/core/deadline.hpp>
#include <sallyport/core/expect.hpp>

#include <algorithm>

namespace sallyport::upstream {

pool::pool(const surroundings& around, const settings& s)
    : around_(around), settings_(s), counted_(around.counts.backend(s.name)), pause_(std::make_unique<reconnect_pause>()) {
  limits_.streams = s.streams_a_connection;
}

pool::~pool() = default;

exchange* pool::open(const auth::permit&, const std::vector<http2::field>& fields, bool end, responder& to, failure& why) {
  why = failure::unreachable;
  if (stopped_) return nullptr;
  auto* const carrier = line_.empty() ? with_room() : nullptr;
  if (!carrier) {
    if (connections_.empty() && !connecting_ && !pause_->over()) return refused(why);
    why = failure::no_slot;
    if (line_.size() >= settings_.waiters_max) return refused(why);
  }
  auto& request = take_exchange();
  request.to = &to;
  if (carrier) {
    carrier->carry(request, fields, end);
    return &request;
  }
  request.waiting = std::make_unique<parked>(fields, around_.buffers, end);
  line_.push_back(&request);
  connect_if_wanted();
  return &request;
}

// The first that has room: a packed connection sends many small requests in one segment, and an idle one may close.
connection* pool::with_room() {
  for (const auto& c : connections_)
    if (c->has_room()) return c.get();
  return nullptr;
}

void pool::dispatch() {
  while (!line_.empty()) {
    auto* const carrier = with_room();
    if (!carrier) break;
    auto& request = *line_.front();
    line_.pop_front();
    const auto held = std::move(request.waiting);
    const bool whole = held->end && held->body.empty();
    carrier->carry(request, held->fields.fields(), whole);
    if (whole || held->body.empty()) continue;
    const auto taken = carrier->session().send_data(*request.stream, held->body.view(), held->end);
    if (taken) request.to->request_taken(taken);
  }
  connect_if_wanted();
}

void pool::connect_if_wanted() {
  if (line_.empty() || connecting_ || stopped_ || connections_.size() >= settings_.connections) return;
  if (!pause_->over()) return;
  for (const auto& c : connections_)
    if (c->reads_first()) return;
  connecting_ = true;
  around_.tasks.spawn(connect());
}

core::task<void> pool::connect() {
  auto attempt = dial(settings_.endpoints.front());
  auto made = co_await core::with_deadline(std::move(attempt), settings_.connect);
  connecting_ = false;
  if (stopped_) co_return;
  if (!made) {
    connect_failed(made.error());
    co_return;
  }
  pause_->succeeded();
  counted_.count(telemetry::connect_result::ok);
  const auto fresh = std::make_shared<connection>(*this, std::move(*made));
  connections_.push_back(fresh);
  counted_.connections.raise();
  around_.log.debug("backend_connected", {{"backend", settings_.name}, {"connections", connections_.size()}});
  around_.tasks.spawn(fresh->run());
  dispatch();
}

void pool::connect_failed(core::error_code why) {
  const auto& to = settings_.endpoints.front();
  back_off();
  counted_.count(result_of(why));
  around_.log.warning("backend_unreachable", {{"backend", settings_.name},
                                              {"endpoint", to.host + ":" + std::to_string(to.port)},
                                              {"reason", why.message()},
                                              {"waiting", line_.size()}});
  if (!connections_.empty()) return;
  // The failure is shared by all who waited for this connect.
  while (!line_.empty()) fail_first(failure::unreachable);
}

void pool::fail_first(failure why) {
  auto& request = *line_.front();
  line_.pop_front();
  auto& told = *request.to;
  give_back(request);
  count(why);
  told.failed(why);
}

exchange* pool::refused(failure why) {
  count(why);
  return nullptr;
}

void pool::count(failure why) { counted_.count(label_of(why)); }

void pool::back_off() { pause_->failed(); }

void pool::lost(connection& which, bool young) {
  if (young && !stopped_) back_off();
  counted_.connections.lower(static_cast<std::int64_t>(std::erase_if(connections_, [&which](const auto& c) { return c.get() == &which; })));
  dispatch();
}

void pool::sweep(core::clock::time_point now) {
  // A connection that ends takes itself out of the list.
  const auto present = connections_;
  for (const auto& c : present) c->sweep(now);
  while (!line_.empty() && now - line_.front()->waiting->since >= settings_.wait) fail_first(failure::no_slot);
  connect_if_wanted();
  std::int64_t streams = 0, orphans = 0;
  for (const auto& c : connections_) {
    streams += static_cast<std::int64_t>(c->session().open_streams());
    orphans += static_cast<std::int64_t>(c->session().orphans());
  }
  counted_.streams.set(streams);
  counted_.orphans.set(orphans);
  counted_.waiting.set(static_cast<std::int64_t>(line_.size()));
}

void pool::stop() {
  stopped_ = true;
  const auto present = connections_;
  for (const auto& c : present) c->abort();
}

pooled_exchange& pool::take_exchange() {
  if (spare_.empty()) {
    all_.push_back(std::make_unique<pooled_exchange>(*this));
    spare_.push_back(all_.back().get());
  }
  auto& taken = *spare_.back();
  spare_.pop_back();
  return taken;
}

void pool::give_back(pooled_exchange& done) {
  done.to = nullptr;
  done.on = nullptr;
  done.stream = nullptr;
  done.waiting.reset();
  spare_.push_back(&done);
}

void pool::leave_line(pooled_exchange& who) { std::erase(line_, &who); }

std::size_t pooled_exchange::send(core::bytes payload, bool end) {
  if (waiting) return waiting->add(payload, end);
  const auto taken = on->session().send_data(*stream, payload, end);
  on->mark();
  return taken;
}

void pooled_exchange::credit(std::size_t bytes) {
  if (!stream) return;
  on->session().credit(*stream, bytes);
  if (on->session().has_output()) on->mark();
}

std::size_t pooled_exchange::held_bytes() const {
  if (waiting) return waiting->body.capacity();
  return stream && stream->waiting ? stream->waiting->capacity() : 0;
}

void pooled_exchange::cancel() {
  if (waiting) {
    home_.leave_line(*this);
  } else {
    on->session().cancel(*stream);
    on->mark();
  }
  home_.give_back(*this);
}

}  // namespace sallyport::upstream
