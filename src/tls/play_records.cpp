#include "play_flight.hpp"

#include <sallyport/core/expect.hpp>

#include <openssl/hmac.h>

#include <algorithm>

namespace sallyport::tls {

namespace {

constexpr std::size_t content_max_bytes = 1 << 14;
constexpr std::size_t tag_bytes = 16, nonce_bytes = 12, explicit_bytes = 8;
constexpr std::uint8_t sealed_type = SSL3_RT_APPLICATION_DATA;

using cipher_ptr = std::unique_ptr<EVP_CIPHER_CTX, freed_by<EVP_CIPHER_CTX_free>>;

const unsigned char* octets(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::string big_endian(std::uint64_t number, std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < std::min(size, sizeof number); ++i) text[size - 1 - i] = static_cast<char>(number >> (8 * i));
  return text;
}

std::string gcm_sealed(const EVP_CIPHER* cipher, const std::string& key, const std::string& nonce, std::string_view additional,
                       std::string_view plain) {
  const cipher_ptr context(EVP_CIPHER_CTX_new());
  std::string out(plain.size() + tag_bytes, '\0');
  int size = 0;
  const bool done = EVP_EncryptInit_ex2(context.get(), cipher, octets(key), octets(nonce), nullptr) == 1 &&
                    EVP_EncryptUpdate(context.get(), nullptr, &size, octets(additional), static_cast<int>(additional.size())) == 1 &&
                    EVP_EncryptUpdate(context.get(), octets(out), &size, octets(plain), static_cast<int>(plain.size())) == 1 &&
                    EVP_EncryptFinal_ex(context.get(), octets(out) + plain.size(), &size) == 1 &&
                    EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, tag_bytes, octets(out) + plain.size()) == 1;
  SALLYPORT_EXPECT(done);
  return out;
}

bool gcm_opened(const EVP_CIPHER* cipher, const std::string& key, const std::string& nonce, std::string_view additional,
                std::string_view sealed, std::string& plain) {
  const cipher_ptr context(EVP_CIPHER_CTX_new());
  std::string tag(sealed.substr(sealed.size() - tag_bytes));
  sealed.remove_suffix(tag_bytes);
  plain.assign(sealed.size(), '\0');
  int size = 0;
  const bool good = EVP_DecryptInit_ex2(context.get(), cipher, octets(key), octets(nonce), nullptr) == 1 &&
                    EVP_DecryptUpdate(context.get(), nullptr, &size, octets(additional), static_cast<int>(additional.size())) == 1 &&
                    EVP_DecryptUpdate(context.get(), octets(plain), &size, octets(sealed), static_cast<int>(sealed.size())) == 1 &&
                    EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, tag_bytes, octets(tag)) == 1 &&
                    EVP_DecryptFinal_ex(context.get(), octets(plain) + size, &size) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace

std::string hmac(const EVP_MD* hash, std::string_view key, std::string_view text) {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  const bool done = ::HMAC(hash, key.data(), static_cast<int>(key.size()), octets(text), text.size(), octets(out), &size) != nullptr;
  SALLYPORT_EXPECT(done);
  out.resize(size);
  return out;
}

// At most one block of the hash is ever needed.
std::string expand_label(const EVP_MD* hash, std::string_view secret, std::string_view label, std::size_t size) {
  const std::string whole = "tls13 " + std::string(label);
  auto out = hmac(hash, secret, big_endian(size, 2) + big_endian(whole.size(), 1) + whole + std::string(1, '\0') + '\1');
  out.resize(size);
  return out;
}

std::string prf(const EVP_MD* hash, std::string_view secret, std::string_view label_and_seed, std::size_t size) {
  std::string out;
  std::string a(label_and_seed);
  while (out.size() < size) {
    a = hmac(hash, secret, a);
    out += hmac(hash, secret, a + std::string(label_and_seed));
  }
  out.resize(size);
  return out;
}

play_suite suite_named(std::string_view name) {
  if (name.find("AES_128_GCM_SHA256") != name.npos) return {EVP_aes_128_gcm(), EVP_sha256()};
  if (name.find("AES_256_GCM_SHA384") != name.npos) return {EVP_aes_256_gcm(), EVP_sha384()};
  return {};
}

play_records play_records::of_tls13(const play_suite& suite, std::string_view secret) {
  play_records made;
  made.cipher_ = suite.cipher;
  made.key_ = expand_label(suite.hash, secret, "key", static_cast<std::size_t>(EVP_CIPHER_get_key_length(suite.cipher)));
  made.iv_ = expand_label(suite.hash, secret, "iv", nonce_bytes);
  return made;
}

play_records play_records::of_tls12(const play_suite& suite, std::string_view key, std::string_view salt) {
  play_records made;
  made.cipher_ = suite.cipher;
  made.tls13_ = false;
  made.key_ = key;
  made.iv_ = salt;
  return made;
}

// RFC 8446 5.3; RFC 5288 3, with the number of the record as the explicit part.
std::string play_records::nonce() const {
  if (!tls13_) return iv_ + big_endian(number_, explicit_bytes);
  std::string made = iv_;
  const std::string number = big_endian(number_, nonce_bytes);
  for (std::size_t i = 0; i < made.size(); ++i) made[i] = static_cast<char>(made[i] ^ number[i]);
  return made;
}

std::string play_records::seal_one(std::uint8_t type, std::string_view content) {
  const char version[] = "\3\3";
  std::string record;
  if (tls13_) {
    const std::string inner = std::string(content) + static_cast<char>(type);
    record = static_cast<char>(sealed_type) + std::string(version) + big_endian(inner.size() + tag_bytes, 2);
    record += gcm_sealed(cipher_, key_, nonce(), record, inner);
  } else {
    const std::string additional = big_endian(number_, 8) + static_cast<char>(type) + std::string(version) + big_endian(content.size(), 2);
    record = static_cast<char>(type) + std::string(version) + big_endian(explicit_bytes + content.size() + tag_bytes, 2);
    record += big_endian(number_, explicit_bytes) + gcm_sealed(cipher_, key_, nonce(), additional, content);
  }
  ++number_;
  return record;
}

std::string play_records::seal(std::uint8_t type, std::string_view content) {
  std::string out;
  do {
    const auto some = content.substr(0, content_max_bytes);
    content.remove_prefix(some.size());
    out += seal_one(type, some);
  } while (!content.empty());
  return out;
}

bool play_records::open(std::uint8_t type, std::string_view sealed, std::string& content) {
  if (sealed.size() < explicit_bytes + tag_bytes) return false;
  const std::string additional =
      big_endian(number_, 8) + static_cast<char>(type) + "\3\3" + big_endian(sealed.size() - explicit_bytes - tag_bytes, 2);
  ++number_;
  return gcm_opened(cipher_, key_, iv_ + std::string(sealed.substr(0, explicit_bytes)), additional, sealed.substr(explicit_bytes), content);
}

}  // namespace sallyport::tls
