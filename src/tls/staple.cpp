#include "staple.hpp"

#include "pem.hpp"

#include <openssl/ocsp.h>

#include <ctime>

namespace sallyport::tls {

namespace {

using response_ptr = std::unique_ptr<OCSP_RESPONSE, freed_by<OCSP_RESPONSE_free>>;
using basic_ptr = std::unique_ptr<OCSP_BASICRESP, freed_by<OCSP_BASICRESP_free>>;

// The one about this certificate. By its serial number alone: whose name and key are hashed with which function is the responder's choice.
OCSP_SINGLERESP* about(OCSP_BASICRESP* all, X509* leaf) {
  for (int i = 0; i < OCSP_resp_count(all); ++i) {
    auto* one = OCSP_resp_get0(all, i);
    ASN1_INTEGER* serial = nullptr;
    OCSP_id_get0_info(nullptr, nullptr, nullptr, &serial, const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(one)));
    if (ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) == 0) return one;
  }
  return nullptr;
}

}  // namespace

core::outcome<staple> read_staple(const std::string& path, const std::vector<x509_ptr>& chain) {
  const auto text = read_file(path);
  if (!text) return text.error();
  ERR_clear_error();
  const auto* octets = reinterpret_cast<const unsigned char*>(text->reveal().data());
  const response_ptr response(d2i_OCSP_RESPONSE(nullptr, &octets, static_cast<long>(text->size())));
  if (!response) return wrong(path, "is no OCSP response in DER: " + take_words());
  if (OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
    return wrong(path, std::string("the responder did not answer: ") + OCSP_response_status_str(OCSP_response_status(response.get())));
  const basic_ptr basic(OCSP_response_get1_basic(response.get()));
  auto* one = basic ? about(basic.get(), chain.front().get()) : nullptr;
  if (one == nullptr) {
    ERR_clear_error();
    return wrong(path, "says nothing about the certificate that it is for");
  }
  ASN1_GENERALIZEDTIME* next = nullptr;
  int reason = 0;
  OCSP_single_get0_status(one, &reason, nullptr, nullptr, &next);
  // Without a next update a newer one is always to be had (RFC 6960 4.2.2.1): it is not kept for longer than a day.
  constexpr std::int64_t day = 24 * 3600;
  return staple{std::string(text->reveal()), next ? seconds_of(next) : std::time(nullptr) + day};
}

}  // namespace sallyport::tls
