#include "connection.hpp"

#include "exchange.hpp"

#include <sallyport/core/deadline.hpp>
#include <sallyport/net/plain_stream.hpp>

namespace sallyport::proxy {
namespace {

using namespace std::chrono_literals;
constexpr std::int64_t connection_window_bytes = 16 * 1024 * 1024;   // passage 20
constexpr auto linger_time = 2s;              // passage 7: a TCP reset would destroy the answers on their way
constexpr auto goaway_round_trip = 1s;   // the second GOAWAY follows the PING's answer, or this
constexpr auto settings_wait = 10s;      // attacks H25

exchange* exchange_of(http2::stream& on) { return static_cast<exchange*>(on.owner); }

}  // namespace

connection::connection(context& around, const listener_context& door, net::accepted from)
    : around_(around), door_(door), peer_(from.peer), source_(peer_.endpoint.address().to_string()), place_(std::move(from.place)), writable_(around.executor), accepted_(core::clock::now()), last_stream_(accepted_) {
  if (door.trust) {
    auto session = std::make_unique<tls::session>(std::move(from.socket), door.trust, around.bench);
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
    pump_.emplace(around_.turn, around_.tasks, *stream_, *this);
    pump_->keep = self;
    if (tls_ && tls_->parameters().alpn == "h2") start_session({});
    co_await read();
    end_exchanges();
    pump_->flush();
    around_.log.debug("connection_closed", {{"peer", peer_.text()}, {"cause", cause_}, {"listener", door_.settings.address.name}});

  }
  stream_->abort();
  place_.release();
}

core::task<bool> connection::pass_door_1() {
  if (tls_) {
    auto handshake = tls_->accept();
    const auto done = co_await core::with_deadline(std::move(handshake), around_.within.handshake);
    if (!done) {
      handshake_failed(done.error());
      place_.handshake_done();
      if (done.error() != core::asio::error::timed_out) co_await linger();
      co_return false;
    }
    identity_ = tls_->identity();
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

void connection::handshake_failed(core::error_code why) {
  if (why == tls::errc::not_tls) return forgot_tls();
  const auto& failure = tls_->failure();
  if (why == core::asio::error::timed_out) log_handshake_failure("handshake timed out");
  else log_handshake_failure(failure.reason.empty() ? why.message() : failure.reason);
}

void connection::log_handshake_failure(std::string_view reason) {
  const auto& failure = tls_->failure();
  around_.log.info("handshake_failed", {{"reason", reason}, {"depth", failure.depth.value_or(-1)}, {"subject", failure.subject}, {"serial", failure.serial},
                                        {"sni", failure.sni}, {"version", failure.version}, {"openssl", failure.openssl}, {"peer", peer_.text()},
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
    const auto got = co_await stream_->receive(*this);
    if (!got) {
      if (!closing_ && got.error() != core::asio::error::operation_aborted) cause_ = "connection_broken";
      co_return;
    }
    if (*got == core::progress::ended) co_return;
    // Passage 21: acknowledgements, resets, refusals and heads have no window; a client that does not take them is not read from.
    while (session_ && session_->control_is_high() && pump_->blocked() && !aborted_) {
      writable_.expires_at(core::timer::time_point::max());
      co_await writable_.async_wait(core::await);
    }
  }
}

void connection::received(core::bytes in) {
  if (closing_ || aborted_) return;   // read and discarded, so that our last words arrive
  if (session_) {
    session_->receive(in, core::clock::now());
    if (session_->failed()) {
      cause_ = "protocol_error";
      around_.log.info("connection_failed", {{"code", name_of(session_->failure())}, {"reason", session_->failure_reason()}, {"peer", peer_.text()},
                                             {"listener", door_.settings.address.name}});
      end_exchanges();
      close_gracefully();
    }
    if (session_->has_output()) pump_->mark();
    return;
  }
  opening_.insert(opening_.end(), in.begin(), in.end());
  switch (const auto kind = look_at(opening_)) {
    case opening::undecided: return;
    case opening::http2: {
      const auto first = std::move(opening_);
      return start_session(first);
    }
    default: return wrong_protocol(kind);
  }
}

void connection::start_session(core::bytes first) {
  const auto now = core::clock::now();
  session_.emplace(around_.within.http2, around_.buffers, around_.scratch, *this, now);
  pump_->mark();
  if (!first.empty()) received(first);
}

void connection::wrong_protocol(opening kind) {
  cause_ = "wrong_protocol";
  around_.log.info("wrong_protocol", {{"seen", name_of(kind)}, {"expected", "http2"}, {"peer", peer_.text()}, {"listener", door_.settings.address.name}});
  if (kind == opening::http1) {
    const auto words = words_for_http1();
    (void)stream_->write(std::as_bytes(std::span(words)));
  }
  close_gracefully();
}

// ---- requests

void connection::request_started(http2::stream& on, const http2::request_head& head, bool end) {
  requested_ = true;
  if (around_.spare.empty()) {
    around_.exchanges.push_back(std::make_unique<exchange>());
    around_.spare.push_back(around_.exchanges.back().get());
  }
  auto& begun = *around_.spare.back();
  around_.spare.pop_back();
  begun.begin(*this, on, head, end);
}

void connection::data(http2::stream& on, core::bytes payload, bool end) { exchange_of(on)->request_data(payload, end); }

void connection::sent(http2::stream& on, std::size_t bytes) { exchange_of(on)->response_sent(bytes); }

void connection::closed(http2::stream& on, http2::code, bool) { exchange_of(on)->client_gone(); }

void connection::stream_failed(std::uint32_t id, http2::code why) {
  around_.log.info("stream_failed", {{"reason", "malformed or out of order"}, {"code", name_of(why)}, {"stream", id}, {"peer", peer_.text()},
                                     {"listener", door_.settings.address.name}});
}

void connection::first_permit() {
  if (std::exchange(permitted_, true)) return;
  session_->grow_connection_window(connection_window_bytes);
}

void connection::end_exchanges() {
  if (!session_) return;
  session_->for_each_stream([](http2::stream& s) {
    if (!s.owner) return;
    auto* const gone = exchange_of(s);
    s.owner = nullptr;
    gone->client_gone();
  });
}

void connection::users_changed() {
  if (!session_) return;
  session_->for_each_stream([](http2::stream& s) {
    if (s.owner) exchange_of(s)->judge_again();
  });
}

// ---- output and the end

void connection::output_drained() {
  writable_.cancel();
  if (session_ && session_->drained() && !closing_) {
    cause_ = "drained";
    close_gracefully();
  }
  if (!closing_ || std::exchange(goodbye_said_, true)) return;
  around_.tasks.spawn(say_goodbye(shared_from_this()));
}

void connection::output_failed(core::error_code) {
  cause_ = "connection_broken";
  abort();
}

// Our last words are queued: they leave, then close_notify; then the client's bytes are read and discarded for up to two seconds.
void connection::close_gracefully() {
  if (std::exchange(closing_, true)) return;
  linger_until_ = core::clock::now() + linger_time;
  pump_->mark();
}

core::task<void> connection::say_goodbye(std::shared_ptr<connection> self) {
  auto farewell = stream_->close();
  (void)co_await core::with_deadline(std::move(farewell), linger_time);
  self.reset();
}

void connection::abort() noexcept {
  aborted_ = true;
  stream_->abort();
  writable_.cancel();
}

void connection::begin_drain() {
  drain_began_ = core::clock::now();
  if (!session_) return abort();
  session_->begin_shutdown();
  pump_->mark();
}

void connection::ping_answered() {
  if (session_->shutdown_announced()) session_->finish_shutdown();
}

void connection::end_drain() {
  if (!session_ || closing_) return abort();
  cause_ = "drain_timed_out";
  session_->for_each_stream([](http2::stream& s) {
    if (s.owner) exchange_of(s)->end_with({static_cast<std::uint32_t>(grpc_code::unavailable), "shutting down", "drain_timed_out"});
  });
  close_gracefully();
}

void connection::sweep(core::clock::time_point now) {
  if (closing_) {
    if (now >= linger_until_) abort();
    return;
  }
  if (!pump_) return;   // the handshake has its own deadline
  const auto& within = around_.within;
  if (pump_->blocked() && now - pump_->last_progress(now) >= within.write_stall) {
    cause_ = "write_stalled";
    around_.log.info("connection_failed", {{"reason", "write stalled"}, {"peer", peer_.text()}, {"listener", door_.settings.address.name}});
    end_exchanges();
    return abort();
  }
  if (!session_) {
    if (now - accepted_ >= within.first_request) abort();
    return;
  }
  session_->sweep(now);
  if (session_->has_output()) pump_->mark();
  if (session_->open_streams()) last_stream_ = now;
  if (session_->shutdown_announced() && now - drain_began_ >= goaway_round_trip) {
    session_->finish_shutdown();
    pump_->mark();
  }
  if (!session_->settings_acknowledged() && now - accepted_ >= settings_wait + within.handshake) {
    cause_ = "settings_timeout";
    session_->fail(http2::code::settings_timeout, "SETTINGS not acknowledged");
  } else if (!requested_ && now - accepted_ >= within.first_request) {
    cause_ = "no_request";
    session_->fail(http2::code::no_error, "no request");
  } else if (now - std::max(last_stream_, session_->last_frame()) >= within.idle) {
    cause_ = "idle";
    session_->fail(http2::code::no_error, "idle");
  }
  if (session_->drained()) cause_ = "drained";
  else if (!session_->failed()) return;
  end_exchanges();
  close_gracefully();
}

}  // namespace sallyport::proxy
