// OCSP responses from the operator's files (RFC 6960), for the handshake (RFC 6066 8).
#pragma once

#include "server_policy.hpp"

namespace sallyport::tls {

// DER; it has to be about the leaf of `chain`. Whether its signature holds is for clients to judge. A fault names the file.
core::outcome<staple> read_staple(const std::string& path, const std::vector<x509_ptr>& chain);

}  // namespace sallyport::tls
