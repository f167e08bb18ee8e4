#include <sallyport/tls/play.hpp>

#include <sallyport/core/expect.hpp>

#include "play_alerts.hpp"
#include "play_answer.hpp"
#include "play_flight.hpp"
#include "play_socket.hpp"

#include <algorithm>
#include <array>

namespace sallyport::tls {

namespace {

using clock = play_socket::clock;
using came = play_socket::came;

// How long an answer that proves little may be followed by an alert, or by one that proves more.
constexpr auto settling = std::chrono::milliseconds(500);
constexpr std::size_t record_header_bytes = 5, record_max_bytes = (1 << 14) + 2048, record_content_max_bytes = 1 << 14;
constexpr long server_chain_max_bytes = 512 * 1024;
constexpr std::string_view change_cipher_spec("\x14\3\3\0\1\1", 6);
constexpr int master_bytes = 48, random_bytes = 32;

std::string from_hex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) out += static_cast<char>(digit(text[i]) << 4 | digit(text[i + 1]));
  return out;
}

std::string plain_records(std::string_view messages) {
  std::string out;
  for (; !messages.empty(); messages.remove_prefix(std::min(messages.size(), record_content_max_bytes))) {
    const auto some = messages.substr(0, record_content_max_bytes);
    out += std::string("\x16\3\3") + static_cast<char>(some.size() >> 8) + static_cast<char>(some.size());
    out += some;
  }
  return out;
}

class player {
 public:
  explicit player(const play_attempt& what) : what_(what), wire_(clock::now() + what.limit) {}
  played run();

 private:
  bool open();  // files, connection, OpenSSL
  void open_ssl();
  bool step();  // of the handshake; true: it goes on
  void send_flight_of_tls13();
  void send_flight_of_tls12();
  play_suite suite() const { return suite_named(SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl_.get()))); }

  void converse();
  void send_sealed(std::string_view content);
  void read(play_answer& into);  // whatever has come
  void read_by_hand(play_answer& into);
  void read_record(std::uint8_t type, std::string_view sealed, play_answer& into);
  void say_goodbye();
  void flush();
  void feed();

  void end(play_result how, std::string proof);
  bool end_by_alert(const play_answer* so_far);  // false: none has come that ends anything
  void end_by_silence(came why, const play_answer& so_far);
  void end_by_wire(came why);
  void note_alert(std::string_view two);

  void saw(bool written, int type, std::string_view message);
  static void see(int written, int, int type, const void* data, std::size_t size, SSL*, void* self) {
    static_cast<player*>(self)->saw(written != 0, type, {static_cast<const char*>(data), size});
  }
  static void keep_secret(const SSL* ssl, const char* line);
  bool is_tls13() const { return SSL_version(ssl_.get()) == TLS1_3_VERSION; }

  const play_attempt& what_;
  play_socket wire_;
  played out_;
  play_identity own_;
  std::unique_ptr<SSL_CTX, freed_by<SSL_CTX_free>> ctx_;
  std::unique_ptr<SSL, freed_by<SSL_free>> ssl_;
  BIO *in_ = nullptr, *to_wire_ = nullptr;
  play_transcript transcript_;
  play_request request_;
  std::string secret_;        // client_handshake_traffic_secret
  std::string key_exchange_;  // the message of TLS 1.2, as OpenSSL has made it
  play_records sealing_, opening_;
  bool answered_ = false;       // a ServerHello has come
  bool complete_ = false;       // the server's first flight is in the transcript
  bool by_hand_ = false;        // TLS 1.2 with our own flight: its records are ours
  bool server_sealed_ = false;  // then: its ChangeCipherSpec has come
  bool closed_ = false;         // close_notify has come
  bool over_ = false;
};

played player::run() {
  if (open()) {
    while (step()) {
    }
    if (answered_) {
      out_.version = SSL_get_version(ssl_.get());
      const unsigned char* chosen = nullptr;
      unsigned size = 0;
      SSL_get0_alpn_selected(ssl_.get(), &chosen, &size);
      out_.alpn.assign(reinterpret_cast<const char*>(chosen), chosen ? size : 0);
    }
    if (!over_) converse();
  }
  ERR_clear_error();
  return std::move(out_);
}

bool player::open() {
  if (!what_.cert.empty()) {
    auto own = read_identity(what_.cert, what_.key);
    if (!own) return end(play_result::unplayable, own.error().text), false;
    own_ = std::move(*own);
  }
  if (auto why = wire_.connect(what_.to); !why.empty()) return end(play_result::unreachable, why), false;
  open_ssl();
  return true;
}

