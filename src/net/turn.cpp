#include <sallyport/net/turn.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>

namespace sallyport::net {

void turn::mark(flushable& who) {
  if (who.marked_) return;
  who.marked_ = true;
  marked_.push_back(&who);
  if (posted_) return;
  posted_ = true;
  core::asio::post(executor_, [this] { run(); });
}

void turn::forget(flushable& who) noexcept {
  if (!who.marked_) return;
  who.marked_ = false;
  std::replace(marked_.begin(), marked_.end(), &who, static_cast<flushable*>(nullptr));
}

void turn::run() {
  // A flush may mark others (credit that goes back to the other side): they are flushed in the same turn.
  for (std::size_t i = 0; i < marked_.size(); ++i) {
    auto* const who = marked_[i];
    if (!who) continue;
    who->marked_ = false;
    marked_[i] = nullptr;
    who->flush();
  }
  marked_.clear();
  posted_ = false;
}

}  // namespace sallyport::net
