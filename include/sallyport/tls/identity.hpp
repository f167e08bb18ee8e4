// Who the peer is at door 1: plain values that any test can build. That it may pass is decided elsewhere (auth::gate).
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace sallyport::tls {

// A client certificate that was verified against the listener's CA. Strings are as in the certificate, escaped only where they are logged.
struct peer_identity {
  std::string subject;      // RFC 2253 form
  std::string common_name;  // the most specific CN, empty if none
  std::vector<std::string> dns_names, uris;
  std::string serial;  // hex
};

struct negotiated {
  std::string version;  // TLSv1.2, TLSv1.3; empty on a plaintext listener
  std::string alpn;     // h2, or empty when the client offered none
  std::string sni;
  bool resumed = false;
};

}  // namespace sallyport::tls
