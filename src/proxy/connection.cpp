#include "connection.hpp"

#include <sallyport/core/deadline.hpp>
#include <sallyport/core/defence.hpp>
#include <sallyport/net/plain_stream.hpp>

#include <ctime>

namespace sallyport::proxy {
namespace {

using namespace std::chrono_literals;
constexpr auto linger_time = 2s;     // docs/passage.md 7: a TCP reset would destroy the answers on their way
constexpr auto distrust_time = 30s;  // what is open may go on for so long when the certificate is not good any more

// The words of over() and ours, as the metrics have them.
telemetry::connection_end end_of(std::string_view cause) {
  for (std::size_t i = 0; i < telemetry::words<telemetry::connection_end>.size(); ++i)
    if (telemetry::words<telemetry::connection_end>[i] == cause) return static_cast<telemetry::connection_end>(i);
  return telemetry::connection_end::other;
}

}  // namespace

connection::connection(context& around, const listener_context& door, net::accepted from)
    : around_(around),
      door_(door),
      peer_(from.peer),
      source_(peer_.source_host()),
      place_(std::move(from.place)),
      wanted_(around.executor),
      accepted_(core::clock::now()) {
  if (door.trust) {
    judged_ = door.trust->generation();
    auto session = std::make_unique<tls::session>(std::move(from.socket), door.trust->now(), around.bench);
    tls_ = session.get();
    stream_ = std::move(session);
  } else {
    stream_ = std::make_unique<net::plain_stream>(std::move(from.socket), around.bench);
  }
}

connection::~connection() = default;

core::task<void> connection::run() {
  const auto self = shared_from_this();
  if (co_await pass_door_1()) {
    if (door_.settings.speaks == listener_settings::protocol::tcp)
      co_await open_tunnel();
    else
      co_await converse();
    if (tunnel_) co_await carry();
    around_.counts.count(end_of(cause_));
    if (around_.log.enabled(telemetry::level::debug))
      around_.log.debug("connection_closed", {{"peer", peer_.text()}, {"cause", cause_}, {"listener", door_.settings.address.name}});
  }
  stream_->abort();
  place_.release();
}

core::task<void> connection::converse() {
  begin();
  co_await read();
  if (talk_) talk_->end_exchanges();
  pump_->flush();
}

void connection::begin() {
  pump_.emplace(around_.turn, around_.tasks, *stream_, *this);
  pump_->keep = shared_from_this();
  if (!tls_) return;
  const auto agreed = tls_->parameters().alpn;
  if (agreed == "h2") talk_ = speak_http2(*this);
  if (agreed == "http/1.1") talk_ = speak_http1(*this);
  mark();  // the last words of the handshake wait for our first
}

core::task<bool> connection::pass_door_1() {
  if (tls_) {
    const bool speaks_first = door_.settings.speaks != listener_settings::protocol::tcp;
    const auto done = co_await tls_->accept(speaks_first ? tls::session::last_words::kept : tls::session::last_words::sent);
    shaken_ = true;
    if (!done) {
      handshake_failed(done.error());
      place_.handshake_done();
      if (!aborted_) co_await linger();
      co_return false;
    }
    around_.counts.count(telemetry::handshake_result::ok);
    identity_ = tls_->identity();
    if (!door_.settings.tls->by_name.empty()) policy_ = door_.trust->now()->policy_for(tls_->parameters().sni);
  }
  place_.handshake_done();
  co_return true;
}

// The alert, or the words, have to arrive: a client that is writing already would lose them to a reset.
core::task<void> connection::linger() {
  closing_ = true;
  auto farewell = stream_->close();
  (void)co_await core::with_deadline(std::move(farewell), linger_time);
  auto rest = read_and_discard();
  (void)co_await core::with_deadline(std::move(rest), linger_time);
}

core::task<core::result<core::progress>> connection::read_and_discard() {
  for (;;) {
    const auto got = co_await stream_->receive(*this);
    if (!got || *got == core::progress::ended) co_return got;
  }
}

bool connection::still_trusted() {
  if (!tls_ || untrusted_) return !untrusted_;
  const auto newest = door_.trust->generation();
  if (newest == judged_ && (!identity_ || std::time(nullptr) < identity_->good_until)) return true;
  const auto trust = door_.trust->now();
  if (tls_->judge_again(*trust)) {
    judged_ = newest;
    identity_ = tls_->identity();
    return true;
  }
  no_longer_trusted();
  return false;
}

void connection::no_longer_trusted() {
  untrusted_ = true;
  const auto& why = tls_->failure();
  around_.counts.count(telemetry::counter::certificates_no_longer_trusted);
  around_.log.info("certificate_no_longer_trusted", {{"reason", why.reason},
                                                     {"depth", why.depth.value_or(-1)},
                                                     {"subject", why.subject},
                                                     {"serial", why.serial},
                                                     {"peer", peer_.text()},
                                                     {"listener", door_.settings.address.name}});
  cause_ = "certificate_no_longer_trusted";
  if (tunnel_) return tunnel_->bytes.end("revoked");
  if (!talk_ || closing_) return;
  out_at_ = core::clock::now() + distrust_time;
  talk_->begin_drain();
  mark();
}

bool connection::misdirected(std::string_view authority) const {
  if (!tls_ || door_.settings.tls->by_name.empty()) return false;
  const auto trust = door_.trust->now();
  const bool is_literal = authority.starts_with('[');
  const auto end = is_literal ? authority.find(']') : authority.rfind(':');
  return trust->policy_for(authority.substr(0, end)) != policy_;
}

void connection::handshake_failed(core::error_code why) {
  const auto& failure = tls_->failure();
  around_.counts.count(late_ ? telemetry::handshake_result::timed_out : failure.result);
  if (why == tls::errc::not_tls) return forgot_tls();
  if (late_)
    log_handshake_failure("handshake timed out");
  else
    log_handshake_failure(failure.reason.empty() ? why.message() : failure.reason);
}

void connection::log_handshake_failure(std::string_view reason) {
  const auto& failure = tls_->failure();
  around_.log.info("handshake_failed", {{"reason", reason},
                                        {"depth", failure.depth.value_or(-1)},
                                        {"subject", failure.subject},
                                        {"serial", failure.serial},
                                        {"sni", failure.sni},
                                        {"version", failure.version},
                                        {"openssl", failure.openssl},
                                        {"peer", peer_.text()},
                                        {"listener", door_.settings.address.name}});
}

void connection::forgot_tls() {
  const auto kind = look_at(tls_->opening());
  log_handshake_failure(std::string("not TLS: ") + std::string(name_of(kind)));
  const auto words = words_for_plaintext_on_tls(kind);
  if (!words.empty()) (void)tls_->write_raw(std::as_bytes(std::span(words)));
}

core::task<void> connection::read() {
  while (!aborted_) {
    if (!may_read()) co_await until_may_read();  // a coroutine of its own costs as much as a small request
    if (aborted_ || tunnel_) co_return;
    const auto got = co_await stream_->receive(*this);
    if (!got) {
      if (!closing_ && got.error() != core::asio::error::operation_aborted) cause_ = "connection_broken";
      co_return;
    }
    if (*got != core::progress::ended) continue;
    if (!talk_) co_return;
    if (!closing_ && !talk_->requested()) co_return leave_silently();
    // It sends no more; what it asked for may still be answered, and the last of that may still be on its way.
    input_ended_ = true;
    if (closing_) {
      if (goodbye_said_ && stream_->unsent() == 0) co_return;
    } else {
      talk_->client_ended();
      mark();
    }
    while (!aborted_ && !tunnel_) co_await until_may_read();
    co_return;
  }
}

// Whoever goes without a request has no use for acknowledgements. close_notify is for one that may still read it (RFC 8446 6.1): after a
// FIN as well, at the end of a connection that carried nothing, it would meet a closed socket and be answered by a reset.
void connection::leave_silently() {
  talk_.reset();
  closing_ = true;
  if (stream_->has_input()) return abort();
  say_goodbye();
}

// Passage 21, and HTTP/1.1, which has no windows: a client is not read from while what it sends has no room. At the end of its input this
// waits until its answers have left.
bool connection::may_read() const {
  if (aborted_ || !talk_ || tunnel_) return true;
  return !input_ended_ && (closing_ || talk_->wants_input(pump_->blocked()));
}

core::task<void> connection::until_may_read() {
  waits_ = true;
  if (!input_ended_ && !closing_) talk_->not_read();
  while (!may_read()) {
    wanted_.expires_at(core::timer::time_point::max());
    co_await wanted_.async_wait(core::await);
    // No flush takes up what was kept while the client takes nothing, and it may be waiting for us to read.
    if (talk_ && !tunnel_ && writing()) received({});
  }
  waits_ = false;
}

void connection::received(core::bytes in) {
  if (closing_ || aborted_) return;  // read and discarded, so that our last words arrive
  if (talk_) {
    talk_->receive(in, core::clock::now());
    if (talk_->has_output()) mark();
    return end_if_over();
  }
  opening_.insert(opening_.end(), in.begin(), in.end());
  const auto kind = look_at(opening_);
  if (kind == opening::undecided) return;
  const auto first = std::move(opening_);
  if (kind == opening::http2)
    speak(speak_http2(*this), first);
  else if (kind == opening::http1 || (kind == opening::proxy_header && !core::defended("O20")))
    speak(speak_http1(*this), first);
  else
    wrong_protocol(kind);
}

void connection::speak(std::unique_ptr<conversation> in, core::bytes first) {
  talk_ = std::move(in);
  mark();
  if (!first.empty()) received(first);
}

void connection::wrong_protocol(opening kind) {
  cause_ = "wrong_protocol";
  around_.log.info("wrong_protocol",
                   {{"seen", name_of(kind)}, {"expected", "http"}, {"peer", peer_.text()}, {"listener", door_.settings.address.name}});
  close_gracefully();
}

void connection::users_changed() {
  if (tunnel_ && !around_.gate.still_good(tunnel_->passed)) return tunnel_->bytes.end("revoked");
  if (talk_) talk_->users_changed();
}

// ---- output and the end

void connection::end_if_over() {
  if (closing_ || !talk_ || tunnel_ || talk_->over().empty()) return;
  if (!untrusted_) cause_ = talk_->over();
  if (!talk_->complaint().empty())
    around_.log.info("connection_failed", {{"code", talk_->complaint_code()},
                                           {"reason", talk_->complaint()},
                                           {"protocol", talk_->name()},
                                           {"peer", peer_.text()},
                                           {"listener", door_.settings.address.name}});
  talk_->end_exchanges();
  close_gracefully();
}

void connection::output_drained() {
  wake_reader();
  end_if_over();
  if (!closing_ || goodbye_said_) return;
  // Half an answer must not end as a whole one does.
  if (core::defended("O08b") && talk_ && talk_->cut()) {
    goodbye_said_ = true;
    stream_->reset();
    return abort();
  }
  say_goodbye();
}

void connection::output_failed(core::error_code) {
  cause_ = "connection_broken";
  abort();
}

// Our last words are queued: they leave, then close_notify; then the client's bytes are read and discarded for up to two seconds.
void connection::close_gracefully() {
  if (std::exchange(closing_, true)) return;
  wanted_.cancel();
  mark();
}

void connection::say_goodbye() {
  goodbye_said_ = true;
  linger_until_ = core::clock::now() + linger_time;
  const auto said = stream_->try_close();
  if (said && *said == core::progress::blocked) return around_.tasks.spawn(finish_goodbye(shared_from_this()));
  if (input_ended_) abort();
}

core::task<void> connection::finish_goodbye(std::shared_ptr<connection> self) {
  (void)co_await stream_->close();
  if (input_ended_) abort();
  self.reset();
}

void connection::abort() noexcept {
  aborted_ = true;
  if (tunnel_) tunnel_->bytes.end("aborted");
  // Half an answer must not end as a whole one does, and what the socket has not taken is lost by this.
  if (core::defended("O08b") && talk_ && talk_->unfinished(stream_->unsent() != 0)) stream_->reset();
  stream_->abort();
  wanted_.cancel();
}

void connection::abandon() noexcept {
  abandoned_ = true;
  abort();
}

std::string_view connection::why_gone() const {
  if (abandoned_) return "aborted";
  return cause_ == "write_stalled" || cause_ == "buffers_short" ? cause_ : "client_broken";
}

void connection::end_short_of_buffers() {
  cause_ = "buffers_short";
  if (talk_) talk_->end_exchanges();
  abort();
}

void connection::shed_unowned() {
  if (!talk_) return;
  talk_->shed_unowned();
  mark();
}

void connection::begin_drain() {
  if (tunnel_ || closing_) return;
  if (!talk_ || !core::defended("O12a")) {
    cause_ = "drained";
    return abort();
  }
  talk_->begin_drain();
  mark();
}

void connection::end_drain() {
  if (tunnel_) return tunnel_->bytes.end("drain_timed_out");
  if (!talk_ || closing_) return abort();
  talk_->end_drain(broken_off::drain_timed_out);
  end_if_over();
}

void connection::sweep(core::clock::time_point now) {
  if (identity_ && !still_trusted() && !tunnel_ && talk_ && !closing_ && now >= out_at_) {
    talk_->end_drain(broken_off::certificate_untrusted);
    return end_if_over();
  }
  if (tunnel_) return sweep_tunnel(now);
  if (goodbye_said_) {
    if (now >= linger_until_) abort();
    return;
  }
  const auto& within = around_.within;
  if (tls_ && !shaken_ && now - accepted_ >= within.handshake) {
    late_ = true;
    return abort();
  }
  if (!pump_) return;
  if (core::defended("H06b") && pump_->blocked() && now - pump_->last_progress(now) >= within.write_stall) {
    cause_ = "write_stalled";
    around_.log.info("connection_failed", {{"reason", "write stalled"}, {"peer", peer_.text()}, {"listener", door_.settings.address.name}});
    if (talk_) talk_->end_exchanges();
    return abort();
  }
  if (closing_) return;  // the last bytes have the time that they need, as long as they move
  if (!talk_) {
    if (core::defended("H25d") && now - accepted_ >= within.first_request) {
      cause_ = "no_request";
      abort();
    }
    return;
  }
  // Whoever is not read from is not heard when it goes.
  if (core::defended("O11b") && !may_read() && stream_->is_gone()) {
    cause_ = "connection_broken";
    talk_->end_exchanges();
    return abort();
  }
  talk_->sweep(now);
  if (talk_->has_output()) mark();
  end_if_over();
}

}  // namespace sallyport::proxy
