#include <sallyport/certs/revoke.hpp>

#include "authority.hpp"
#include "ocsp.hpp"
#include "options.hpp"
#include "replace.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace sallyport::certs {

namespace {

using list_handle = std::unique_ptr<X509_CRL, freed_by<X509_CRL_free>>;
using bio_handle = std::unique_ptr<BIO, freed_by<BIO_free>>;
using number_handle = std::unique_ptr<ASN1_INTEGER, freed_by<ASN1_INTEGER_free>>;
using time_handle = std::unique_ptr<ASN1_TIME, freed_by<ASN1_TIME_free>>;
using enumerated_handle = std::unique_ptr<ASN1_ENUMERATED, freed_by<ASN1_ENUMERATED_free>>;

constexpr const char* list_name = "crl.pem";
// A server whose clock is behind by a little should not refuse the list as not valid yet.
constexpr long backdated_seconds = 300;
constexpr long day_seconds = 86'400;

// RFC 5280 5.3.1; the numbers have a gap at 7.
struct reason {
  std::string_view name;
  long number;
};
constexpr reason reasons[] = {{"unspecified", 0},        {"keyCompromise", 1},      {"cACompromise", 2},
                              {"affiliationChanged", 3}, {"superseded", 4},         {"cessationOfOperation", 5},
                              {"certificateHold", 6},    {"privilegeWithdrawn", 9}, {"aACompromise", 10}};

core::fault bad(std::string text) { return {errc::bad_option, std::move(text)}; }
core::fault not_made(const char* what) { return {errc::failed, std::string("OpenSSL could not make ") + what + ": " + openssl_reason()}; }

bool is_of(const authority& by, X509* certificate) {
  return X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(by.certificate())) == 0 &&
         X509_verify(certificate, by.key.get()) == 1;
}

// The leaf of the file, which must be this authority's, or the list would name a stranger's serial number.
core::outcome<certificate_handle> leaf_of(const std::string& path, const authority& by) {
  auto all = read_certificates(path);
  if (!all) return all.error();
  const bool own = is_of(by, all->front().get());
  ERR_clear_error();
  if (!own) return bad(path + ": the certificate is not signed by this authority (" + subject_of(by.certificate()) + ")");
  if (X509_cmp(all->front().get(), by.certificate()) == 0)
    return bad(path + ": is the authority itself, which its own list cannot take back: whoever trusts it must take it out");
  return std::move(all->front());
}

struct list {
  list_handle crl;
  std::uint64_t number = 0;
};

core::outcome<list> read_list(const std::string& path, const authority& by) {
  list found;
  struct stat seen = {};
  if (::lstat(path.c_str(), &seen) != 0 && errno == ENOENT) {
    found.crl.reset(X509_CRL_new());
    if (!found.crl || X509_CRL_set_version(found.crl.get(), X509_CRL_VERSION_2) != 1 ||
        X509_CRL_set_issuer_name(found.crl.get(), X509_get_subject_name(by.certificate())) != 1)
      return not_made("a list");
    return found;
  }
  const auto text = read_file(path);
  if (!text) return text.error();
  const bio_handle from(BIO_new_mem_buf(text->reveal().data(), static_cast<int>(text->size())));
  ERR_clear_error();
  found.crl.reset(PEM_read_bio_X509_CRL(from.get(), nullptr, nullptr, nullptr));
  const bool own = found.crl && X509_CRL_verify(found.crl.get(), by.key.get()) == 1;
  ERR_clear_error();
  if (!own)
    return core::fault{errc::cannot_read, path + " is no list of this authority: nothing was changed; move it away to begin a new one"};
  const number_handle number(static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(found.crl.get(), NID_crl_number, nullptr, nullptr)));
  if (number && (ASN1_INTEGER_get_uint64(&found.number, number.get()) != 1 || found.number == UINT64_MAX))
    return core::fault{errc::cannot_read, path + ": the number of the list is too large to be followed by another"};
  return found;
}

bool add_entry(X509_CRL* crl, X509* certificate, const reason* why, std::time_t now) {
  using entry_handle = std::unique_ptr<X509_REVOKED, freed_by<X509_REVOKED_free>>;
  entry_handle entry(X509_REVOKED_new());
  const time_handle when(ASN1_TIME_set(nullptr, now));
  if (!entry || !when || X509_REVOKED_set_serialNumber(entry.get(), X509_get_serialNumber(certificate)) != 1 ||
      X509_REVOKED_set_revocationDate(entry.get(), when.get()) != 1)
    return false;
  // RFC 5280 5.3.1: an unspecified reason is not written.
  if (why != nullptr && why->number != 0) {
    const enumerated_handle code(ASN1_ENUMERATED_new());
    if (!code || ASN1_ENUMERATED_set(code.get(), why->number) != 1 ||
        X509_REVOKED_add1_ext_i2d(entry.get(), NID_crl_reason, code.get(), 0, X509V3_ADD_DEFAULT) != 1)
      return false;
  }
  if (X509_CRL_add0_revoked(crl, entry.get()) != 1) return false;
  static_cast<void>(entry.release());
  return true;
}

