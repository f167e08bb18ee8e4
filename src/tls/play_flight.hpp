// The client's own part of a handshake with a certificate in it, written by hand: RFC 8446 4.4 and RFC 5246 7.4.6 to 7.4.9. What OpenSSL
// cannot be brought to say: certificates that are no X.509, a key that is another's, algorithms that it does not sign with. No I/O.
#pragma once

#include "openssl.hpp"

#include <sallyport/core/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::tls {

// From the files: whatever stands between the lines of PEM, and a key of any kind.
struct play_identity {
  std::vector<std::string> chain;  // DER, or what passes for it
  key_ptr key;
};
core::outcome<play_identity> read_identity(const std::string& cert, const std::string& key);

// The cipher suite's parts, by its name in the RFC. Only AES-GCM is offered.
struct play_suite {
  const EVP_CIPHER* cipher = nullptr;
  const EVP_MD* hash = nullptr;
};
play_suite suite_named(std::string_view name);

// All handshake messages so far, each with its header, as both sides hash them.
class play_transcript {
 public:
  void add(std::string_view message);
  void replace_by_hash(const EVP_MD* hash);  // RFC 8446 4.4.1, when a HelloRetryRequest comes
  std::string hash(const EVP_MD* with) const;
  const std::string& messages() const { return all_; }
  bool too_long() const { return all_.size() > messages_max_bytes; }

 private:
  static constexpr std::size_t messages_max_bytes = 4 << 20;
  std::string all_;
};

// One direction of records under AES-GCM.
class play_records {
 public:
  play_records() = default;
  static play_records of_tls13(const play_suite& suite, std::string_view secret);
  static play_records of_tls12(const play_suite& suite, std::string_view key, std::string_view salt);

  std::string seal(std::uint8_t type, std::string_view content);  // as many records as it takes
  // TLS 1.2 alone: the content of one record; false: it is not what the peer sealed.
  bool open(std::uint8_t type, std::string_view sealed, std::string& content);

 private:
  std::string nonce() const;
  std::string seal_one(std::uint8_t type, std::string_view content);

  const EVP_CIPHER* cipher_ = nullptr;
  bool tls13_ = true;
  std::string key_, iv_;
  std::uint64_t number_ = 0;
};

// The signature schemes of a CertificateRequest; its context, which TLS 1.3 wants back.
struct play_request {
  std::vector<std::uint16_t> schemes;
  std::string context;
};
play_request read_request(std::string_view message, bool tls13);
std::vector<std::string> certificates_in(std::string_view message, bool tls13);  // the first 16 of the server's
// The hash of the suite that a HelloRetryRequest chooses; nothing: it is none, but a ServerHello.
const EVP_MD* hash_of_retry(std::string_view server_hello);

std::string certificate_message(const std::vector<std::string>& chain, const play_request& request, bool tls13);
// Signs `content`, with the scheme that the key is for, one of the server's if there is one. A key that is too short for any signature
// sends noughts: a correct server has refused by then.
std::string verify_message(EVP_PKEY* key, const play_request& request, std::string_view content, bool tls13);
std::string finished_message(std::string_view verify_data);

std::string hmac(const EVP_MD* hash, std::string_view key, std::string_view text);
std::string expand_label(const EVP_MD* hash, std::string_view secret, std::string_view label, std::size_t size);  // RFC 8446 7.1
std::string prf(const EVP_MD* hash, std::string_view secret, std::string_view label_and_seed, std::size_t size);  // RFC 5246 5

}  // namespace sallyport::tls
