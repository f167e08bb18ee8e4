// What the clients of Milvus say to a fault of a server's certificate, where that depends on more than the fault. Each is "client: words",
// the words being part of what the client says. tests/e2e/test_show_words.py holds all of them, and those in findings.cpp, against the
// clients themselves: grpcio 1.85 ("pymilvus", whose TLS is BoringSSL), Python's ssl with Debian's OpenSSL 3.0 ("pymilvus over REST"),
// grpc-go of Go 1.19, grpc-js on Node 24, grpc-java 1.85 (whose TLS is BoringSSL, and whose judge is JDK 17), and Sallyport before a Milvus
// with TLS. A client that is not named takes the certificate.
#pragma once

#include <sallyport/certs/show.hpp>

#include <openssl/x509.h>

#include <string>
#include <vector>

namespace sallyport::certs {

using sayings = std::vector<std::string>;

// The certificate is not for `host`, which may be empty where nobody has said what clients ask for.
sayings sayings_of_names(X509* leaf, const shown_certificate& facts, const std::string& host);

// The chain does not reach the CA: `why` is a X509_V_ERR_…, `length` how many certificates of the way OpenSSL has found.
sayings sayings_of_trust(int why, int length);

// The server has no signature that the client takes, and ends the handshake.
enum class refusing { everybody, boring_ssl, boring_ssl_and_go };
sayings sayings_of_handshake(refusing who);

}  // namespace sallyport::certs
