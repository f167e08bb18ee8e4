#include <sallyport/net/socket_ends.hpp>
#include <sallyport/tls/client.hpp>

#include <sallyport/core/expect.hpp>
#include <sallyport/tls/session.hpp>

#include "openssl.hpp"
#include "pem.hpp"

#include <openssl/x509v3.h>

#include <boost/asio/ip/address.hpp>

#include <array>
#include <vector>

namespace sallyport::tls {

using core::error_code;
using core::fault;
using core::progress;
using core::result;
using core::task;
namespace asio = core::asio;

namespace {

// OpenSSL 3.0 has no words for the one that is met most (RFC 8446 6.2).
std::string alert_words(int number) {
  constexpr int certificate_required = 116;
  return number == certificate_required ? "certificate required" : SSL_alert_desc_string_long(number);
}

fault wrong(std::string text) { return {boost::system::errc::make_error_code(boost::system::errc::invalid_argument), std::move(text)}; }

}  // namespace

struct client_trust::native {
  std::unique_ptr<SSL_CTX, freed_by<SSL_CTX_free>> ctx{SSL_CTX_new(TLS_client_method())};
  std::string alpn;  // with its length before it
};

struct client_session::native {
  std::unique_ptr<SSL, freed_by<SSL_free>> ssl;
  BIO* in = nullptr;   // what has come from the socket
  BIO* out = nullptr;  // what is to go there
  std::array<std::byte, 16 * 1024> room;
};

client_trust::~client_trust() = default;

core::outcome<std::shared_ptr<const client_trust>> client_trust::load(const client_settings& settings) {
  const std::shared_ptr<client_trust> made(new client_trust);
  made->native_ = std::make_unique<native>();
  SSL_CTX* ctx = made->native_->ctx.get();
  SALLYPORT_EXPECT(ctx != nullptr);
  SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(ctx, SSL_MODE_AUTO_RETRY);
  if (settings.ca.empty()) {
    SSL_CTX_set_default_verify_paths(ctx);
  } else {
    const auto trusted = read_certificates(settings.ca);
    if (!trusted) return trusted.error();
    for (const auto& one : *trusted) X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), one.get());
  }
  if (!settings.cert.empty()) {
    auto chain = read_certificates(settings.cert);
    if (!chain) return chain.error();
    auto key = read_key(settings.key);
    if (!key) return key.error();
    if (X509_check_private_key(chain->front().get(), key->get()) != 1)
      return wrong(settings.key + ": is not the key of the first certificate in " + settings.cert);
    if (SSL_CTX_use_certificate(ctx, chain->front().get()) != 1 || SSL_CTX_use_PrivateKey(ctx, key->get()) != 1)
      return wrong(settings.cert + ": OpenSSL refuses it: " + take_words());
    for (std::size_t i = 1; i < chain->size(); ++i) SSL_CTX_add1_chain_cert(ctx, (*chain)[i].get());
  }
  if (!settings.alpn.empty()) made->native_->alpn = static_cast<char>(settings.alpn.size()) + settings.alpn;
  ERR_clear_error();
  return std::shared_ptr<const client_trust>(made);
}

client_session::client_session(core::tcp_socket socket, std::shared_ptr<const client_trust> trust, const std::string& host)
    : socket_(std::move(socket)), trust_(std::move(trust)), native_(std::make_unique<native>()) {
  auto& n = *native_;
  n.ssl.reset(SSL_new(trust_->native_->ctx.get()));
  n.in = BIO_new(BIO_s_mem());
  n.out = BIO_new(BIO_s_mem());
  SALLYPORT_EXPECT(n.ssl && n.in && n.out);
  SSL_set_bio(n.ssl.get(), n.in, n.out);
  SSL_set_connect_state(n.ssl.get());
  error_code no_address;
  (void)asio::ip::make_address(host, no_address);
  if (no_address) {
    // SSL_set_tlsext_host_name is a macro with a C cast.
    SSL_ctrl(n.ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(host.c_str()));
    SSL_set1_host(n.ssl.get(), host.c_str());
  } else {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(n.ssl.get()), host.c_str());
  }
  const auto& alpn = trust_->native_->alpn;
  if (!alpn.empty())
    SSL_set_alpn_protos(n.ssl.get(), reinterpret_cast<const unsigned char*>(alpn.data()), static_cast<unsigned>(alpn.size()));
  error_code ignored;
  socket_.non_blocking(true, ignored);
}

client_session::~client_session() = default;

