#include <sallyport/users/password.hpp>

#include "hash_form.hpp"

#include <sallyport/core/expect.hpp>

#include <crypt.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

namespace sallyport::users {

namespace {

void prepare_sodium() {
  static const bool ready = sodium_init() >= 0;
  SALLYPORT_EXPECT(ready);
}

bool argon2id_matches(std::string_view password, std::string_view hash) {
  std::array<char, argon2id_hash_max_bytes + 1> text{};
  std::copy(hash.begin(), hash.end(), text.begin());
  // An empty view may have no address, which libsodium must not be given.
  return crypto_pwhash_str_verify(text.data(), password.empty() ? "" : password.data(), password.size()) == 0;
}

// libcrypt is always asked for $2b$: its $2a$ carries a safety measure of Openwall's that makes other hashes than Go's and OpenBSD's $2a$
// for some passwords with bytes above 127; $2a$, $2b$ and $2y$ of all other makers are one algorithm for up to 72 bytes.
bool bcrypt_matches(std::string_view password, std::string_view hash) {
  constexpr std::size_t read_max = 72, prefix = 4, digest = 31;
  // What bcrypt cannot tell apart is never right, and takes as long to be told so as any other wrong password.
  const bool possible = password.size() <= read_max && password.find('\0') == std::string_view::npos;
  std::array<char, read_max + 1> phrase{};
  if (possible) std::copy(password.begin(), password.end(), phrase.begin());
  const std::string setting = "$2b$" + std::string(hash.substr(prefix));
  auto workspace = std::make_unique<crypt_data>();
  const char* made = crypt_rn(phrase.data(), setting.c_str(), workspace.get(), static_cast<int>(sizeof(crypt_data)));
  // The digest alone is compared: libcrypt writes the unused bits of the salt's last digit as zero, some makers do not.
  const bool same = made != nullptr && std::strlen(made) == hash.size() &&
                    sodium_memcmp(made + hash.size() - digest, hash.data() + hash.size() - digest, digest) == 0;
  sodium_memzero(workspace.get(), sizeof(crypt_data));
  sodium_memzero(phrase.data(), phrase.size());
  return same && possible;
}

}  // namespace

std::string hash_password(std::string_view password) {
  prepare_sodium();
  std::array<char, crypto_pwhash_STRBYTES> text{};
  const int failed = crypto_pwhash_str_alg(text.data(), password.empty() ? "" : password.data(), password.size(), wanted_cost.passes,
                                           std::size_t{wanted_cost.memory_kib} * 1024, crypto_pwhash_ALG_ARGON2ID13);
  SALLYPORT_EXPECT(!failed);  // it fails for want of 19 MiB alone, where the program could not go on anyhow
  return text.data();
}

match verify_password(std::string_view password, std::string_view hash) {
  prepare_sodium();
  bool right = false;
  if (parse_argon2id(hash))
    right = argon2id_matches(password, hash);
  else if (parse_bcrypt(hash))
    right = bcrypt_matches(password, hash);
  else
    argon2id_matches(password, decoy_hash());  // a record that cannot be read is not to be told apart by time either
  if (!right) return match::no;
  return is_outdated(hash) ? match::yes_outdated : match::yes;
}

bool is_known_hash(std::string_view hash) { return parse_argon2id(hash) || parse_bcrypt(hash); }

const std::string& decoy_hash() {
  static const std::string hash = [] {
    prepare_sodium();
    std::array<char, 32> nobody{};
    randombytes_buf(nobody.data(), nobody.size());
    return hash_password({nobody.data(), nobody.size()});
  }();
  return hash;
}

}  // namespace sallyport::users
