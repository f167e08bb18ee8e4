// Which verified client certificates may connect: rules over their names and keys. Plain values and pure functions, any thread. Bounded by
// what was configured and by the 64 alternative names that are read of a certificate.
#pragma once

#include <sallyport/tls/identity.hpp>

#include <string>
#include <vector>

namespace sallyport::tls {

// All that is given has to hold (AND); an empty member asks for nothing. Names are compared octet for octet, but for the host part of DNS
// names and e-mail addresses, where ASCII letters have no case (RFC 5280 7.2, 7.5). A name with a NUL, a wildcard, an empty label or a dot
// at its end in the certificate matches no DNS or e-mail rule.
struct allow_rule {
  std::string common_name = {};          // cn: the most specific one
  std::string organizational_unit = {};  // ou: any of them
  std::string dns = {};                  // dns: a SAN; "*.clients.example" stands for exactly one label
  std::string uri = {};                  // uri: a SAN; "*" stands for one whole path segment, "**" as the last one for one or more
  std::string email = {};                // email: a SAN; "*@example.org" stands for every mailbox
  std::string key = {};                  // key: sha256//BASE64 of the public key (SubjectPublicKeyInfo), as curl's --pinnedpubkey
};

// Nothing, or the sentence that says what is wrong with it: empty, a wildcard where none may be, a pin that is none.
std::string fault_of(const allow_rule& rule);

// Whether one of the rules matches (OR). No rules: everybody may.
bool is_allowed(const peer_identity& who, const std::vector<allow_rule>& rules);

}  // namespace sallyport::tls
