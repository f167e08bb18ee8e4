// A table of at most `max` tokens; the one used longest ago makes room for a new one. One thread.
#pragma once

#include "token_key.hpp"

#include <cstddef>
#include <iterator>
#include <list>
#include <unordered_map>
#include <utility>

namespace sallyport::auth {

template <class Value>
class recent {
 public:
  explicit recent(std::size_t max) : max_(max) {}

  // Valid until the next `put` or `erase`; nullptr when it is not there.
  Value* find(const token_key& key) {
    const auto at = index_.find(key);
    if (at == index_.end()) return nullptr;
    order_.splice(order_.begin(), order_, at->second);
    return &at->second->second;
  }
  void put(const token_key& key, Value value) {
    if (max_ == 0) return;
    if (auto* known = find(key)) {
      *known = std::move(value);
      return;
    }
    if (index_.size() == max_) {
      index_.erase(order_.back().first);
      order_.pop_back();
    }
    order_.emplace_front(key, std::move(value));
    index_.emplace(key, order_.begin());
  }
  void erase(const token_key& key) {
    const auto at = index_.find(key);
    if (at == index_.end()) return;
    order_.erase(at->second);
    index_.erase(at);
  }
  std::size_t size() const { return index_.size(); }

 private:
  using entries = std::list<std::pair<token_key, Value>>;

  std::size_t max_;
  entries order_;
  std::unordered_map<token_key, typename entries::iterator, token_key_hash> index_;
};

}  // namespace sallyport::auth
