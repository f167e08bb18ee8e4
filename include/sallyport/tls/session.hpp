// TLS on one connection, the server's end or the client's, over a BIO of our own: one recv feeds many records, one send takes many, and a
// connection at rest owns no buffer. A net::stream once `accept` or `connect` has succeeded. Owned by its connection, used on its worker's
// thread, not movable (the BIO points here). Every OpenSSL call goes through one function that clears the error queue before and translates
// it after.
#pragma once

#include <sallyport/net/outbox.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/net/workbench.hpp>
#include <sallyport/telemetry/labels.hpp>
#include <sallyport/tls/client.hpp>
#include <sallyport/tls/context.hpp>
#include <sallyport/tls/identity.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct ssl_st;
struct ssl_ctx_st;
struct x509_store_ctx_st;

namespace sallyport::tls {

struct policy;

// Category "tls". Caused by: the peer, unless said otherwise. All close the connection; the peer sees at most an alert.
enum class errc {
  handshake_failed = 1,  // see handshake_failure for why
  not_tls,               // the first bytes are no TLS record; a server has them in opening(), and has sent nothing yet
  broken,                // a record that does not decrypt, a fatal alert, a protocol fault
  truncated,             // EOF without close_notify
};
core::error_code make_error_code(errc e);

// What the operator's log says about a handshake that failed. The peer gets only the alert.
struct handshake_failure {
  telemetry::handshake_result result = telemetry::handshake_result::other;
  std::string
      reason;  // certificate has expired; no suitable application protocol; unsupported protocol; …: X.509's reason where there is one
  std::string openssl;       // OpenSSL's own words for the error, empty if none
  std::optional<int> depth;  // of the certificate that was refused
  std::string subject, serial, sni, version;
};

class session final : public net::stream {
 public:
  // The server's end.
  session(core::tcp_socket socket, std::shared_ptr<const context> trust, net::workbench& bench);
  // The client's end. `name`: a DNS name or an address, which the server's certificate must be for; `protocol`: the one that ALPN offers,
  // empty: none.
  session(core::tcp_socket socket, const client_trust& trust, std::string name, std::string_view protocol, net::workbench& bench);
  ~session() override;
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  // The handshake; the absolute deadline is the caller's. A first byte that opens no TLS record is errc::not_tls; a server has then sent
  // nothing. last_words::kept: what ends the handshake leaves with the next `write`, an empty one as well, or `drained`, which is to follow
  // soon: one segment, and one call, for it and for the caller's first words.
  enum class last_words { sent, kept };
  core::task<core::result<core::progress>> accept(last_words = last_words::sent);
  // A server of TLS 1.3 judges our certificate after this has succeeded: its alert is the end of a later `receive`.
  core::task<core::result<core::progress>> connect();
  const handshake_failure& failure() const { return failure_; }  // also after errc::broken: reason and openssl
  core::bytes opening() const { return opening_; }               // after not_tls: the first bytes, 512 at most
  core::result<core::progress> write_raw(core::bytes words);     // after not_tls: an answer in the client's own protocol, in plaintext

  // After a handshake that failed, `close` still flushes the alert or the answer, and `receive` discards: a peer that has more on its way
  // would otherwise lose them to a reset.

  // After the handshake. nullptr: the peer sent no certificate, or nobody has verified it.
  std::shared_ptr<const peer_identity> identity() const { return stage_ == stage::open ? who_ : nullptr; }
  negotiated parameters() const;
  // Judges the client by a newer snapshot, or the same at a later time: its certificate, or that it has none. False: `failure` says why,
  // and nothing is closed. A session that was resumed has the client's certificate but not its intermediates; where those are needed it is
  // refused, and the client's next handshake is a whole one.
  bool judge_again(const context& by);

  core::task<core::result<core::progress>> receive(net::receiver& to) override;
  core::result<core::progress> write(core::bytes data) override;
  core::task<core::result<core::progress>> drained() override;
  core::result<core::progress> try_close() override;
  void abort() noexcept override;
  void reset() noexcept override;
  std::size_t unsent() const override { return outbox_.size(); }
  std::size_t held_bytes() const override { return outbox_.memory(); }
  std::size_t undelivered() override { return outbox_.size() + net::unacknowledged(socket_); }
  bool is_gone() override { return net::is_gone(socket_); }
  bool has_input() override { return net::has_input(socket_); }
  void limit_receive(std::size_t bytes) override;
  std::string_view reason() const override { return failure_.reason; }

 private:
  struct bio;
  struct hooks;
  struct verdict;
  enum class stage { handshake, open, refused };
  friend int client_hello_seen(ssl_st*, int*, void*);
  friend int client_chain_shown(x509_store_ctx_st*, void*);
  friend void install_ticket_callbacks(ssl_ctx_st*);

  session(core::tcp_socket socket, ssl_ctx_st* with, bool is_server, net::workbench& bench);
  std::string_view peer() const { return is_server_ ? "client" : "server"; }
  template <class Operation>
  verdict ask(Operation operation);
  core::task<core::result<core::progress>> shake_hands(last_words);
  core::result<core::progress> first_bytes(std::size_t budget);
  core::error_code refuse_opening();
  core::result<core::progress> advance_handshake();
  void open();
  core::error_code refuse(const verdict& why);
  core::error_code refuse(std::string reason);
  void know_server();
  void note(telemetry::handshake_result result, std::string reason, int depth, std::string subject, std::string serial);
  core::result<core::progress> pull(std::size_t max);
  core::result<core::progress> push();
  core::result<core::progress> take_in(net::receiver& to);
  core::result<core::progress> decrypt(net::receiver& to);
  core::error_code broken(const verdict& why);
  void keep_inbound();

  core::tcp_socket socket_;
  const bool is_server_;
  std::shared_ptr<const context> trust_;  // the server's, until the handshake is done
  const policy* policy_ = nullptr;        // of trust_; nullptr: no hello yet
  std::shared_ptr<const peer_identity> who_, resumed_;
  std::int64_t line_began_ = 0;  // seconds since 1970: the whole handshake from which a resumed session comes
  net::workbench& bench_;
  std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
  core::bytes inbound_;  // ciphertext not yet consumed: in the workbench, or in kept_in_ across a wait
  std::vector<std::byte> kept_in_, opening_;
  std::size_t outbound_size_ = 0;  // records in the workbench, on their way to send
  net::outbox outbox_;
  handshake_failure failure_;
  core::error_code dead_, cannot_send_;  // a failed send leaves what the peer has already sent readable
  std::size_t receive_max_ = net::workbench::plaintext_max_bytes;
  stage stage_ = stage::handshake;
  bool closed_ = false;
  bool flooded_ = false;
  bool filled_ = false;    // the last receive filled the workbench: more is probably there
  unsigned burst_ = 0;     // receives since the last wait
  unsigned messages_ = 0;  // handshake messages after the handshake, since messages_since_
  core::clock::time_point messages_since_;
};

}  // namespace sallyport::tls

template <>
struct boost::system::is_error_code_enum<sallyport::tls::errc> : std::true_type {};
