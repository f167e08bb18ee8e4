// What OpenSSL calls back into while it works for a session: our BIO, and the observers of hello, certificates and later messages.
#pragma once

#include <sallyport/tls/session.hpp>

#include "openssl.hpp"

namespace sallyport::tls {

// Set on the context, because OpenSSL has no place for it on a connection: notes SNI and version before anything can fail.
// And chooses the policy by the name that the client asks for.
int client_hello_seen(SSL* ssl, int* alert, void*);

// What the client has shown is judged by the policy's trust, not by OpenSSL's own store.
int client_chain_shown(X509_STORE_CTX* chain, void*);

int verify_mode_of(client_certificates wanted);
void install_ticket_callbacks(SSL_CTX* ctx);

session& owner_of(SSL* ssl);

// The sentence for the log: an alert is the peer's doing, everything else in OpenSSL's words.
std::string reason_of(unsigned long code, std::string_view peer);

// One OpenSSL call's outcome: SSL_get_error's answer, and the first error of the queue, which is the cause of those after it.
struct session::verdict {
  int why = SSL_ERROR_NONE;
  unsigned long code = 0;
};

// The one way to call OpenSSL on a connection: the queue is empty before, and read after.
template <class Operation>
session::verdict session::ask(Operation operation) {
  ERR_clear_error();
  const int returned = operation(ssl_.get());
  if (returned > 0) return {};
  return {SSL_get_error(ssl_.get(), returned), ERR_peek_error()};
}

struct session::bio {
  static BIO* made_for(session& owner);
};

struct session::hooks {
  static int ticket_key_chosen(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int sealing);
  static int ticket_made(SSL* ssl, void*);
  static SSL_TICKET_RETURN ticket_opened(SSL* ssl, SSL_SESSION* held, const unsigned char* name, std::size_t size, SSL_TICKET_STATUS status,
                                         void*);
  static int server_judged(int good, X509_STORE_CTX* chain);  // at the client's end
  static void message_seen(int written, int version, int type, const void* data, std::size_t size, SSL* ssl, void*);
};

}  // namespace sallyport::tls
