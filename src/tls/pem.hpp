// Certificates and keys from the operator's files, or the sentence that says which file is wrong and how.
#pragma once

#include "openssl.hpp"

#include <sallyport/core/result.hpp>

#include <string>
#include <vector>

namespace sallyport::tls {

core::outcome<std::vector<x509_ptr>> read_certificates(const std::string& path);
core::outcome<key_ptr> read_key(const std::string& path);

// Whether others than the owner may read the file.
bool readable_by_others(const std::string& path);

// Nothing, or a sentence: expired, not yet valid, or expiring within seven days.
std::string validity_warning(const X509* certificate, const std::string& path);

}  // namespace sallyport::tls
