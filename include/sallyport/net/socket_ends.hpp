// How every stream of ours gives its socket up, plaintext or TLS. The socket's own thread; what waits on it is told operation_aborted.
#pragma once

#include <sallyport/core/asio.hpp>
#include <sallyport/core/result.hpp>

namespace sallyport::net {

// With nothing to linger for, closing is a reset. Shutting down before that would be an end in good order.
inline void reset_socket(core::tcp_socket& socket) noexcept {
  core::error_code ignored;
  socket.set_option(core::asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

inline void abort_socket(core::tcp_socket& socket) noexcept {
  core::error_code ignored;
  socket.shutdown(core::tcp_socket::shutdown_both, ignored);
  socket.cancel(ignored);
}

}  // namespace sallyport::net
