// What is read out of an X.509 certificate. A stranger made it: every string may hold any byte, and no list is followed without end.
#pragma once

#include <sallyport/tls/identity.hpp>

#include <openssl/x509.h>

#include <span>
#include <string>
#include <vector>

namespace sallyport::tls {

peer_identity identity_of(const X509* certificate);
std::string subject_of(const X509* certificate);            // RFC 2253, UTF-8 left as it is
std::string hex_of(std::span<const unsigned char> octets);  // lower case
std::string sha256_of(const X509* certificate);             // hex
std::string sha256_of(const X509_CRL* crl);
std::string name_text(const X509_NAME* name);    // the same of any name
std::string serial_of(const X509* certificate);  // upper-case hex, as `openssl x509 -serial` prints it

std::vector<std::string> server_names_of(const X509* certificate);  // DNS names: its SANs, or the CN where it has none

}  // namespace sallyport::tls
