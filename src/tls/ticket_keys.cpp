#include <sallyport/tls/ticket_keys.hpp>

#include <sallyport/core/expect.hpp>
#include <sallyport/core/secret.hpp>

#include "pem.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cstring>

namespace sallyport::tls {

namespace {

constexpr std::size_t key_octets = 80;
constexpr std::size_t line_octets = (key_octets + 2) / 3 * 4;

std::shared_ptr<const ticket_key> key_of(const unsigned char* octets) {
  auto made = std::make_shared<ticket_key>();
  std::memcpy(made->name.data(), octets, made->name.size());
  std::memcpy(made->cipher.data(), octets + made->name.size(), made->cipher.size());
  std::memcpy(made->mac.data(), octets + made->name.size() + made->cipher.size(), made->mac.size());
  return made;
}

std::shared_ptr<const ticket_key> random_key() {
  std::array<unsigned char, key_octets> octets;
  SALLYPORT_EXPECT(RAND_priv_bytes(octets.data(), octets.size()) == 1);
  auto made = key_of(octets.data());
  OPENSSL_cleanse(octets.data(), octets.size());
  return made;
}

}  // namespace

ticket_key::~ticket_key() {
  OPENSSL_cleanse(cipher.data(), cipher.size());
  OPENSSL_cleanse(mac.data(), mac.size());
}

ticket_keys::ticket_keys() : keys_{random_key()}, made_(clock::now()) {}

ticket_keys::~ticket_keys() = default;

core::outcome<ticket_keys::list> ticket_keys::in_file(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return text.error();
  list found;
  for (std::string_view rest = text->reveal(); !rest.empty();) {
    auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty()) continue;
    std::array<unsigned char, line_octets> octets{};
    const bool is_whole = line.size() == line_octets && line.ends_with('=') && !line.ends_with("==") &&
                          EVP_DecodeBlock(octets.data(), reinterpret_cast<const unsigned char*>(line.data()),
                                          static_cast<int>(line.size())) >= static_cast<int>(key_octets);
    if (is_whole) found.push_back(key_of(octets.data()));
    OPENSSL_cleanse(octets.data(), octets.size());
    if (!is_whole)
      return wrong(path, "line " + std::to_string(found.size() + 1) +
                             " is not the base64 of 80 octets; make one with `openssl rand 80 | base64 -w 0`");
  }
  if (found.empty()) return wrong(path, "has no ticket key; make one with `openssl rand 80 | base64 -w 0`");
  if (found.size() > kept_max) return wrong(path, "has more than 3 ticket keys; the newest comes first, and two old ones are enough");
  return found;
}

void ticket_keys::use(list of_file) {
  const std::lock_guard lock(mutex_);
  keys_ = std::move(of_file);
  from_file_ = true;
}

ticket_keys::chosen ticket_keys::sealing(clock::time_point now) {
  const std::lock_guard lock(mutex_);
  rotate(now);
  return {keys_.front(), true};
}

ticket_keys::chosen ticket_keys::opening(const unsigned char* name, clock::time_point now) {
  const std::lock_guard lock(mutex_);
  rotate(now);
  for (const auto& one : keys_)
    if (std::memcmp(one->name.data(), name, one->name.size()) == 0) return {one, one == keys_.front()};
  return {};
}

// A process that slept through several periods has no use for the keys of before.
void ticket_keys::rotate(clock::time_point now) {
  if (from_file_ || now - made_ < rotation) return;
  if (now - made_ >= rotation * kept_max) keys_.clear();
  keys_.insert(keys_.begin(), random_key());
  if (keys_.size() > kept_max) keys_.pop_back();
  made_ = now;
}

}  // namespace sallyport::tls
