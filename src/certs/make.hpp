// Keys, requests and certificates made with libcrypto. Pure but for the random numbers and the clock; any thread. A null handle or an
// empty text means that OpenSSL could not: its error queue says why (openssl_reason).
#pragma once

#include <sallyport/certs/recipe.hpp>
#include <sallyport/core/secret.hpp>

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace sallyport::certs {

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using key_handle = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using certificate_handle = std::unique_ptr<X509, freed_by<X509_free>>;
using request_handle = std::unique_ptr<X509_REQ, freed_by<X509_REQ_free>>;

using extension_handle = std::unique_ptr<X509_EXTENSION, freed_by<X509_EXTENSION_free>>;

enum class role { ca, server, client };

// The names of a certificate beside its subject; addresses are written out.
struct certificate_names {
  std::vector<std::string> dns, ips, uris, emails;
};
extension_handle extension_of(const certificate_names& from);

bool set_serial(X509* certificate);                     // random, RFC 5280 4.1.2.2
bool set_dates(X509* certificate, std::uint32_t days);  // from now on

key_handle make_key(key_kind kind);

// What the holder of a key asks to be certified: its subject and key, and for a server its names.
request_handle make_request(role who, const recipe& options, EVP_PKEY* key);

// Signed by `issuer_key`; without an issuer the certificate is its own (a root). `days` from now.
struct issuer {
  X509* certificate = nullptr;
  EVP_PKEY* key = nullptr;
};
certificate_handle make_certificate(role who, const recipe& options, X509_REQ* request, const issuer& signer, std::uint32_t days);

// Does `leaf` hold against `root` for what it is for, as strictly as OpenSSL judges, and is `key` its own? Empty when so, else the reason.
std::string fault_of_pair(X509* root, X509* leaf, EVP_PKEY* key, role who);

core::secret pem_of(EVP_PKEY* key);  // PKCS #8, not encrypted: a server that starts by itself has nobody to ask
core::secret pem_of(X509* certificate);
core::secret pem_of(X509_REQ* request);
core::secret serial_file_of(X509* certificate);  // the form of `openssl x509 -CAserial`

std::string openssl_reason();  // of the last failure; empties the queue

}  // namespace sallyport::certs