bool finish(X509_CRL* crl, const authority& by, std::uint64_t number, std::time_t from, std::time_t until) {
  const time_handle since(ASN1_TIME_set(nullptr, from)), next(ASN1_TIME_set(nullptr, until));
  const number_handle count(ASN1_INTEGER_new());
  if (!since || !next || !count || X509_CRL_set1_lastUpdate(crl, since.get()) != 1 || X509_CRL_set1_nextUpdate(crl, next.get()) != 1 ||
      ASN1_INTEGER_set_uint64(count.get(), number) != 1 ||
      X509_CRL_add1_ext_i2d(crl, NID_crl_number, count.get(), 0, X509V3_ADD_REPLACE) != 1)
    return false;
  if (X509_CRL_get_ext_by_NID(crl, NID_authority_key_identifier, -1) < 0) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, by.certificate(), nullptr, nullptr, crl, 0);
    const extension_handle issuer(X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always"));
    if (!issuer || X509_CRL_add_ext(crl, issuer.get(), -1) != 1) return false;
  }
  return X509_CRL_sort(crl) == 1 && X509_CRL_sign(crl, by.key.get(), EVP_sha256()) > 0;
}

std::string pem_of_list(X509_CRL* crl) {
  const bio_handle out(BIO_new(BIO_s_mem()));
  if (!out || PEM_write_bio_X509_CRL(out.get(), crl) != 1) return {};
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string response_name(const std::string& path) {
  std::string name = path.substr(path.rfind('/') + 1);
  if (const auto dot = name.rfind('.'); dot != name.npos && dot > 0) name.resize(dot);
  return name + ".ocsp";
}

core::outcome<void> write_responses(const std::string& directory, const revoke_request& asked, const authority& by, X509_CRL* crl,
                                    std::time_t from, revoked& done) {
  for (const auto& path : asked.ocsp) {
    const auto leaf = leaf_of(path, by);
    if (!leaf) return leaf.error();
    const auto response = ocsp_response(by, leaf->get(), crl, from, static_cast<std::time_t>(done.next_update));
    if (response.empty()) return not_made("an OCSP response");
    const auto name = response_name(path);
    if (auto written = replace_file(directory, name, response); !written) return written.error();
    done.responses.push_back(directory + "/" + name);
  }
  return {};
}

}  // namespace

const std::vector<std::string_view>& revocation_reasons() {
  static const auto names = [] {
    std::vector<std::string_view> all;
    for (const auto& one : reasons) all.push_back(one.name);
    return all;
  }();
  return names;
}

core::outcome<revoked> revoke(const std::string& directory, const revoke_request& asked) {
  std::string target = directory;
  while (target.size() > 1 && target.back() == '/') target.pop_back();
  const auto* why = asked.reason.empty()
                        ? nullptr
                        : std::find_if(std::begin(reasons), std::end(reasons), [&](const reason& one) { return one.name == asked.reason; });
  if (why == std::end(reasons)) return bad(quoted(asked.reason) + " is no reason of RFC 5280, such as keyCompromise or superseded");
  if (auto fault = fault_of_days("a validity of the list", asked.days); !fault.empty()) return bad(fault);
  const directory_lock lock(target);
  if (!lock.is_held())
    return core::fault{errc::cannot_read, target + " is no directory: `sallyport certs init` makes one with an authority"};
  const auto by =
      load_authority(asked.ca_cert.empty() ? target + "/ca.pem" : asked.ca_cert, asked.ca_key.empty() ? target + "/ca.key" : asked.ca_key);
  if (!by) return by.error();
  auto found = read_list(target + "/" + list_name, *by);
  if (!found) return found.error();

  const std::time_t now = std::time(nullptr);
  revoked done{target + "/" + list_name, found->number + 1, 0, {}, {}, now + static_cast<std::int64_t>(asked.days) * day_seconds};
  for (const auto& path : asked.certificates) {
    const auto leaf = leaf_of(path, *by);
    if (!leaf) return leaf.error();
    X509_REVOKED* before = nullptr;
    if (X509_CRL_get0_by_serial(found->crl.get(), &before, X509_get_serialNumber(leaf->get())) == 1)
      done.already.push_back(path);
    else if (!add_entry(found->crl.get(), leaf->get(), why, now))
      return not_made("an entry of the list");
  }
  const std::time_t from = now - backdated_seconds;
  if (!finish(found->crl.get(), *by, done.number, from, static_cast<std::time_t>(done.next_update))) return not_made("the list");
  const auto text = pem_of_list(found->crl.get());
  if (text.empty() || X509_CRL_verify(found->crl.get(), by->key.get()) != 1) return not_made("the list");
  // Of every certificate for which a response is wanted it must be known that it can be made, before the list is replaced.
  for (const auto& path : asked.ocsp)
    if (auto leaf = leaf_of(path, *by); !leaf) return leaf.error();
  if (auto written = replace_file(target, list_name, text); !written) return written.error();
  done.entries = static_cast<std::size_t>(std::max(0, sk_X509_REVOKED_num(X509_CRL_get_REVOKED(found->crl.get()))));
  if (auto written = write_responses(target, asked, *by, found->crl.get(), from, done); !written) return written.error();
  return done;
}

}  // namespace sallyport::certs
