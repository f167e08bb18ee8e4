#include "session_hooks.hpp"

#include <sallyport/core/expect.hpp>
#include <sallyport/net/socket_ends.hpp>

#include "server_policy.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::tls {

using core::error_code;
using core::progress;
using core::result;
using core::task;
namespace asio = core::asio;

namespace {

// A peer that fills the workbench each time would never let the worker's other connections have their turn.
constexpr unsigned burst_max = 4;
constexpr std::size_t record_max_bytes = SSL3_RT_MAX_PLAIN_LENGTH;

// Boost's base has a destructor that is not virtual on purpose: a category is never deleted through it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
class category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "tls"; }
  std::string message(int code) const override {
    switch (static_cast<errc>(code)) {
      case errc::handshake_failed: return "the TLS handshake failed";
      case errc::not_tls: return "the peer does not speak TLS";
      case errc::broken: return "the peer broke the TLS protocol";
      case errc::truncated: return "the peer closed the connection without close_notify";
    }
    return "unknown";
  }
};
#pragma GCC diagnostic pop

}  // namespace

core::error_code make_error_code(errc e) {
  static const category instance;
  return {static_cast<int>(e), instance};
}

session::session(core::tcp_socket socket, ssl_ctx_st* with, bool is_server, net::workbench& bench)
    : socket_(std::move(socket)), is_server_(is_server), bench_(bench), ssl_(SSL_new(with), SSL_free) {
  SALLYPORT_EXPECT(ssl_ != nullptr);
  BIO* io = bio::made_for(*this);
  SSL_set_bio(ssl_.get(), io, io);
  SSL_set_app_data(ssl_.get(), this);
}

session::session(core::tcp_socket socket, std::shared_ptr<const context> trust, net::workbench& bench)
    : session(std::move(socket), trust->inside().policies.front()->contexts.front().get(), true, bench) {
  trust_ = std::move(trust);
  SSL_set_accept_state(ssl_.get());
}

session::~session() = default;

negotiated session::parameters() const {
  negotiated what;
  if (stage_ != stage::open) return what;
  what.version = SSL_get_version(ssl_.get());
  const unsigned char* alpn = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &alpn, &size);
  if (size != 0) what.alpn.assign(reinterpret_cast<const char*>(alpn), size);
  if (const char* sni = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name)) what.sni = sni;
  what.resumed = SSL_session_reused(ssl_.get()) == 1;
  return what;
}

// One recv into the workbench. ended: the peer closed; whether that was in good order, only the caller knows.
result<progress> session::pull(std::size_t max) {
  const auto got = net::receive_some(socket_, {bench_.ciphertext(), max});
  filled_ = got && *got == max;
  if (!got) {
    if (got.error() == asio::error::would_block) return progress::blocked;
    return got.error();
  }
  inbound_ = {bench_.ciphertext(), *got};
  return *got == 0 ? progress::ended : progress::done;
}

// What OpenSSL wrote leaves the workbench in the same plain stretch of code, before another session borrows it.
result<progress> session::push() {
  const core::bytes records(bench_.outbound(), std::exchange(outbound_size_, 0));
  if (cannot_send_) return cannot_send_;
  auto sent = outbox_.send(socket_, records);
  if (!sent) cannot_send_ = sent.error();
  return sent;
}

void session::keep_inbound() {
  if (inbound_.empty()) {
    if (kept_in_.capacity() != 0) kept_in_ = std::vector<std::byte>();
  } else if (inbound_.data() < kept_in_.data() || inbound_.data() >= kept_in_.data() + kept_in_.size()) {
    kept_in_.assign(inbound_.begin(), inbound_.end());
    inbound_ = kept_in_;
  }
}

task<result<progress>> session::receive(net::receiver& to) {
  SALLYPORT_EXPECT(stage_ != stage::handshake);
  for (;;) {
    if (dead_) co_return dead_;
    if (inbound_.empty() && (!filled_ || ++burst_ >= burst_max)) {
      burst_ = 0;
      auto [ec] = co_await socket_.async_wait(core::tcp_socket::wait_read, core::await);
      if (dead_) co_return dead_;
      if (ec) co_return ec;
    }
    const auto step = take_in(to);
    if (!step || *step != progress::blocked) co_return step;
  }
}

