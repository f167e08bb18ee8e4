#include "fair_line.hpp"

#include "endpoint_pool.hpp"

#include <sallyport/core/defence.hpp>

#include <algorithm>

namespace sallyport::upstream {
namespace {

constexpr std::size_t idle_shares_max = 1024;
constexpr std::size_t parts = 4;  // of the places; nobody has more than one of so many while others wait

}  // namespace

user_share& fair_line::share_of(std::string_view user) {
  if (last_ && last_->name == user) return *last_;
  auto at = shares_.find(user);
  if (at == shares_.end()) at = shares_.try_emplace(std::string(user), user).first;
  last_ = &at->second;
  return *last_;
}

void fair_line::tidy() {
  if (shares_.size() <= idle_shares_max) return;
  last_ = nullptr;
  std::erase_if(shares_, [](const auto& entry) { return entry.second.outstanding == 0; });
}

void fair_line::enter(balanced_request& who) {
  auto& line = who.share->waiting;
  if (line.empty()) turns_.push_back(who.share);
  // Nearly always the end: only who comes from another line has waited longer.
  auto at = line.end();
  while (at != line.begin() && (*std::prev(at))->since > who.since) --at;
  line.insert(at, &who);
  ++size_;
}

bool fair_line::leave(balanced_request& who) {
  auto& line = who.share->waiting;
  if (std::erase(line, &who) == 0) return false;
  if (line.empty()) std::erase(turns_, who.share);
  --size_;
  return true;
}

balanced_request& fair_line::take_next(std::size_t running) {
  auto next = turns_.begin();
  if (turns_.size() > 1 && core::defended("O05e")) {
    const auto most = std::max<std::size_t>((running + 1) / parts, 1);  // a place has become free
    next = std::find_if(turns_.begin(), turns_.end(), [most](const auto* share) { return share->running() < most; });
    if (next == turns_.end()) next = turns_.begin();
  }
  auto* const share = *next;
  auto& who = *share->waiting.front();
  share->waiting.pop_front();
  --size_;
  turns_.erase(next);
  if (!share->waiting.empty()) turns_.push_back(share);
  return who;
}

std::deque<user_share*>::const_iterator fair_line::longest() const {
  return std::max_element(turns_.begin(), turns_.end(), [](const auto* a, const auto* b) { return a->waiting.size() < b->waiting.size(); });
}

bool fair_line::is_longest_above(const user_share& than) const {
  const auto at = longest();
  return at != turns_.end() && (*at)->waiting.size() > than.waiting.size() + 1;
}

balanced_request* fair_line::take_last_of_longest() {
  const auto at = longest();
  if (at == turns_.end()) return nullptr;
  auto& who = *(*at)->waiting.back();
  leave(who);
  return &who;
}

balanced_request* fair_line::take_expired(core::clock::time_point before) {
  for (const auto* share : turns_) {
    auto* const who = share->waiting.front();
    if (who->since > before) continue;
    leave(*who);
    return who;
  }
  return nullptr;
}

}  // namespace sallyport::upstream
