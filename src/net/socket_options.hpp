// What every TCP connection of ours gets, whoever opened it.
#pragma once

#include <sallyport/core/asio.hpp>

namespace sallyport::net {

// TCP_NODELAY (we write whole flushes ourselves), keepalive, non-blocking. A peer that is already gone makes these fail; the first read
// tells.
void prepare(core::tcp_socket& socket) noexcept;

}  // namespace sallyport::net
