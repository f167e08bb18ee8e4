// One more certificate with its key, signed by an authority on the disk: that of `certs init`, or an intermediate one that was issued here.
//
// A blocking function for a command, any thread, some milliseconds (RSA: up to seconds). It owns nothing afterwards. Both files are made
// and verified in a staging folder first; nothing is ever overwritten, and a failure leaves the directory as it was. The key has mode 0600
// from its first byte on.
#pragma once

#include <sallyport/certs/recipe.hpp>

namespace sallyport::certs {

enum class issue_kind { server, client, intermediate };

struct issue_request {
  issue_kind kind = issue_kind::server;
  std::string name = {};  // the common name; a server's is one of its names, too
  std::vector<std::string> dns = {}, ips = {}, uris = {}, emails = {};
  key_kind keys = key_kind::ecdsa_p256;
  std::uint32_t days = 0;                 // 0: 825, for an intermediate authority 1825; never beyond the authority's own end
  std::string ca_cert = {}, ca_key = {};  // empty: ca.pem and ca.key in the directory; an intermediate's file has its chain
  std::string out = {};                   // of the files' names; empty: made from `name`
};

// Makes OUT.key, and OUT.pem: the certificate with the chain that has to be sent along, which is all but the root. Returns both paths.
core::outcome<std::vector<std::string>> issue(const std::string& directory, const issue_request& asked);

}  // namespace sallyport::certs
