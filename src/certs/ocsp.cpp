#include "ocsp.hpp"

#include <openssl/ocsp.h>

namespace sallyport::certs {

namespace {

using basic_handle = std::unique_ptr<OCSP_BASICRESP, freed_by<OCSP_BASICRESP_free>>;
using response_handle = std::unique_ptr<OCSP_RESPONSE, freed_by<OCSP_RESPONSE_free>>;
using id_handle = std::unique_ptr<OCSP_CERTID, freed_by<OCSP_CERTID_free>>;
using time_handle = std::unique_ptr<ASN1_TIME, freed_by<ASN1_TIME_free>>;
using enumerated_handle = std::unique_ptr<ASN1_ENUMERATED, freed_by<ASN1_ENUMERATED_free>>;

struct said {
  int status = V_OCSP_CERTSTATUS_GOOD, reason = OCSP_REVOKED_STATUS_NOSTATUS;
  const ASN1_TIME* when = nullptr;
};

said status_of(X509* certificate, X509_CRL* list) {
  X509_REVOKED* entry = nullptr;
  if (X509_CRL_get0_by_serial(list, &entry, X509_get_serialNumber(certificate)) != 1) return {};
  const enumerated_handle reason(static_cast<ASN1_ENUMERATED*>(X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, nullptr, nullptr)));
  return {V_OCSP_CERTSTATUS_REVOKED, reason ? static_cast<int>(ASN1_ENUMERATED_get(reason.get())) : OCSP_REVOKED_STATUS_NOSTATUS,
          X509_REVOKED_get0_revocationDate(entry)};
}

}  // namespace

std::string ocsp_response(const authority& by, X509* certificate, X509_CRL* list, std::time_t from, std::time_t until) {
  const basic_handle basic(OCSP_BASICRESP_new());
  // SHA-1 is no signature here but a name, and the one that every client knows (RFC 5019 2.1.1).
  const id_handle id(OCSP_cert_to_id(EVP_sha1(), certificate, by.certificate()));
  const time_handle since(ASN1_TIME_set(nullptr, from)), next(ASN1_TIME_set(nullptr, until));
  if (!basic || !id || !since || !next) return {};
  const auto what = status_of(certificate, list);
  const std::unique_ptr<ASN1_TIME, freed_by<ASN1_TIME_free>> when(what.when ? ASN1_TIME_to_generalizedtime(what.when, nullptr)
                                                                            : static_cast<ASN1_TIME*>(nullptr));
  if (!OCSP_basic_add1_status(basic.get(), id.get(), what.status, what.reason, when.get(), since.get(), next.get()) ||
      OCSP_basic_sign(basic.get(), by.certificate(), by.key.get(), EVP_sha256(), nullptr, OCSP_NOCERTS) != 1)
    return {};
  const response_handle response(OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()));
  unsigned char* der = nullptr;
  const int size = response ? i2d_OCSP_RESPONSE(response.get(), &der) : -1;
  if (size <= 0) return {};
  std::string text(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return text;
}

}  // namespace sallyport::certs
