#include <sallyport/net/outbox.hpp>

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>

namespace sallyport::net {

namespace {

// 0 when the socket takes nothing now.
core::result<std::size_t> send_some(core::tcp_socket& socket, core::bytes data) {
  for (;;) {
    const auto sent = ::send(socket.native_handle(), data.data(), data.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::size_t{0};
    if (errno != EINTR) return core::error_code(errno, boost::system::system_category());
  }
}

}  // namespace

core::result<core::progress> outbox::send(core::tcp_socket& socket, core::bytes data) {
  if (size() == 0) {
    if (data.empty()) return core::progress::done;
    const auto sent = send_some(socket, data);
    if (!sent) return sent.error();
    if (*sent == data.size()) return core::progress::done;
    keep(data.subspan(*sent));
    return core::progress::blocked;
  }
  keep(data);
  const auto sent = send_some(socket, core::bytes(kept_).subspan(kept_at_));
  if (!sent) return sent.error();
  kept_at_ += *sent;
  if (size() != 0) return core::progress::blocked;
  clear();
  return core::progress::done;
}

void outbox::keep(core::bytes rest) {
  if (rest.empty()) return;
  // What has left must not be carried along, or a peer that always reads a little less than we send would grow the buffer.
  kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(kept_at_));
  kept_at_ = 0;
  kept_.insert(kept_.end(), rest.begin(), rest.end());
}

void outbox::clear() noexcept {
  kept_ = std::vector<std::byte>();  // `{}` would be an empty list, and leave the memory where it is
  kept_at_ = 0;
}

bool is_gone(core::tcp_socket& socket) {
  // Not POLLHUP: that is there as soon as both directions have ended in good order, though bytes may still wait to be read.
  pollfd asked{socket.native_handle(), 0, 0};
  return ::poll(&asked, 1, 0) > 0 && (asked.revents & (POLLERR | POLLNVAL)) != 0;
}

std::size_t unacknowledged(core::tcp_socket& socket) {
  int left = 0;
  return ::ioctl(socket.native_handle(), SIOCOUTQ, &left) == 0 ? static_cast<std::size_t>(left) : 0;
}

bool has_input(core::tcp_socket& socket) {
  char one = 0;
  return ::recv(socket.native_handle(), &one, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || (errno != EAGAIN && errno != EINTR);
}

core::result<std::size_t> receive_some(core::tcp_socket& socket, std::span<std::byte> into) {
  for (;;) {
    const auto got = ::recv(socket.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EAGAIN || errno == EWOULDBLOCK) return core::error_code(core::asio::error::would_block);
    if (errno != EINTR) return core::error_code(errno, boost::system::system_category());
  }
}

}  // namespace sallyport::net