// What OpenSSL says of a call that did not work, when that is not that more has to come.
error_code client_session::failed(int returned) {
  const int why = SSL_get_error(native_->ssl.get(), returned);
  const auto code = ERR_peek_error();
  if (why == SSL_ERROR_WANT_READ) return {};
  const long verified = SSL_get_verify_result(native_->ssl.get());
  const int reason = ERR_GET_REASON(code);
  if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET)
    reason_ = "the server refused: alert " + alert_words(reason - SSL_AD_REASON_OFFSET);
  else if (verified != X509_V_OK)
    reason_ = std::string("the server's certificate: ") + X509_verify_cert_error_string(verified);
  else
    reason_ = words_of(code);
  ERR_clear_error();
  (void)push();  // an alert
  return errc::broken;
}

result<progress> client_session::push() {
  std::vector<std::byte> records(BIO_ctrl_pending(native_->out));
  if (!records.empty()) BIO_read(native_->out, records.data(), static_cast<int>(records.size()));
  return outbox_.send(socket_, records);
}

// One receive from the socket. ended: FIN.
task<result<progress>> client_session::pull() {
  for (;;) {
    auto [ec] = co_await socket_.async_wait(core::tcp_socket::wait_read, core::await);
    if (dead_) co_return dead_;
    if (ec) co_return ec;
    const auto got = net::receive_some(socket_, native_->room);
    if (!got && got.error() == asio::error::would_block) continue;
    if (!got) {
      dead_ = got.error();
      reason_ = dead_.message();
      co_return dead_;
    }
    if (*got == 0) co_return progress::ended;
    BIO_write(native_->in, native_->room.data(), static_cast<int>(*got));
    co_return progress::done;
  }
}

task<result<progress>> client_session::handshake() {
  for (;;) {
    ERR_clear_error();
    const int returned = SSL_do_handshake(native_->ssl.get());
    if (returned != 1) {
      if (const auto why = failed(returned)) co_return why;
    }
    const auto sent = co_await drained();
    if (!sent || returned == 1) co_return sent;
    const auto got = co_await pull();
    if (!got) co_return got;
    if (*got == progress::ended) {
      reason_ = "the server closed the connection during the handshake";
      co_return error_code(errc::truncated);
    }
  }
}

task<result<progress>> client_session::receive(net::receiver& to) {
  for (;;) {
    if (dead_) co_return dead_;
    std::array<std::byte, 16 * 1024> plain;
    std::size_t size = 0;
    ERR_clear_error();
    const int returned = SSL_read_ex(native_->ssl.get(), plain.data(), plain.size(), &size);
    if (BIO_ctrl_pending(native_->out) != 0) (void)push();
    if (returned == 1) {
      to.received({plain.data(), size});
      co_return progress::done;
    }
    if ((SSL_get_shutdown(native_->ssl.get()) & SSL_RECEIVED_SHUTDOWN) != 0 && ERR_peek_error() == 0) co_return progress::ended;
    if (const auto why = failed(returned)) {
      dead_ = why;
      co_return dead_;
    }
    const auto got = co_await pull();
    if (!got) co_return got;
    if (*got == progress::ended) {
      reason_ = "the server closed the connection without close_notify";
      dead_ = errc::truncated;
    }
  }
}

result<progress> client_session::write(core::bytes data) {
  if (dead_) return dead_;
  if (closed_) return error_code(asio::error::shut_down);
  if (data.empty()) return outbox_.size() == 0 ? progress::done : progress::blocked;
  std::size_t size = 0;
  ERR_clear_error();
  const int returned = SSL_write_ex(native_->ssl.get(), data.data(), data.size(), &size);
  if (returned != 1) {
    if (const auto why = failed(returned)) dead_ = why;
    return dead_ ? dead_ : error_code(errc::broken);
  }
  return push();
}

task<result<progress>> client_session::drained() {
  for (;;) {
    if (dead_) co_return dead_;
    const auto sent = push();
    if (!sent || *sent == progress::done) co_return sent;
    auto [ec] = co_await socket_.async_wait(core::tcp_socket::wait_write, core::await);
    if (dead_) co_return dead_;
    if (ec) co_return ec;
  }
}

task<result<progress>> client_session::close() {
  if (dead_) co_return dead_;
  if (!std::exchange(closed_, true)) (void)SSL_shutdown(native_->ssl.get());
  const auto sent = co_await drained();
  if (!sent) co_return sent;
  error_code ignored;
  socket_.shutdown(core::tcp_socket::shutdown_send, ignored);
  co_return progress::done;
}

void client_session::reset() noexcept {
  if (!dead_) dead_ = asio::error::operation_aborted;
  outbox_.clear();
  net::reset_socket(socket_);
}

void client_session::abort() noexcept {
  if (!dead_) dead_ = asio::error::operation_aborted;
  outbox_.clear();
  net::abort_socket(socket_);
}

}  // namespace sallyport::tls
