// What OpenSSL calls back into while it works for a session: our BIO, and the observers of hello, certificates and later messages.
#pragma once

#include <sallyport/tls/session.hpp>

#include "openssl.hpp"

namespace sallyport::tls {

// Set on the context, because OpenSSL has no place for it on a connection: notes SNI and version before anything can fail.
int client_hello_seen(SSL* ssl, int* alert, void*);

// The sentence for the log: an alert is the client's doing, everything else in OpenSSL's words.
std::string reason_of(unsigned long code);

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
  static int certificate_judged(int good, X509_STORE_CTX* chain);
  static void message_seen(int written, int version, int type, const void* data, std::size_t size, SSL* ssl, void*);
};

}  // namespace sallyport::tls
