#include "play_reply.hpp"

#include <utility>

namespace sallyport::tls {

namespace {

constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t header_bytes = 9, frame_max_bytes = 16 * 1024;
enum frame_type : unsigned { headers = 1, settings = 4, ping = 6 };

unsigned octet(char c) { return static_cast<unsigned char>(c); }

std::string frame_of(unsigned type, unsigned flags, std::string_view stream, std::string_view payload) {
  std::string made{'\0', static_cast<char>(payload.size() >> 8), static_cast<char>(payload.size()), static_cast<char>(type),
                   static_cast<char>(flags)};
  return made.append(stream).append(payload);
}

}  // namespace

std::string play_reply::received(std::string_view bytes) {
  if (done_) return {};
  pending_ += bytes;
  if (http2_) return read_http2();
  if (pending_.find("\r\n\r\n") == std::string::npos) return {};
  done_ = true;
  return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";
}

std::string play_reply::read_http2() {
  static const std::string connection(4, '\0');
  std::string out;
  if (!std::exchange(greeted_, true)) out = frame_of(settings, 0, connection, "");
  if (!preface_read_ && pending_.size() >= preface.size()) {
    preface_read_ = true;
    pending_.erase(0, preface.size());
  }
  while (preface_read_ && !done_ && pending_.size() >= header_bytes) {
    const std::size_t size = octet(pending_[0]) << 16 | octet(pending_[1]) << 8 | octet(pending_[2]);
    if (size > frame_max_bytes) done_ = true;
    if (done_ || pending_.size() < header_bytes + size) break;
    const unsigned type = octet(pending_[3]), flags = octet(pending_[4]);
    const bool acknowledges = (flags & 1) != 0;
    if (type == settings && !acknowledges) out += frame_of(settings, 1, connection, "");
    if (type == ping && !acknowledges) out += frame_of(ping, 1, connection, pending_.substr(header_bytes, size));
    if (type == headers) {
      // :status 200, content-type, grpc-status 12, each as everybody can read it; the end of the stream.
      out += frame_of(headers, 5, pending_.substr(5, 4),
                      "\x88\x0f\x10\x10"
                      "application/grpc" +
                          std::string("\0\x0b", 2) +
                          "grpc-status\x02"
                          "12");
      done_ = true;
    }
    pending_.erase(0, header_bytes + size);
  }
  return out;
}

}  // namespace sallyport::tls
