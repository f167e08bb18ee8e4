#include <sallyport/upstream/http1_pool.hpp>

#include "dial.hpp"
#include "http1_connection.hpp"

#include <sallyport/core/deadline.hpp>

#include <algorithm>

namespace sallyport::upstream {

http1_pool::http1_pool(const surroundings& around, const settings& s, const http1::limits& within)
    : around_(around),
      settings_(s),
      limits_(within),
      counted_(around.counts.backend(s.name)),
      pause_(std::make_unique<reconnect_pause>()) {}

http1_pool::~http1_pool() = default;

const endpoint& http1_pool::where() const {
  return settings_.rest_endpoints.empty() ? settings_.endpoints.front() : settings_.rest_endpoints.front();
}

exchange* http1_pool::open(const auth::permit&, const std::vector<http2::field>& fields, bool end, responder& to, failure& why) {
  why = failure::unreachable;
  if (stopped_) return nullptr;
  auto* const carrier = line_.empty() ? idle() : nullptr;
  if (!carrier) {
    if (connections_.empty() && connecting_ == 0 && !pause_->over()) return refused(why);
    why = failure::no_slot;
    if (line_.size() >= settings_.waiters_max) return refused(why);
  }
  if (spare_.empty()) {
    all_.push_back(std::make_unique<http1_exchange>(*this));
    spare_.push_back(all_.back().get());
  }
  auto& request = *spare_.back();
  spare_.pop_back();
  request.to = &to;
  if (carrier) {
    if (carrier->carry(request, fields, end)) return &request;
    give_back(request);
    why = failure::cannot_be_said;
    return nullptr;
  }
  request.waiting = std::make_unique<parked>(fields, around_.buffers, end);
  line_.push_back(&request);
  connect_if_wanted();
  return &request;
}

// The one that was used last: the others may grow old and go.
http1_connection* http1_pool::idle() {
  for (auto at = connections_.rbegin(); at != connections_.rend(); ++at)
    if ((*at)->takes_requests()) return at->get();
  return nullptr;
}

void http1_pool::dispatch() {
  while (!line_.empty()) {
    auto* const carrier = idle();
    if (!carrier) break;
    auto& request = *line_.front();
    line_.pop_front();
    const auto held = std::move(request.waiting);
    const bool whole = held->end && held->body.empty();
    if (!carrier->carry(request, held->fields.fields(), whole)) {
      auto& told = *request.to;
      give_back(request);
      told.failed(failure::cannot_be_said);
      continue;
    }
    if (held->body.empty()) continue;
    const auto taken = carrier->send(held->body.view(), held->end);
    if (taken) request.to->request_taken(taken);
  }
  connect_if_wanted();
}

void http1_pool::connect_if_wanted() {
  while (connecting_ < line_.size() && connections_.size() + connecting_ < settings_.http1_connections && !stopped_ && pause_->over()) {
    ++connecting_;
    around_.tasks.spawn(connect());
  }
}

core::task<void> http1_pool::connect() {
  auto attempt = dial(where());
  auto made = co_await core::with_deadline(std::move(attempt), settings_.connect);
  --connecting_;
  if (stopped_) co_return;
  counted_.count(result_of(made ? core::error_code() : made.error()));
  if (!made) {
    pause_->failed();
    const auto& to = where();
    around_.log.warning("backend_unreachable", {{"backend", settings_.name},
                                                {"endpoint", to.host + ":" + std::to_string(to.port)},
                                                {"reason", made.error().message()},
                                                {"waiting", line_.size()}});
    // The failure is shared by all who waited for this, unless somebody else may still serve them.
    while (connections_.empty() && connecting_ == 0 && !line_.empty()) fail_first(failure::unreachable);
    co_return;
  }
  pause_->succeeded();
  const auto fresh = std::make_shared<http1_connection>(*this, std::move(*made));
  connections_.push_back(fresh);
  counted_.connections.raise();
  around_.tasks.spawn(fresh->run());
  dispatch();
}

void http1_pool::fail_first(failure why) {
  auto& request = *line_.front();
  line_.pop_front();
  auto& told = *request.to;
  give_back(request);
  count(why);
  told.failed(why);
}

exchange* http1_pool::refused(failure why) {
  count(why);
  return nullptr;
}

void http1_pool::count(failure why) { counted_.count(label_of(why)); }

void http1_pool::lost(http1_connection& which) {
  counted_.connections.lower(static_cast<std::int64_t>(std::erase_if(connections_, [&which](const auto& c) { return c.get() == &which; })));
  if (!stopped_) dispatch();
}

void http1_pool::sweep(core::clock::time_point now) {
  const auto present = connections_;  // one that ends takes itself out of the list
  for (const auto& c : present) c->sweep(now);
  while (!line_.empty() && now - line_.front()->waiting->since >= settings_.wait) fail_first(failure::no_slot);
  connect_if_wanted();
}

void http1_pool::stop() {
  stopped_ = true;
  const auto present = connections_;
  for (const auto& c : present) c->abort();
}

void http1_pool::give_back(http1_exchange& done) {
  done.to = nullptr;
  done.on = nullptr;
  done.waiting.reset();
  spare_.push_back(&done);
}

std::size_t http1_exchange::send(core::bytes payload, bool end) { return waiting ? waiting->add(payload, end) : on->send(payload, end); }

void http1_exchange::credit(std::size_t bytes) {
  if (on) on->credit(bytes);
}

void http1_exchange::cancel() {
  if (waiting)
    std::erase(home_.line_, this);
  else
    on->let_go();
  home_.give_back(*this);
}

}  // namespace sallyport::upstream
