// The certificate revocation list of an authority on the disk, and OCSP responses for stapling: what `certs init` and `certs issue` have
// made is taken back.
//
// A blocking function for a command, any thread, some milliseconds. Two at once on one directory wait for each other (flock on it). The
// list is replaced by a rename, so that a server which watches it never sees half of one; an old list that is not this authority's is left
// alone.
#pragma once

#include <sallyport/certs/recipe.hpp>

namespace sallyport::certs {

struct revoke_request {
  std::vector<std::string> certificates = {};  // PEM files, the leaf of each; none: the list is made anew, with later dates
  std::string reason = {};                     // RFC 5280 5.3.1: keyCompromise; empty: none is said
  std::uint32_t days = 30;                     // until nextUpdate: whoever checks refuses everybody after that
  std::vector<std::string> ocsp = {};          // PEM files: for each a response is written beside the list
  std::string ca_cert = {}, ca_key = {};       // empty: ca.pem and ca.key in the directory
};

struct revoked {
  std::string crl;                     // its path
  std::uint64_t number = 0;            // RFC 5280 5.2.3: grows with each list
  std::size_t entries = 0;             // of the list
  std::vector<std::string> already;    // of the files: were on it before
  std::vector<std::string> responses;  // DER files
  std::int64_t next_update = 0;        // seconds since 1970
};

// The reasons that may be given, in the spelling of RFC 5280.
const std::vector<std::string_view>& revocation_reasons();

// Adds to DIR/crl.pem, which is made when it is not there, and writes DIR/NAME.ocsp for each of `ocsp`.
core::outcome<revoked> revoke(const std::string& directory, const revoke_request& asked);

}  // namespace sallyport::certs