result<progress> session::take_in(net::receiver& to) {
  if (inbound_.empty()) {
    const auto got = pull(std::min(receive_max_, net::workbench::ciphertext_max_bytes));
    if (!got) {
      dead_ = got.error();
      return dead_;
    }
    if (*got == progress::ended) {
      if (stage_ == stage::refused || (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0) return progress::ended;
      dead_ = errc::truncated;
      return dead_;
    }
    if (*got == progress::blocked) return progress::blocked;
  }
  if (stage_ == stage::open) return decrypt(to);
  inbound_ = {};
  return progress::done;
}

// Not one co_await from the ciphertext to the receiver's return: both buffers are the worker's.
result<progress> session::decrypt(net::receiver& to) {
  const net::workbench::loan plain(bench_);
  std::size_t have = 0;
  verdict last;
  while (!inbound_.empty() && have + record_max_bytes <= receive_max_ && last.why == SSL_ERROR_NONE) {
    std::size_t size = 0;
    last = ask([&](SSL* ssl) { return SSL_read_ex(ssl, plain.data() + have, receive_max_ - have, &size); });
    have += size;
  }
  if (last.why == SSL_ERROR_ZERO_RETURN) inbound_ = {};
  keep_inbound();
  // Answers that OpenSSL made while reading (KeyUpdate, alerts). If the socket does not take them they leave with the next write, which
  // is soon enough for RFC 8446 4.6.3; a stream that waits in drained() takes them along. message_seen bounds how many there can be.
  if (outbound_size_ != 0) (void)push();
  if (have != 0) to.received({plain.data(), have});
  if (dead_) return dead_;
  if (last.why == SSL_ERROR_ZERO_RETURN) return progress::ended;
  if (last.why != SSL_ERROR_NONE && last.why != SSL_ERROR_WANT_READ) return broken(last);
  // Whole records without a byte for the caller (a ticket, a KeyUpdate) are worth telling: it may have taken them for an answer or an end.
  return have != 0 || SSL_has_pending(ssl_.get()) == 0 ? progress::done : progress::blocked;
}

void session::limit_receive(std::size_t bytes) { receive_max_ = std::clamp(bytes, record_max_bytes, net::workbench::plaintext_max_bytes); }

error_code session::broken(const verdict& why) {
  failure_ = {};
  failure_.openssl = words_of(why.code);
  failure_.reason = flooded_ ? "too many KeyUpdate or renegotiation messages" : reason_of(why.code, peer());
  inbound_ = {};
  keep_inbound();
  dead_ = errc::broken;
  return dead_;
}

result<progress> session::write(core::bytes data) {
  if (dead_) return dead_;
  if (cannot_send_) return cannot_send_;
  if (closed_ || stage_ != stage::open) return error_code(asio::error::shut_down);
  if (data.empty()) return push();
  std::size_t size = 0;
  const auto wrote = ask([&](SSL* ssl) { return SSL_write_ex(ssl, data.data(), data.size(), &size); });
  const auto sent = push();
  if (!sent) return sent;
  if (wrote.why != SSL_ERROR_NONE) return broken(wrote);
  return sent;
}

task<result<progress>> session::drained() {
  for (;;) {
    if (dead_) co_return dead_;
    if (cannot_send_) co_return cannot_send_;
    const auto sent = push();
    if (!sent || *sent == progress::done) co_return sent;
    auto [ec] = co_await socket_.async_wait(core::tcp_socket::wait_write, core::await);
    if (dead_) co_return dead_;
    if (ec) co_return ec;
  }
}

result<progress> session::try_close() {
  if (dead_) return dead_;
  if (!closed_ && stage_ == stage::open) (void)ask([](SSL* ssl) { return SSL_shutdown(ssl); });
  const auto sent = push();
  closed_ = true;
  if (!sent || *sent == progress::blocked) return sent;
  error_code ignored;  // the peer may be gone already, which is as good
  socket_.shutdown(core::tcp_socket::shutdown_send, ignored);
  return progress::done;
}

void session::reset() noexcept {
  if (!dead_) dead_ = asio::error::operation_aborted;
  outbox_.clear();
  net::reset_socket(socket_);
}

void session::abort() noexcept {
  if (!dead_) dead_ = asio::error::operation_aborted;
  outbox_.clear();
  net::abort_socket(socket_);
}

}  // namespace sallyport::tls
