// The other end of a connection, where that is in this very process: what has come there can be awaited, instead of hoped for.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdint>

namespace sallyport::support {

inline std::uint16_t port_of(int descriptor) {
  sockaddr_in own{};
  socklen_t size = sizeof own;
  ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&own), &size);
  return ntohs(own.sin_port);
}

// The first of ours whose peer is that port of the loopback; -1: there is none (yet).
inline int descriptor_towards(std::uint16_t port) {
  for (int at = 0; at < 1024; ++at) {
    sockaddr_in other{};
    socklen_t size = sizeof other;
    if (::getpeername(at, reinterpret_cast<sockaddr*>(&other), &size) == 0 && other.sin_family == AF_INET && ntohs(other.sin_port) == port)
      return at;
  }
  return -1;
}

// The kernel keeps little of what its peer does not read, so that what waits, waits in whoever writes to it.
inline bool narrow(int descriptor) {
  const int little = 16 * 1024;
  return ::setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &little, sizeof little) == 0;
}

// POLLIN, POLLOUT, POLLRDHUP for the end that was sent, POLLHUP for a reset; false: not within ten seconds.
inline bool comes_to(int descriptor, short events) {
  pollfd at{descriptor, events, 0};
  return ::poll(&at, 1, 10'000) == 1 && (at.revents & events) != 0;
}

}  // namespace sallyport::support
