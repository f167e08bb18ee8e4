#include <sallyport/admin/socket.hpp>
#include <sallyport/core/secret.hpp>

#include "limits.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sallyport::admin {

namespace {

using clock = std::chrono::steady_clock;
namespace errc = boost::system::errc;

core::fault fault_of(int code, const std::string& path, const std::string& hint = {}) {
  return {core::error_code(code, boost::system::system_category()), "admin socket " + path + ": " + std::strerror(code) + hint};
}

class descriptor {
 public:
  explicit descriptor(int number) : number_(number) {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }

  // 0, or an errno: ETIMEDOUT when the time is up.
  int wait(short what, clock::time_point until) const {
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now()).count();
      if (left <= 0) return ETIMEDOUT;
      pollfd waiting{number_, what, 0};
      const int ready = ::poll(&waiting, 1, static_cast<int>(left));
      if (ready > 0) return 0;
      if (ready < 0 && errno != EINTR) return errno;
    }
  }

 private:
  int number_;
};

// 0, or an errno.
int connect_to(const descriptor& socket, const std::string& path, clock::time_point until) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  for (;;) {
    if (::connect(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return 0;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return errno;  // EAGAIN: the backlog is full; there is nothing to poll for
    if (clock::now() >= until) return ETIMEDOUT;
    ::poll(nullptr, 0, 20);
  }
}

int send_all(const descriptor& socket, std::string_view words, clock::time_point until) {
  while (!words.empty()) {
    const ssize_t sent = ::send(socket.number(), words.data(), words.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      words.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (const int code = socket.wait(POLLOUT, until)) return code;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

int receive_line(const descriptor& socket, std::string& line, clock::time_point until) {
  char buffer[16 * 1024];
  while (line.size() <= answer_max_bytes) {
    if (const int code = socket.wait(POLLIN, until)) return code;
    const ssize_t got = ::recv(socket.number(), buffer, sizeof buffer, 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) continue;
    if (got < 0) return errno;
    if (got == 0) return ECONNRESET;
    line.append(buffer, static_cast<std::size_t>(got));
    if (line.back() == '\n') return 0;
  }
  return EMSGSIZE;
}

}  // namespace

core::outcome<boost::json::object> ask(const std::string& socket_path, const boost::json::object& request) {
  if (socket_path.empty() || socket_path.size() > socket_path_max) return fault_of(ENAMETOOLONG, socket_path);
  const auto until = clock::now() + ask_limit;
  const descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.number() < 0) return fault_of(errno, socket_path);
  if (const int code = connect_to(socket, socket_path, until)) {
    // No file, no listener, or a folder on the way that is none: there is no server. No permission is something else.
    if (code == ENOENT || code == ECONNREFUSED || code == ENOTDIR)
      return core::fault{errc::make_error_code(errc::not_connected), "no server listens on " + socket_path};
    return fault_of(code, socket_path, code == EACCES ? "; run as the user who runs the server" : "");
  }
  std::string line = boost::json::serialize(request);
  if (line.size() > request_max_bytes) {
    core::wipe(line);
    return fault_of(EMSGSIZE, socket_path, "; a request has at most 64 KiB");
  }
  line += '\n';
  const int sent = send_all(socket, line, until);
  core::wipe(line);
  // A server that refuses may answer and close before it has read everything.
  const int received = receive_line(socket, line, until);
  if (received) return fault_of(sent ? sent : received, socket_path, "; the request may have been carried out, look before you repeat it");
  core::error_code ec;
  boost::json::parse_options options;
  options.max_depth = depth_max;
  try {
    boost::json::value answer = boost::json::parse(line, ec, {}, options);
    if (!ec && answer.is_object()) return std::move(answer.as_object());
  } catch (const std::exception&) {  // no memory
  }
  return fault_of(EPROTO, socket_path, "; is it Sallyport that listens there?");
}

}  // namespace sallyport::admin
