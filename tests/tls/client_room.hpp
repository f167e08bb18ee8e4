// The client's end of ours, and a real OpenSSL server at the other end of a loopback connection that does as badly as a test wants; all in
// one thread.
#pragma once

#include "room.hpp"

namespace sallyport::tls::testing {

struct server_options {
  std::vector<const support::minted*> chain = {};  // after the certificate
  const support::minted* client_ca = nullptr;      // client certificates are required
  int oldest = TLS1_2_VERSION, newest = TLS1_3_VERSION;
  std::string alpn = {};  // what it says, whatever it was offered; empty: nothing
};

class hostile_server {
 public:
  hostile_server(int descriptor, const support::minted& certificate, server_options options)
      : options_(std::move(options)),
        descriptor_(descriptor),
        ctx_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free),
        ssl_(nullptr, SSL_free) {
    SSL_CTX_set_security_level(ctx_.get(), 0);
    SSL_CTX_set_min_proto_version(ctx_.get(), options_.oldest);
    SSL_CTX_set_max_proto_version(ctx_.get(), options_.newest);
    SSL_CTX_use_certificate(ctx_.get(), certificate.certificate.get());
    SSL_CTX_use_PrivateKey(ctx_.get(), certificate.private_key.get());
    for (const auto* one : options_.chain) SSL_CTX_add1_chain_cert(ctx_.get(), one->certificate.get());
    SSL_CTX_set_alpn_select_cb(ctx_.get(), answer_alpn, this);
    if (options_.client_ca != nullptr) {
      X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx_.get()), options_.client_ca->certificate.get());
      SSL_CTX_set_verify(ctx_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    ssl_.reset(SSL_new(ctx_.get()));
    SSL_set_app_data(ssl_.get(), this);
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(ssl_.get());
    SSL_set_info_callback(ssl_.get(), note_alert);
  }
  ~hostile_server() { hang_up(); }
  hostile_server(const hostile_server&) = delete;
  hostile_server& operator=(const hostile_server&) = delete;

  void hang_up() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }
  void half_close() { ::shutdown(descriptor_, SHUT_WR); }

  void step() {
    fetch();
    if (!done && !silent) done = SSL_do_handshake(ssl_.get()) == 1;
    if (done) {
      std::vector<char> into(16384);
      for (int n; (n = SSL_read(ssl_.get(), into.data(), static_cast<int>(into.size()))) > 0;)
        received.append(into.data(), static_cast<std::size_t>(n));
      closed_in_order = (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0 && alert == SSL_AD_CLOSE_NOTIFY;
    }
    ERR_clear_error();
    flush();
  }
  void write(std::string_view text) {
    BOOST_REQUIRE_EQUAL(SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())), static_cast<int>(text.size()));
    flush();
  }
  void raw(std::string_view bytes) {
    outgoing += bytes;
    flush();
  }
  void flush() {
    char* more = nullptr;
    const long size = BIO_get_mem_data(SSL_get_wbio(ssl_.get()), &more);
    outgoing.append(more, static_cast<std::size_t>(size));
    (void)BIO_reset(SSL_get_wbio(ssl_.get()));
    if (outgoing.empty() || descriptor_ < 0) return;
    const auto sent = ::send(descriptor_, outgoing.data(), std::min(outgoing.size(), at_once), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) outgoing.erase(0, static_cast<std::size_t>(sent));
  }
  void fetch() {
    if (descriptor_ < 0) return;
    std::vector<char> into(65536);
    const auto got = ::recv(descriptor_, into.data(), into.size(), MSG_DONTWAIT);
    if (got == 0) eof = true;
    if (got > 0) BIO_write(SSL_get_rbio(ssl_.get()), into.data(), static_cast<int>(got));
  }
  SSL* ssl() const { return ssl_.get(); }

  bool done = false, eof = false, closed_in_order = false;
  bool silent = false;  // no handshake
  std::size_t at_once = 1 << 20;
  int alert = -1;  // the last that came
  std::string received, outgoing;
  std::vector<std::string> offered;  // by ALPN

 private:
  static int answer_alpn(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered, unsigned length, void* by) {
    auto& self = *static_cast<hostile_server*>(by);
    for (unsigned at = 0; at < length; at += 1 + offered[at])
      self.offered.emplace_back(reinterpret_cast<const char*>(offered) + at + 1, offered[at]);
    if (self.options_.alpn.empty()) return SSL_TLSEXT_ERR_NOACK;
    *chosen = reinterpret_cast<const unsigned char*>(self.options_.alpn.data());
    *size = static_cast<unsigned char>(self.options_.alpn.size());
    return SSL_TLSEXT_ERR_OK;
  }
  static void note_alert(const SSL* ssl, int where, int value) {
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT) static_cast<hostile_server*>(SSL_get_app_data(ssl))->alert = value & 0xff;
  }

  const server_options options_;
  int descriptor_;
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> ctx_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
};

inline std::shared_ptr<const client_trust> believe(const client_settings& settings) {
  auto loaded = client_trust::load(settings);
  if (!loaded) {
    for (const auto& fault : loaded.error()) BOOST_TEST_MESSAGE(fault.text);
    BOOST_REQUIRE(loaded.has_value());
  }
  return *loaded;
}

struct client_pair {
  client_pair(room& in, const client_trust& trust, const std::string& name, const support::minted& certificate, server_options options = {},
              std::string_view protocol = "h2")
      : client_pair(in, trust, name, certificate, std::move(options), protocol, in.connection()) {}
  client_pair(room& in, const client_trust& trust, const std::string& name, const support::minted& certificate, server_options options,
              std::string_view protocol, std::pair<core::tcp_socket, int> ends)
      : where(in), client(std::move(ends.first), trust, name, protocol, in.bench), peer(ends.second, certificate, std::move(options)) {}
  ~client_pair() {
    client.abort();
    where.end();
  }

  bool drive(const std::function<bool()>& until) {
    return where.drive(until, [this] { peer.step(); });
  }
  answer shake() {
    where.spawn(client.connect(), connected);
    BOOST_REQUIRE(drive([this] { return connected.has_value(); }));
    return *connected;
  }
  void connect() {
    const auto how = shake();
    BOOST_REQUIRE_MESSAGE(how, client.failure().reason + " " + client.failure().openssl);
    BOOST_REQUIRE(drive([this] { return peer.done; }));
  }

  room& where;
  session client;
  hostile_server peer;
  maybe connected;
};

}  // namespace sallyport::tls::testing
