// What both ends of TLS hold to, a listener's and ours towards a backend: which versions, ciphers and groups, and what is never done.
#pragma once

#include "openssl.hpp"

namespace sallyport::tls {

void set_policy_of_both_ends(SSL_CTX* ctx, int oldest_version);

}  // namespace sallyport::tls
