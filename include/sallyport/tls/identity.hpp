// Who the peer is at door 1: plain values that any test can build. That it may pass is decided elsewhere (auth::gate).
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace sallyport::tls {

// A client certificate that was verified against the listener's trust. Strings are as in the certificate, escaped only where they are
// logged.
struct peer_identity {
  std::string subject;      // RFC 2253 form
  std::string common_name;  // the most specific CN, empty if none
  std::vector<std::string> organizational_units = {}, dns_names = {}, uris = {}, emails = {};
  std::string serial;        // hex
  std::string key_pin = {};  // sha256//BASE64 of its public key
  // Seconds since 1970: from then on it has to be judged again, because a certificate of its chain, or a CRL that spoke for it, is over.
  std::int64_t good_until = std::numeric_limits<std::int64_t>::max();
};

struct negotiated {
  std::string version;  // TLSv1.2, TLSv1.3; empty on a plaintext listener
  std::string alpn;     // h2, or empty when the client offered none
  std::string sni;
  bool resumed = false;
};

}  // namespace sallyport::tls
