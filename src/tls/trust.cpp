#include "trust.hpp"

#include "certificate.hpp"
#include "chain_checks.hpp"
#include "pem.hpp"
#include "policy.hpp"

#include <sallyport/core/expect.hpp>

#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <limits>

namespace sallyport::tls {

namespace {

constexpr std::int64_t crl_warning_seconds = 7 * 24 * 3600;

using hash_ptr = std::unique_ptr<EVP_MD_CTX, freed_by<EVP_MD_CTX_free>>;

// OpenSSL's strict findings that certificates of Milvus' documented recipe have: about a CA that the operator has configured, which he
// trusts as it is, and that a leaf right below such a CA does not name its key, which helps to find the issuer and does no more.
bool is_let_pass(int error, X509_STORE_CTX* chain, const policy_settings& settings) {
  const int depth = X509_STORE_CTX_get_error_depth(chain), shown = X509_STORE_CTX_get_num_untrusted(chain);
  switch (error) {
    case X509_V_ERR_CRL_HAS_EXPIRED: return settings.stale == policy_settings::stale_crl::accept;
    case X509_V_ERR_CA_BCONS_NOT_CRITICAL:
    case X509_V_ERR_CA_CERT_MISSING_KEY_USAGE: return depth >= shown;
    case X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER: return depth == 0 && shown == 1;
    default: return false;
  }
}

// What the callback needs to know, and what it found first.
struct observation {
  const policy_settings& settings;
  trust::verdict& found;

  static int index() {
    static const int made = X509_STORE_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return made;
  }
  static int judged(int good, X509_STORE_CTX* chain) {
    if (good == 1) return 1;
    auto& self = *static_cast<observation*>(X509_STORE_CTX_get_ex_data(chain, index()));
    const int error = X509_STORE_CTX_get_error(chain);
    if (is_let_pass(error, chain, self.settings)) {
      X509_STORE_CTX_set_error(chain, X509_V_OK);
      return 1;
    }
    self.found.error = error;
    self.found.depth = X509_STORE_CTX_get_error_depth(chain);
    self.found.reason = X509_verify_cert_error_string(error);
    self.found.result = result_of_verification(error);
    if (const X509* refused = X509_STORE_CTX_get_current_cert(chain)) describe(refused, self.found);
    return 0;
  }
  static void describe(const X509* refused, trust::verdict& in) {
    in.subject = subject_of(refused);
    in.serial = serial_of(refused);
  }
};

void refuse(trust::verdict& as, int error, std::string reason, const X509* which, int depth) {
  as.who = nullptr;
  as.error = error;
  as.reason = std::move(reason);
  as.result = telemetry::handshake_result::certificate_other;
  as.depth = depth;
  observation::describe(which, as);
}

void add(EVP_MD_CTX* to, const unsigned char* data, std::size_t size) {
  const std::uint64_t length = size;  // so that two fields cannot be read as one
  SALLYPORT_EXPECT(EVP_DigestUpdate(to, &length, sizeof length) == 1 && EVP_DigestUpdate(to, data, size) == 1);
}
void add(EVP_MD_CTX* to, std::string_view text) { add(to, reinterpret_cast<const unsigned char*>(text.data()), text.size()); }

hash_ptr begin_hash() {
  hash_ptr made(EVP_MD_CTX_new());
  SALLYPORT_EXPECT(made && EVP_DigestInit_ex(made.get(), EVP_sha256(), nullptr) == 1);
  return made;
}

digest finish(const hash_ptr& hash) {
  digest made{};
  SALLYPORT_EXPECT(EVP_DigestFinal_ex(hash.get(), made.data(), nullptr) == 1);
  return made;
}

digest digest_of(const X509* one) {
  digest made{};
  SALLYPORT_EXPECT(X509_digest(one, EVP_sha256(), made.data(), nullptr) == 1);
  return made;
}

digest digest_of(X509* leaf, const STACK_OF(X509) * others) {
  const auto hash = begin_hash();
  const auto first = digest_of(leaf);
  add(hash.get(), first.data(), first.size());
  for (int i = 0; i < sk_X509_num(others); ++i) {
    if (i == 0 && sk_X509_value(others, i) == leaf) continue;
    const auto next = digest_of(sk_X509_value(others, i));
    add(hash.get(), next.data(), next.size());
  }
  return finish(hash);
}

}  // namespace

telemetry::handshake_result result_of_verification(int error) {
  using enum telemetry::handshake_result;
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED: return certificate_expired;
    case X509_V_ERR_CERT_NOT_YET_VALID: return certificate_not_yet_valid;
    case X509_V_ERR_CERT_REVOKED: return certificate_revoked;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID: return certificate_crl;
    case X509_V_ERR_INVALID_PURPOSE: return certificate_purpose;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED: return certificate_unknown_ca;
    default: return certificate_other;
  }
}

