// What a server of a play says to a client that has come through: the least of HTTP/1.1 or of HTTP/2 (RFC 9113) that shows that the door
// was open. To a gRPC call it says UNIMPLEMENTED. No I/O; bounded by the bytes that it is given.
#pragma once

#include <string>
#include <string_view>

namespace sallyport::tls {

class play_reply {
 public:
  explicit play_reply(std::string_view alpn) : http2_(alpn == "h2") {}

  // What to send when these have come; at first with nothing.
  std::string received(std::string_view bytes);
  bool done() const { return done_; }  // a request has come, and its answer was given out

 private:
  std::string read_http2();

  const bool http2_;
  std::string pending_;
  bool greeted_ = false, preface_read_ = false, done_ = false;
};

}  // namespace sallyport::tls
