#include "buffer_budget.hpp"

#include "connect_request.hpp"
#include "connection.hpp"
#include "exchange.hpp"

#include <sallyport/core/defence.hpp>

#include <algorithm>
#include <unordered_map>

namespace sallyport::proxy {
namespace {

constexpr std::size_t parts = 8;  // nobody holds more than one of so many

}  // namespace

struct buffer_budget::holder {
  std::string name;
  std::size_t held = 0;
  std::vector<keeper*> keepers;          // those that hold something, the longest still first
  std::vector<connection*> connections;  // whose output holds something
};

buffer_budget::buffer_budget(context& around, std::size_t bytes) : around_(around), bytes_(bytes) {}

std::size_t buffer_budget::used_bytes() const { return around_.buffers.used_bytes() + outside_; }

bool buffer_budget::is_over(unsigned tenths) const { return used_bytes() > bytes_ / 10 * tenths; }

std::vector<keeper*> buffer_budget::tunnels(const std::unordered_set<connection*>& connections) const {
  std::vector<keeper*> all(around_.tunnels.begin(), around_.tunnels.end());
  for (auto* c : connections)
    if (auto* const whole = c->carried(); whole && whole->in_use()) all.push_back(whole);
  return all;
}

std::vector<buffer_budget::holder> buffer_budget::holders(const std::unordered_set<connection*>& connections) const {
  std::unordered_map<std::string, holder> by_name;
  std::unordered_map<connection*, std::string> owners;
  auto keepers = tunnels(connections);
  for (const auto& e : around_.exchanges)
    if (e->in_use()) keepers.push_back(e.get());
  for (auto* k : keepers) {
    std::string name(k->holder());
    if (k->on()) owners.try_emplace(k->on(), name);
    const auto held = k->held_bytes();
    if (!held) continue;
    auto& of = by_name[name];
    of.held += held;
    of.keepers.push_back(k);
  }
  for (auto* c : connections) {
    const auto held = c->output_memory();
    if (!held) continue;
    const auto owner = owners.find(c);
    auto& of = by_name[owner == owners.end() ? std::string(c->source()) : owner->second];
    of.held += held;
    of.connections.push_back(c);
  }
  std::vector<holder> all;
  for (auto& [name, of] : by_name) {
    of.name = name;
    std::sort(of.keepers.begin(), of.keepers.end(), [](const keeper* a, const keeper* b) { return a->moved() < b->moved(); });
    all.push_back(std::move(of));
  }
  std::sort(all.begin(), all.end(), [](const holder& a, const holder& b) { return a.held > b.held; });
  return all;
}

// Until it holds no more than that; for_all: or until there is enough for all.
void buffer_budget::end_some(holder& of, std::size_t until_held_bytes, bool for_all) {
  const auto enough = [&] { return of.held <= until_held_bytes || (for_all && !is_over(9)); };
  std::size_t ended = 0;
  for (auto* k : of.keepers) {
    if (enough()) break;
    if (!k->in_use()) continue;  // ended in this look already, or with the connection of another holder
    of.held -= std::min(of.held, k->held_bytes());
    outside_ -= std::min(outside_, k->outside_bytes());
    k->shed();
    ++ended;
  }
  for (auto* c : of.connections) {
    if (enough()) break;
    const auto before = c->output_memory();
    c->shed_unowned();
    // What a client takes leaves at the end of the turn.
    if (c->writing()) c->end_short_of_buffers();
    const auto freed = before - std::min(before, c->output_memory());
    of.held -= std::min(of.held, freed);
    ended += freed != 0;
  }
  if (ended)
    around_.log.warning("buffers_short", {{"holder", of.name}, {"ended", ended}, {"used_bytes", used_bytes()}, {"budget_bytes", bytes_}});
}

void buffer_budget::look(const std::unordered_set<connection*>& connections) {
  outside_ = 0;
  for (const auto* k : tunnels(connections)) outside_ += k->outside_bytes();
  const auto used = used_bytes();
  around_.counts.set(telemetry::gauge::buffers_bytes, static_cast<std::int64_t>(used));
  around_.short_of_buffers = used > bytes_ / 2;
  refused_.clear();
  const auto most = bytes_ / parts;
  if (used <= most) return;
  auto all = holders(connections);
  for (auto& h : all) {
    if (!core::defended("O05a") || h.held <= most) continue;
    refused_.insert(h.name);
    end_some(h, most, false);
  }
  for (auto& h : all)
    if (core::defended("O05c") && is_over(9)) end_some(h, 0, true);
  if (!core::defended("O05b") || used <= bytes_ / 4 * 3) return;
  const auto share = std::min(most, bytes_ / std::max<std::size_t>(all.size(), 1));
  for (const auto& h : all)
    if (h.held > share) refused_.insert(h.name);
}

}  // namespace sallyport::proxy