std::size_t digest_hash::operator()(const digest& of) const noexcept {
  std::size_t part = 0;
  std::memcpy(&part, of.data(), sizeof part);  // it is a hash already
  return part;
}

std::shared_ptr<const trust> trust::load(const policy_settings& settings, std::vector<core::fault>& faults,
                                         std::vector<std::string>& warnings) {
  const std::shared_ptr<trust> made(new trust);
  made->settings_ = settings;
  made->store_.reset(X509_STORE_new());
  SALLYPORT_EXPECT(made->store_ != nullptr);
  made->add_authorities(settings.client_ca, faults, warnings);
  for (const auto& path : settings.crls) made->add_crls(path, faults, warnings);
  for (const auto& rule : settings.allow)
    if (auto words = fault_of(rule); !words.empty()) faults.push_back(wrong(std::move(words)));
  made->set_id();
  return made;
}

void trust::add_authorities(const std::string& path, std::vector<core::fault>& faults, std::vector<std::string>& warnings) {
  auto certificates = read_certificates(path);
  if (!certificates) {
    faults.push_back(certificates.error());
    return;
  }
  for (auto& one : *certificates) {
    if (auto words = validity_warning(one.get(), path); !words.empty()) warnings.push_back(std::move(words));
    ERR_clear_error();
    if (X509_STORE_add_cert(store_.get(), one.get()) != 1) faults.push_back(wrong(path, "OpenSSL refuses a certificate: " + take_words()));
    dates_.push_back({path, subject_of(one.get()), seconds_of(X509_get0_notAfter(one.get())), false, sha256_of(one.get())});
    authorities_.push_back(std::move(one));
  }
}

void trust::add_crls(const std::string& path, std::vector<core::fault>& faults, std::vector<std::string>& warnings) {
  auto crls = read_crls(path);
  if (!crls) {
    faults.push_back(crls.error());
    return;
  }
  for (auto& one : *crls) {
    ERR_clear_error();
    if (X509_STORE_add_crl(store_.get(), one.get()) != 1) faults.push_back(wrong(path, "OpenSSL refuses a CRL: " + take_words()));
    const auto issuer = name_text(X509_CRL_get_issuer(one.get()));
    const auto* next = X509_CRL_get0_nextUpdate(one.get());
    const auto until =
        next ? seconds_of(next) : std::numeric_limits<std::int64_t>::max();  // RFC 5280 5.1.2.5 demands one; some CAs give none
    if (until - std::time(nullptr) < crl_warning_seconds)
      warnings.push_back(path + ": the CRL of " + issuer + (until < std::time(nullptr) ? " is stale since " : " will be stale on ") +
                         date_of(next) + "; its CA's next one has to be fetched before");
    dates_.push_back({path, issuer, until, true, sha256_of(one.get())});
    crls_.push_back({std::move(one), until});
  }
}

void trust::set_id() {
  const auto hash = begin_hash();
  for (const auto& one : authorities_) {
    const auto next = digest_of(one.get());
    add(hash.get(), next.data(), next.size());
  }
  add(hash.get(), "crls");
  for (const auto& one : crls_) {
    digest next{};
    SALLYPORT_EXPECT(X509_CRL_digest(one.crl.get(), EVP_sha256(), next.data(), nullptr) == 1);
    add(hash.get(), next.data(), next.size());
  }
  add(hash.get(), "rules");
  for (const auto& rule : settings_.allow)
    for (const auto* part : {&rule.common_name, &rule.organizational_unit, &rule.dns, &rule.uri, &rule.email, &rule.key})
      add(hash.get(), *part);
  const std::array<unsigned char, 4> choices{static_cast<unsigned char>(settings_.clients), static_cast<unsigned char>(settings_.crl_for),
                                             static_cast<unsigned char>(settings_.stale), settings_.require_client_eku};
  add(hash.get(), choices.data(), choices.size());
  id_ = finish(hash);
}

trust::verdict trust::judge(X509* leaf, STACK_OF(X509) * others) const {
  const auto shown = digest_of(leaf, others);
  verdict found;
  found.who = remembered(shown);
  if (found.who) return found;
  found = verify(leaf, others);
  if (found.who) remember(shown, found.who);
  return found;
}

