#include "stdio_stream.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace sallyport::app {

using core::error_code;
using core::progress;
using core::result;
using core::task;
namespace asio = core::asio;

namespace {

error_code last_error() { return {errno, boost::system::system_category()}; }
bool is_for_later(int code) { return code == EAGAIN || code == EWOULDBLOCK; }
// epoll has no place for files; they are always ready.
bool is_file(const error_code& ec) { return ec == asio::error::operation_not_supported; }

}  // namespace

stdio_stream::stdio_stream(core::executor on, int in, int out)
    : in_fd_(in), out_fd_(out), in_mode_(::fcntl(in, F_GETFL)), out_mode_(::fcntl(out, F_GETFL)), in_(on), out_(on) {
  in_.assign(::fcntl(in, F_DUPFD_CLOEXEC, 0), dead_);
  if (!dead_) out_.assign(::fcntl(out, F_DUPFD_CLOEXEC, 0), dead_);
}

stdio_stream::~stdio_stream() {
  if (in_mode_ >= 0) ::fcntl(in_fd_, F_SETFL, in_mode_);
  if (out_mode_ >= 0 && out_fd_ >= 0) ::fcntl(out_fd_, F_SETFL, out_mode_);
}

task<result<progress>> stdio_stream::receive(net::receiver& to) {
  for (;;) {
    if (dead_) co_return dead_;
    auto [ec] = co_await in_.async_wait(descriptor::wait_read, core::await);
    if (dead_) co_return dead_;
    if (ec && !is_file(ec)) co_return ec;
    const auto got = ::read(in_.native_handle(), room_.data(), room_.size());
    if (got < 0 && (errno == EINTR || is_for_later(errno))) continue;
    if (got < 0) co_return last_error();
    if (got == 0) co_return progress::ended;
    to.received({room_.data(), static_cast<std::size_t>(got)});
    co_return progress::done;
  }
}

result<progress> stdio_stream::send() {
  std::size_t sent = 0;
  while (sent < kept_.size()) {
    const auto n = ::write(out_.native_handle(), kept_.data() + sent, kept_.size() - sent);
    if (n >= 0)
      sent += static_cast<std::size_t>(n);
    else if (is_for_later(errno))
      break;
    else if (errno != EINTR) {
      // Nobody gets what is said any more: for a relay that is a reset, for whoever is left has no reason to say anything either.
      why_ = last_error().message();
      return error_code(asio::error::connection_reset);
    }
  }
  kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(sent));
  return kept_.empty() ? progress::done : progress::blocked;
}

result<progress> stdio_stream::write(core::bytes data) {
  if (dead_) return dead_;
  if (out_fd_ < 0) return error_code(asio::error::shut_down);
  kept_.insert(kept_.end(), data.begin(), data.end());
  error_code ec;
  out_.non_blocking(true, ec);
  return send();
}

task<result<progress>> stdio_stream::drained() {
  for (;;) {
    if (dead_) co_return dead_;
    const auto sent = send();
    if (!sent || *sent == progress::done) co_return sent;
    auto [ec] = co_await out_.async_wait(descriptor::wait_write, core::await);
    if (dead_) co_return dead_;
    if (ec && !is_file(ec)) co_return ec;
  }
}

result<progress> stdio_stream::try_close() {
  if (dead_) return dead_;
  const auto sent = send();
  if (!sent || *sent == progress::blocked) return sent;
  // One socket may be both, as ssh's ProxyCommand gets it: it stays open for what comes in. A pipe or a file knows no such end.
  (void)::shutdown(out_.native_handle(), SHUT_WR);
  error_code ignored;
  out_.close(ignored);
  if (out_mode_ >= 0) ::fcntl(out_fd_, F_SETFL, out_mode_);
  ::close(std::exchange(out_fd_, -1));
  return progress::done;
}

void stdio_stream::abort() noexcept {
  if (!dead_) dead_ = asio::error::operation_aborted;
  kept_.clear();
  error_code ignored;
  in_.cancel(ignored);
  if (out_.is_open()) out_.cancel(ignored);
}

}  // namespace sallyport::app
