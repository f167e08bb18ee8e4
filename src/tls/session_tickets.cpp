// What a session ticket permits (docs/tls.md): it carries the policy under which it was made, the trust in the client's certificate
// included, the time at which that certificate is over, and when the first handshake of its line was. With anything else the handshake is
// a whole one. A ticket is good for an hour, and its line, in which each connection gets a new one, for twelve.
#include "server_policy.hpp"
#include "session_hooks.hpp"

#include "certificate.hpp"

#include <openssl/core_names.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <ctime>

namespace sallyport::tls {

namespace {

constexpr std::int64_t ticket_life_seconds = 3600;
constexpr std::int64_t line_life_seconds = 12 * 3600;

// As it lies in the ticket; only we read it, and what another version of us has written has another size.
struct terms {
  digest policy;
  std::int64_t until;  // nothing later than this is opened
  std::int64_t began;
  std::int64_t client_until;  // of the client's certificate
};

// The cipher is looked up once: a lookup by name costs more than the encryption.
const EVP_CIPHER* ticket_cipher() {
  static const EVP_CIPHER* const made = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  return made;
}

bool set_mac(EVP_MAC_CTX* mac, const ticket_key& key) {
  char name[] = "SHA256";
  const OSSL_PARAM how[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(key.mac.data()), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0), OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, how) == 1;
}

}  // namespace

int session::hooks::ticket_key_chosen(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                                      int sealing) {
  auto& keys = *owner_of(ssl).trust_->inside().tickets;
  const auto chosen = sealing == 1 ? keys.sealing() : keys.opening(name);
  if (!chosen.key) return 0;
  const auto& key = *chosen.key;
  if (sealing == 1) {
    std::memcpy(name, key.name.data(), key.name.size());
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(ticket_cipher())) != 1) return -1;
  }
  if (EVP_CipherInit_ex2(cipher, ticket_cipher(), key.cipher.data(), iv, sealing, nullptr) != 1 || !set_mac(mac, key)) return -1;
  return chosen.newest ? 1 : 2;
}

int session::hooks::ticket_made(SSL* ssl, void*) {
  auto& self = owner_of(ssl);
  auto* made = SSL_get_session(ssl);
  const std::int64_t now = std::time(nullptr);
  const bool resumed = SSL_session_reused(ssl) == 1;
  const auto& who = resumed ? self.resumed_ : self.who_;
  terms on{self.policy_->id, 0, resumed ? self.line_began_ : now, who ? who->good_until : std::numeric_limits<std::int64_t>::max()};
  on.until = std::min({now + ticket_life_seconds, on.began + line_life_seconds, on.client_until});
  SSL_SESSION_set_timeout(made, static_cast<long>(std::max<std::int64_t>(on.until - now, 1)));
  return SSL_SESSION_set1_ticket_appdata(made, &on, sizeof on);
}

SSL_TICKET_RETURN session::hooks::ticket_opened(SSL* ssl, SSL_SESSION* held, const unsigned char*, std::size_t, SSL_TICKET_STATUS status,
                                                void*) {
  if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) return SSL_TICKET_RETURN_IGNORE_RENEW;
  auto& self = owner_of(ssl);
  void* data = nullptr;
  std::size_t size = 0;
  terms on{};
  if (SSL_SESSION_get0_ticket_appdata(held, &data, &size) != 1 || size != sizeof on) return SSL_TICKET_RETURN_IGNORE_RENEW;
  std::memcpy(&on, data, sizeof on);
  const std::int64_t now = std::time(nullptr);
  const X509* certificate = SSL_SESSION_get0_peer(held);
  const bool same = self.policy_ != nullptr && on.policy == self.policy_->id && SSL_SESSION_get_protocol_version(held) == SSL_version(ssl);
  const bool missing = same && certificate == nullptr && self.policy_->settings.clients == client_certificates::required;
  if (!same || missing || now >= on.until || now >= on.client_until || now < on.began) return SSL_TICKET_RETURN_IGNORE_RENEW;
  self.line_began_ = on.began;
  self.resumed_.reset();
  if (certificate != nullptr) {
    auto who = std::make_shared<peer_identity>(identity_of(certificate));
    who->good_until = on.client_until;
    self.resumed_ = std::move(who);
  }
  // RFC 8446 C.4: a client of TLS 1.3 uses a ticket once, so each connection brings the next one.
  const bool renew = status == SSL_TICKET_SUCCESS_RENEW || SSL_version(ssl) == TLS1_3_VERSION;
  return renew ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_USE;
}

void install_ticket_callbacks(SSL_CTX* ctx) {
  SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, session::hooks::ticket_key_chosen);
  SSL_CTX_set_session_ticket_cb(ctx, session::hooks::ticket_made, session::hooks::ticket_opened, nullptr);
  SSL_CTX_set_timeout(ctx, ticket_life_seconds);
}

}  // namespace sallyport::tls
