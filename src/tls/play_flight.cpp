#include "play_flight.hpp"

#include "pem.hpp"

#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <fstream>
#include <iterator>

namespace sallyport::tls {

namespace {

constexpr std::size_t chain_max_bytes = (1 << 20) * 2;

struct openssl_free {
  void operator()(void* what) const { OPENSSL_free(what); }
};
using digest_ptr = std::unique_ptr<EVP_MD_CTX, freed_by<EVP_MD_CTX_free>>;

const unsigned char* octets(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

void put(std::string& to, std::size_t number, int size) {
  while (size-- > 0) to += static_cast<char>(number >> (8 * size));
}

std::string with_length(std::string_view what, int size) {
  std::string out;
  put(out, what.size(), size);
  return out.append(what);
}

std::string message(int type, std::string_view body) { return static_cast<char>(type) + with_length(body, 3); }

// A stranger's message: what is not there reads as nothing.
std::string_view take(std::string_view& from, int length_size) {
  std::size_t size = 0;
  for (int i = 0; i < length_size; ++i) {
    if (from.empty()) return {};
    size = size << 8 | static_cast<unsigned char>(from[0]);
    from.remove_prefix(1);
  }
  const auto taken = from.substr(0, size);
  from.remove_prefix(taken.size());
  return taken;
}

std::uint16_t number_of(std::string_view two) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(two[0]) << 8 | static_cast<unsigned char>(two[1]));
}

std::vector<std::uint16_t> schemes_in(std::string_view list) {
  std::vector<std::uint16_t> schemes;
  for (; list.size() >= 2 && schemes.size() < 64; list.remove_prefix(2)) schemes.push_back(number_of(list));
  return schemes;
}

// Signature schemes as RFC 8446 4.2.3 numbers them, the one that is wanted most first. In TLS 1.2 the same numbers are a hash and an
// algorithm (RFC 5246 7.4.1.4.1).
std::vector<std::uint16_t> schemes_for(EVP_PKEY* key, bool tls13) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_ED25519: return {0x0807};
    case EVP_PKEY_ED448: return {0x0808};
    case EVP_PKEY_DSA: return {0x0402, 0x0202};
    case EVP_PKEY_RSA_PSS: return {0x0809, 0x080a, 0x080b};
    case EVP_PKEY_RSA:
      if (tls13) return {0x0804, 0x0805, 0x0806};
      return {0x0804, 0x0401, 0x0501, 0x0601, 0x0201};
    default: break;
  }
  const int bits = EVP_PKEY_get_bits(key);
  const std::uint16_t own = bits > 500 ? 0x0603 : bits > 380 ? 0x0503 : 0x0403;
  if (tls13) return {own};
  return {own, 0x0403, 0x0503, 0x0603, 0x0203};
}

const EVP_MD* hash_of(std::uint16_t scheme) {
  if (scheme == 0x0807 || scheme == 0x0808) return nullptr;
  if (scheme == 0x0805 || scheme == 0x080a || scheme >> 8 == 5) return EVP_sha384();
  if (scheme == 0x0806 || scheme == 0x080b || scheme >> 8 == 6) return EVP_sha512();
  return scheme >> 8 == 2 ? EVP_sha1() : EVP_sha256();
}

bool is_pss(std::uint16_t scheme) { return (scheme >= 0x0804 && scheme <= 0x0806) || (scheme >= 0x0809 && scheme <= 0x080b); }

// Empty: this key cannot.
std::string signature_of(EVP_PKEY* key, std::uint16_t scheme, std::string_view content) {
  const digest_ptr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* with = nullptr;
  ERR_clear_error();
  std::size_t size = 0;
  std::string out;
  bool done = EVP_DigestSignInit(context.get(), &with, hash_of(scheme), nullptr, key) == 1;
  if (done && is_pss(scheme))
    done =
        EVP_PKEY_CTX_set_rsa_padding(with, RSA_PKCS1_PSS_PADDING) > 0 && EVP_PKEY_CTX_set_rsa_pss_saltlen(with, RSA_PSS_SALTLEN_DIGEST) > 0;
  if (done && EVP_DigestSign(context.get(), nullptr, &size, octets(content), content.size()) == 1) {
    out.resize(size);
    done = EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, octets(content), content.size()) == 1;
    out.resize(done ? size : 0);
  }
  ERR_clear_error();
  return out;
}

}  // namespace