void player::open_ssl() {
  ctx_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* ctx = ctx_.get();
  SALLYPORT_EXPECT(ctx != nullptr);
  SSL_CTX_set_security_level(ctx, 0);
  const int oldest = what_.version == "TLSv1.3" ? TLS1_3_VERSION : TLS1_2_VERSION;
  SSL_CTX_set_min_proto_version(ctx, oldest);
  SSL_CTX_set_max_proto_version(ctx, what_.version == "TLSv1.2" ? TLS1_2_VERSION : TLS1_3_VERSION);
  // The suites that our own records know. The extended master secret would hash OpenSSL's flight, not ours (RFC 7627 4).
  const bool set = SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:DHE+AESGCM:RSA+AESGCM") == 1 &&
                   SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384") == 1;
  SALLYPORT_EXPECT(set);
  SSL_CTX_set_options(ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET | SSL_OP_NO_TICKET | SSL_OP_LEGACY_SERVER_CONNECT);
  SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_max_cert_list(ctx, server_chain_max_bytes);
  SSL_CTX_set_keylog_callback(ctx, keep_secret);
  SSL_CTX_set_msg_callback(ctx, see);
  ssl_.reset(SSL_new(ctx));
  in_ = BIO_new(BIO_s_mem());
  to_wire_ = BIO_new(BIO_s_mem());
  SALLYPORT_EXPECT(ssl_ && in_ && to_wire_);
  SSL_set_bio(ssl_.get(), in_, to_wire_);
  SSL_set_connect_state(ssl_.get());
  SSL_set_app_data(ssl_.get(), static_cast<void*>(this));
  SSL_set_msg_callback_arg(ssl_.get(), this);
  constexpr std::string_view protocols = "\x02h2\x08http/1.1";
  if (what_.alpn) SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(protocols.data()), protocols.size());
  // SSL_set_tlsext_host_name is a macro with a C cast.
  if (!what_.sni.empty())
    SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(what_.sni.c_str()));
}

void player::keep_secret(const SSL* ssl, const char* line) {
  constexpr std::string_view label = "CLIENT_HANDSHAKE_TRAFFIC_SECRET ";
  const std::string_view text(line);
  if (!text.starts_with(label)) return;
  static_cast<player*>(SSL_get_app_data(ssl))->secret_ = from_hex(text.substr(text.rfind(' ') + 1));
}

void player::saw(bool written, int type, std::string_view message) {
  if (type == SSL3_RT_ALERT && !written) return note_alert(message);
  if (type != SSL3_RT_HANDSHAKE || message.size() < 4 || message[0] == SSL3_MT_HELLO_REQUEST) return;
  const int kind = static_cast<unsigned char>(message[0]);
  if (written && kind == SSL3_MT_CLIENT_KEY_EXCHANGE) key_exchange_ = message;
  if (complete_) return;
  answered_ = answered_ || (!written && kind == SSL3_MT_SERVER_HELLO);
  if (!written && kind == SSL3_MT_SERVER_HELLO)
    if (const auto* hash = hash_of_retry(message)) transcript_.replace_by_hash(hash);
  if (!written && kind == SSL3_MT_CERTIFICATE) out_.chain = certificates_in(message, is_tls13());
  if (!written && kind == SSL3_MT_CERTIFICATE_REQUEST) {
    out_.asked = true;
    request_ = read_request(message, is_tls13());
  }
  transcript_.add(message);
  complete_ = !written && kind == (is_tls13() ? SSL3_MT_FINISHED : SSL3_MT_SERVER_DONE);
}

bool player::step() {
  ERR_clear_error();
  const int returned = SSL_do_handshake(ssl_.get());
  const int why = returned == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), returned);
  if (end_by_alert(nullptr)) return false;
  const bool ours = !own_.chain.empty() && out_.asked;
  if (ours && is_tls13() && returned == 1) return send_flight_of_tls13(), false;
  if (ours && !is_tls13() && !key_exchange_.empty()) return send_flight_of_tls12(), false;
  flush();
  out_.shaken = returned == 1;
  if (returned == 1) return false;
  if (why != SSL_ERROR_WANT_READ) return end(play_result::broken, take_words()), false;
  const auto more = wire_.wait();
  if (more != came::more) return end_by_wire(more), false;
  feed();
  return true;
}

