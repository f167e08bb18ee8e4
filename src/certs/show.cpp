#include <sallyport/certs/show.hpp>

#include "authority.hpp"
#include "judged.hpp"
#include "staging.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <ctime>

namespace sallyport::certs {

namespace {

using bio_handle = std::unique_ptr<BIO, freed_by<BIO_free>>;
using number_handle = std::unique_ptr<BIGNUM, freed_by<BN_free>>;
using names_handle = std::unique_ptr<GENERAL_NAMES, freed_by<GENERAL_NAMES_free>>;
struct openssl_free {
  void operator()(void* what) const { OPENSSL_free(what); }
};

constexpr int names_shown_max = 64;
constexpr std::size_t chain_max = 16;

std::string name_text(const X509_NAME* name) {
  const bio_handle out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string hex_of(const unsigned char* bytes, std::size_t size) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text.append({digits[bytes[i] >> 4], digits[bytes[i] & 15]});
  return text;
}

std::string serial_text(const X509* one) {
  const number_handle number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(one), nullptr));
  const std::unique_ptr<char, openssl_free> hex(number ? BN_bn2hex(number.get()) : nullptr);
  return hex ? std::string(hex.get()).substr(0, 128) : std::string();
}

std::string date_text(const ASN1_TIME* when) {
  std::tm parts{};
  std::array<char, 40> text{};
  if (ASN1_TIME_to_tm(when, &parts) != 1) return "an unreadable date";
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts)};
}

std::string key_text(const X509* one) {
  EVP_PKEY* key = X509_get0_pubkey(one);
  if (key == nullptr) return "unreadable";
  const char* type = EVP_PKEY_get0_type_name(key);
  std::array<char, 64> group{};
  std::size_t size = 0;
  if (EVP_PKEY_is_a(key, "EC") == 1 && EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1) {
    const std::string name(group.data(), size);
    if (name == "prime256v1") return "EC P-256";
    if (name == "secp384r1") return "EC P-384";
    if (name == "secp521r1") return "EC P-521";
    return "EC " + name;
  }
  const std::string name = type ? type : "unknown";
  return EVP_PKEY_is_a(key, "RSA") == 1 || EVP_PKEY_is_a(key, "RSA-PSS") == 1 || EVP_PKEY_is_a(key, "DSA") == 1
             ? name + " " + std::to_string(EVP_PKEY_get_bits(key))
             : name;
}

std::string signature_text(const X509* one) {
  const int nid = X509_get_signature_nid(one);
  const char* name = nid == NID_undef ? nullptr : OBJ_nid2ln(nid);
  return name ? name : "unknown";
}

std::string address_text(const ASN1_OCTET_STRING* bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int size = ASN1_STRING_length(bytes);
  if (size != 4 && size != 16) return "an unreadable address";
  return ::inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(bytes), text.data(), text.size());
}

void add_names(const X509* one, shown_certificate& to) {
  const names_handle names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(one, NID_subject_alt_name, nullptr, nullptr)));
  const int count = names ? std::min(sk_GENERAL_NAME_num(names.get()), names_shown_max) : 0;
  const auto text = [](const ASN1_STRING* from) {
    return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(from)), static_cast<std::size_t>(ASN1_STRING_length(from)));
  };
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) to.dns.push_back(text(name->d.dNSName));
    if (name->type == GEN_IPADD) to.ips.push_back(address_text(name->d.iPAddress));
    if (name->type == GEN_URI) to.uris.push_back(text(name->d.uniformResourceIdentifier));
    if (name->type == GEN_EMAIL) to.emails.push_back(text(name->d.rfc822Name));
  }
}

void add_purposes(const X509* one, shown_certificate& to) {
  using usage_handle = std::unique_ptr<EXTENDED_KEY_USAGE, freed_by<EXTENDED_KEY_USAGE_free>>;
  const usage_handle usage(static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(one, NID_ext_key_usage, nullptr, nullptr)));
  const int count = usage ? std::min(sk_ASN1_OBJECT_num(usage.get()), names_shown_max) : 0;
  for (int i = 0; i < count; ++i) {
    std::array<char, 80> text{};
    const ASN1_OBJECT* purpose = sk_ASN1_OBJECT_value(usage.get(), i);
    const int nid = OBJ_obj2nid(purpose);
    OBJ_obj2txt(text.data(), static_cast<int>(text.size()), purpose, 1);
    to.purposes.emplace_back(nid == NID_undef ? text.data() : OBJ_nid2sn(nid));
  }
}

shown_certificate facts_of(X509* one, std::time_t now) {
  shown_certificate made;
  made.subject = name_text(X509_get_subject_name(one));
  made.issuer = name_text(X509_get_issuer_name(one));
  made.serial = serial_text(one);
  made.not_before = date_text(X509_get0_notBefore(one));
  made.not_after = date_text(X509_get0_notAfter(one));
  const std::unique_ptr<ASN1_TIME, freed_by<ASN1_TIME_free>> here(ASN1_TIME_set(nullptr, now));
  int days = 0, seconds = 0;
  if (here && ASN1_TIME_diff(&days, &seconds, here.get(), X509_get0_notAfter(one)) == 1) made.days_left = seconds < 0 ? days - 1 : days;
  made.key = key_text(one);
  made.signature = signature_text(one);
  made.authority = X509_check_ca(one) == 1;
  made.self_signed = is_self_signed(one);
  add_names(one, made);
  add_purposes(one, made);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (X509_digest(one, EVP_sha256(), digest.data(), &size) == 1) made.sha256 = hex_of(digest.data(), size);
  return made;
}

}  // namespace

bool is_self_signed(X509* one) { return X509_NAME_cmp(X509_get_subject_name(one), X509_get_issuer_name(one)) == 0; }

std::string_view name_of(weight how_much) {
  switch (how_much) {
    case weight::note: return "note";
    case weight::warning: return "warning";
    case weight::fault: return "fault";
  }
  return "note";
}

bool is_clients_only(const shown_certificate& leaf) {
  const auto has = [&](const char* purpose) {
    return std::find(leaf.purposes.begin(), leaf.purposes.end(), purpose) != leaf.purposes.end();
  };
  return has("clientAuth") && !has("serverAuth") && !has("anyExtendedKeyUsage");
}

core::outcome<shown> show(const std::vector<std::string>& chain, const show_options& options) {
  judged_chain judged;
  judged.now = options.at ? static_cast<std::time_t>(*options.at) : std::time(nullptr);
  shown made;
  ERR_clear_error();
  for (const auto& der : chain) {
    if (judged.certificates.size() == chain_max) break;
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    certificate_handle one(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    if (!one)
      return core::fault{errc::cannot_read,
                         "certificate " + std::to_string(judged.certificates.size() + 1) + " cannot be read: " + openssl_reason()};
    made.chain.push_back(facts_of(one.get(), judged.now));
    judged.certificates.push_back(std::move(one));
  }
  if (judged.certificates.empty()) return core::fault{errc::cannot_read, "there is no certificate"};
  made.findings = findings_of(judged, made.chain, options);
  ERR_clear_error();
  return made;
}

core::outcome<std::vector<std::string>> read_chain(const std::string& path) {
  const auto all = read_certificates(path);
  if (!all) return all.error();
  std::vector<std::string> chain;
  for (const auto& one : *all) {
    unsigned char* der = nullptr;
    const int size = i2d_X509(one.get(), &der);
    const std::unique_ptr<unsigned char, openssl_free> owner(der);
    if (size > 0) chain.emplace_back(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  }
  return chain;
}

}  // namespace sallyport::certs
