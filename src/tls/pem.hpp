// Certificates and keys from the operator's files, or the sentence that says which file is wrong and how.
#pragma once

#include "openssl.hpp"

#include <sallyport/core/result.hpp>
#include <sallyport/core/secret.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace sallyport::tls {

// At most 1 MiB, as a secret, because half of these files are.
core::outcome<core::secret> read_file(const std::string& path);

core::outcome<std::vector<x509_ptr>> read_certificates(const std::string& path);
core::outcome<key_ptr> read_key(const std::string& path);
core::outcome<std::vector<crl_ptr>> read_crls(const std::string& path);

// Whether others than the owner may read the file.
bool readable_by_others(const std::string& path);

std::string date_of(const ASN1_TIME* when);      // 2026-11-26 10:30:39 UTC
std::int64_t seconds_of(const ASN1_TIME* when);  // since 1970; what cannot be read is long over

// Nothing, or a sentence: expired, not yet valid, or expiring within seven days.
std::string validity_warning(const X509* certificate, const std::string& path);

}  // namespace sallyport::tls
