// What one worker may hold for bytes on their way (`limits.buffers`), and who gives way when it runs short (docs/passage.md 23). Owned by
// the worker, used on its thread.
//
//   half of it in use      windows stop growing
//   three quarters         new requests of those who hold more than their share are refused: UNAVAILABLE, 503
//   nine tenths            the requests of the largest holder that have stood still longest are ended, until it is less
//   always                 nobody holds more than an eighth: whoever does is refused and ended likewise
//
// A holder is a user, or, while none is known, the address that a client comes from. Their shares are equal parts of the budget. What
// tunnels keep in their streams counts as well, from one look to the next.
#pragma once

#include "context.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace sallyport::proxy {

class connection;
class keeper;

class buffer_budget {
 public:
  buffer_budget(context& around, std::size_t bytes);

  // At a permit. Nearly always one comparison.
  bool admits(std::string_view who) const { return refused_.empty() || !refused_.contains(std::string(who)); }

  // A few times a second, and at the end of a turn in which nine tenths were passed. Ends exchanges and tunnels.
  void look(const std::unordered_set<connection*>& connections);

 private:
  struct holder;
  std::vector<holder> holders(const std::unordered_set<connection*>& connections) const;
  std::vector<keeper*> tunnels(const std::unordered_set<connection*>& connections) const;
  std::size_t used_bytes() const;
  bool is_over(unsigned tenths) const;
  void end_some(holder& of, std::size_t until_held_bytes, bool for_all);

  context& around_;
  const std::size_t bytes_;
  std::size_t outside_ = 0;  // what the pool does not see
  std::unordered_set<std::string> refused_;
};

}  // namespace sallyport::proxy
