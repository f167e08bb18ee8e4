#include "chain_checks.hpp"

#include "certificate.hpp"

#include <openssl/asn1.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace sallyport::tls {

namespace {

constexpr int serial_octets_max = 20;

using names_ptr = std::unique_ptr<GENERAL_NAMES, freed_by<GENERAL_NAMES_free>>;
struct openssl_free {
  void operator()(void* what) const { OPENSSL_free(what); }
};

// The sentence about one certificate, or nothing.
using words = std::string_view;

std::string_view octets_of(const ASN1_STRING* from) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(from)), static_cast<std::size_t>(ASN1_STRING_length(from))};
}

// X.690 10.1: lengths are definite and minimal, through all that is constructed. Two encodings of one certificate have two fingerprints.
bool is_der(std::string_view encoded, int depth = 0) {
  constexpr int depth_max = 32;
  while (!encoded.empty()) {
    if (encoded.size() < 2 || depth > depth_max) return false;
    const auto first = static_cast<unsigned char>(encoded[1]);
    std::size_t header = 2, size = first;
    if (first >= 0x80) {
      const std::size_t digits = first & 0x7f;
      if (digits == 0 || digits > 4 || encoded.size() < 2 + digits) return false;
      size = 0;
      for (std::size_t i = 0; i < digits; ++i) size = size << 8 | static_cast<unsigned char>(encoded[2 + i]);
      if (size < 0x80 || size >> 8 * (digits - 1) == 0) return false;
      header += digits;
    }
    if (size > encoded.size() - header) return false;
    const bool is_constructed = (encoded[0] & 0x20) != 0;
    if (is_constructed && !is_der(encoded.substr(header, size), depth + 1)) return false;
    encoded.remove_prefix(header + size);
  }
  return true;
}

words judge_encoding(X509* one) {
  unsigned char* encoded = nullptr;
  const int size = i2d_X509(one, &encoded);  // what was signed is as it came
  if (size < 0) return "the certificate cannot be encoded again";
  const std::unique_ptr<unsigned char, openssl_free> owner(encoded);
  const bool good = is_der({reinterpret_cast<const char*>(encoded), static_cast<std::size_t>(size)});
  return good ? words() : "the certificate is not in DER: a length is indefinite, or longer than it need be";
}

// RFC 5280 4.1.2.2: positive, and at most 20 octets.
words judge_serial(const X509* one) {
  const auto* serial = X509_get0_serialNumber(one);
  const auto octets = octets_of(serial);  // without its sign, and without the octet that a sign bit would need
  const bool is_zero = std::all_of(octets.begin(), octets.end(), [](char c) { return c == 0; });
  const bool is_negative = (ASN1_STRING_type(serial) & V_ASN1_NEG) != 0;
  if (is_zero || is_negative) return "the serial number is not positive";
  const bool needs_an_octet_more = (static_cast<unsigned char>(octets.front()) & 0x80) != 0;
  if (static_cast<int>(octets.size()) + (needs_an_octet_more ? 1 : 0) > serial_octets_max)
    return "the serial number has more than 20 octets";
  return {};
}

// A NUL as a character: in a BMPString every second octet of plain text is one.
bool has_nul(const ASN1_STRING* text) {
  const auto octets = octets_of(text);
  const int type = ASN1_STRING_type(text);
  const std::size_t width = type == V_ASN1_BMPSTRING ? 2 : type == V_ASN1_UNIVERSALSTRING ? 4 : 1;
  for (std::size_t at = 0; at + width <= octets.size(); at += width)
    if (octets.substr(at, width).find_first_not_of('\0') == std::string_view::npos) return true;
  return false;
}

// A name with a NUL in it is one name for who counts and another for who reads a C string (CVE-2009-2408).
words judge_names(const X509* one) {
  for (const auto* name : {X509_get_subject_name(one), X509_get_issuer_name(one)})
    for (int i = 0; i < X509_NAME_entry_count(name); ++i)
      if (has_nul(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i)))) return "a NUL in the subject or the issuer";
  const names_ptr names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(one, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const auto* name = sk_GENERAL_NAME_value(names.get(), i);
    const bool is_text = name->type == GEN_DNS || name->type == GEN_URI || name->type == GEN_EMAIL;
    if (is_text && has_nul(name->d.ia5)) return "a NUL in an alternative name";
  }
  return {};
}

// RFC 5280 4.2.1.10 and 4.2.1.11 want them critical: who may skip them gives them no effect.
words judge_constraints(const X509* one) {
  for (const int kind : {NID_name_constraints, NID_policy_constraints}) {
    const int at = X509_get_ext_by_NID(one, kind, -1);
    if (at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(one, at)) == 0) return "name or policy constraints that are not critical";
  }
  return {};
}

// RFC 5280 4.2: whoever looks for one finds the first, or the last.
words judge_extensions(const X509* one) {
  for (int i = 0; i < X509_get_ext_count(one); ++i)
    if (X509_get_ext_by_OBJ(one, X509_EXTENSION_get_object(X509_get_ext(one, i)), i) >= 0) return "the same extension twice";
  return {};
}

words judge_leaf(X509* leaf) {
  const auto flags = X509_get_extension_flags(leaf);
  // RFC 5280 4.2.1.9: the key of a CA is for certificates.
  if ((flags & EXFLAG_CA) != 0) return "the certificate of a CA, where a client's is wanted";
  // RFC 8446 4.4.2.2, RFC 5246 7.4.6: the client signs with it.
  if ((flags & EXFLAG_KUSAGE) != 0 && (X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) == 0) return "the key may not sign (keyUsage)";
  if (X509_get_ext_by_NID(leaf, NID_name_constraints, -1) >= 0) return "name constraints in the certificate of no CA";
  return {};
}

}  // namespace

std::optional<chain_fault> fault_of_chain(STACK_OF(X509) * chain, int shown, bool require_client_eku) {
  X509* leaf = sk_X509_value(chain, 0);
  if (require_client_eku && X509_get_ext_by_NID(leaf, NID_ext_key_usage, -1) < 0)
    return chain_fault{X509_V_ERR_INVALID_PURPOSE, "no extendedKeyUsage, and require_client_eku wants clientAuth", 0};
  for (int depth = 0; depth < shown; ++depth) {
    X509* one = sk_X509_value(chain, depth);
    for (const auto said : {judge_encoding(one), judge_serial(one), judge_names(one), judge_extensions(one), judge_constraints(one),
                            depth == 0 ? judge_leaf(one) : words()})
      if (!said.empty()) return chain_fault{X509_V_ERR_CERT_REJECTED, std::string(said), depth};
  }
  return std::nullopt;
}

}  // namespace sallyport::tls
