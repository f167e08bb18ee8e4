// What is inside a context: the policies, and for each the certificates that it serves, by the name that the client asks for. Immutable
// once it is loaded.
#pragma once

#include <sallyport/tls/context.hpp>

#include "openssl.hpp"
#include "trust.hpp"

#include <optional>
#include <unordered_map>

namespace sallyport::tls {

using ssl_ctx_ptr = std::unique_ptr<SSL_CTX, freed_by<SSL_CTX_free>>;

// Exact names and those with a wildcard label, in lower case.
class name_table {
 public:
  std::size_t add(std::string_view name, std::size_t index);  // the first one stays: whose it is now
  std::optional<std::size_t> find(std::string_view name) const;

 private:
  std::unordered_map<std::string, std::size_t> exact_, below_;  // below_: without its "*."
};

// An OCSP response (RFC 6960) as it goes into the handshake.
struct staple {
  std::string der;
  std::int64_t until;  // seconds since 1970; then it is left out
};

struct certificate_pair {
  std::vector<x509_ptr> chain;  // the leaf first
  key_ptr key;
  std::vector<std::string> names;
  std::optional<staple> response;
  std::string key_type;
};

struct policy {
  policy_settings settings;
  std::shared_ptr<const tls::trust> trust;  // nullptr: no client certificates
  digest id{};                              // what a ticket that was made under it may be used for
  std::vector<certificate_pair> pairs;
  std::vector<ssl_ctx_ptr> contexts;  // one for each set of certificates; the first is the default
  name_table names;                   // to contexts
  std::unordered_map<const X509*, const staple*> staples;

  SSL_CTX* context_for(std::string_view name) const { return contexts[names.find(name).value_or(0)].get(); }
};

struct context::parts {
  std::vector<std::unique_ptr<policy>> policies;  // the first is the default; callbacks point to them
  name_table names;                               // to policies, those with names of their own
  server_settings::unknown_name unknown = server_settings::unknown_name::serve_default;
  std::shared_ptr<ticket_keys> tickets;
  std::vector<std::string> warnings;
  std::vector<context::dated> dates;
  std::string fingerprint;

  struct choice {
    const policy* by;
    SSL_CTX* native;
    bool known;
  };
  choice choose(std::string_view name) const;
};

// Reads and checks a policy's certificates, and makes its SSL_CTXs. What is wrong is added to `faults`, the rest to `warnings`.
std::unique_ptr<policy> load_policy(const policy_settings& settings, bool any_protocol, std::vector<core::fault>& faults,
                                    std::vector<std::string>& warnings);

}  // namespace sallyport::tls
