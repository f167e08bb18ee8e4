// What each user has at one endpoint, and the line of requests that wait for a place there: fair between users (docs/passage.md 25). Users
// take turns; while several of them wait, whoever has a quarter of the places lets the others go first. No place stays empty for that: when
// all who wait have a quarter, they take turns again. Requests without a user (tokens: none) count as those of one user.
//
// Owned by its pool, used on the worker's thread. Bounded: the line by settings.waiters_max, which its pool sees to; shares that nobody
// uses go at the next sweep when there are more than a few.
#pragma once

#include <sallyport/core/asio.hpp>
#include <sallyport/http2/session.hpp>

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sallyport::upstream {

class balanced_request;

// Resets of requests that the backend has seen (docs/passage.md 18), for one user: a quarter of what a connection to a backend bears.
struct user_share {
  static constexpr double resets = 75, resets_per_second = 2.5;

  explicit user_share(std::string_view of) : name(of) {}

  const std::string name;
  std::size_t outstanding = 0;            // under way or in line
  std::deque<balanced_request*> waiting;  // first come first
  http2::token_bucket resets_left{resets, resets_per_second};

  std::size_t running() const { return outstanding - waiting.size(); }
};

class fair_line {
 public:
  // Lives until it has nothing outstanding and `tidy` is called.
  user_share& share_of(std::string_view user);
  void tidy();

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  void enter(balanced_request& who);  // in the order in which those of its user began to wait
  bool leave(balanced_request& who);  // false: it was not there
  // Whose turn it is, out of the line, when so many requests are under way; the line must not be empty.
  balanced_request& take_next(std::size_t running);
  // Of the user with the most in line: whether that is more than this one would have with one more, and the one that came last, out of the
  // line (nullptr: nobody waits).
  bool is_longest_above(const user_share& than) const;
  balanced_request* take_last_of_longest();
  // One that has waited since before that; out of the line; nullptr: there is none.
  balanced_request* take_expired(core::clock::time_point before);

 private:
  std::deque<user_share*>::const_iterator longest() const;

  struct hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  std::unordered_map<std::string, user_share, hash, std::equal_to<>> shares_;
  user_share* last_ = nullptr;     // asked for last
  std::deque<user_share*> turns_;  // those with a line, whose turn it is first
  std::size_t size_ = 0;
};

}  // namespace sallyport::upstream
