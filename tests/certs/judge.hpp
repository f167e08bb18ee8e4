// A server's judgement of a set, without a server: OpenSSL's verification as include/sallyport/certs/kit.hpp describes it, and the checks
// that are added to it.
#pragma once

#include "support.hpp"

#include <sallyport/certs/kit.hpp>

#include <openssl/err.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

namespace sallyport::certs::tests {

// What the verification says first: X509_V_OK, an X509_V_ERR_…, or `unparsed`.
inline constexpr int unparsed = -1;

using octet_string = std::string;

// The contents of the PEM blocks of a file, whatever they are.
inline std::vector<octet_string> blocks_of(const std::string& path) {
  std::vector<octet_string> all;
  BIO* file = BIO_new_file(path.c_str(), "r");
  char *name = nullptr, *header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  while (file && PEM_read_bio(file, &name, &header, &data, &size) == 1) {
    all.emplace_back(reinterpret_cast<char*>(data), static_cast<std::size_t>(size));
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
  }
  BIO_free(file);
  ERR_clear_error();
  return all;
}

// As TLS reads one: all the octets, or it is none.
inline certificate parsed(const octet_string& encoded) {
  const auto* at = reinterpret_cast<const unsigned char*>(encoded.data());
  const auto* const end = at + encoded.size();
  certificate made(d2i_X509(nullptr, &at, static_cast<long>(encoded.size())), X509_free);
  ERR_clear_error();
  if (made && at != end) made.reset();
  return made;
}

struct shown_chain {
  std::vector<octet_string> encoded;
  std::vector<certificate> all;  // empty: one of them does not parse

  explicit shown_chain(const fixture& set) : encoded(blocks_of(set.cert)) {
    for (const auto& each : encoded) {
      all.push_back(parsed(each));
      if (all.back()) continue;
      all.clear();
      return;
    }
  }
  X509* leaf() const { return all.front().get(); }
};

class trust {
 public:
  explicit trust(const kit& of) : store_(X509_STORE_new()) {
    for (const auto& each : blocks_of(of.ca())) X509_STORE_add_cert(store_, parsed(each).get());
    for (const auto& each : blocks_of(of.crl())) {
      const auto* at = reinterpret_cast<const unsigned char*>(each.data());
      X509_CRL* crl = d2i_X509_CRL(nullptr, &at, static_cast<long>(each.size()));
      X509_STORE_add_crl(store_, crl);
      X509_CRL_free(crl);
      ++crls_;
    }
  }
  ~trust() { X509_STORE_free(store_); }
  trust(const trust&) = delete;
  trust& operator=(const trust&) = delete;

  std::size_t crls() const { return crls_; }

  // `used`: which of the certificates that were shown the verified chain has, the leaf first.
  int verify(const shown_chain& shown, unsigned long more_flags = X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL,
             std::vector<std::size_t>* used = nullptr) const {
    if (shown.all.empty()) return unparsed;
    STACK_OF(X509)* rest = sk_X509_new_null();
    for (std::size_t i = 1; i < shown.all.size(); ++i) sk_X509_push(rest, shown.all[i].get());
    X509_STORE_CTX* context = X509_STORE_CTX_new();
    X509_STORE_CTX_init(context, store_, shown.leaf(), rest);
    X509_STORE_CTX_set_flags(context, X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN | more_flags);
    X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_CLIENT);
    X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(context), 2);
    X509_VERIFY_PARAM_set_depth(X509_STORE_CTX_get0_param(context), 4);
    X509_STORE_CTX_set_verify_cb(context, let_milvus_recipe_pass);
    const int good = X509_verify_cert(context);
    const int error = X509_STORE_CTX_get_error(context);
    for (int i = 0; used && i < X509_STORE_CTX_get_num_untrusted(context); ++i)
      for (std::size_t j = 0; j < shown.all.size(); ++j)
        if (shown.all[j].get() == sk_X509_value(X509_STORE_CTX_get0_chain(context), i)) used->push_back(j);
    X509_STORE_CTX_free(context);
    sk_X509_free(rest);
    ERR_clear_error();
    return good == 1 ? X509_V_OK : error;
  }

 private:
  static int let_milvus_recipe_pass(int good, X509_STORE_CTX* context) {
    if (good == 1) return 1;
    const int error = X509_STORE_CTX_get_error(context), depth = X509_STORE_CTX_get_error_depth(context);
    const int sent = X509_STORE_CTX_get_num_untrusted(context);
    const bool of_configured_ca = error == X509_V_ERR_CA_BCONS_NOT_CRITICAL || error == X509_V_ERR_CA_CERT_MISSING_KEY_USAGE;
    const bool passes =
        (of_configured_ca && depth >= sent) || (error == X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER && depth == 0 && sent == 1);
    if (passes) X509_STORE_CTX_set_error(context, X509_V_OK);
    return passes ? 1 : 0;
  }

  X509_STORE* store_;
  std::size_t crls_ = 0;
};

