// What every TCP connection of ours gets, whoever opened it.
#pragma once

#include <sallyport/core/asio.hpp>

namespace sallyport::net {

// TCP_NODELAY (we write whole flushes ourselves) and keepalive. Nothing is lost where they fail.
// To a backend: and TCP_USER_TIMEOUT, so that it ends when it has acknowledged nothing for a minute, or has taken nothing that waits for it
// (docs/passage.md 15, 24). Clients have limits.write_stall.
void prepare(core::tcp_socket& to_backend) noexcept;
// Linux gives an accepted connection what its listener has.
void prepare(core::tcp_acceptor& acceptor) noexcept;

}  // namespace sallyport::net
