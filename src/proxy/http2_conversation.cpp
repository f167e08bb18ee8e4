#include "http2_conversation.hpp"

#include "connect_request.hpp"
#include "connection.hpp"
#include "exchange.hpp"

#include <sallyport/core/defence.hpp>

#include <algorithm>

namespace sallyport::proxy {
namespace {

using namespace std::chrono_literals;
constexpr std::int64_t connection_window_bytes = 16 * 1024 * 1024;  // docs/passage.md 20
constexpr auto goaway_round_trip = 1s;                              // the second GOAWAY follows the PING's answer, or this
constexpr auto settings_wait = 10s;                                 // docs/defences.md H25

request* request_of(http2::stream& on) { return static_cast<request*>(on.owner); }

}  // namespace

std::unique_ptr<conversation> speak_http2(connection& on) { return std::make_unique<http2_conversation>(on); }

http2_conversation::http2_conversation(connection& on)
    : on_(on),
      uploads_(on.around().short_of_buffers),
      downloads_(on.around().short_of_buffers),
      session_(on.around().within.http2, on.around().buffers, on.around().scratch, *this, core::clock::now(), on.door().serves_connect()),
      began_(core::clock::now()),
      last_stream_(began_) {}

void http2_conversation::receive(core::bytes in, core::clock::time_point now) { session_.receive(in, now); }

void http2_conversation::not_read() { on_.around().counts.count(telemetry::http2_limit::control_output); }

// An answer could not be acknowledged any more, and no window widened: the streams are given up.
void http2_conversation::client_ended() {
  end_exchanges();
  cause_ = "client_closed";
}

std::string_view http2_conversation::over() const {
  if (!cause_.empty()) return cause_;
  if (session_.failed()) return session_.failure() == http2::code::enhance_your_calm ? "limit" : "protocol_error";
  return session_.drained() ? "drained" : "";
}

// ---- requests

void http2_conversation::request_started(http2::stream& on, const http2::request_head& head, bool end) {
  requested_ = true;
  on.growth = &uploads_;
  const auto own = [&on](auto& begun) -> auto& {
    on.owner = static_cast<request*>(&begun);
    return begun;
  };
  if (on_.door().serves_connect())
    own(*connect_request::make(on_)).begin(*this, &on, head, end);
  else
    own(take_exchange(on_.around())).begin(on_, *this, &on, head, end);
}

void http2_conversation::data(http2::stream& on, core::bytes payload, bool end) {
  pace_.came(payload.size());
  request_of(on)->request_data(payload, end);
}

void http2_conversation::sent(http2::stream& on, std::size_t bytes) { request_of(on)->response_sent(bytes); }

void http2_conversation::closed(http2::stream& on, http2::code why, bool by_peer) {
  if (!by_peer && why == http2::code::cancel) return request_of(on)->stalled();  // all else that is ours is the client's fault
  request_of(on)->client_gone();
}

void http2_conversation::stream_failed(std::uint32_t id, http2::code why) {
  on_.around().log.info("stream_failed", {{"reason", "malformed or out of order"},
                                          {"code", name_of(why)},
                                          {"stream", id},
                                          {"peer", on_.peer_text()},
                                          {"listener", on_.door().settings.address.name}});
}

void http2_conversation::limit_reached(http2::limit which) {
  using enum telemetry::http2_limit;
  constexpr telemetry::http2_limit counted[] = {streams,        streams_refused, header_list,    header_fields, header_block,
                                                continuations,  resets,          pings,          settings,      empty_data,
                                                window_updates, priority,        unknown_frames, response_stall};
  static_assert(std::size(counted) == http2::limit_count);
  on_.around().counts.count(counted[static_cast<std::size_t>(which)]);
  if (which == http2::limit::response_stall)
    on_.around().log.info("response_stalled", {{"peer", on_.peer_text()}, {"listener", on_.door().settings.address.name}});
}

// ---- answers

void http2_conversation::send_informational(handle on, const http2::response_head& head) { session_.send_head(*on, *head.fields, false); }

void http2_conversation::stop_request(handle on, bool gently) {
  session_.stop_request(*on, gently ? http2::server_session::stop::gently : http2::server_session::stop::at_once);
}

// That the backend did not look at it is certain (RFC 9113 8.7).
bool http2_conversation::refuse_unprocessed(handle on) {
  session_.reset(*on, http2::code::refused_stream);
  return true;
}

void http2_conversation::permitted() {
  if (!std::exchange(permitted_, true)) session_.grow_connection_window(connection_window_bytes);
}

void http2_conversation::end_exchanges() {
  session_.for_each_stream([this](http2::stream& s) {
    if (!s.owner) return;
    auto* const gone = request_of(s);
    session_.disown(s);
    gone->client_gone();
  });
}

void http2_conversation::users_changed() {
  session_.for_each_stream([](http2::stream& s) {
    if (s.owner) request_of(s)->judge_again();
  });
}

// ---- the end

void http2_conversation::begin_drain() {
  drain_began_ = core::clock::now();
  session_.begin_shutdown();
}

void http2_conversation::ping_answered() {
  if (session_.shutdown_announced()) session_.finish_shutdown();
}

void http2_conversation::end_drain(broken_off why) {
  session_.for_each_stream([why](http2::stream& s) {
    if (s.owner) request_of(s)->end_with(refusal_of(why));
  });
  cause_ = "drain_timed_out";
}

void http2_conversation::end(http2::code why, std::string_view reason, std::string_view cause) {
  cause_ = cause;
  session_.fail(why, reason);
}

// The clocks of what is under way (docs/passage.md 24). A client is slow when it is inside a message, may send, and hardly does.
void http2_conversation::sweep_requests(core::clock::time_point now) {
  const auto is_due = [](http2::stream& s) {
    return s.owner && !s.remote_ended && s.receive_window > 0 && request_of(s)->inside_message();
  };
  bool due = false;
  session_.for_each_stream([&due, is_due, now](http2::stream& s) {
    due = due || is_due(s);
    if (s.owner) request_of(s)->sweep(now);
  });
  if (!core::defended("P14d") || !pace_.is_too_slow(due, now)) return;
  session_.for_each_stream([is_due](http2::stream& s) {
    if (is_due(s)) request_of(s)->end_with(refusal_of(broken_off::body_too_slow));
  });
}

void http2_conversation::sweep(core::clock::time_point now) {
  const auto& within = on_.around().within;
  session_.sweep(now);
  sweep_requests(now);
  if (session_.open_streams()) last_stream_ = now;
  if (session_.shutdown_announced() && now - drain_began_ >= goaway_round_trip) session_.finish_shutdown();
  if (session_.failed()) return;
  if (!wants_input(on_.writing())) unread_ = now;  // what would end it lies in the socket, perhaps
  const auto unfinished = session_.unfinished_since();
  if (core::defended("P14e") && unfinished != core::clock::time_point{} && now - std::max(unfinished, unread_) >= within.http1_head) {
    end(http2::code::no_error, "a header block that does not end", "head_timed_out");
  } else if (core::defended("H25a") && !session_.settings_acknowledged() && now - began_ >= settings_wait) {
    on_.around().counts.count(telemetry::http2_limit::settings_timeout);
    end(http2::code::settings_timeout, "SETTINGS not acknowledged", "settings_timeout");
  } else if (core::defended("H25b") && !requested_ && now - began_ >= within.first_request) {
    end(http2::code::no_error, "no request", "no_request");
  } else if (core::defended("H25c") && now - std::max(last_stream_, session_.last_frame()) >= within.idle) {
    end(http2::code::no_error, "idle", "idle");
  }
}

}  // namespace sallyport::proxy
