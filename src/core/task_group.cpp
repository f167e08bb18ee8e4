#include <sallyport/core/task_group.hpp>

#include <sallyport/core/expect.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <exception>

namespace sallyport::core {

void task_group::spawn(task<void> work) {
  if (closed_) return;
  auto& signal = running_.emplace_back();
  auto at = std::prev(running_.end());
  auto ended = [this, at](std::exception_ptr failure) {
    // Asio posts what cancel() emits when it is called outside the worker's run: the signal has to be there until that has been handled.
    asio::post(executor_, [this, at] {
      running_.erase(at);
      if (running_.empty()) idle_.cancel();
    });
    if (!failure) return;
    try {
      std::rethrow_exception(failure);
    } catch (const boost::system::system_error& e) {
      // throw_if_cancelled unwinds a cancelled task with this code.
      SALLYPORT_EXPECT(e.code() == asio::error::operation_aborted);
    }
  };
  asio::co_spawn(executor_, std::move(work), asio::bind_cancellation_slot(signal.slot(), std::move(ended)));
}

void task_group::cancel() {
  closed_ = true;
  for (auto& signal : running_) signal.emit(asio::cancellation_type::terminal);
}

task<void> task_group::joined() {
  while (!running_.empty()) co_await idle_.async_wait(await);
}

}  // namespace sallyport::core
