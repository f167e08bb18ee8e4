#include <sallyport/tls/play.hpp>

#include <sallyport/core/expect.hpp>

#include "pem.hpp"
#include "play_alerts.hpp"
#include "play_reply.hpp"
#include "play_socket.hpp"
#include "policy.hpp"

#include <algorithm>
#include <array>

namespace sallyport::tls {

namespace {

constexpr std::size_t head_max_bytes = 16 * 1024;

// http/1.1 or h2, in this order, for clients of gRPC want h2 to be chosen; nobody is refused for what else is offered.
int choose_http(SSL*, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered, unsigned int size, void*) {
  return choose_offered({"http/1.1", "h2"}, {offered, size}, chosen, chosen_size) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

// One connection of the server.
class answering {
 public:
  answering(int descriptor, std::chrono::milliseconds limit, SSL_CTX* ctx)
      : wire_(descriptor, play_socket::clock::now() + limit), ssl_(SSL_new(ctx)) {
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SALLYPORT_EXPECT(ssl_ && in_ && out_);
    SSL_set_bio(ssl_.get(), in_, out_);
    SSL_set_accept_state(ssl_.get());
    SSL_set_msg_callback(ssl_.get(), see);
    SSL_set_msg_callback_arg(ssl_.get(), this);
  }

  std::string run() {
    if (auto why = until([this] { return SSL_do_handshake(ssl_.get()); }); !why.empty()) return why;
    const unsigned char* chosen = nullptr;
    unsigned chosen_size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &chosen, &chosen_size);
    play_reply reply({reinterpret_cast<const char*>(chosen), chosen ? chosen_size : 0});
    std::size_t total = 0;
    for (std::string out = reply.received({});;) {
      if (!out.empty()) (void)SSL_write_ex(ssl_.get(), out.data(), out.size(), &written_);
      if (reply.done() || total > head_max_bytes) break;
      std::array<char, 4096> room;
      std::size_t size = 0;
      const auto why = until([&] { return SSL_read_ex(ssl_.get(), room.data(), room.size(), &size); });
      if (!why.empty()) return total == 0 && alert_.empty() ? "handshake finished, no request" : "handshake finished, then " + why;
      total += size;
      out = reply.received({room.data(), size});
    }
    (void)SSL_shutdown(ssl_.get());
    flush();
    return reply.done() ? "handshake finished, a request came and was answered" : "handshake finished, then too long a request";
  }

 private:
  static void see(int written, int, int type, const void* data, std::size_t size, SSL*, void* self) {
    const auto* two = static_cast<const unsigned char*>(data);
    if (written == 0 && type == SSL3_RT_ALERT && size == 2) static_cast<answering*>(self)->alert_ = alert_name(two[1]);
  }

  // Empty: the operation came through; else what the client did.
  template <class Operation>
  std::string until(Operation operation) {
    for (;;) {
      ERR_clear_error();
      const int returned = operation();
      const int why = returned == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), returned);
      const auto words = take_words();
      flush();
      if (returned == 1) return {};
      if (!alert_.empty()) return "the client said " + alert_;
      if (why != SSL_ERROR_WANT_READ) return "failed: " + words;
      switch (wire_.wait()) {
        case play_socket::came::more: break;
        case play_socket::came::nothing_more: return "the client closed";
        case play_socket::came::too_much: return "the client sent too much";
        case play_socket::came::too_late: return "the client was silent for too long";
      }
      BIO_write(in_, wire_.received.data(), static_cast<int>(wire_.received.size()));
      wire_.received.clear();
    }
  }

  void flush() {
    std::string records(BIO_ctrl_pending(out_), '\0');
    if (records.empty()) return;
    BIO_read(out_, records.data(), static_cast<int>(records.size()));
    wire_.send(records);
  }

  play_socket wire_;
  std::unique_ptr<SSL, freed_by<SSL_free>> ssl_;
  BIO *in_ = nullptr, *out_ = nullptr;
  std::string alert_;
  std::size_t written_ = 0;
};

}  // namespace

struct play_server::native {
  std::unique_ptr<SSL_CTX, freed_by<SSL_CTX_free>> ctx{SSL_CTX_new(TLS_server_method())};
};

play_server::~play_server() = default;

core::outcome<std::shared_ptr<const play_server>> play_server::load(const std::string& cert, const std::string& key) {
  const auto chain = read_certificates(cert);
  if (!chain) return chain.error();
  const auto own = read_key(key);
  if (!own) return own.error();
  const std::shared_ptr<play_server> made(new play_server);
  made->native_ = std::make_unique<native>();
  SSL_CTX* ctx = made->native_->ctx.get();
  SALLYPORT_EXPECT(ctx != nullptr);
  SSL_CTX_set_security_level(ctx, 0);
  SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
  SSL_CTX_set_alpn_select_cb(ctx, choose_http, nullptr);
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  ERR_clear_error();
  const auto refused = [&] {
    return core::fault{boost::system::errc::make_error_code(boost::system::errc::invalid_argument),
                       cert + ": OpenSSL cannot serve it: " + take_words()};
  };
  if (SSL_CTX_use_certificate(ctx, chain->front().get()) != 1 || SSL_CTX_use_PrivateKey(ctx, own->get()) != 1) return refused();
  for (std::size_t i = 1; i < chain->size(); ++i)
    if (SSL_CTX_add1_chain_cert(ctx, (*chain)[i].get()) != 1) return refused();
  // Without a chain of its own it would look for one in the system's roots.
  SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
  ERR_clear_error();
  return std::shared_ptr<const play_server>(made);
}

std::string play_server::answer(int descriptor, std::chrono::milliseconds limit) const {
  return answering(descriptor, limit, native_->ctx.get()).run();
}

}  // namespace sallyport::tls