// RFC 8446 4.4. OpenSSL has an empty Certificate on its way, which is thrown away; the keys of what follows do not depend on it (7.1).
void player::send_flight_of_tls13() {
  (void)BIO_reset(to_wire_);
  const auto [cipher, hash] = suite();
  sealing_ = play_records::of_tls13({cipher, hash}, secret_);
  const auto certificate = certificate_message(own_.chain, request_, true);
  transcript_.add(certificate);
  const auto content = std::string(64, ' ') + "TLS 1.3, client CertificateVerify" + '\0' + transcript_.hash(hash);
  const auto verify = verify_message(own_.key.get(), request_, content, true);
  transcript_.add(verify);
  const auto key = expand_label(hash, secret_, "finished", static_cast<std::size_t>(EVP_MD_get_size(hash)));
  const auto finished = finished_message(hmac(hash, key, transcript_.hash(hash)));
  out_.shaken = true;
  wire_.send(std::string(change_cipher_spec) + sealing_.seal(SSL3_RT_HANDSHAKE, certificate + verify + finished));
}

// RFC 5246 7.4.6 to 7.4.9. From here on OpenSSL's idea of the connection is wrong, and the records are ours.
void player::send_flight_of_tls12() {
  by_hand_ = true;
  const auto [cipher, hash] = suite();
  std::string master(master_bytes, '\0'), client(random_bytes, '\0'), server(random_bytes, '\0');
  const auto room = [](std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); };
  SSL_SESSION_get_master_key(SSL_get_session(ssl_.get()), room(master), master.size());
  SSL_get_client_random(ssl_.get(), room(client), client.size());
  SSL_get_server_random(ssl_.get(), room(server), server.size());
  const auto size = static_cast<std::size_t>(EVP_CIPHER_get_key_length(cipher));
  constexpr std::size_t salt = 4;
  const auto keys = prf(hash, master, "key expansion" + server + client, 2 * size + 2 * salt);
  sealing_ = play_records::of_tls12({cipher, hash}, keys.substr(0, size), keys.substr(2 * size, salt));
  opening_ = play_records::of_tls12({cipher, hash}, keys.substr(size, size), keys.substr(2 * size + salt, salt));

  const auto certificate = certificate_message(own_.chain, request_, false);
  transcript_.add(certificate);
  transcript_.add(key_exchange_);
  const auto verify = verify_message(own_.key.get(), request_, transcript_.messages(), false);
  transcript_.add(verify);
  const auto finished = finished_message(prf(hash, master, "client finished" + transcript_.hash(hash), 12));
  wire_.send(plain_records(certificate + key_exchange_ + verify) + std::string(change_cipher_spec) +
             sealing_.seal(SSL3_RT_HANDSHAKE, finished));
}

void player::converse() {
  play_answer answer(out_.alpn, what_.host);
  bool asked = false;
  auto latest = wire_.until();
  for (;;) {
    if (out_.shaken && !std::exchange(asked, true)) send_sealed(answer.question());
    read(answer);
    if (over_) return;
    if (answer.so_far() == play_answer::proof::whole && !out_.alert) {
      out_.status = answer.status();
      end(answer.says_no() ? play_result::http_refused : play_result::accepted, answer.words());
      return say_goodbye();
    }
    if (end_by_alert(&answer)) return;
    if (asked != out_.shaken) continue;
    if (answer.so_far() == play_answer::proof::some) latest = std::min(latest, clock::now() + settling);
    const auto more = wire_.wait(latest);
    if (more != came::more) return end_by_silence(more, answer);
  }
}

void player::send_sealed(std::string_view content) {
  if (by_hand_) return wire_.send(sealing_.seal(SSL3_RT_APPLICATION_DATA, content));
  std::size_t size = 0;
  ERR_clear_error();
  (void)SSL_write_ex(ssl_.get(), content.data(), content.size(), &size);
  flush();
}

void player::read(play_answer& into) {
  if (by_hand_) return read_by_hand(into);
  feed();
  std::array<char, 16 * 1024> plain;
  std::size_t size = 0;
  ERR_clear_error();
  int returned = 0;
  while ((returned = SSL_read_ex(ssl_.get(), plain.data(), plain.size(), &size)) == 1) into.received({plain.data(), size});
  const int why = SSL_get_error(ssl_.get(), returned);
  flush();  // the answer to a KeyUpdate
  if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_ZERO_RETURN && !out_.alert) end(play_result::broken, take_words());
}

