#include "socket_options.hpp"

#include <sallyport/core/result.hpp>

#include <netinet/tcp.h>

namespace sallyport::net {

namespace {

template <int Name>
using tcp_number = core::asio::detail::socket_option::integer<IPPROTO_TCP, Name>;

template <class Socket>
void set_options(Socket& socket) noexcept {
  core::error_code ignored;
  socket.set_option(core::asio::ip::tcp::no_delay(true), ignored);
  // A peer whose host vanished is found out after 60 + 4 * 15 seconds; the kernel's default is over two hours.
  socket.set_option(core::asio::socket_base::keep_alive(true), ignored);
  socket.set_option(tcp_number<TCP_KEEPIDLE>(60), ignored);
  socket.set_option(tcp_number<TCP_KEEPINTVL>(15), ignored);
  socket.set_option(tcp_number<TCP_KEEPCNT>(4), ignored);
}

}  // namespace

void prepare(core::tcp_socket& to_backend) noexcept {
  set_options(to_backend);
  core::error_code ignored;
  to_backend.set_option(tcp_number<TCP_USER_TIMEOUT>(60'000), ignored);
}
void prepare(core::tcp_acceptor& acceptor) noexcept { set_options(acceptor); }

}  // namespace sallyport::net
