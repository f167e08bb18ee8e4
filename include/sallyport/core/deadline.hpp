// with_deadline runs a task until it ends or the time is up; the loser is cancelled and awaited, so nothing is left running behind the
// caller. For handshake, dial and close. Idle limits are one sleeper that re-reads a timestamp instead, never a timer a read.
#pragma once

#include <sallyport/core/asio.hpp>
#include <sallyport/core/result.hpp>

#include <boost/asio/experimental/awaitable_operators.hpp>

namespace sallyport::core {

// The result of `work`, asio::error::timed_out, or operation_aborted when the caller is cancelled. Runs on the caller's executor.
template <class T>
task<result<T>> with_deadline(task<result<T>> work, clock::duration limit) {
  using namespace asio::experimental::awaitable_operators;
  timer sleeper(co_await asio::this_coro::executor, limit);
  auto first = co_await (std::move(work) || sleeper.async_wait(await));
  if (first.index() == 0) co_return std::get<0>(std::move(first));
  const auto [cancelled] = std::get<1>(first);
  co_return cancelled ? cancelled : error_code(asio::error::timed_out);
}

}  // namespace sallyport::core