void player::read_by_hand(play_answer& into) {
  auto& received = wire_.received;
  while (received.size() >= record_header_bytes && !over_ && !out_.alert && !closed_) {
    const auto size = static_cast<std::size_t>(static_cast<unsigned char>(received[3]) << 8 | static_cast<unsigned char>(received[4]));
    if (size > record_max_bytes) return end(play_result::broken, "no TLS record");
    if (received.size() < record_header_bytes + size) return;
    read_record(static_cast<std::uint8_t>(received[0]), std::string_view(received).substr(record_header_bytes, size), into);
    received.erase(0, record_header_bytes + size);
  }
}

void player::read_record(std::uint8_t type, std::string_view sealed, play_answer& into) {
  if (type == SSL3_RT_CHANGE_CIPHER_SPEC) {
    server_sealed_ = true;
    return;
  }
  std::string content(sealed);
  if (server_sealed_ && !opening_.open(type, sealed, content)) return end(play_result::broken, "a record that does not decrypt");
  if (type == SSL3_RT_ALERT) note_alert(content);
  if (type == SSL3_RT_HANDSHAKE && server_sealed_) out_.shaken = true;
  if (type == SSL3_RT_APPLICATION_DATA && server_sealed_) into.received(content);
}

// close_notify, so that the server's log has nothing to say about how we went.
void player::say_goodbye() {
  if (by_hand_) return wire_.send(sealing_.seal(SSL3_RT_ALERT, std::string("\1\0", 2)));
  (void)SSL_shutdown(ssl_.get());
  flush();
}

void player::flush() {
  std::string records(BIO_ctrl_pending(to_wire_), '\0');
  if (records.empty()) return;
  BIO_read(to_wire_, records.data(), static_cast<int>(records.size()));
  wire_.send(records);
}

void player::feed() {
  if (wire_.received.empty()) return;
  BIO_write(in_, wire_.received.data(), static_cast<int>(wire_.received.size()));
  wire_.received.clear();
}

void player::end(play_result how, std::string proof) {
  if (std::exchange(over_, true)) return;
  out_.how = how;
  out_.proof = std::move(proof);
}

// In TLS 1.2 a warning ends nothing (RFC 5246 7.2.2); in TLS 1.3 all but two are fatal, whatever they say of themselves (RFC 8446 6).
void player::note_alert(std::string_view two) {
  if (two.size() != 2 || out_.alert) return;
  const int number = static_cast<unsigned char>(two[1]);
  constexpr int close_notify = 0, user_canceled = 90, warning = 1;
  if (number == close_notify) {
    closed_ = true;
  } else if (number != user_canceled && (two[0] != warning || is_tls13())) {
    out_.alert = number;
    out_.alert_name = alert_name(number);
  }
}

bool player::end_by_alert(const play_answer* so_far) {
  if (out_.alert) {
    end(play_result::refused, out_.alert_name + (out_.shaken ? " after the handshake" : " during the handshake"));
  } else if (closed_ && so_far != nullptr && so_far->so_far() != play_answer::proof::nothing) {
    end(play_result::accepted, so_far->words());
  } else if (closed_) {
    end(play_result::closed, std::string("by close_notify ") + (out_.shaken ? "after the handshake" : "during the handshake"));
  }
  return over_;
}

void player::end_by_silence(came why, const play_answer& so_far) {
  const bool data = so_far.so_far() != play_answer::proof::nothing;
  if (out_.shaken && data) return end(play_result::accepted, so_far.words() + (why == came::too_much ? " without an end" : ""));
  if (!out_.shaken || why == came::too_much) return end_by_wire(why);
  if (why == came::too_late) return end(play_result::accepted, "no refusal until the time was up");
  end_by_wire(why);
}

void player::end_by_wire(came why) {
  const std::string when = out_.shaken ? "after the handshake" : "during the handshake";
  if (why == came::too_much) return end(play_result::broken, "a mebibyte without an answer");
  if (why == came::too_late) return end(play_result::timed_out, "no answer " + when);
  end(play_result::closed, (wire_.was_reset() ? "by a reset " : "") + when);
}

}  // namespace

std::string_view name_of(play_result how) {
  switch (how) {
    case play_result::accepted: return "accepted";
    case play_result::refused: return "refused";
    case play_result::http_refused: return "refused by HTTP";
    case play_result::closed: return "closed";
    case play_result::broken: return "broken";
    case play_result::timed_out: return "timed out";
    case play_result::unreachable: return "unreachable";
    case play_result::unplayable: return "unplayable";
  }
  return "unknown";
}

played play(const play_attempt& what) { return player(what).run(); }

}  // namespace sallyport::tls
