// A server session and a real OpenSSL client at the other end of a loopback connection, all in one thread: the client works on memory
// BIOs, so that a test decides which bytes travel when.
#pragma once

#include <sallyport/tls/session.hpp>

#include <support/cert_mint.hpp>
#include <support/worker.hpp>

#include <boost/test/unit_test.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

namespace sallyport::tls {
inline std::ostream& operator<<(std::ostream& to, errc e) { return to << make_error_code(e); }
}  // namespace sallyport::tls

namespace sallyport::tls::testing {

namespace asio = core::asio;
using namespace sallyport::support;
using room = support::worker;

struct client_options {
  const support::minted* certificate = nullptr;
  std::vector<const support::minted*> chain = {};
  std::vector<std::string> alpn = {"h2"};
  int oldest = TLS1_2_VERSION, newest = TLS1_3_VERSION;
  std::string sni = "localhost";
  SSL_SESSION* resume = nullptr;
};

class client {
 public:
  explicit client(int descriptor, const client_options& options = {})
      : descriptor_(descriptor), ctx_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free), ssl_(nullptr, SSL_free) {
    SSL_CTX_set_security_level(ctx_.get(), 0);  // the server is what is tested
    SSL_CTX_set_min_proto_version(ctx_.get(), options.oldest);
    SSL_CTX_set_max_proto_version(ctx_.get(), options.newest);
    SSL_CTX_set_session_cache_mode(ctx_.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx_.get(), [](SSL* ssl, SSL_SESSION*) { return ++static_cast<client*>(SSL_get_app_data(ssl))->tickets, 0; });
    std::string protocols;
    for (const auto& one : options.alpn) protocols += static_cast<char>(one.size()) + one;
    if (!protocols.empty())
      SSL_CTX_set_alpn_protos(ctx_.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                              static_cast<unsigned>(protocols.size()));
    if (options.certificate != nullptr) {
      SSL_CTX_use_certificate(ctx_.get(), options.certificate->certificate.get());
      SSL_CTX_use_PrivateKey(ctx_.get(), options.certificate->private_key.get());
      for (const auto* one : options.chain) SSL_CTX_add1_chain_cert(ctx_.get(), one->certificate.get());
    }
    ssl_.reset(SSL_new(ctx_.get()));
    SSL_set_app_data(ssl_.get(), this);
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_.get());
    SSL_set_info_callback(ssl_.get(), note_alert);
    SSL_set_msg_callback(ssl_.get(), note_message);
    SSL_set_msg_callback_arg(ssl_.get(), this);
    if (!options.sni.empty()) set_server_name(options.sni);
    if (options.resume != nullptr) SSL_set_session(ssl_.get(), options.resume);
  }
  ~client() { hang_up(); }
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  void hang_up() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }
  void half_close() { ::shutdown(descriptor_, SHUT_WR); }

  // Moves what it can: handshake, reading, and the bytes of the connection.
  void step() {
    fetch();
    if (!done) done = call(SSL_do_handshake(ssl_.get()));
    if (done && reading) {
      std::vector<char> into(16384);
      for (int n; (n = SSL_read(ssl_.get(), into.data(), static_cast<int>(into.size()))) > 0;)
        received.append(into.data(), static_cast<std::size_t>(n));
      call(0);
    }
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
  // What waits to be sent, through `at_once` bytes a call.
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
    if (!fetching || descriptor_ < 0) return;
    std::vector<char> into(65536);
    const auto got = ::recv(descriptor_, into.data(), std::min(into.size(), at_once), MSG_DONTWAIT);
    if (got == 0) eof = true;
    if (got < 0 && errno != EAGAIN) reset = true;
    if (got <= 0) return;
    raw_received.append(into.data(), std::min<std::size_t>(static_cast<std::size_t>(got), 4096));
    BIO_write(SSL_get_rbio(ssl_.get()), into.data(), static_cast<int>(got));
  }
  SSL* ssl() const { return ssl_.get(); }
  int descriptor() const { return descriptor_; }

  bool done = false, eof = false, reset = false, closed_in_order = false;
  bool reading = true, fetching = true;
  std::size_t at_once = 1 << 20;
  int alert = -1;  // the last that came
  int alert_warnings = 0;
  int tickets = 0, key_updates = 0;
  std::string received, outgoing, raw_received;

 private:
  // The macro of OpenSSL's headers, without its cast; takes names that no certificate could have.
  void set_server_name(std::string name) { SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()); }
  bool call(int returned) {
    if ((SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0) closed_in_order = alert == SSL_AD_CLOSE_NOTIFY;
    ERR_clear_error();
    return returned == 1;
  }
  static void note_alert(const SSL* ssl, int where, int value) {
    if ((where & SSL_CB_READ_ALERT) != SSL_CB_READ_ALERT) return;
    auto* self = static_cast<client*>(SSL_get_app_data(ssl));
    self->alert = value & 0xff;
    if (value >> 8 == SSL3_AL_WARNING) ++self->alert_warnings;
  }
  static void note_message(int written, int, int type, const void* data, std::size_t size, SSL*, void* self) {
    if (written != 0 || type != SSL3_RT_HANDSHAKE || size == 0) return;
    if (*static_cast<const unsigned char*>(data) == SSL3_MT_KEY_UPDATE) ++static_cast<client*>(self)->key_updates;
  }
  int descriptor_;
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> ctx_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
};

