#include <sallyport/admin/page.hpp>
#include <sallyport/core/deadline.hpp>
#include <sallyport/core/task_group.hpp>
#include <sallyport/net/listener.hpp>

#include "page_reply.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include <utility>

namespace sallyport::admin {

namespace {

namespace asio = core::asio;
constexpr std::string_view end_of_head = "\r\n\r\n";
constexpr std::chrono::seconds linger_limit{1};

net::admission_limits admission_of(const page_limits& within) {
  net::admission_limits limits;
  limits.connections = limits.connections_per_source = within.connections;
  return limits;
}

core::task<core::result<core::progress>> read_more(core::tcp_socket& client, std::string& kept) {
  char buffer[4096];
  const auto [ec, size] = co_await client.async_read_some(asio::buffer(buffer), core::await);
  if (ec) co_return ec;
  kept.append(buffer, size);
  co_return core::progress::done;
}

// The next head, with the empty line at its end. `kept` is what came after it.
core::task<core::result<std::string>> read_head(core::tcp_socket& client, std::string& kept, std::size_t head_bytes) {
  for (;;) {
    const auto end = kept.find(end_of_head);
    const bool whole = end != std::string::npos;
    if ((whole ? end + end_of_head.size() : kept.size()) > head_bytes) co_return core::error_code(asio::error::message_size);
    if (whole) {
      std::string head = kept.substr(0, end + end_of_head.size());
      kept.erase(0, head.size());
      co_return head;
    }
    const auto more = co_await read_more(client, kept);
    if (!more) co_return more.error();
  }
}

core::task<core::result<core::progress>> write_all(core::tcp_socket& client, const std::string& text) {
  const auto [ec, size] = co_await asio::async_write(client, asio::buffer(text), core::await);
  if (ec) co_return ec;
  co_return core::progress::done;
}

// Closing a socket with unread bytes resets it, and the client would lose its answer.
core::task<core::result<core::progress>> read_and_discard(core::tcp_socket& client) {
  core::error_code ignored;
  client.shutdown(asio::socket_base::shutdown_send, ignored);
  std::string rest;
  for (;;) {
    rest.clear();
    const auto more = co_await read_more(client, rest);
    if (!more) co_return more.error();
  }
}

}  // namespace

struct page_server::impl {
  impl(core::executor on, std::unique_ptr<net::listener> opened, status_source& source, const page_limits& limits)
      : listener(std::move(opened)), tasks(on), ended(on, core::timer::time_point::max()), about(source), within(limits) {}

  std::unique_ptr<net::listener> listener;
  core::task_group tasks;  // the listener's and the connections'
  core::timer ended;
  status_source& about;
  const page_limits within;
  bool closed = false;

  core::task<void> serve(net::accepted client);
  core::task<core::result<page_reply>> next_reply(core::tcp_socket& client, std::string& kept);
  void close() noexcept;
};

// An error: the client has gone, or has nothing to ask.
core::task<core::result<page_reply>> page_server::impl::next_reply(core::tcp_socket& client, std::string& kept) {
  auto reading = read_head(client, kept, within.head_bytes);
  const auto head = co_await core::with_deadline(std::move(reading), within.head);
  if (head) co_return reply_to(*head, about);
  if (head.error() == asio::error::message_size) co_return head_too_large();
  if (head.error() == asio::error::timed_out && !kept.empty()) co_return head_too_slow();
  co_return head.error();
}

core::task<void> page_server::impl::serve(net::accepted client) {
  std::string kept;
  for (;;) {
    const auto reply = co_await next_reply(client.socket, kept);
    if (!reply) co_return;
    auto writing = write_all(client.socket, reply->text);
    const auto written = co_await core::with_deadline(std::move(writing), within.answer);
    if (!written) co_return;
    if (reply->close) break;
    if (!kept.empty()) continue;
    auto first = read_more(client.socket, kept);
    const auto another = co_await core::with_deadline(std::move(first), within.between);
    if (!another) co_return;
  }
  auto rest = read_and_discard(client.socket);
  (void)co_await core::with_deadline(std::move(rest), linger_limit);
}

void page_server::impl::close() noexcept {
  closed = true;
  listener->close();
  ended.cancel();
}

core::outcome<std::unique_ptr<page_server>> page_server::open(core::executor on, const settings& s, status_source& about,
                                                              telemetry::logger& log, const page_limits& within) {
  const net::listener_settings at{"admin.listen", s.page_host, s.page_port, true};
  auto opened = net::listener::open(on, at, std::make_shared<net::admission>(admission_of(within)), false, log);
  if (!opened) return opened.error();
  return std::unique_ptr<page_server>(new page_server(std::make_unique<impl>(on, std::move(*opened), about, within)));
}

page_server::page_server(std::unique_ptr<impl> parts) : impl_(std::move(parts)) {}
page_server::~page_server() = default;

core::task<void> page_server::run() {
  // The connections must be awaited even when this task is cancelled: their frames point here.
  co_await asio::this_coro::throw_if_cancelled(false);
  auto& parts = *impl_;
  auto take = [&parts](net::accepted client) { parts.tasks.spawn(parts.serve(std::move(client))); };
  parts.tasks.spawn(parts.listener->run(std::move(take)));
  if (!parts.closed) co_await parts.ended.async_wait(core::await);
  parts.close();
  parts.tasks.cancel();
  co_await parts.tasks.joined();
}

void page_server::close() noexcept { impl_->close(); }
asio::ip::tcp::endpoint page_server::local() const { return impl_->listener->local(); }

}  // namespace sallyport::admin