// ------------------------------------------------------------ the checks that are added

inline bool has_nul(const ASN1_STRING* text) {
  const unsigned char* data = ASN1_STRING_get0_data(text);
  const auto size = static_cast<std::size_t>(ASN1_STRING_length(text));
  const std::size_t width = ASN1_STRING_type(text) == V_ASN1_BMPSTRING ? 2 : ASN1_STRING_type(text) == V_ASN1_UNIVERSALSTRING ? 4 : 1;
  for (std::size_t at = 0; at + width <= size; at += width)
    if (std::all_of(data + at, data + at + width, [](unsigned char c) { return c == 0; })) return true;
  return false;
}

inline bool has_nul_in_a_name(X509* one) {
  for (const X509_NAME* name : {X509_get_subject_name(one), X509_get_issuer_name(one)})
    for (int i = 0; i < X509_NAME_entry_count(name); ++i)
      if (has_nul(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i)))) return true;
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(one, NID_subject_alt_name, nullptr, nullptr)), GENERAL_NAMES_free);
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int type = 0;
    const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type);
    if ((type == GEN_DNS || type == GEN_EMAIL || type == GEN_URI) && has_nul(static_cast<const ASN1_STRING*>(value))) return true;
  }
  return false;
}

inline bool is_critical(X509* one, int nid, bool if_absent) {
  const int at = X509_get_ext_by_NID(one, nid, -1);
  return at < 0 ? if_absent : X509_EXTENSION_get_critical(X509_get_ext(one, at)) == 1;
}

inline bool has_an_extension_twice(const X509* one) {
  for (int i = 0; i < X509_get_ext_count(one); ++i)
    if (X509_get_ext_by_OBJ(one, X509_EXTENSION_get_object(X509_get_ext(one, i)), i) >= 0) return true;
  return false;
}

// Lengths definite and minimal (X.690 10.1), through all that is constructed.
inline bool is_der(std::string_view encoded) {
  while (!encoded.empty()) {
    if (encoded.size() < 2) return false;
    const auto first = static_cast<unsigned char>(encoded[1]);
    std::size_t header = 2, size = first;
    if (first >= 0x80) {
      const std::size_t digits = first & 0x7F;
      if (digits == 0 || digits > 4 || encoded.size() < 2 + digits) return false;
      size = 0;
      for (std::size_t i = 0; i < digits; ++i) size = size << 8 | static_cast<unsigned char>(encoded[2 + i]);
      if (size < 0x80 || size >> 8 * (digits - 1) == 0) return false;
      header += digits;
    }
    if (size > encoded.size() - header) return false;
    if ((encoded[0] & 0x20) != 0 && !is_der(encoded.substr(header, size))) return false;
    encoded.remove_prefix(header + size);
  }
  return true;
}

