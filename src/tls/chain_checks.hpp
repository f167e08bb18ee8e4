// What OpenSSL's verification lets pass, strict as it may be set, and a client's chain must not have all the same. docs/certificates.md has
// a set of certificates for each of the checks. Pure; any thread.
#pragma once

#include "openssl.hpp"

#include <optional>
#include <string>

namespace sallyport::tls {

struct chain_fault {
  int error;  // X509_V_ERR_…: decides the alert
  std::string reason;
  int depth;
};

// `chain`: as X509_verify_cert has built it, from the leaf to what the operator trusts. Only its first `shown` certificates, which the
// client has sent, are judged: what the operator trusts is as he wants it (RFC 5280 6.1.1).
std::optional<chain_fault> fault_of_chain(STACK_OF(X509) * chain, int shown, bool require_client_eku);

}  // namespace sallyport::tls
