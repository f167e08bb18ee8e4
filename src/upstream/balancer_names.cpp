// Which addresses a backend has: those of the configuration, and what its names stand for today.
#include "watched_name.hpp"

#include "endpoint_pool.hpp"

#include <sallyport/net/names.hpp>

#include <algorithm>

namespace sallyport::upstream {
namespace {

using namespace std::chrono_literals;
constexpr auto soonest = 1s;  // a name is asked again
constexpr std::size_t addresses_max = 256;
constexpr std::size_t listed_max_bytes = 512;

std::string shown(std::string_view host, std::uint16_t port) {
  const bool brackets = host.find(':') != std::string_view::npos;
  return (brackets ? "[" : "") + std::string(host) + (brackets ? "]:" : ":") + std::to_string(port);
}

void list(std::string& into, const std::string& label) {
  if (into.size() < listed_max_bytes) into.append(into.empty() ? "" : " ").append(label);
}

bool has(const std::vector<std::shared_ptr<endpoint_pool>>& all, const target& wanted) {
  return std::any_of(all.begin(), all.end(), [&wanted](const auto& m) { return m->where().is(wanted); });
}

}  // namespace

core::task<void> balancer::watch(std::size_t which) {
  auto& name = *names_[which];
  while (!stopped_) {
    name.asked = core::clock::now();
    name.asking = true;
    name.timer.expires_at(name.asked + settings_.resolve);
    const auto found = co_await resolver_.resolve(name.at);
    name.asking = false;
    if (stopped_) co_return;
    learn(name, found);
    // A failed connect makes the time shorter.
    while (!stopped_ && core::clock::now() < name.timer.expiry()) co_await name.timer.async_wait(core::await);
  }
}

void balancer::resolve_soon() {
  for (const auto& n : names_)
    if (!n->asking && n->timer.expiry() > n->asked + soonest) n->timer.expires_at(n->asked + soonest);
}

// An empty or failed answer keeps the last good addresses.
void balancer::learn(watched_name& of, const core::result<std::vector<tcp_address>>& found) {
  const auto label = shown(of.at.host, of.at.port);
  if (!found || found->empty()) {
    const core::error_code why = found ? core::error_code(core::asio::error::host_not_found) : found.error();
    if (!of.addresses.empty()) {
      around_.log.warning("backend_unresolved", {{"backend", settings_.name}, {"endpoint", label}, {"reason", why.message()}});
      return;
    }
    const auto at = std::find_if(members_.begin(), members_.end(), [&label](const auto& m) { return m->where().label == label; });
    if (at == members_.end()) return;
    const auto unresolved = *at;
    return unresolved->connect_failed({why});
  }
  auto addresses = *found;
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  if (addresses == of.addresses) return;
  of.addresses = std::move(addresses);
  reconcile(true);
}

// In the order of the configuration, each once.
std::vector<target> balancer::targets() const {
  std::vector<target> all;
  const auto add = [&all](target one) {
    const bool there = std::any_of(all.begin(), all.end(), [&one](const target& t) { return t.is(one); });
    if (!there && all.size() < addresses_max) all.push_back(std::move(one));
  };
  for (const auto& e : where_)
    for (auto& t : targets_of(e)) add(std::move(t));
  return all;
}

std::vector<target> balancer::targets_of(const endpoint& one) const {
  const auto certified = certificate_name(settings_, one.host);
  const auto itself = shown(one.host, one.port);
  if (auto known = net::known_addresses(one.host, one.port); !known.empty()) return {{itself, std::move(known), certified, one}};
  const auto name = std::find_if(names_.begin(), names_.end(), [&one](const auto& n) { return n->at == one; });
  if (name == names_.end() || (*name)->addresses.empty()) return {{itself, {}, certified, one}};
  std::vector<target> all;
  for (const auto& address : (*name)->addresses)
    all.push_back({shown(address.address().to_string(), address.port()), {address}, certified, one});
  return all;
}

// Makes the members what they ought to be. Those that have left finish what they carry; their lines move.
void balancer::reconcile(bool log) {
  std::string added, removed;
  pools next, leaving;
  for (auto& t : targets()) {
    const auto at = std::find_if(members_.begin(), members_.end(), [&t](const auto& m) { return m->where().is(t); });
    if (at != members_.end()) {
      next.push_back(*at);
      continue;
    }
    list(added, t.label);
    auto made = make_(*this, std::move(t));
    made->health.up = !made->where().addresses.empty();
    made->health.next_probe = core::clock::now() + settings_.health.interval;
    next.push_back(std::move(made));
  }
  for (const auto& m : members_)
    if (!has(next, m->where())) leaving.push_back(m);
  members_ = std::move(next);
  only_ = members_.size() == 1 ? members_.front().get() : nullptr;
  for (const auto& m : leaving) {
    list(removed, m->where().label);
    retired_.push_back(m);
    m->retire();
    move_line(*m);
  }
  // Who waits for a name that nobody answers is served by an endpoint that is there.
  for (const auto& m : members_)
    if (m->where().addresses.empty()) move_line(*m);
  show_endpoints();
  if (log)
    around_.log.info("addresses_changed",
                     {{"backend", settings_.name}, {"added", added}, {"removed", removed}, {"endpoints", members_.size()}});
}

void balancer::show_endpoints() {
  if (!shown_) return;
  const auto total = static_cast<std::int64_t>(members_.size()), up = count_up();
  counted_.endpoints.raise(total - std::exchange(endpoints_shown_, total));
  counted_.endpoints_up.raise(up - std::exchange(up_shown_, up));
}

}  // namespace sallyport::upstream
