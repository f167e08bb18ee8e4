// One client's connection: door 1, then a conversation until it ends. One coroutine reads; events are plain calls; output leaves once a
// turn.
//
// Kept alive by its own coroutines; the worker's list only points here. Every wait ends: a slow handshake, a silent connection,
// a stalled write and a lingering close by the worker's sweep, all of it by `abort`.
#pragma once

#include "context.hpp"
#include "conversation.hpp"
#include "first_bytes.hpp"
#include "request.hpp"
#include "tunnel_record.hpp"

#include <sallyport/net/output_pump.hpp>
#include <sallyport/net/relay.hpp>
#include <sallyport/tls/live.hpp>
#include <sallyport/tls/session.hpp>

#include <memory>
#include <optional>

namespace sallyport::proxy {

// What the connections of one listener have in common; owned by the worker.
struct listener_context {
  const listener_settings& settings;
  std::shared_ptr<const tls::live<tls::context>> trust;  // nullptr: plaintext
  upstream::opener& grpc;
  upstream::opener* rest;  // nullptr: what is not gRPC is told so
  upstream::credentials credential;
  upstream::identity identity;
  upstream::tunnels& tunnels;
  bool serves_connect() const { return settings.speaks == listener_settings::protocol::connect; }
};

class connection final : public net::receiver, public net::output_source, public std::enable_shared_from_this<connection> {
 public:
  connection(context& around, const listener_context& door, net::accepted from);
  ~connection();

  core::task<void> run();
  void sweep(core::clock::time_point now);
  void users_changed();  // judges what is under way again
  void begin_drain();    // no new requests, what is under way goes on
  void end_drain();      // the time is up: what is open is refused, then closed
  void abort() noexcept;
  void abandon() noexcept;      // the same, because nobody waits for it any longer
  void end_short_of_buffers();  // it takes nothing of what waits for it, and that is needed elsewhere
  std::size_t output_memory() const { return talk_ ? talk_->output_memory() : 0; }
  void shed_unowned();
  keeper* carried() { return tunnel_.get(); }  // nullptr: it is no tunnel

  // For its conversation and its exchanges.
  context& around() { return around_; }
  const listener_context& door() const { return door_; }
  void mark() {
    if (pump_) pump_->mark();
  }
  // When output has left, of which there was too much to read on: not when all of it has, for there may be more each time, and the client
  // may have a reset to send. And when credit was given, in HTTP/1.1, so that what was kept for want of it is taken up: the flush that does
  // this may be the one that the client takes no more of.
  void wake_reader() {
    if (waits_) wanted_.cancel();  // which is a lock
  }
  std::string_view why_gone() const;                          // for the tunnels on it, when its client is gone
  bool writing() const { return pump_ && pump_->blocked(); }  // the client has not taken all that was written
  auth::memo& memo() { return memo_; }
  const tls::peer_identity* certificate() const { return identity_.get(); }
  // Whether door 1 would let the client in now as well: asked at each request and at each sweep (docs/tls.md). False: it is on its way out.
  bool still_trusted();
  // Whether a request for this host belongs to another of the listener's TLS policies than the client has passed (docs/tls.md).
  bool misdirected(std::string_view authority) const;
  std::string peer_text() const { return peer_.text(); }
  std::string_view source() const { return source_; }  // the client's address, without the port; of IPv6 its /48
  // A CONNECT over HTTP/1.1 has passed, and its 200 is in the output: bytes from now on, those in `first` first.
  void become_tunnel(std::unique_ptr<upstream::tunnels::connection> to, const auth::permit& passed, tunnel_record of,
                     std::vector<std::byte> first);

 private:
  core::task<bool> pass_door_1();
  void handshake_failed(core::error_code why);
  void no_longer_trusted();
  void log_handshake_failure(std::string_view reason);
  void forgot_tls();
  core::task<void> linger();
  core::task<core::result<core::progress>> read_and_discard();
  core::task<void> converse();
  core::task<void> open_tunnel();  // protocol: tcp
  void refuse_tunnel(tunnel_record& record, const refusal& why, std::string_view user);
  core::task<void> carry();
  void sweep_tunnel(core::clock::time_point now);
  core::task<void> read();
  bool may_read() const;
  core::task<void> until_may_read();
  void begin();
  void speak(std::unique_ptr<conversation> in, core::bytes first);
  void wrong_protocol(opening kind);
  void end_if_over();
  void close_gracefully();
  void leave_silently();
  void say_goodbye();
  core::task<void> finish_goodbye(std::shared_ptr<connection> self);

  void received(core::bytes in) override;
  core::bytes output() override { return talk_ ? talk_->output() : core::bytes{}; }
  void output_taken() override {
    if (talk_) talk_->output_taken();
    wake_reader();
  }
  void output_drained() override;
  void output_failed(core::error_code why) override;

  context& around_;
  const listener_context& door_;
  net::peer_address peer_;
  std::string source_;
  net::admission::slot place_;
  std::unique_ptr<net::stream> stream_;
  tls::session* tls_ = nullptr;  // stream_, when it is TLS
  std::shared_ptr<const tls::peer_identity> identity_;
  std::uint64_t judged_ = 0;          // the generation of the trust that the client was judged by
  std::size_t policy_ = 0;            // of the listener's, by the server name that the client asked for
  bool untrusted_ = false;            // by now
  core::clock::time_point out_at_{};  // then its open streams end
  std::unique_ptr<conversation> talk_;
  std::optional<net::output_pump> pump_;
  std::vector<std::byte> opening_;  // the first bytes, until they tell the protocol
  auth::memo memo_;
  // What there is of a tunnel, when the connection is one.
  struct tunnel final : keeper {
    tunnel(connection& on, std::unique_ptr<upstream::tunnels::connection> to, const auth::permit& p, tunnel_record of,
           std::vector<std::byte> from_client);
    bool in_use() const override { return !bytes.cut(); }
    connection* on() const override { return nullptr; }
    std::string_view holder() const override { return holder_of(passed, source); }
    std::size_t held_bytes() const override { return bytes.held_bytes(); }
    std::size_t outside_bytes() const override { return bytes.held_bytes(); }
    core::clock::time_point moved() const override { return bytes.moved(); }
    void shed() override { bytes.end("buffers_short"); }

    std::string_view source;
    std::unique_ptr<upstream::tunnels::connection> backend;
    auth::permit passed;
    tunnel_record record;
    std::vector<std::byte> first;  // from the client, behind the head that asked for it
    net::relay bytes;
  };
  std::unique_ptr<tunnel> tunnel_;
  core::timer wanted_;  // what the reader waits on while nothing more may be read
  core::clock::time_point accepted_, linger_until_{};
  bool shaken_ = false, late_ = false;  // the handshake: it is over; it had no more time
  bool waits_ = false, input_ended_ = false, closing_ = false, goodbye_said_ = false, aborted_ = false, abandoned_ = false;
  std::string_view cause_ = "client_closed";  // of the end, for the log
};

}  // namespace sallyport::proxy
