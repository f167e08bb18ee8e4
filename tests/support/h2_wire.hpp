// HTTP/2 frames over a blocking descriptor, for the two ends that tests play. Nothing here is shared with the http2 room: what is tested
// must not be its own judge. One thread an end, but `hang_up` and `interrupt`, which any thread may call. Every wait has a deadline and
// throws when it is over.
#pragma once

#include "hpack_text.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace sallyport::support {

using steady = std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace h2 {

enum type : std::uint8_t { data, head, priority, rst, settings, push, ping, goaway, window, continuation };
enum flag : std::uint8_t { none = 0, end_stream = 1, ack = 1, end_headers = 4, padded = 8 };
enum code : std::uint32_t {
  no_error = 0,
  protocol_error = 1,
  internal_error = 2,
  flow_control_error = 3,
  stream_closed = 5,
  refused_stream = 7,
  cancel = 8,
  enhance_your_calm = 11
};
inline constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

struct frame {
  std::uint8_t type = 0, flags = 0;
  std::uint32_t id = 0;
  std::string payload;
  bool ends() const { return (flags & end_stream) != 0; }
  std::uint32_t number(std::size_t at = 0) const {
    std::uint32_t n = 0;
    for (std::size_t i = at; i < at + 4 && i < payload.size(); ++i) n = n << 8 | static_cast<unsigned char>(payload[i]);
    return n;
  }
};

inline std::string big_endian(std::uint64_t value, unsigned bytes) {
  std::string out;
  while (bytes-- > 0) out += static_cast<char>(value >> 8 * bytes & 0xff);
  return out;
}
inline std::string make(std::uint8_t type, std::uint8_t flags, std::uint32_t id, std::string_view payload = {}) {
  std::string out = big_endian(payload.size(), 3) + static_cast<char>(type) + static_cast<char>(flags) + big_endian(id, 4);
  return out.append(payload);
}
inline std::string make_settings(const std::vector<std::pair<std::uint16_t, std::uint32_t>>& values) {
  std::string payload;
  for (const auto& [id, value] : values) payload += big_endian(id, 2) + big_endian(value, 4);
  return make(settings, none, 0, payload);
}
inline std::string make_head(std::uint32_t id, const headers& fields, bool end) {
  const auto block = encode(fields);
  std::string out;
  for (std::size_t at = 0; at == 0 || at < block.size(); at += 16'384) {
    const unsigned last = at + 16'384 >= block.size() ? end_headers : none, ends = at == 0 && end ? end_stream : none;
    out += make(at == 0 ? head : continuation, static_cast<std::uint8_t>(last | ends), id, std::string_view(block).substr(at, 16'384));
  }
  return out;
}
inline std::string make_rst(std::uint32_t id, std::uint32_t why) { return make(rst, none, id, big_endian(why, 4)); }
inline std::string make_window(std::uint32_t id, std::uint32_t more) { return make(window, none, id, big_endian(more, 4)); }
inline std::string make_goaway(std::uint32_t last, std::uint32_t why) {
  return make(goaway, none, 0, big_endian(last, 4) + big_endian(why, 4));
}

}  // namespace h2

// Not all bytes alike, so that a lost, doubled or swapped piece shows.
inline std::string pattern(std::size_t size, unsigned seed = 1) {
  std::string text(size, '\0');
  auto* at = text.data();
  for (const auto* const end = at + size; at != end; ++at) {  // for a sanitizer iterators are dear
    seed = seed * 1664525U + 1013904223U;
    *at = static_cast<char>(seed >> 24);
  }
  return text;
}

// A blocking descriptor with deadlines.
class wire {
 public:
  explicit wire(int descriptor) : descriptor_(descriptor) { ::fcntl(descriptor_, F_SETFL, ::fcntl(descriptor_, F_GETFL) | O_NONBLOCK); }
  static int dial(std::uint16_t port, int receive_buffer = 0) {
    const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer) ::setsockopt(made, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(made, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) throw std::runtime_error("cannot connect");
    const int on = 1;
    ::setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return made;
  }
  ~wire() { ::close(descriptor_); }
  wire(const wire&) = delete;
  wire& operator=(const wire&) = delete;

  int descriptor() const { return descriptor_; }
  void hang_up() { ::shutdown(descriptor_, SHUT_RDWR); }
  void half_close() { ::shutdown(descriptor_, SHUT_WR); }
  void reset_on_close() {
    const linger now{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }

  // False: the peer is gone.
  bool write(std::string_view bytes, steady::duration limit = 20s) {
    const auto until = steady::now() + limit;
    while (!bytes.empty()) {
      const auto n = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n > 0)
        bytes.remove_prefix(static_cast<std::size_t>(n));
      else if (errno != EAGAIN && errno != EINTR)
        return false;
      else
        wait(POLLOUT, until, "the peer does not read");
    }
    return true;
  }
  // What the socket takes at once.
  std::size_t write_some(std::string_view bytes) {
    const auto n = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return n > 0 ? static_cast<std::size_t>(n) : 0;
  }
  // Appends what is there; false: nothing more will come.
  bool read(std::string& to, steady::time_point until) {
    for (;;) {
      char room[65536];
      const auto n = ::recv(descriptor_, room, sizeof room, 0);
      if (n > 0) {
        to.append(room, static_cast<std::size_t>(n));
        total_ += static_cast<std::size_t>(n);
        return true;
      }
      if (n == 0) return false;
      if (errno != EAGAIN && errno != EINTR) {
        was_reset_ = errno == ECONNRESET;
        return false;
      }
      wait(POLLIN, until, "nothing comes");
    }
  }
  std::string read_all(steady::duration limit = 10s) {
    std::string all;
    const auto until = steady::now() + limit;
    while (read(all, until)) {
    }
    return all;
  }
  std::size_t total() const { return total_; }
  bool was_reset() const { return was_reset_; }

 private:
  void wait(short events, steady::time_point until, const char* complaint) const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady::now()).count();
    pollfd at{descriptor_, events, 0};
    if (left <= 0 || ::poll(&at, 1, static_cast<int>(left)) == 0) throw std::runtime_error(complaint);
  }
  int descriptor_;
  std::size_t total_ = 0;
  bool was_reset_ = false;
};

// Bytes to frames.
class frame_reader {
 public:
  std::string bytes;  // not yet a frame
  std::optional<h2::frame> next() {
    const auto at = [this](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[taken_ + i])); };
    const auto left = bytes.size() - taken_;
    if (left < 9 || left < 9 + (at(0) << 16 | at(1) << 8 | at(2))) {
      bytes.erase(0, taken_);
      taken_ = 0;
      return std::nullopt;
    }
    const std::size_t length = at(0) << 16 | at(1) << 8 | at(2);
    h2::frame f{static_cast<std::uint8_t>(at(3)), static_cast<std::uint8_t>(at(4)),
                (at(5) << 24 | at(6) << 16 | at(7) << 8 | at(8)) & 0x7fffffff, bytes.substr(taken_ + 9, length)};
    taken_ += 9 + length;
    return f;
  }

 private:
  std::size_t taken_ = 0;
};

}  // namespace sallyport::support
