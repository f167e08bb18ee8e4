// What every TCP connection of ours gets, whoever opened it.
#pragma once

#include <sallyport/core/asio.hpp>

namespace sallyport::net {

// TCP_NODELAY (we write whole flushes ourselves) and keepalive. Linux gives an accepted connection what its listener has, and so these are
// set once for all of them; nothing is lost where they fail.
void prepare(core::tcp_socket& socket) noexcept;
void prepare(core::tcp_acceptor& acceptor) noexcept;

}  // namespace sallyport::net
