#include "certificate.hpp"

#include <sallyport/core/expect.hpp>
#include "openssl.hpp"

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>

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

// In the order of the certificate.
std::vector<std::string> subject_entries(const X509* certificate, int kind) {
  std::vector<std::string> found;
  const X509_NAME* name = X509_get_subject_name(certificate);
  for (int at = -1; (at = X509_NAME_get_index_by_NID(name, kind, at)) >= 0;)
    found.push_back(utf8_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at))));
  return found;
}

// As curl and HTTP public key pins write it: of the whole SubjectPublicKeyInfo (RFC 7469 2.4).
std::string key_pin_of(const X509* certificate) {
  unsigned char* encoded = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &encoded);
  if (size < 0) return {};
  const std::unique_ptr<unsigned char, openssl_free> owner(encoded);
  std::array<unsigned char, 32> hash{};
  std::array<unsigned char, 45> text{};
  if (EVP_Digest(encoded, static_cast<std::size_t>(size), hash.data(), nullptr, EVP_sha256(), nullptr) != 1) return {};
  EVP_EncodeBlock(text.data(), hash.data(), hash.size());
  return std::string("sha256//") + reinterpret_cast<const char*>(text.data());
}

}  // namespace

std::string subject_of(const X509* certificate) { return name_text(X509_get_subject_name(certificate)); }

std::string hex_of(std::span<const unsigned char> octets) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const unsigned char c : octets) {
    text += digits[c >> 4];
    text += digits[c & 15];
  }
  return text;
}

std::string sha256_of(const X509* certificate) {
  std::array<unsigned char, 32> made{};
  SALLYPORT_EXPECT(X509_digest(certificate, EVP_sha256(), made.data(), nullptr) == 1);
  return hex_of(made);
}

std::string sha256_of(const X509_CRL* crl) {
  std::array<unsigned char, 32> made{};
  SALLYPORT_EXPECT(X509_CRL_digest(crl, EVP_sha256(), made.data(), nullptr) == 1);
  return hex_of(made);
}

std::string name_text(const X509_NAME* name) {
  const bio_ptr out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
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
  // The last one in the order of the certificate is the most specific, and the first in RFC 2253's.
  auto common_names = subject_entries(certificate, NID_commonName);
  if (!common_names.empty()) who.common_name = std::move(common_names.back());
  who.organizational_units = subject_entries(certificate, NID_organizationalUnitName);
  who.key_pin = key_pin_of(certificate);
  who.serial = serial_of(certificate);
  const names_ptr names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  const int count = names ? std::min(sk_GENERAL_NAME_num(names.get()), alternative_names_max) : 0;
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) who.dns_names.push_back(bytes_of(name->d.dNSName));
    if (name->type == GEN_EMAIL) who.emails.push_back(bytes_of(name->d.rfc822Name));
    if (name->type == GEN_URI) who.uris.push_back(bytes_of(name->d.uniformResourceIdentifier));
  }
  ERR_clear_error();
  return who;
}

// A certificate of Milvus' recipe has its name in the CN only; that it serves under it harms nobody, for clients judge by themselves.
std::vector<std::string> server_names_of(const X509* certificate) {
  auto who = identity_of(certificate);
  const bool has_names = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1) >= 0;
  if (!has_names && !who.common_name.empty()) return {who.common_name};
  return std::move(who.dns_names);
}

}  // namespace sallyport::tls
