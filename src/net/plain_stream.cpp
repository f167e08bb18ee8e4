#include <sallyport/net/plain_stream.hpp>
#include <sallyport/net/socket_ends.hpp>

#include "socket_options.hpp"

namespace sallyport::net {

using core::error_code;
using core::progress;
using core::result;
using core::task;
namespace asio = core::asio;

namespace {
// A peer that fills the workbench each time would never let the worker's other connections have their turn.
constexpr unsigned burst_max = 4;
}  // namespace

plain_stream::plain_stream(core::tcp_socket socket, workbench& bench) : socket_(std::move(socket)), bench_(bench) {}

task<result<progress>> plain_stream::receive(receiver& to) {
  for (;;) {
    if (dead_) co_return dead_;
    if (!filled_ || ++burst_ >= burst_max) {
      burst_ = 0;
      auto [ec] = co_await socket_.async_wait(core::tcp_socket::wait_read, core::await);
      if (dead_) co_return dead_;
      if (ec) co_return ec;
    }
    const auto step = take_in(to);
    if (!step || *step != progress::blocked) co_return step;
  }
}

result<progress> plain_stream::take_in(receiver& to) {
  const workbench::loan loan(bench_);
  const std::span<std::byte> into(loan.data(), receive_max_);
  const auto got = receive_some(socket_, into);
  filled_ = got && *got == into.size();
  if (!got) {
    if (got.error() == asio::error::would_block) return progress::blocked;
    dead_ = got.error();
    return dead_;
  }
  if (*got == 0) {
    // A send that failed has taken the socket's error with it, and what is left of a reset looks like an end in good order. EPIPE: that end
    // had come before.
    if (!cannot_send_ || cannot_send_ == asio::error::broken_pipe) return progress::ended;
    dead_ = cannot_send_;
    return dead_;
  }
  to.received(into.first(*got));
  if (dead_) return dead_;
  return progress::done;
}

result<progress> plain_stream::write(core::bytes data) {
  if (dead_) return dead_;
  if (cannot_send_) return cannot_send_;
  if (closed_) return error_code(asio::error::shut_down);
  return send(data);
}

result<progress> plain_stream::send(core::bytes data) {
  auto sent = outbox_.send(socket_, data);
  if (!sent) cannot_send_ = sent.error();
  return sent;
}

task<result<progress>> plain_stream::drained() {
  for (;;) {
    if (dead_) co_return dead_;
    if (cannot_send_) co_return cannot_send_;
    const auto sent = send({});
    if (!sent || *sent == progress::done) co_return sent;
    auto [ec] = co_await socket_.async_wait(core::tcp_socket::wait_write, core::await);
    if (dead_) co_return dead_;
    if (ec) co_return ec;
  }
}

result<progress> plain_stream::try_close() {
  closed_ = true;
  if (dead_) return dead_;
  if (cannot_send_) return cannot_send_;
  const auto sent = send({});
  if (!sent || *sent == progress::blocked) return sent;
  error_code ignored;  // the peer may be gone already, which is as good
  socket_.shutdown(core::tcp_socket::shutdown_send, ignored);
  return progress::done;
}

void plain_stream::reset() noexcept {
  if (!dead_) dead_ = asio::error::operation_aborted;
  outbox_.clear();
  net::reset_socket(socket_);
}

void plain_stream::abort() noexcept {
  if (!dead_) dead_ = asio::error::operation_aborted;
  outbox_.clear();
  net::abort_socket(socket_);
}

task<result<core::tcp_socket>> connect(asio::ip::tcp::endpoint to) {
  core::tcp_socket socket(co_await asio::this_coro::executor);
  error_code ec;
  socket.open(to.protocol(), ec);
  if (ec) co_return ec;
  prepare(socket);
  auto [failed] = co_await socket.async_connect(to, core::await);
  if (failed) co_return failed;
  co_return socket;
}

}  // namespace sallyport::net
