// TLS played at strangers, for the commands that test other programs: one attempt of a client at a server, with whatever certificate files
// it is given, and one answer of a bad server to a client. OpenSSL shakes hands; the client's own part with a certificate in it
// (Certificate, CertificateVerify, Finished) is written here, so that what is sent is what the file holds, also where OpenSSL would refuse
// to read it, to sign with it, or to take that key for that certificate. Nothing of the other side is verified.
//
// Blocking functions for a command; any thread, several at once. A call owns its socket and ends by itself: it is bounded by its time
// limit, by a mebibyte that it receives, and by two that a file has.
#pragma once

#include <sallyport/core/asio.hpp>
#include <sallyport/core/result.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::tls {

enum class play_result {
  accepted,      // the handshake finished, and the server answered as to anybody, or refused nothing until the time was up
  refused,       // by an alert, during the handshake or after it (TLS 1.3: the server judges when the client has finished)
  http_refused,  // the handshake finished, and HTTP says no: 400, 403, 421, or 495 and 496 as nginx has them
  closed,        // without an alert
  broken,        // no TLS, or TLS that OpenSSL cannot go on with
  timed_out,     // the handshake did not finish in time
  unreachable,   // no connection
  unplayable,    // a file cannot be read: nothing was sent
};
std::string_view name_of(play_result how);

struct play_attempt {
  core::asio::ip::tcp::endpoint to = {};
  std::string version = {};         // TLSv1.2 or TLSv1.3; empty: whichever the server prefers
  std::string cert = {}, key = {};  // PEM: the chain as it is sent, and the leaf's key; empty: no certificate
  std::string sni = {};             // empty: none is sent
  std::string host = {};            // of the request that is sent after the handshake
  bool alpn = true;                 // h2 and http/1.1 are offered
  std::chrono::milliseconds limit{5000};
};

struct played {
  play_result how = play_result::unreachable;
  std::string proof;               // what shows it, in words; may hold a stranger's text
  bool shaken = false;             // the handshake finished, as far as a client can see
  bool asked = false;              // the server asked for a certificate
  std::optional<int> alert;        // RFC 8446 6
  std::string alert_name;          // its name there, or its number
  int status = 0;                  // of HTTP; 0: none came
  std::string version, alpn;       // as negotiated; empty: the server never answered in TLS, but perhaps by an alert
  std::vector<std::string> chain;  // what the server sent as its certificates, each in DER, unread
};

played play(const play_attempt& what);

// A server with one certificate, for tests of clients.
class play_server {
 public:
  // The chain as it stands in the file. A fault: OpenSSL cannot serve such a pair.
  static core::outcome<std::shared_ptr<const play_server>> load(const std::string& cert, const std::string& key);
  ~play_server();
  play_server(const play_server&) = delete;
  play_server& operator=(const play_server&) = delete;

  // One connection: handshake, the head of a request, a short answer by HTTP/1.1 or HTTP/2. Takes the descriptor. What came of it, in
  // words.
  std::string answer(int descriptor, std::chrono::milliseconds limit) const;

 private:
  play_server() = default;
  struct native;
  std::unique_ptr<native> native_;
};

}  // namespace sallyport::tls
