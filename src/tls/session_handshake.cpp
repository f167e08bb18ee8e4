#include "server_policy.hpp"
#include "session_hooks.hpp"

#include <sallyport/core/expect.hpp>

#include <algorithm>
#include <array>

namespace sallyport::tls {

using core::error_code;
using core::progress;
using core::result;
using core::task;
namespace asio = core::asio;

namespace {

constexpr std::size_t handshake_max_bytes = 128 * 1024;  // all that is read before the handshake is done
constexpr std::size_t opening_max_bytes = 512;
constexpr std::byte record_handshake{0x16}, record_alert{0x15};
constexpr std::byte sslv2_length_bit{0x80};
// RFC 8446 6: a fatal alert protocol_version, in a record of the version that every client understands.
constexpr std::array protocol_version_alert{std::byte{0x15}, std::byte{3}, std::byte{1},   std::byte{0},
                                            std::byte{2},    std::byte{2}, std::byte{0x46}};

telemetry::handshake_result result_of(unsigned long code) {
  using enum telemetry::handshake_result;
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) return other;
  const int reason = ERR_GET_REASON(code);
  if (reason >= SSL_AD_REASON_OFFSET) return client_alert;
  switch (reason) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return no_certificate;
    case SSL_R_NO_APPLICATION_PROTOCOL: return no_application_protocol;
    case SSL_R_NO_SHARED_CIPHER: return no_shared_cipher;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
    case SSL_R_WRONG_VERSION_NUMBER: return protocol_version;
    case SSL_R_CERTIFICATE_VERIFY_FAILED: return certificate_other;
    default: return other;
  }
}

// OpenSSL 3.0 has no words for the one that is met most (RFC 8446 6.2).
std::string alert_words(int number) {
  return number == TLS13_AD_CERTIFICATE_REQUIRED ? "certificate required" : SSL_alert_desc_string_long(number);
}

}  // namespace

std::string reason_of(unsigned long code, std::string_view peer) {
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) return words_of(code);
  const int reason = ERR_GET_REASON(code);
  if (reason == SSL_R_NO_APPLICATION_PROTOCOL) return "no suitable application protocol";
  if (reason >= SSL_AD_REASON_OFFSET) return "alert from the " + std::string(peer) + ": " + alert_words(reason - SSL_AD_REASON_OFFSET);
  return words_of(code);
}

task<result<progress>> session::accept(last_words ours) {
  SALLYPORT_EXPECT(is_server_);
  return shake_hands(ours);
}

task<result<progress>> session::connect() {
  SALLYPORT_EXPECT(!is_server_);
  return shake_hands(last_words::sent);
}

task<result<progress>> session::shake_hands(last_words ours) {
  SALLYPORT_EXPECT(stage_ == stage::handshake);
  bool listens = is_server_;  // the client speaks first
  for (std::size_t budget = handshake_max_bytes;; listens = true) {
    if (listens) {
      auto [ec] = co_await socket_.async_wait(core::tcp_socket::wait_read, core::await);
      if (dead_) co_return dead_;
      if (ec) co_return ec;
      const auto got = first_bytes(budget);
      if (!got) co_return got;
      if (*got == progress::blocked) continue;
      budget -= inbound_.size();
    }
    const auto step = advance_handshake();
    if (!step) co_return step;
    if (*step == progress::done && ours == last_words::kept) {
      outbox_.keep({bench_.outbound(), std::exchange(outbound_size_, 0)});
      co_return step;
    }
    const auto left = push();
    if (!left) {
      refuse(left.error().message());
      co_return left.error();
    }
    if (outbox_.size() != 0) {
      const auto sent = co_await drained();
      if (!sent) {
        refuse(sent.error().message());
        co_return sent;
      }
    }
    if (*step == progress::done) co_return step;
    if (budget == 0) co_return refuse("more than 128 KiB came before the handshake was done");
  }
}

// Receives, and judges the very first byte before OpenSSL sees anything.
result<progress> session::first_bytes(std::size_t budget) {
  const bool first = budget == handshake_max_bytes;
  const auto got = pull(std::min(budget, net::workbench::ciphertext_max_bytes));
  if (!got) {
    failure_.result = telemetry::handshake_result::closed;
    refuse(got.error().message());
    return got.error();
  }
  if (*got == progress::ended) {
    failure_.result = telemetry::handshake_result::closed;
    return refuse("the " + std::string(peer()) + " closed the connection during the handshake");
  }
  if (*got == progress::blocked || !first || inbound_[0] == record_handshake) return got;
  if (!is_server_ && inbound_[0] == record_alert) return got;  // all that a server has to say, perhaps
  return refuse_opening();
}