// The first check that finds something in what of the verified chain was shown; empty: none.
inline std::string found_by_checks(const shown_chain& shown, const std::vector<std::size_t>& used) {
  for (const std::size_t i : used) {
    X509* one = shown.all[i].get();
    const ASN1_INTEGER* serial = X509_get0_serialNumber(one);
    const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(ASN1_INTEGER_to_BN(serial, nullptr), BN_free);
    if (!is_der(shown.encoded[i])) return "not-der";
    if (BN_is_negative(number.get()) || BN_is_zero(number.get())) return "serial-not-positive";
    if (BN_num_bits(number.get()) > 159) return "serial-too-long";
    if (has_nul_in_a_name(one)) return "name-nul";
    if (has_an_extension_twice(one)) return "extension-twice";
    if (!is_critical(one, NID_name_constraints, true) || !is_critical(one, NID_policy_constraints, true)) return "constraints-not-critical";
  }
  X509* leaf = shown.leaf();
  const std::uint32_t flags = X509_get_extension_flags(leaf);
  if ((flags & EXFLAG_CA) != 0) return "leaf-is-ca";
  if ((flags & EXFLAG_KUSAGE) != 0 && (X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) == 0) return "key-usage-no-signature";
  if (X509_get_ext_by_NID(leaf, NID_name_constraints, -1) >= 0) return "name-constraints-in-leaf";
  return {};
}

// ------------------------------------------------------------ names of errors

inline std::string name_of_error(int error) {
#define NAMED(name) {name, #name}
  static const std::map<int, std::string> names{
      {X509_V_OK, ""},
      NAMED(X509_V_ERR_CERT_HAS_EXPIRED),
      NAMED(X509_V_ERR_CERT_NOT_YET_VALID),
      NAMED(X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD),
      NAMED(X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD),
      NAMED(X509_V_ERR_EMPTY_SUBJECT_SAN_NOT_CRITICAL),
      NAMED(X509_V_ERR_SUBJECT_NAME_EMPTY),
      NAMED(X509_V_ERR_EMPTY_SUBJECT_ALT_NAME),
      NAMED(X509_V_ERR_CERT_CHAIN_TOO_LONG),
      NAMED(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT),
      NAMED(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY),
      NAMED(X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN),
      NAMED(X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT),
      NAMED(X509_V_ERR_CERT_SIGNATURE_FAILURE),
      NAMED(X509_V_ERR_INVALID_CA),
      NAMED(X509_V_ERR_INVALID_PURPOSE),
      NAMED(X509_V_ERR_PATH_LENGTH_EXCEEDED),
      NAMED(X509_V_ERR_KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA),
      NAMED(X509_V_ERR_PATHLEN_INVALID_FOR_NON_CA),
      NAMED(X509_V_ERR_CA_BCONS_NOT_CRITICAL),
      NAMED(X509_V_ERR_CA_CERT_MISSING_KEY_USAGE),
      NAMED(X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION),
      NAMED(X509_V_ERR_PERMITTED_VIOLATION),
      NAMED(X509_V_ERR_EXCLUDED_VIOLATION),
      NAMED(X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER),
      NAMED(X509_V_ERR_EXTENSIONS_REQUIRE_VERSION_3),
      NAMED(X509_V_ERR_EE_KEY_TOO_SMALL),
      NAMED(X509_V_ERR_CA_KEY_TOO_SMALL),
      NAMED(X509_V_ERR_CA_MD_TOO_WEAK),
      NAMED(X509_V_ERR_EC_KEY_EXPLICIT_PARAMS),
      NAMED(X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY),
      NAMED(X509_V_ERR_CERT_REVOKED),
      NAMED(X509_V_ERR_CRL_HAS_EXPIRED),
      NAMED(X509_V_ERR_CRL_NOT_YET_VALID),
      NAMED(X509_V_ERR_UNABLE_TO_GET_CRL),
      NAMED(X509_V_ERR_CRL_SIGNATURE_FAILURE),
      NAMED(X509_V_ERR_DIFFERENT_CRL_SCOPE),
      NAMED(X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION),
      NAMED(X509_V_ERR_KEYUSAGE_NO_CRL_SIGN),
      NAMED(X509_V_ERR_UNSPECIFIED),
  };
#undef NAMED
  const auto found = names.find(error);
  return found == names.end() ? std::to_string(error) + ": " + X509_verify_cert_error_string(error) : found->second;
}

}  // namespace sallyport::certs::tests
