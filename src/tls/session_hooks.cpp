#include "session_hooks.hpp"

#include "certificate.hpp"

#include <sallyport/core/expect.hpp>

#include <algorithm>
#include <chrono>
#include <cstring>

namespace sallyport::tls {

using namespace std::chrono_literals;

namespace {

// A KeyUpdate costs us a key derivation and an answer; nobody needs more.
constexpr unsigned messages_max = 16;
constexpr auto messages_period = 10s;

session& owner_of(SSL* ssl) { return *static_cast<session*>(SSL_get_app_data(ssl)); }

std::string version_name(unsigned number) {
  switch (number) {
    case SSL3_VERSION: return "SSLv3";
    case TLS1_VERSION: return "TLSv1";
    case TLS1_1_VERSION: return "TLSv1.1";
    case TLS1_2_VERSION: return "TLSv1.2";
    case TLS1_3_VERSION: return "TLSv1.3";
    default: return {};
  }
}

core::bytes extension_of(SSL* ssl, unsigned type) {
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, type, &data, &size) != 1) return {};
  return {reinterpret_cast<const std::byte*>(data), size};
}

std::size_t number_at(core::bytes from, std::size_t at) {
  return std::to_integer<std::size_t>(from[at]) << 8 | std::to_integer<std::size_t>(from[at + 1]);
}

// RFC 6066 3: list length, then per name: type 0, length, name. Only for the log, so that anything odd is simply no name.
std::string server_name_in(core::bytes extension) {
  if (extension.size() < 5 || extension[2] != std::byte{0}) return {};
  const auto length = number_at(extension, 3);
  const auto name = extension.subspan(5);
  if (length > name.size() || length > 255) return {};
  return {reinterpret_cast<const char*>(name.data()), length};
}

// RFC 8446 4.2.1: the newest that we know a name for, or what a client from before 1.3 says.
std::string newest_version_in(core::bytes supported, unsigned legacy) {
  unsigned newest = 0;
  for (std::size_t at = 1; at + 1 < supported.size(); at += 2) {
    const auto one = static_cast<unsigned>(number_at(supported, at));
    if (!version_name(one).empty()) newest = std::max(newest, one);
  }
  return version_name(newest == 0 ? legacy : newest);
}

}  // namespace

namespace {

telemetry::handshake_result result_of(int x509_error) {
  using enum telemetry::handshake_result;
  switch (x509_error) {
    case X509_V_ERR_CERT_HAS_EXPIRED: return certificate_expired;
    case X509_V_ERR_CERT_NOT_YET_VALID: return certificate_not_yet_valid;
    case X509_V_ERR_CERT_REVOKED: return certificate_revoked;
    case X509_V_ERR_INVALID_PURPOSE: return certificate_purpose;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED: return certificate_unknown_ca;
    default: return certificate_other;
  }
}

}  // namespace

int client_hello_seen(SSL* ssl, int*, void*) {
  auto& failure = owner_of(ssl).failure_;
  failure.sni = server_name_in(extension_of(ssl, TLSEXT_TYPE_server_name));
  failure.version = newest_version_in(extension_of(ssl, TLSEXT_TYPE_supported_versions), SSL_client_hello_get0_legacy_version(ssl));
  return SSL_CLIENT_HELLO_SUCCESS;
}

int session::hooks::certificate_judged(int good, X509_STORE_CTX* chain) {
  if (good == 1) return good;
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto& failure = owner_of(ssl).failure_;
  if (!failure.reason.empty()) return 0;
  failure.result = result_of(X509_STORE_CTX_get_error(chain));
  failure.reason = X509_verify_cert_error_string(X509_STORE_CTX_get_error(chain));
  failure.depth = X509_STORE_CTX_get_error_depth(chain);
  if (const X509* refused = X509_STORE_CTX_get_current_cert(chain)) {
    failure.subject = subject_of(refused);
    failure.serial = serial_of(refused);
  }
  return 0;
}

void session::hooks::message_seen(int written, int, int type, const void*, std::size_t, SSL* ssl, void*) {
  if (written != 0 || type != SSL3_RT_HANDSHAKE) return;
  auto& self = owner_of(ssl);
  const auto now = core::clock::now();
  if (now - self.messages_since_ > messages_period) {
    self.messages_since_ = now;
    self.messages_ = 0;
  }
  if (++self.messages_ > messages_max) self.flooded_ = true;
}

// The BIO: reads from the ciphertext that was received, writes into the workbench. Neither waits.
BIO* session::bio::made_for(session& owner) {
  struct calls {
    static session& self(BIO* from) { return *static_cast<session*>(BIO_get_data(from)); }

    static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

    static int read(BIO* from, char* to, std::size_t size, std::size_t* got) {
      auto& s = self(from);
      BIO_clear_retry_flags(from);
      if (s.flooded_) return 0;
      if (s.inbound_.empty()) {
        BIO_set_retry_read(from);
        return 0;
      }
      *got = std::min(size, s.inbound_.size());
      std::memcpy(to, s.inbound_.data(), *got);
      s.inbound_ = s.inbound_.subspan(*got);
      return 1;
    }

    // Never asks to be called again, or an SSL_write would have to be repeated with the very same bytes. After our own close_notify or
    // a failed send what OpenSSL still wants to answer has nowhere to go.
    static int write(BIO* to, const char* from, std::size_t size, std::size_t* taken) {
      auto& s = self(to);
      BIO_clear_retry_flags(to);
      *taken = size;
      SALLYPORT_EXPECT(size <= net::workbench::outbound_max_bytes);
      if (s.outbound_size_ + size > net::workbench::outbound_max_bytes) (void)s.push();
      if (s.closed_ || s.cannot_send_) return 1;
      std::memcpy(s.bench_.outbound() + s.outbound_size_, from, size);
      s.outbound_size_ += size;
      return 1;
    }
  };
  static const auto method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sallyport");
    BIO_meth_set_read_ex(made, calls::read);
    BIO_meth_set_write_ex(made, calls::write);
    BIO_meth_set_ctrl(made, calls::control);
    return made;
  }();
  BIO* made = BIO_new(method);
  SALLYPORT_EXPECT(made != nullptr);
  BIO_set_data(made, &owner);
  BIO_set_init(made, 1);
  return made;
}

}  // namespace sallyport::tls