error_code session::refuse_opening() {
  failure_.result = telemetry::handshake_result::not_tls;
  if (!is_server_) {
    refuse("the server does not speak TLS: its first bytes are no TLS record");
    return errc::not_tls;
  }
  if ((inbound_[0] & sslv2_length_bit) != std::byte{0}) {
    // RFC 8446 D.5 advises against taking an SSL 2 hello even where it offers a newer version.
    (void)outbox_.send(socket_, protocol_version_alert);
    failure_.result = telemetry::handshake_result::protocol_version;
    return refuse("unsupported protocol: a hello in the form of SSL 2");
  }
  const auto opening = inbound_.first(std::min(inbound_.size(), opening_max_bytes));
  opening_.assign(opening.begin(), opening.end());
  refuse("the first bytes are no TLS record");
  return errc::not_tls;
}

// What it has to say lies in the workbench.
result<progress> session::advance_handshake() {
  const auto at = ask(SSL_do_handshake);
  keep_inbound();
  if (at.why == SSL_ERROR_WANT_READ) return progress::blocked;
  if (at.why != SSL_ERROR_NONE) {
    (void)push();  // the alert
    return refuse(at);
  }
  open();
  return progress::done;
}

void session::open() {
  stage_ = stage::open;
  failure_ = {};
  if (!is_server_)
    know_server();
  else if (SSL_session_reused(ssl_.get()) == 1)
    who_ = resumed_;
  resumed_.reset();
  // Live connections would keep the CAs and CRLs of each reload.
  policy_ = nullptr;
  trust_.reset();
  SSL_set_msg_callback(ssl_.get(), hooks::message_seen);
}

error_code session::refuse(const verdict& why) {
  failure_.openssl = words_of(why.code);
  if (failure_.result == telemetry::handshake_result::other) failure_.result = result_of(why.code);
  // Before a version is agreed on, OpenSSL would name one that nobody asked for; the client's own offer stays.
  const int reason = ERR_GET_REASON(why.code);
  const bool no_version = reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_VERSION_TOO_LOW || reason == SSL_R_VERSION_TOO_HIGH;
  if (!failure_.version.empty() && !no_version) failure_.version = SSL_get_version(ssl_.get());
  return refuse(failure_.reason.empty() ? reason_of(why.code, peer()) : failure_.reason);
}

error_code session::refuse(std::string reason) {
  failure_.reason = std::move(reason);
  stage_ = stage::refused;
  inbound_ = {};
  keep_inbound();
  return errc::handshake_failed;
}

void session::note(telemetry::handshake_result result, std::string reason, int depth, std::string subject, std::string serial) {
  failure_.result = result;
  failure_.reason = std::move(reason);
  failure_.depth = depth;
  failure_.subject = std::move(subject);
  failure_.serial = std::move(serial);
}

bool session::judge_again(const context& by) {
  if (stage_ != stage::open) return false;
  const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  const auto& now = *by.inside().choose(name ? name : "").by;
  X509* leaf = SSL_get0_peer_certificate(ssl_.get());
  if (leaf == nullptr || !now.trust) {
    if (now.settings.clients != client_certificates::required) return true;
    note(telemetry::handshake_result::no_certificate, "a client certificate is required by now", 0, {}, {});
    return false;
  }
  auto found = now.trust->judge(leaf, SSL_get_peer_cert_chain(ssl_.get()));
  if (found.who) {
    who_ = std::move(found.who);
    return true;
  }
  note(found.result, std::move(found.reason), found.depth, std::move(found.subject), std::move(found.serial));
  return false;
}

result<progress> session::write_raw(core::bytes words) {
  SALLYPORT_EXPECT(stage_ == stage::refused);
  if (dead_) return dead_;
  if (cannot_send_) return cannot_send_;
  auto sent = outbox_.send(socket_, words);
  if (!sent) cannot_send_ = sent.error();
  return sent;
}

}  // namespace sallyport::tls
