#include <sallyport/certs/issue.hpp>

#include "authority.hpp"
#include "options.hpp"
#include "staging.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <sys/stat.h>

#include <algorithm>

namespace sallyport::certs {

namespace {

constexpr std::uint32_t leaf_days = 825, intermediate_days = 1825;
constexpr std::size_t file_name_max = 100, uri_max = 1024;

core::fault bad(std::string text) { return {errc::bad_option, std::move(text)}; }

bool is_printable(std::string_view text) {
  return !text.empty() && text.size() <= uri_max &&
         std::none_of(text.begin(), text.end(), [](unsigned char c) { return c <= ' ' || c >= 0x7f; });
}

// RFC 5280 4.2.1.6: a URI is absolute, an address of mail has one @.
bool is_uri(std::string_view text) {
  const auto colon = text.find(':');
  return is_printable(text) && colon != text.npos && colon > 0 && colon + 1 < text.size();
}
bool is_email(std::string_view text) {
  const auto at = text.find('@');
  return is_printable(text) && at != text.npos && at > 0 && at + 1 < text.size() && text.find('@', at + 1) == text.npos;
}

template <class Judge>
std::string first_that_is_not(const std::vector<std::string>& texts, Judge judge, const char* what) {
  for (const auto& text : texts)
    if (text.find('\0') != text.npos || !judge(text)) return quoted(text) + " is not " + what;
  return {};
}

std::string fault_of(const issue_request& asked) {
  const auto no_address = [](const std::string& one) { return !is_address(one); };
  for (std::string fault :
       {fault_of_common_name("the", asked.name),
        first_that_is_not(asked.dns, no_address, "a DNS name but an IP address: give it with --ip"),
        first_that_is_not(asked.dns, is_dns_name, "a DNS name"), first_that_is_not(asked.ips, is_address, "an IP address"),
        first_that_is_not(asked.uris, is_uri, "a URI"), first_that_is_not(asked.emails, is_email, "an e-mail address")})
    if (!fault.empty()) return fault;
  if (asked.dns.size() + asked.ips.size() + asked.uris.size() + asked.emails.size() > names_max)
    return "more than " + std::to_string(names_max) + " names are not possible";
  if (asked.kind == issue_kind::intermediate && asked.dns.size() + asked.ips.size() + asked.uris.size() + asked.emails.size() > 0)
    return "an authority has no names beside --name";
  if (asked.kind == issue_kind::server && asked.dns.empty() && asked.ips.empty() && !is_address(asked.name) && !is_dns_name(asked.name))
    return "a server needs a name that clients can ask for: " + quoted(asked.name) +
           " is neither a DNS name nor an address; add --dns or --ip";
  return asked.days != 0 ? fault_of_days("a validity", asked.days) : std::string();
}

// The names of the certificate's files. A path is not taken: they lie in the directory of the authority.
core::outcome<std::string> stem_of(const issue_request& asked) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  std::string stem = asked.out;
  if (stem.empty()) {
    stem = asked.name.substr(0, file_name_max);
    std::replace_if(stem.begin(), stem.end(), [&](char c) { return !allowed(c); }, '_');
    if (stem.front() == '.') stem.front() = '_';
  }
  if (stem.size() > file_name_max || stem.front() == '.' || stem.front() == '-' || !std::all_of(stem.begin(), stem.end(), allowed))
    return bad("--out " + quoted(stem) + " is no name for files: letters, digits, '.', '_' and '-'");
  return stem;
}

// A certificate should have its name in the subjectAltName, where clients look for it (RFC 9525 6.3).
certificate_names names_of(const issue_request& asked) {
  certificate_names names{asked.dns, asked.ips, asked.uris, asked.emails};
  if (asked.kind != issue_kind::server) return names;
  auto& own = is_address(asked.name) ? names.ips : names.dns;
  const bool is_name = is_address(asked.name) || is_dns_name(asked.name);
  if (is_name && std::find(own.begin(), own.end(), asked.name) == own.end()) own.insert(own.begin(), asked.name);
  return names;
}

bool add(X509* made, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, made, nullptr, nullptr, 0);
  const extension_handle extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension && X509_add_ext(made, extension.get(), -1) == 1;
}

