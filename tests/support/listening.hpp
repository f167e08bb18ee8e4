// A socket that listens on the loopback, for the backends that tests play. The caller closes it.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <stdexcept>

namespace sallyport::support {

struct listening {
  int descriptor = -1;
  std::uint16_t port = 0;
};

// Port 0: the system chooses. `flags`: more of socket(2), such as SOCK_NONBLOCK. `receive_buffer`: of the connections; 0: the system's.
inline listening listen_on_loopback(std::uint16_t port = 0, int flags = 0, int receive_buffer = 0) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  const int on = 1;
  ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (receive_buffer) ::setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&at), size) != 0 || ::listen(descriptor, 64) != 0)
    throw std::runtime_error("the backend cannot listen");
  ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&at), &size);
  return {descriptor, ntohs(at.sin_port)};
}

}  // namespace sallyport::support
