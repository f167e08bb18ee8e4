#include "seeded.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <memory>

namespace sallyport::certs {

namespace {

// OpenSSL's generator that gives out what it was given.
constexpr const char* generator_name = "TEST-RAND";
constexpr unsigned strength_bits = 256;

bool feed(EVP_RAND_CTX* generator, octets& numbers) {
  unsigned strength = strength_bits;
  const OSSL_PARAM given[] = {OSSL_PARAM_construct_uint(OSSL_RAND_PARAM_STRENGTH, &strength),
                              OSSL_PARAM_construct_octet_string(OSSL_RAND_PARAM_TEST_ENTROPY, numbers.data(), numbers.size()),
                              OSSL_PARAM_construct_end()};
  return generator && EVP_RAND_CTX_set_params(generator, given) == 1;
}

}  // namespace

seeded::seeded(octets seed) : seed_(std::move(seed)), library_(OSSL_LIB_CTX_new()) {
  if (library_ && RAND_set_DRBG_type(library_, generator_name, nullptr, nullptr, nullptr) != 1) {
    OSSL_LIB_CTX_free(library_);
    library_ = nullptr;
  }
}

seeded::~seeded() { OSSL_LIB_CTX_free(library_); }

bool seeded::begin(std::string_view label, std::size_t supply) {
  octets secret_numbers = stream("private/" + octets(label), supply), open_numbers = stream("public/" + octets(label), supply);
  return !secret_numbers.empty() && !open_numbers.empty() && feed(RAND_get0_private(library_), secret_numbers) &&
         feed(RAND_get0_public(library_), open_numbers);
}

octets seeded::draw(std::size_t size) {
  octets drawn(size, '\0');
  if (RAND_bytes_ex(library_, reinterpret_cast<unsigned char*>(drawn.data()), size, 0) != 1) return {};
  return drawn;
}

octets seeded::stream(std::string_view label, std::size_t size) const {
  const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> shake(EVP_MD_fetch(library_, "SHAKE256", nullptr), EVP_MD_free);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  octets out(size, '\0');
  if (!shake || !context || EVP_DigestInit_ex(context.get(), shake.get(), nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), seed_.data(), seed_.size()) != 1 ||
      EVP_DigestUpdate(context.get(), label.data(), label.size()) != 1 ||
      EVP_DigestFinalXOF(context.get(), reinterpret_cast<unsigned char*>(out.data()), out.size()) != 1)
    return {};
  return out;
}

}  // namespace sallyport::certs