bool add_extensions(X509* made, X509* issuer, const issue_request& asked) {
  const bool is_ca = asked.kind == issue_kind::intermediate;
  const char* usage = is_ca                              ? "critical,keyCertSign,cRLSign"
                      : asked.keys == key_kind::rsa_2048 ? "critical,digitalSignature,keyEncipherment"
                                                         : "critical,digitalSignature";
  if (!add(made, issuer, NID_basic_constraints, is_ca ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") ||
      !add(made, issuer, NID_key_usage, usage) || !add(made, issuer, NID_subject_key_identifier, "hash") ||
      !add(made, issuer, NID_authority_key_identifier, "keyid:always"))
    return false;
  if (!is_ca && !add(made, issuer, NID_ext_key_usage, asked.kind == issue_kind::server ? "serverAuth" : "clientAuth")) return false;
  const auto names = names_of(asked);
  if (names.dns.empty() && names.ips.empty() && names.uris.empty() && names.emails.empty()) return true;
  const auto extension = extension_of(names);
  return extension && X509_add_ext(made, extension.get(), -1) == 1;
}

certificate_handle make(const issue_request& asked, const authority& by, EVP_PKEY* key) {
  ERR_clear_error();
  certificate_handle made(X509_new());
  X509* x = made.get();
  const auto days = asked.days != 0 ? asked.days : asked.kind == issue_kind::intermediate ? intermediate_days : leaf_days;
  if (!x || X509_set_version(x, X509_VERSION_3) != 1 || !set_serial(x) || !set_dates(x, days)) return {};
  if (ASN1_TIME_compare(X509_get0_notAfter(x), X509_get0_notAfter(by.certificate())) > 0 &&
      X509_set1_notAfter(x, X509_get0_notAfter(by.certificate())) != 1)
    return {};
  const auto* name = reinterpret_cast<const unsigned char*>(asked.name.data());
  if (X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, name, static_cast<int>(asked.name.size()), -1, 0) != 1 ||
      X509_set_issuer_name(x, X509_get_subject_name(by.certificate())) != 1 || X509_set_pubkey(x, key) != 1 ||
      !add_extensions(x, by.certificate(), asked) || X509_sign(x, by.key.get(), EVP_sha256()) <= 0)
    return {};
  return made;
}

// OpenSSL's own verification, as strictly as it can: empty, or why it would refuse what was made.
std::string fault_of_made(const authority& by, X509* made, EVP_PKEY* key, issue_kind kind) {
  using store_handle = std::unique_ptr<X509_STORE, freed_by<X509_STORE_free>>;
  using context_handle = std::unique_ptr<X509_STORE_CTX, freed_by<X509_STORE_CTX_free>>;
  const store_handle trusted(X509_STORE_new());
  const context_handle context(X509_STORE_CTX_new());
  if (!trusted || !context) return openssl_reason();
  for (const auto& one : by.chain) X509_STORE_add_cert(trusted.get(), one.get());
  if (X509_STORE_CTX_init(context.get(), trusted.get(), made, nullptr) != 1) return openssl_reason();
  if (kind != issue_kind::intermediate)
    X509_STORE_CTX_set_purpose(context.get(), kind == issue_kind::server ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT);
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN);
  if (X509_verify_cert(context.get()) != 1) return X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
  return X509_check_private_key(made, key) == 1 ? std::string() : openssl_reason();
}

bool is_root(X509* one) { return X509_NAME_cmp(X509_get_subject_name(one), X509_get_issuer_name(one)) == 0; }

core::secret file_of(X509* made, const authority& by) {
  std::string text(pem_of(made).reveal());
  for (const auto& one : by.chain)
    if (!is_root(one.get())) text += pem_of(one.get()).reveal();
  return core::secret(text);
}

}  // namespace

core::outcome<std::vector<std::string>> issue(const std::string& directory, const issue_request& asked) {
  if (const auto fault = fault_of(asked); !fault.empty()) return bad(fault);
  const auto stem = stem_of(asked);
  if (!stem) return stem.error();
  std::string target = directory;
  while (target.size() > 1 && target.back() == '/') target.pop_back();
  struct stat seen = {};
  if (target.empty() || ::stat(target.c_str(), &seen) != 0 || !S_ISDIR(seen.st_mode))
    return core::fault{errc::cannot_read, target + " is no directory: `sallyport certs init` makes one with an authority"};
  const auto by =
      load_authority(asked.ca_cert.empty() ? target + "/ca.pem" : asked.ca_cert, asked.ca_key.empty() ? target + "/ca.key" : asked.ca_key);
  if (!by) return by.error();
  if (asked.kind == issue_kind::intermediate && X509_get_pathlen(by->certificate()) == 0)
    return bad("this authority may sign no further authority (its path length is 0)");

  const key_handle key = make_key(asked.keys);
  const auto made = key ? make(asked, *by, key.get()) : certificate_handle();
  if (!made) return core::fault{errc::failed, "OpenSSL could not make the certificate: " + openssl_reason()};
  if (const auto fault = fault_of_made(*by, made.get(), key.get(), asked.kind); !fault.empty())
    return core::fault{errc::failed, "the certificate does not verify: " + fault};

  staging folder(target, true);
  if (auto opened = folder.open(); !opened) return opened.error();
  if (auto added = folder.add(*stem + ".key", pem_of(key.get()), visible::to_owner); !added) return added.error();
  if (auto added = folder.add(*stem + ".pem", file_of(made.get(), *by), visible::to_all); !added) return added.error();
  return folder.publish();
}

}  // namespace sallyport::certs
