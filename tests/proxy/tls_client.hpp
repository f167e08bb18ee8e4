// A TLS client that is not ours (`openssl s_client`; the proxy room may not know OpenSSL).
#pragma once

#include "support/openssl.hpp"

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::proxy::testing {

using support::make_certificate;
using support::process;

// A TLS connection whose plaintext is on `descriptor()`.
class tls_client {
 public:
  tls_client(std::uint16_t port, const std::vector<std::string>& more) {
    int pair[2];
    BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    ours_ = pair[0];
    std::vector<std::string> words{
        "openssl", "s_client", "-quiet", "-nocommands", "-no_ign_eof", "-connect", "127.0.0.1:" + std::to_string(port)};
    words.insert(words.end(), more.begin(), more.end());
    program_ = std::make_unique<process>(words, pair[1]);
    ::close(pair[1]);
  }
  int descriptor() const { return ours_; }             // whoever takes it closes it
  void until_ended() { (void)program_->succeeded(); }  // after the end of its input: it has said close_notify
  void kill() { program_->kill(); }                    // without a word to the server

 private:
  int ours_ = -1;
  std::unique_ptr<process> program_;
};

}  // namespace sallyport::proxy::testing
