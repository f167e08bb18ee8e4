// The few Asio names that the whole program uses, and nothing else of Asio's.
//
// One worker is one thread with one io_context, so every handle is bound to io_context's own executor type: no type erasure
// and no strand on the data path. A task runs on the worker that spawned it.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>

namespace sallyport::core {

namespace asio = boost::asio;

using executor = asio::io_context::executor_type;
template <class T>
using task = asio::awaitable<T, executor>;

using tcp_socket = asio::basic_stream_socket<asio::ip::tcp, executor>;
using tcp_acceptor = asio::basic_socket_acceptor<asio::ip::tcp, executor>;
using clock = std::chrono::steady_clock;
using timer = asio::basic_waitable_timer<clock, asio::wait_traits<clock>, executor>;

// Completion token: co_await gives a tuple whose first element is the error_code; nothing throws but cancellation.
inline constexpr auto await = asio::as_tuple(asio::use_awaitable_t<executor>{});

}  // namespace sallyport::core