core::outcome<play_identity> read_identity(const std::string& cert, const std::string& key) {
  const auto wrong = [](const std::string& path, const char* what) {
    return core::fault{boost::system::errc::make_error_code(boost::system::errc::invalid_argument), path + ": " + what};
  };
  std::ifstream file(cert, std::ios::binary);
  std::string text;
  for (char room[4096]; text.size() <= chain_max_bytes && (file.read(room, sizeof room) || file.gcount() > 0);)
    text.append(room, static_cast<std::size_t>(file.gcount()));
  if (text.empty()) return wrong(cert, "cannot be read, or is empty");
  if (text.size() > chain_max_bytes) return wrong(cert, "is larger than 2 MiB");
  play_identity made;
  const bio_ptr from(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  char *name = nullptr, *header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  while (PEM_read_bio(from.get(), &name, &header, &data, &size) == 1) {
    const std::unique_ptr<char, openssl_free> own_name(name), own_header(header);
    const std::unique_ptr<unsigned char, openssl_free> own_data(data);
    if (std::string_view(name).find("CERTIFICATE") != std::string_view::npos)
      made.chain.emplace_back(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  }
  ERR_clear_error();
  if (made.chain.empty()) return wrong(cert, "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)");
  auto own = read_key(key);
  if (!own) return own.error();
  made.key = std::move(*own);
  return made;
}

void play_transcript::add(std::string_view one) {
  if (!too_long()) all_ += one;
}

void play_transcript::replace_by_hash(const EVP_MD* with) { all_ = message(254, hash(with)); }

std::string play_transcript::hash(const EVP_MD* with) const {
  std::string out(static_cast<std::size_t>(EVP_MD_get_size(with)), '\0');
  EVP_Digest(all_.data(), all_.size(), reinterpret_cast<unsigned char*>(out.data()), nullptr, with, nullptr);
  return out;
}

play_request read_request(std::string_view whole, bool tls13) {
  constexpr std::uint16_t signature_algorithms = 13;
  play_request read;
  whole.remove_prefix(std::min<std::size_t>(whole.size(), 4));
  if (!tls13) {
    (void)take(whole, 1);  // certificate types
    read.schemes = schemes_in(take(whole, 2));
    return read;
  }
  read.context = take(whole, 1);
  auto extensions = take(whole, 2);
  while (extensions.size() >= 4) {
    const auto type = number_of(extensions);
    extensions.remove_prefix(2);
    auto data = take(extensions, 2);
    if (type == signature_algorithms) read.schemes = schemes_in(take(data, 2));
  }
  return read;
}

std::vector<std::string> certificates_in(std::string_view whole, bool tls13) {
  constexpr std::size_t chain_max = 16;
  std::vector<std::string> found;
  whole.remove_prefix(std::min<std::size_t>(whole.size(), 4));
  if (tls13) (void)take(whole, 1);
  auto list = take(whole, 3);
  while (!list.empty() && found.size() < chain_max) {
    found.emplace_back(take(list, 3));
    if (tls13) (void)take(list, 2);
  }
  return found;
}

const EVP_MD* hash_of_retry(std::string_view hello) {
  // RFC 8446 4.1.3: the SHA-256 of "HelloRetryRequest" instead of a random.
  constexpr std::string_view retry_random =
      "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c";
  constexpr std::size_t before = 4 + 2;  // the header, the old version
  if (hello.size() < before || hello.substr(before, retry_random.size()) != retry_random) return nullptr;
  hello.remove_prefix(before + retry_random.size());
  (void)take(hello, 1);  // the session's id
  return hello.size() >= 2 && number_of(hello) == 0x1302 ? EVP_sha384() : EVP_sha256();
}

std::string certificate_message(const std::vector<std::string>& chain, const play_request& request, bool tls13) {
  std::string list;
  for (const auto& one : chain) {
    list += with_length(one, 3);
    if (tls13) put(list, 0, 2);  // no extensions
  }
  return message(SSL3_MT_CERTIFICATE, (tls13 ? with_length(request.context, 1) : std::string()) + with_length(list, 3));
}

std::string verify_message(EVP_PKEY* key, const play_request& request, std::string_view content, bool tls13) {
  const auto wanted = schemes_for(key, tls13);
  std::uint16_t scheme = wanted.front();
  for (const auto one : wanted)
    if (std::find(request.schemes.begin(), request.schemes.end(), one) != request.schemes.end()) {
      scheme = one;
      break;
    }
  auto signature = signature_of(key, scheme, content);
  if (signature.empty()) signature.assign(64, '\0');
  std::string body;
  put(body, scheme, 2);
  return message(SSL3_MT_CERTIFICATE_VERIFY, body + with_length(signature, 2));
}

std::string finished_message(std::string_view verify_data) { return message(SSL3_MT_FINISHED, verify_data); }

}  // namespace sallyport::tls
