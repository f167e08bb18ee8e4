// What both ends of TLS hold to, a listener's and ours towards a backend: which versions, ciphers and groups, and what is never done.
#pragma once

#include "openssl.hpp"

#include <initializer_list>
#include <span>
#include <string_view>

namespace sallyport::tls {

inline constexpr int chain_depth_max = 4;  // intermediates
inline constexpr int security_level = 2;   // 112 bits: no RSA below 2048, no SHA-1

// Which of the protocols that a client offers by ALPN (RFC 7301 3.1) is spoken, in our order. False: none of them.
bool choose_offered(std::initializer_list<std::string_view> spoken, std::span<const unsigned char> offered, const unsigned char** chosen,
                    unsigned char* chosen_size);

void set_policy_of_both_ends(SSL_CTX* ctx, int oldest_version);

}  // namespace sallyport::tls
