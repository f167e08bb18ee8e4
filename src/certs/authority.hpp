// What a command reads from the operator's files: certificates, and an authority's certificate with its key. Blocking, any thread; a fault
// names the file and what to do.
#pragma once

#include "make.hpp"

#include <string>
#include <vector>

namespace sallyport::certs {

core::outcome<core::secret> read_file(const std::string& path);  // a mebibyte at most
core::outcome<std::vector<certificate_handle>> read_certificates(const std::string& path);

struct authority {
  std::vector<certificate_handle> chain;  // its own certificate first, then those above it
  key_handle key;
  X509* certificate() const { return chain.front().get(); }
};
// A CA that may sign now: the key is its own, it is a CA, and its time has neither passed nor still to come.
core::outcome<authority> load_authority(const std::string& cert, const std::string& key);

std::string subject_of(const X509* certificate);  // RFC 2253

}  // namespace sallyport::certs
