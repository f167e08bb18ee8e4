// The one place that spawns coroutines. A group knows how many of its tasks run; closing it cancels them all, and `joined` waits until
// the last has ended. Owned by one worker and used on its thread only; it must outlive its tasks, which `joined` is for.
// An exception that leaves a task is a bug of ours: it aborts. Cancellation ends a task silently.
#pragma once

#include <sallyport/core/asio.hpp>

#include <boost/asio/cancellation_signal.hpp>

#include <cstddef>
#include <list>

namespace sallyport::core {

class task_group {
 public:
  explicit task_group(executor on) : executor_(on), idle_(on, timer::time_point::max()) {}
  task_group(const task_group&) = delete;
  task_group& operator=(const task_group&) = delete;

  // Starts `work`: from the worker's thread it runs up to its first wait within this call. After cancel() nothing is started any more and
  // the task is dropped.
  void spawn(task<void> work);
  void cancel();
  task<void> joined();  // may be awaited by several
  std::size_t size() const { return running_.size(); }

 private:
  executor executor_;
  timer idle_;
  std::list<asio::cancellation_signal> running_;
  bool closed_ = false;
};

}  // namespace sallyport::core