// A session of a context and its client, not yet shaken hands.
struct pair {
  pair(room& in, std::shared_ptr<const context> trust, const client_options& options = {}, int buffer = 0)
      : pair(in, std::move(trust), options, in.connection(buffer)) {}
  pair(room& in, std::shared_ptr<const context> trust, const client_options& options, std::pair<core::tcp_socket, int> ends)
      : where(in), server(std::move(ends.first), std::move(trust), in.bench), peer(ends.second, options) {}
  ~pair() {
    server.abort();
    where.end();
  }

  bool drive(const std::function<bool()>& until) {
    return where.drive(until, [this] { peer.step(); });
  }
  // The server's answer to the handshake.
  answer shake() {
    where.spawn(server.accept(), accepted);
    BOOST_REQUIRE(drive([this] { return accepted.has_value(); }));
    return *accepted;
  }
  // Both sides through, or the test ends.
  void connect() {
    const auto how = shake();
    BOOST_REQUIRE_MESSAGE(how, server.failure().reason + " " + server.failure().openssl);
    BOOST_REQUIRE(drive([this] { return peer.done; }));
  }

  room& where;
  session server;
  client peer;
  maybe accepted;
};

inline std::shared_ptr<const context> load(const server_settings& settings) {
  auto loaded = context::load(settings);
  if (!loaded) {
    for (const auto& fault : loaded.error()) BOOST_TEST_MESSAGE(fault.text);
    BOOST_REQUIRE(loaded.has_value());
  }
  return *loaded;
}

inline std::shared_ptr<const context> load(const policy_settings& settings) { return load(server_settings{settings}); }

using saved = std::unique_ptr<SSL_SESSION, decltype([](SSL_SESSION* one) { SSL_SESSION_free(one); })>;

// A session as somebody has it who was let in by `by`.
inline saved session_from(const std::shared_ptr<const context>& by, const client_options& how) {
  room worker;
  pair ends(worker, by, how);
  ends.connect();
  // The ticket of TLS 1.3 comes with the first flight after the handshake.
  BOOST_REQUIRE(ends.server.write(bytes_of("x")));
  BOOST_REQUIRE(ends.drive([&] { return ends.peer.received == "x"; }));
  BOOST_TEST(ends.peer.tickets == 1);
  SSL_set_shutdown(ends.peer.ssl(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);  // else OpenSSL takes the session for a broken one
  return saved(SSL_get1_session(ends.peer.ssl()));
}

// Certificates that most tests need; made once a test case.
struct material {
  support::cert_mint mint;
  support::minted ca = mint.authority("test CA");
  support::minted other_ca = mint.authority("another CA");
  support::minted server = mint.issue({.common_name = "localhost", .dns = {"localhost"}, .purpose = support::usage::server}, ca);

  std::shared_ptr<const context> trust(client_certificates clients = client_certificates::none, profile versions = profile::intermediate) {
    return load({.certificates = {{server.cert, server.key}},
                 .versions = versions,
                 .clients = clients,
                 .client_ca = clients == client_certificates::none ? std::string() : ca.cert});
  }
};

}  // namespace sallyport::tls::testing
