#include "blueprint.hpp"

#include <bit>

namespace sallyport::certs {

using namespace std::literals;

octets attribute(std::string_view type, const octets& value) { return der::set({der::sequence({der::object(type), value})}); }

octets common_name(std::string_view text) { return der::sequence({attribute(oid::common_name, utf8(text))}); }

octets utf8(std::string_view text) { return der::element(der::utf8_tag, text); }

octets bmp(std::string_view big_endian) { return der::element(der::bmp_tag, big_endian); }

// GeneralName, RFC 5280 4.2.1.6.
octets dns_name(std::string_view text) { return der::context_primitive(2, text); }

octets uri_name(std::string_view text) { return der::context_primitive(6, text); }

octets ip_name(std::string_view address) { return der::context_primitive(7, address); }

octets extension(std::string_view type, bool critical, const octets& value) {
  return der::sequence({der::object(type), critical ? der::yes() : octets(), der::octet_string(value)});
}

octets basic_constraints(bool ca, bool critical) { return extension("2.5.29.19", critical, der::sequence({ca ? der::yes() : octets()})); }

octets path_length(unsigned most, bool ca) {
  return extension("2.5.29.19", true, der::sequence({ca ? der::yes() : octets(), der::number(most)}));
}

octets alternative_names(const octets& general_names, bool critical) {
  return extension("2.5.29.17", critical, der::sequence({general_names}));
}

octets local_names() { return alternative_names(dns_name("localhost") + ip_name("\x7F\0\0\x01"sv)); }

octets purposes(std::initializer_list<std::string_view> types, bool critical) {
  octets all;
  for (const auto type : types) all += der::object(type);
  return extension("2.5.29.37", critical, der::sequence({all}));
}

// NameConstraints, RFC 5280 4.2.1.10: [0] permitted, [1] excluded, each a sequence of subtrees.
octets permitted(const octets& general_name, bool critical) {
  return extension("2.5.29.30", critical, der::sequence({der::context(0, der::sequence({general_name}))}));
}

octets excluded(const octets& general_name, bool critical) {
  return extension("2.5.29.30", critical, der::sequence({der::context(1, der::sequence({general_name}))}));
}

// PolicyConstraints, RFC 5280 4.2.1.11: a policy is asked for after as many certificates as no chain here has.
octets policy_constraints(bool critical) { return extension("2.5.29.36", critical, der::sequence({der::context_primitive(0, "\x09")})); }

octets filler(std::size_t bytes) { return extension(oid::nobodys, false, der::octet_string(octets(bytes, 'x'))); }

octets key_usage(unsigned uses, bool critical) {
  // X.690 11.2.2: trailing zero bits of a named bit list are not encoded. All the uses here are in the first octet.
  const auto octet = static_cast<unsigned char>(uses >> 8);
  const octets contents(1, static_cast<char>(octet));
  return extension("2.5.29.15", critical, der::bits(contents, static_cast<unsigned>(std::countr_zero(octet))));
}

std::vector<chapter> catalogue() {
  return {{family::dates, dates_sets()},           {family::names, names_sets()}, {family::chain, chain_sets()},
          {family::extensions, extensions_sets()}, {family::keys, keys_sets()},   {family::revocation, revocation_sets()},
          {family::encoding, encoding_sets()},     {family::size, size_sets()}};
}

std::string_view alert_of(std::string_view error, std::string_view check) {
  struct line {
    std::string_view cause, alert;
  };
  // OpenSSL's ssl_x509err2alert, as far as the catalogue needs it; what is not in it is certificate_unknown.
  static constexpr line errors[] = {
      {"X509_V_ERR_CERT_HAS_EXPIRED", "certificate_expired"},
      {"X509_V_ERR_CRL_HAS_EXPIRED", "certificate_expired"},
      {"X509_V_ERR_CERT_REVOKED", "certificate_revoked"},
      {"X509_V_ERR_INVALID_PURPOSE", "unsupported_certificate"},
      {"X509_V_ERR_CERT_SIGNATURE_FAILURE", "decrypt_error"},
      {"X509_V_ERR_CRL_SIGNATURE_FAILURE", "decrypt_error"},
      {"X509_V_ERR_CERT_NOT_YET_VALID", "bad_certificate"},
      {"X509_V_ERR_CRL_NOT_YET_VALID", "bad_certificate"},
      {"X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD", "bad_certificate"},
      {"X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD", "bad_certificate"},
      {"X509_V_ERR_EE_KEY_TOO_SMALL", "bad_certificate"},
      {"X509_V_ERR_CA_KEY_TOO_SMALL", "bad_certificate"},
      {"X509_V_ERR_CA_MD_TOO_WEAK", "bad_certificate"},
      {"X509_V_ERR_EC_KEY_EXPLICIT_PARAMS", "bad_certificate"},
      {"X509_V_ERR_CERT_CHAIN_TOO_LONG", "unknown_ca"},
      {"X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT", "unknown_ca"},
      {"X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN", "unknown_ca"},
      {"X509_V_ERR_INVALID_CA", "unknown_ca"},
      {"X509_V_ERR_PATH_LENGTH_EXCEEDED", "unknown_ca"},
      {"X509_V_ERR_UNABLE_TO_GET_CRL", "unknown_ca"},
      {"X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT", "unknown_ca"},
      {"X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "unknown_ca"},
      {"X509_V_ERR_UNSPECIFIED", "internal_error"},
  };
  // What the TLS layer finds has the alert that OpenSSL's has; the checks that are added to OpenSSL's say X509_V_ERR_CERT_REJECTED.
  static constexpr line checks[] = {{"parse", "decode_error"}, {"size", "illegal_parameter"}, {"curve", "illegal_parameter"}};
  for (const auto& [cause, alert] : errors)
    if (cause == error) return alert;
  for (const auto& [cause, alert] : checks)
    if (cause == check) return alert;
  return !error.empty() ? "certificate_unknown" : !check.empty() ? "bad_certificate" : "";
}

}  // namespace sallyport::certs