trust::verdict trust::verify(X509* leaf, STACK_OF(X509) * others) const {
  using context_ptr = std::unique_ptr<X509_STORE_CTX, freed_by<X509_STORE_CTX_free>>;
  verdict found;
  observation seen{settings_, found};
  const context_ptr chain(X509_STORE_CTX_new());
  SALLYPORT_EXPECT(chain && X509_STORE_CTX_init(chain.get(), store_.get(), leaf, others) == 1 &&
                   X509_STORE_CTX_set_default(chain.get(), "ssl_client") == 1 &&
                   X509_STORE_CTX_set_ex_data(chain.get(), observation::index(), &seen) == 1);
  auto* how = X509_STORE_CTX_get0_param(chain.get());
  // What the operator put into client_ca is trusted, an intermediate without its root too: so does Milvus, whose TLS is Go's.
  unsigned long flags = X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN;
  if (!crls_.empty()) flags |= X509_V_FLAG_CRL_CHECK;
  if (!crls_.empty() && settings_.crl_for == policy_settings::crl_scope::chain) flags |= X509_V_FLAG_CRL_CHECK_ALL;
  X509_VERIFY_PARAM_set_flags(how, flags);
  X509_VERIFY_PARAM_set_depth(how, chain_depth_max);
  X509_VERIFY_PARAM_set_auth_level(how, security_level);
  X509_STORE_CTX_set_verify_cb(chain.get(), observation::judged);
  ERR_clear_error();
  const bool good = X509_verify_cert(chain.get()) == 1;
  ERR_clear_error();
  if (!good) {
    if (found.reason.empty()) refuse(found, X509_V_ERR_UNSPECIFIED, "the certificate cannot be verified", leaf, 0);
    return found;
  }
  auto* verified = X509_STORE_CTX_get0_chain(chain.get());
  const int shown = X509_STORE_CTX_get_num_untrusted(chain.get());
  if (const auto fault = fault_of_chain(verified, shown, settings_.require_client_eku)) {
    refuse(found, fault->error, fault->reason, sk_X509_value(verified, fault->depth), fault->depth);
    if (fault->error == X509_V_ERR_INVALID_PURPOSE) found.result = telemetry::handshake_result::certificate_purpose;
    return found;
  }
  auto who = std::make_shared<peer_identity>(identity_of(leaf));
  if (!is_allowed(*who, settings_.allow)) {
    refuse(found, X509_V_ERR_CERT_REJECTED, "no allow rule matches the certificate", leaf, 0);
    found.result = telemetry::handshake_result::certificate_not_allowed;
    return found;
  }
  who->good_until = good_until(verified);
  found.who = std::move(who);
  return found;
}

std::int64_t trust::good_until(STACK_OF(X509) * chain) const {
  auto until = std::numeric_limits<std::int64_t>::max();
  const bool whole = settings_.crl_for == policy_settings::crl_scope::chain;
  const bool may_be_stale = crls_.empty() || settings_.stale == policy_settings::stale_crl::accept;
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    until = std::min(until, seconds_of(X509_get0_notAfter(sk_X509_value(chain, i))));
    if (!may_be_stale && (i == 0 || whole)) until = std::min(until, crl_until(sk_X509_value(chain, i)));
  }
  return until;
}

// Of several CRLs of one issuer the one that lasts longest counts.
std::int64_t trust::crl_until(const X509* of) const {
  std::optional<std::int64_t> until;
  for (const auto& one : crls_)
    if (X509_NAME_cmp(X509_CRL_get_issuer(one.crl.get()), X509_get_issuer_name(of)) == 0)
      until = std::max(until.value_or(one.until), one.until);
  return until.value_or(std::numeric_limits<std::int64_t>::max());
}

std::shared_ptr<const peer_identity> trust::remembered(const digest& shown) const {
  const std::int64_t now = std::time(nullptr);
  const std::lock_guard lock(memory_mutex_);
  for (const auto* half : {&newer_, &older_})
    if (const auto at = half->find(shown); at != half->end() && now < at->second->good_until) return at->second;
  return nullptr;
}

void trust::remember(const digest& shown, std::shared_ptr<const peer_identity> who) const {
  const std::lock_guard lock(memory_mutex_);
  if (newer_.size() >= remembered_max / 2) {
    older_ = std::move(newer_);
    newer_.clear();
  }
  newer_.insert_or_assign(shown, std::move(who));
}

}  // namespace sallyport::tls
