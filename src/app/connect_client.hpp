// The client of `sallyport connect`: a connection to a Sallyport listener, TLS, CONNECT with a user's name and password, then bytes; once
// between standard input and output, or for each connection to a port of the loopback. One thread, an io_context of its own; SIGINT and
// SIGTERM end it. Bounded: the time for the connection and its answer, the answer's head (16 KiB), tunnels at once.
#pragma once

#include <sallyport/core/result.hpp>
#include <sallyport/core/secret.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace sallyport::app {

struct connect_settings {
  std::string host;  // the listener
  std::uint16_t port = 0;
  bool plaintext = false;
  std::string ca, cert, key;
  bool bytes_at_once = false;  // protocol: tcp: no CONNECT
  std::string target;          // HOST:PORT, as the listener's backend is called
  std::string user;            // empty: no Proxy-Authorization
  core::secret password;
  std::string listen_host;  // empty: standard input and output
  std::uint16_t listen_port = 0;
  std::string first;  // what was read from standard input already
};

// 0, or an exit code; what went wrong, and where it listens, is told to `say`, one sentence a call.
int run_connect(const connect_settings& settings, const std::function<void(const std::string& what, const std::string& hint)>& complain,
                const std::function<void(const std::string&)>& tell);

}  // namespace sallyport::app
