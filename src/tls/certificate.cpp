#include "certificate.hpp"
#include "openssl.hpp"

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/x509v3.h>

namespace sallyport::tls {

namespace {

// A certificate of 64 KiB has room for thousands; no rule needs more than these.
constexpr int alternative_names_max = 64;

struct openssl_free {
  void operator()(void* what) const { OPENSSL_free(what); }
};
using names_ptr = std::unique_ptr<GENERAL_NAMES, freed_by<GENERAL_NAMES_free>>;
using number_ptr = std::unique_ptr<BIGNUM, freed_by<BN_free>>;

std::string utf8_of(const ASN1_STRING* from) {
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, from);
  if (size < 0) return {};
  const std::unique_ptr<unsigned char, openssl_free> owner(text);
  return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)};
}

std::string bytes_of(const ASN1_STRING* from) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(from)), static_cast<std::size_t>(ASN1_STRING_length(from))};
}

// The last one in the order of the certificate, which is the first in RFC 2253's.
std::string common_name_of(const X509* certificate) {
  const X509_NAME* name = X509_get_subject_name(certificate);
  int last = -1;
  for (int at = -1; (at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0;) last = at;
  return last < 0 ? std::string() : utf8_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
}

}  // namespace

std::string subject_of(const X509* certificate) {
  const bio_ptr out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string serial_of(const X509* certificate) {
  const number_ptr number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  if (!number) return {};
  const std::unique_ptr<char, openssl_free> hex(BN_bn2hex(number.get()));
  return hex ? hex.get() : "";
}

peer_identity identity_of(const X509* certificate) {
  peer_identity who;
  who.subject = subject_of(certificate);
  who.common_name = common_name_of(certificate);
  who.serial = serial_of(certificate);
  const names_ptr names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  const int count = names ? std::min(sk_GENERAL_NAME_num(names.get()), alternative_names_max) : 0;
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) who.dns_names.push_back(bytes_of(name->d.dNSName));
    if (name->type == GEN_URI) who.uris.push_back(bytes_of(name->d.uniformResourceIdentifier));
  }
  ERR_clear_error();
  return who;
}

}  // namespace sallyport::tls
