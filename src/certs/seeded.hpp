// Random numbers that follow from a seed, for OpenSSL's own key generation and signatures: a library context of its own, whose generators
// are fed from SHAKE256. The rest of the process keeps its random numbers: nothing here touches the default context. Owned by one call of
// make_fixtures; used on the thread that made it, because OpenSSL keeps a generator a thread.
#pragma once

#include "der.hpp"

#include <openssl/crypto.h>

#include <string>
#include <string_view>

namespace sallyport::certs {

class seeded {
 public:
  explicit seeded(octets seed);
  ~seeded();
  seeded(const seeded&) = delete;
  seeded& operator=(const seeded&) = delete;

  bool usable() const { return library_ != nullptr; }
  OSSL_LIB_CTX* library() const { return library_; }

  // From here on the numbers follow from the seed and `label` alone, whatever was drawn before: a set that is added changes no other.
  // At most `supply` of them; OpenSSL fails when they have run out.
  bool begin(std::string_view label, std::size_t supply = 64 * 1024);
  octets draw(std::size_t size);

 private:
  octets stream(std::string_view label, std::size_t size) const;

  const octets seed_;
  OSSL_LIB_CTX* library_;
};

}  // namespace sallyport::certs
