// One OCSP response, signed by the authority itself (RFC 6960 4.2.2.2). Pure but for the clock.
#pragma once

#include "authority.hpp"

#include <ctime>

namespace sallyport::certs {

// DER, with what `list` says of the certificate's serial number. Empty: OpenSSL could not (openssl_reason).
std::string ocsp_response(const authority& by, X509* certificate, X509_CRL* list, std::time_t from, std::time_t until);

}  // namespace sallyport::certs
