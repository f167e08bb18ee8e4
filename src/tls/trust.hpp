// What a client certificate is judged by: CAs, CRLs, allow rules. One immutable snapshot for each TLS policy; a change makes a new one,
// and with it forgets which chains were good. Any thread.
//
// A chain is judged as OpenSSL does with X509_V_FLAG_X509_STRICT, at security level 2, for the purpose of TLS clients, with four
// intermediates at most, then by chain_checks.hpp, then by the allow rules. What was found good is remembered by the octets that were
// shown, at most remembered_max chains, until one of its dates is over, so that a known client costs no second verification.
#pragma once

#include <sallyport/tls/context.hpp>
#include <sallyport/tls/identity.hpp>

#include "openssl.hpp"

#include <sallyport/telemetry/labels.hpp>

#include <array>
#include <mutex>
#include <optional>
#include <unordered_map>

namespace sallyport::tls {

using digest = std::array<unsigned char, 32>;  // SHA-256
struct digest_hash {
  std::size_t operator()(const digest& of) const noexcept;
};

// A file that ends one day, for warnings and metrics.
struct dated_file {
  std::string path, subject;
  std::int64_t until;  // seconds since 1970
  bool is_crl;
  std::string sha256;  // hex
};

// The word of the metrics for an X509_V_ERR_….
telemetry::handshake_result result_of_verification(int error);

class trust {
 public:
  static constexpr std::size_t remembered_max = 4096;

  struct verdict {
    std::shared_ptr<const peer_identity> who;  // nullptr: refused, and the rest says why
    int error = X509_V_OK;                     // decides the alert
    telemetry::handshake_result result = telemetry::handshake_result::ok;
    std::string reason, subject, serial;
    int depth = 0;
  };

  // Adds what is wrong to `faults`, and to `warnings` what an operator should know.
  static std::shared_ptr<const trust> load(const policy_settings& settings, std::vector<core::fault>& faults,
                                           std::vector<std::string>& warnings);

  // `others`: as the client sent them, the leaf among them or not; may be null.
  verdict judge(X509* leaf, STACK_OF(X509) * others) const;

  // The same for equal certificates, CRLs and rules, in this process and in others.
  const digest& id() const { return id_; }
  const std::vector<x509_ptr>& authorities() const { return authorities_; }
  const std::vector<dated_file>& dates() const { return dates_; }

 private:
  trust() = default;
  void add_authorities(const std::string& path, std::vector<core::fault>& faults, std::vector<std::string>& warnings);
  void add_crls(const std::string& path, std::vector<core::fault>& faults, std::vector<std::string>& warnings);
  void set_id();
  verdict verify(X509* leaf, STACK_OF(X509) * others) const;
  std::int64_t good_until(STACK_OF(X509) * chain) const;
  std::int64_t crl_until(const X509* of) const;
  std::shared_ptr<const peer_identity> remembered(const digest& shown) const;
  void remember(const digest& shown, std::shared_ptr<const peer_identity> who) const;

  policy_settings settings_;
  std::unique_ptr<X509_STORE, freed_by<X509_STORE_free>> store_;
  std::vector<x509_ptr> authorities_;
  struct dated_crl {
    crl_ptr crl;
    std::int64_t until;
  };
  std::vector<dated_crl> crls_;
  std::vector<dated_file> dates_;
  digest id_{};

  // Two halves: when the newer one is full it becomes the older one, and the older is forgotten.
  using memory = std::unordered_map<digest, std::shared_ptr<const peer_identity>, digest_hash>;
  mutable std::mutex memory_mutex_;
  mutable memory newer_, older_;
};

}  // namespace sallyport::tls
