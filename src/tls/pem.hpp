// Certificates and keys from the operator's files, or the sentence that says which file is wrong and how.
#pragma once

#include "openssl.hpp"

#include <sallyport/core/result.hpp>
#include <sallyport/core/secret.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::tls {

// What is wrong with what the operator gave: a sentence, or one about a file.
core::fault wrong(std::string text);
core::fault wrong(const std::string& path, const std::string& what);

// At most 1 MiB, as a secret, because half of these files are.
core::outcome<core::secret> read_file(const std::string& path);

core::outcome<std::vector<x509_ptr>> read_certificates(const std::string& path);
core::outcome<key_ptr> read_key(const std::string& path);
core::outcome<std::vector<crl_ptr>> read_crls(const std::string& path);

// A certificate with its chain, and its key.
struct own_chain {
  std::vector<x509_ptr> chain;
  key_ptr key;
};
// Nothing: `faults` says why. `whose`: the server, the client.
std::optional<own_chain> read_own(const std::string& cert, const std::string& key, std::string_view whose, std::vector<core::fault>& faults,
                                  std::vector<std::string>& warnings);

// Whether others than the owner may read the file.
bool readable_by_others(const std::string& path);

std::string date_of(const ASN1_TIME* when);      // 2026-11-26 10:30:39 UTC
std::int64_t seconds_of(const ASN1_TIME* when);  // since 1970; what cannot be read is long over

// Nothing, or a sentence: expired, not yet valid, or expiring within seven days.
std::string validity_warning(const X509* certificate, const std::string& path);

}  // namespace sallyport::tls
