#include "token_key.hpp"

#include <sallyport/core/expect.hpp>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

namespace sallyport::auth {

token_key_maker::token_key_maker() : context_(nullptr) {
  EVP_MAC* hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  context_ = EVP_MAC_CTX_new(hmac);
  EVP_MAC_free(hmac);
  token_key secret{};
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  const bool ready = context_ != nullptr && RAND_priv_bytes(secret.data(), static_cast<int>(secret.size())) == 1 &&
                     EVP_MAC_init(context_, secret.data(), secret.size(), parameters) == 1;
  OPENSSL_cleanse(secret.data(), secret.size());
  SALLYPORT_EXPECT(ready);
}

token_key_maker::~token_key_maker() { EVP_MAC_CTX_free(context_); }

token_key token_key_maker::operator()(std::string_view token) {
  token_key key;
  std::size_t length = 0;
  // Without a key, init starts anew under the one it has.
  const bool made = EVP_MAC_init(context_, nullptr, 0, nullptr) == 1 &&
                    EVP_MAC_update(context_, reinterpret_cast<const unsigned char*>(token.data()), token.size()) == 1 &&
                    EVP_MAC_final(context_, key.data(), &length, key.size()) == 1 && length == key.size();
  SALLYPORT_EXPECT(made);
  return key;
}

}  // namespace sallyport::auth
