#include "session_hooks.hpp"

#include "server_policy.hpp"

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

session& owner_of(SSL* ssl) { return *static_cast<session*>(SSL_get_app_data(ssl)); }

int verify_mode_of(client_certificates wanted) {
  switch (wanted) {
    case client_certificates::none: break;
    case client_certificates::optional: return SSL_VERIFY_PEER;
    case client_certificates::required: return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  }
  return SSL_VERIFY_NONE;
}

int client_hello_seen(SSL* ssl, int* alert, void*) {
  auto& self = owner_of(ssl);
  auto& failure = self.failure_;
  failure.sni = server_name_in(extension_of(ssl, TLSEXT_TYPE_server_name));
  failure.version = newest_version_in(extension_of(ssl, TLSEXT_TYPE_supported_versions), SSL_client_hello_get0_legacy_version(ssl));
  const auto& inside = self.trust_->inside();
  const auto chosen = inside.choose(failure.sni);
  if (!chosen.known && inside.unknown == server_settings::unknown_name::refuse) {
    failure.result = telemetry::handshake_result::unknown_server_name;
    failure.reason = failure.sni.empty() ? "the client names no server, and there is no default" : "no certificate for that server name";
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_CLIENT_HELLO_ERROR;
  }
  self.policy_ = chosen.by;
  if (chosen.native != SSL_get_SSL_CTX(ssl)) SSL_set_SSL_CTX(ssl, chosen.native);
  // What SSL_set_SSL_CTX leaves as it was.
  if (chosen.by != inside.policies.front().get()) {
    SSL_set_verify(ssl, verify_mode_of(chosen.by->settings.clients), nullptr);
    SSL_set_min_proto_version(ssl, chosen.by->settings.versions == profile::modern ? TLS1_3_VERSION : TLS1_2_VERSION);
  }
  return SSL_CLIENT_HELLO_SUCCESS;
}

int client_chain_shown(X509_STORE_CTX* chain, void*) {
  auto& self = owner_of(static_cast<SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx())));
  auto found = self.policy_->trust->judge(X509_STORE_CTX_get0_cert(chain), X509_STORE_CTX_get0_untrusted(chain));
  X509_STORE_CTX_set_error(chain, found.error);
  self.who_ = std::move(found.who);
  if (self.who_) return 1;
  self.note(found.result, std::move(found.reason), found.depth, std::move(found.subject), std::move(found.serial));
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
