#include "play_socket.hpp"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace sallyport::tls {

namespace {

// A server's flight is some KiB; nobody needs more to say yes or no.
constexpr std::size_t received_max_bytes = 1 << 20;

void set_options(int descriptor) {
  (void)::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK);
  const int on = 1;
  (void)::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

play_socket::play_socket(int descriptor, clock::time_point until) : descriptor_(descriptor), until_(until) { set_options(descriptor); }

play_socket::~play_socket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool play_socket::ready(short& events, clock::time_point latest) const {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(latest - clock::now()).count();
    if (left <= 0) return false;
    pollfd one{descriptor_, events, 0};
    const int found = ::poll(&one, 1, static_cast<int>(std::min<long>(left, 60'000)));
    if (found > 0) {
      events = one.revents;
      return true;
    }
    if (found < 0 && errno != EINTR) return false;
  }
}

std::string play_socket::connect(const core::asio::ip::tcp::endpoint& to) {
  const auto words = [](int number) { return std::generic_category().message(number); };
  descriptor_ = ::socket(to.address().is_v6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0) return words(errno);
  set_options(descriptor_);
  if (::connect(descriptor_, to.data(), static_cast<socklen_t>(to.size())) == 0) return {};
  if (errno != EINPROGRESS) return words(errno);
  short events = POLLOUT;
  if (!ready(events, until_)) return "no answer in time";
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? std::string() : words(error);
}

void play_socket::take() {
  std::array<char, 16 * 1024> room;
  const auto got = ::recv(descriptor_, room.data(), room.size(), 0);
  if (got > 0) {
    received.append(room.data(), static_cast<std::size_t>(got));
    total_ += static_cast<std::size_t>(got);
  } else if (got == 0) {
    ended_ = true;
  } else if (errno != EAGAIN && errno != EINTR) {
    ended_ = reset_ = true;
  }
}

void play_socket::send(std::string_view bytes) {
  while (!bytes.empty() && !deaf_ && total_ <= received_max_bytes) {
    short events = static_cast<short>(POLLOUT | (ended_ ? 0 : POLLIN));
    if (!ready(events, until_)) return;
    if ((events & POLLIN) != 0) {
      take();
      fresh_ = true;
    }
    if ((events & (POLLOUT | POLLERR | POLLHUP)) == 0) continue;
    const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0)
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    else if (errno != EAGAIN && errno != EINTR)
      deaf_ = true;
  }
}

play_socket::came play_socket::wait(clock::time_point latest) {
  if (std::exchange(fresh_, false)) return came::more;
  const auto before = received.size();
  while (received.size() == before) {
    if (total_ > received_max_bytes) return came::too_much;
    if (ended_) return came::nothing_more;
    short events = POLLIN;
    if (!ready(events, std::min(latest, until_))) return came::too_late;
    take();
  }
  return came::more;
}

}  // namespace sallyport::tls
