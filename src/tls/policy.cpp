#include "policy.hpp"

#include <sallyport/core/expect.hpp>

namespace sallyport::tls {

namespace {

// Mozilla's "intermediate" list without its DHE suites: ECDHE and AEAD only.
constexpr const char* tls12_ciphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* tls13_ciphers = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* key_groups = "X25519:P-256:P-384";
constexpr long certificate_list_max_bytes = 64 * 1024;

}  // namespace

bool choose_offered(std::initializer_list<std::string_view> spoken, std::span<const unsigned char> offered, const unsigned char** chosen,
                    unsigned char* chosen_size) {
  for (const auto one : spoken) {
    std::string_view rest(reinterpret_cast<const char*>(offered.data()), offered.size());
    while (!rest.empty()) {
      const std::size_t length = static_cast<unsigned char>(rest[0]);
      if (length + 1 > rest.size()) break;
      if (rest.substr(1, length) == one) {
        *chosen = reinterpret_cast<const unsigned char*>(rest.data()) + 1;
        *chosen_size = static_cast<unsigned char>(length);
        return true;
      }
      rest.remove_prefix(length + 1);
    }
  }
  return false;
}

void set_policy_of_both_ends(SSL_CTX* ctx, int oldest_version) {
  SSL_CTX_set_security_level(ctx, security_level);
  const bool set = SSL_CTX_set_min_proto_version(ctx, oldest_version) == 1 && SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
                   SSL_CTX_set_cipher_list(ctx, tls12_ciphers) == 1 && SSL_CTX_set_ciphersuites(ctx, tls13_ciphers) == 1 &&
                   SSL_CTX_set1_groups_list(ctx, key_groups) == 1;
  SALLYPORT_EXPECT(set);
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_max_cert_list(ctx, certificate_list_max_bytes);
  SSL_CTX_set_verify_depth(ctx, chain_depth_max);
  // What the operator put into a file of authorities is trusted, an intermediate without its root too: so does Milvus, whose TLS is Go's.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
}

}  // namespace sallyport::tls
