#include "exchange.hpp"

#include "buffer_budget.hpp"
#include "connection.hpp"
#include "health_call.hpp"
#include "local_call.hpp"
#include "request_rules.hpp"

#include <sallyport/core/defence.hpp>
#include <sallyport/core/expect.hpp>
#include <sallyport/http1/session.hpp>
#include <sallyport/milvus/rest.hpp>

#include <algorithm>

namespace sallyport::proxy {

using http2::known;
using http2::make_field;

namespace {

constexpr std::size_t spare_path_bytes = 256;  // what a spare exchange keeps for the next path: nearly all of them have less

std::uint32_t number_in(std::string_view text) {
  std::uint32_t value = 0;
  for (const char c : text) value = c >= '0' && c <= '9' && value < 1000 ? value * 10 + static_cast<std::uint32_t>(c - '0') : 1000;
  return value;
}

// "gRPC over HTTP2", Timeout: up to eight digits and a unit. The client gives up by itself; a backend that does not gets CANCEL from us
// some time later (docs/passage.md 24). What is malformed is the backend's to answer.
core::clock::time_point give_up_time(core::clock::time_point began, std::string_view timeout) {
  using namespace std::chrono_literals;
  constexpr auto grace = 5s;
  if (timeout.size() < 2 || timeout.size() > 9) return {};
  std::int64_t value = 0;
  for (const char c : timeout.substr(0, timeout.size() - 1)) {
    if (c < '0' || c > '9') return {};
    value = value * 10 + (c - '0');
  }
  switch (timeout.back()) {
    case 'H': return value > 24 ? core::clock::time_point{} : began + value * 1h + grace;
    case 'M': return began + value * 1min + grace;
    case 'S': return began + value * 1s + grace;
    case 'm': return began + value * 1ms + grace;
    case 'u': return began + value * 1us + grace;
    case 'n': return began + value * 1ns + grace;
    default: return {};
  }
}

bool is_expect(const http2::field& f) { return f.id == known::expect; }

// Of HTTP/2: in HTTP/1.1 the session has taken it out, and knows.
bool expects_continue(const http2::request_head& head) { return std::any_of(head.fields->begin(), head.fields->end(), is_expect); }

telemetry::request_outcome outcome_of(const http2::response_head& head) {
  for (const auto& f : *head.fields)
    if (f.id == known::grpc_status) return outcome_of_grpc(number_in(f.value));
  return telemetry::request_outcome::error;
}

}  // namespace

exchange& take_exchange(context& around) {
  if (around.spare.empty()) {
    around.exchanges.push_back(std::make_unique<exchange>());
    around.spare.push_back(around.exchanges.back().get());
  }
  auto& taken = *around.spare.back();
  around.spare.pop_back();
  return taken;
}

// ---- door 2

void exchange::begin(connection& on, downstream& to, downstream::handle down, const http2::request_head& head, bool end) {
  on_ = &on;
  to_ = &to;
  down_ = down;
  request_ended_ = end;
  head_sent_ = answered_here_ = health_ = awaits_continue_ = false;
  rest_ = !head.grpc;
  post_ = head.method == "POST";
  head_only_ = head.method == "HEAD";
  basic_ = auth::is_basic(head.authorization);
  status_ = 0;
  began_ = moved_ = core::clock::now();
  position_ = {};
  give_up_at_ = give_up_time(began_, head.grpc_timeout);
  path_.assign(head.path);
  if (!on.still_trusted()) return end_with(refusal_of(broken_off::certificate_untrusted));
  if (const auto fault = fault_of(head)) return end_with(refusal_of(*fault));
  awaits_continue_ = rest_ && !end && expects_continue(head);
  if (!rest_ && on.door().settings.health_for == listener_settings::health::open && is_health_path(head.path))
    return answer_health(head.path, end);
  judge(head);
}

std::optional<broken_off> exchange::fault_of(const http2::request_head& head) const {
  if (head.too_large) return broken_off::header_list_too_large;
  if (on_->misdirected(head.authority)) return broken_off::misdirected;
  if (!rest_) {
    if (!to_->takes_trailers()) return broken_off::grpc_needs_http2;
    if (head.method != "POST" || !is_served_content_type(head.content_type)) return broken_off::not_grpc;
    return is_canonical_path(head.path) ? std::nullopt : std::optional(broken_off::path_not_canonical);
  }
  if (!on_->door().rest) return broken_off::not_grpc;
  if (core::defended("P11a") && head.method == "TRACE") return broken_off::method_not_served;
  if (head.path.size() > on_->around().within.http1.target_bytes) return broken_off::target_too_long;
  switch (look_at_rest_path(head.path)) {
    case rest_path::plain: return std::nullopt;
    case rest_path::closed: return broken_off::path_closed;
    case rest_path::tricky: break;
  }
  return broken_off::path_not_plain;
}

void exchange::judge(const http2::request_head& head) {
  auto& on = *on_;
  auth::evidence facts;
  facts.demanded = on.door().settings.tokens;
  facts.spoken = rest_ ? auth::form::rest : auth::form::grpc;
  facts.certificate = on.certificate();
  facts.authorization = head.authorization;
  facts.authorization_fields = head.authorization_fields;
  facts.arrival = began_;
  facts.source = on.source();
  auto verdict = on.around().gate.admit(facts, on.memo(), *this);
  if (const auto* why = std::get_if<auth::denial>(&verdict)) return end_with(refusal_of(*why));
  auto& fields = on.around().fields;
  if (rest_)
    make_forwarded_rest_fields(head, on.door().credential, to_->expects_continue(), fields);
  else
    make_forwarded_fields(head, on.door().credential, fields);
  if (auto* passed = std::get_if<auth::permit>(&verdict)) return pass(std::move(*passed), fields, head.path);
  judged_ = std::make_unique<http2::stored_fields>(fields, on.around().buffers);
}

void exchange::admitted(auth::permit passed) {
  const auto head = std::move(judged_);
  auto* const on = on_;
  pass(std::move(passed), head->fields(), path_);
  on->mark();
}

void exchange::denied(auth::denial why) {
  auto* const on = on_;
  judged_.reset();
  end_with(refusal_of(why));
  on->mark();
}

// Door 2 is behind it: nothing below is reached without a permit.
void exchange::pass(auth::permit passed, const std::vector<http2::field>& fields, std::string_view path) {
  permit_ = std::move(passed);
  if (!on_->around().budget->admits(holder())) return end_with(refusal_of(broken_off::buffers_short));
  to_->permitted();
  const bool whole = request_ended_ && !parked_;
  if (rest_)
    route_rest(fields, path, whole);
  else
    route_grpc(fields, path, whole);
  if (!parked_ || !up_) return;
  const auto parked = std::move(parked_);
  const auto taken = up_->send(parked->view(), request_ended_);
  if (taken && to_) to_->credit(down_, taken);
}

void exchange::route_grpc(const std::vector<http2::field>& fields, std::string_view path, bool whole) {
  if (is_health_path(path)) return answer_health(path, whole);
  switch (milvus::classify(path)) {
    case milvus::disposition::refuse:
      return end_with({grpc_code::unimplemented, std::string(milvus::refusal_text(path)), "rpc_not_served"});
    case milvus::disposition::answer:
      answered_here_ = true;
      up_ = local_call::start(on_->around(), std::string(path), *permit_, *this);
      if (whole) up_->send({}, true);
      return;
    case milvus::disposition::forward: return forward(on_->door().grpc, fields, whole);
  }
}

// The backend is not asked: whether we serve is known here, and balancers ask often.
void exchange::answer_health(std::string_view path, bool whole) {
  answered_here_ = health_ = true;
  up_ = health_call::start(on_->around(), path, *this);
  if (whole) up_->send({}, true);
}

void exchange::route_rest(const std::vector<http2::field>& fields, std::string_view path, bool whole) {
  const auto target = path.substr(0, path.find('?'));
  const auto whose = milvus::classify_rest(target);
  if (whose == milvus::disposition::forward) {
    // What stands behind a backend's port may take gRPC in other wrappings (grpc-web, JSON): a user call is none of its calls in any.
    const auto method = milvus::percent_decoded(target);
    if (milvus::classify(method) == milvus::disposition::forward) return forward(*on_->door().rest, fields, whole);
    return end_with({grpc_code::unimplemented, "this is a call of gRPC", "rpc_not_served", 404, 404});
  }
  if (!post_) return end_with(refusal_of(broken_off::method_not_served));
  if (whose == milvus::disposition::refuse) {
    log_refusal({grpc_code::unimplemented, {}, "rest_not_served", 200});
    const auto said = milvus::rest_refusal(target);
    return answer_as_rest(said.status, said.body, false);
  }
  answered_here_ = true;
  if (!whole && std::any_of(fields.begin(), fields.end(), is_expect)) {
    awaits_continue_ = false;
    to_->send_informational(down_, continue_head());
  }
  up_ = local_rest_call::start(on_->around(), std::string(target), *permit_, *this);
  if (whole) up_->send({}, true);
}

void exchange::forward(upstream::opener& by, const std::vector<http2::field>& fields, bool whole) {
  if (on_->door().identity == upstream::identity::none) return open(by, fields, whole);
  const auto* certificate = on_->certificate();
  const auto user = percent_encode(permit_->user_name());
  const auto subject = certificate ? percent_encode(certificate->subject) : std::string();
  auto told = fields;
  add_identity(user, subject, told);
  open(by, told, whole);
}

void exchange::open(upstream::opener& by, const std::vector<http2::field>& fields, bool whole) {
  auto why = upstream::failure::unreachable;
  up_ = by.open(*permit_, fields, whole, *this, why);
  if (!up_) failed(why);
}

// ---- the request's body

void exchange::request_data(core::bytes payload, bool end) {
  request_ended_ = request_ended_ || end;
  awaits_continue_ = false;
  if (!rest_) position_.pass(payload);
  if (!up_) {
    if (!parked_) parked_ = std::make_unique<http2::buffer>(on_->around().buffers);
    parked_->append(payload);
    return;
  }
  if (rest_) moved_ = core::clock::now();
  const auto taken = up_->send(payload, end);
  const auto back = core::defended("O10a") ? taken : payload.size();
  if (back && to_) to_->credit(down_, back);
}

void exchange::request_taken(std::size_t bytes) {
  moved_ = core::clock::now();
  to_->credit(down_, bytes);
  on_->mark();
}

// ---- the answer

void exchange::response_sent(std::size_t bytes) {
  moved_ = core::clock::now();
  if (up_) up_->credit(bytes);
}

// The end of the answer goes into the session, and the stream is let go; a request that is not whole yet is stopped (docs/passage.md 12).
template <class Send>
void exchange::finish(Send&& send, bool gently) {
  auto& on = *on_;
  auto& to = *to_;
  const auto down = down_;
  const bool whole = request_ended_;
  up_ = nullptr;
  to.let_go(down);
  give_back();
  send(to, down);
  if (!whole) to.stop_request(down, gently);
  on.mark();
}

void exchange::informational(const http2::response_head& head) {
  if (!rest_) return;
  if (head.status == 100) awaits_continue_ = false;
  auto& fields = on_->around().fields;
  fields.clear();
  for (const auto& f : *head.fields)
    if (f.id != known::alt_svc && f.id != known::content_length) fields.push_back(f);
  auto passed_on = head;
  passed_on.fields = &fields;
  to_->send_informational(down_, passed_on);
  on_->mark();
}

void exchange::response_head(const http2::response_head& head, bool end) {
  auto& fields = on_->around().fields;
  fields.clear();
  for (const auto& f : *head.fields) {
    // curl and nghttp2 end a stream whose 204 announces content, and so it must not (RFC 9110 8.6).
    const bool lies = f.id == known::content_length && head.status == 204;
    if (f.id != known::alt_svc && !lies) fields.push_back(f);
  }
  head_sent_ = true;
  status_ = head.status;
  if (end) {
    count(rest_ ? outcome_of_http(status_) : outcome_of(head));
    return finish([&fields](downstream& to, auto down) { to.send_head(down, fields, true); }, rest_);
  }
  to_->send_head(down_, fields, false);
  on_->mark();
}

void exchange::response_data(core::bytes payload, bool end) {
  if (end) {
    count(rest_ ? outcome_of_http(status_) : telemetry::request_outcome::error);  // gRPC without trailers
    return finish([payload](downstream& to, auto down) { to.send_data(down, payload, true); }, rest_);
  }
  const auto taken = to_->send_data(down_, payload, false);
  on_->mark();
  const auto back = core::defended("H13a") ? taken : payload.size();
  if (back) up_->credit(back);
}

// REST has no use for trailers (docs/passage.md 19).
void exchange::response_trailers(const http2::response_head& trailers) {
  if (rest_) return response_data({}, true);
  count(outcome_of(trailers));
  finish([&trailers](downstream& to, auto down) { to.send_trailers(down, *trailers.fields); }, false);
}

void exchange::failed(upstream::failure why) {
  up_ = nullptr;
  if (why == upstream::failure::unprocessed && !head_sent_ && to_->refuse_unprocessed(down_)) {
    log_refusal(refusal_of(why));
    count(telemetry::request_outcome::refused_stream);
    auto& on = *on_;
    give_back();
    return on.mark();
  }
  end_with(refusal_of(why));
}

void exchange::end_with(const refusal& why) {
  log_refusal(why);
  if (up_)
    up_->cancel();
  else if (judged_)
    on_->around().gate.forget(*this);
  to_->close_after();
  const bool grpc_can_say_it = to_->takes_trailers() && why.http != 415;
  if (rest_ || (!head_sent_ && !grpc_can_say_it)) {
    if (!head_sent_) return answer_as_rest(why.http, rest_body(why), why.http == 401 && basic_);
    count(outcome_of_http(why.http));
    return break_off();
  }
  const auto status = static_cast<std::uint32_t>(why.status);
  const auto code = std::to_string(status);
  const auto message = percent_encode(why.message);
  std::vector<http2::field> fields;
  make_status_fields(fields, head_sent_, code, message);
  count(outcome_of_grpc(status));
  const bool after_head = head_sent_;
  finish(
      [&fields, after_head](downstream& to, auto down) {
        if (after_head)
          to.send_trailers(down, fields);
        else
          to.send_head(down, fields, true);
      },
      false);
}

void exchange::answer_as_rest(std::uint32_t status, std::string_view body, bool challenge) {
  const auto code = std::to_string(status), length = std::to_string(body.size());
  std::vector<http2::field> fields{make_field(known::status, ":status", code),
                                   make_field(known::content_type, "content-type", "application/json; charset=utf-8"),
                                   make_field(known::content_length, "content-length", length)};
  // As the REST of Milvus 2.3.5 does: when Basic was spoken (RFC 7617 2).
  if (challenge) fields.push_back(make_field(known::other, "www-authenticate", "Basic realm=\"restricted\", charset=\"UTF-8\""));
  // RFC 9110 15.5.6. What door 2 has not seen is TRACE, which is served nowhere; behind it, it is a call that we answer.
  if (status == 405) fields.push_back(make_field(known::other, "allow", permit_ ? std::string_view("POST") : http1::methods_served));
  count(outcome_of_http(status));
  const bool head_only = head_only_;  // RFC 9110 9.3.2: no content
  finish(
      [&](downstream& to, auto down) {
        to.send_head(down, fields, head_only);
        if (!head_only) to.send_data(down, std::as_bytes(std::span(body)), true);
      },
      true);
}

// ---- what the operator learns

void exchange::count(telemetry::request_outcome of) {
  using enum telemetry::request_kind;
  const auto kind = answered_here_ ? local : rest_ ? telemetry::request_kind::rest : grpc;
  auto& counts = on_->around().counts;
  counts.count(kind, of);
  counts.observe(kind, core::clock::now() - began_);
}

void exchange::log_refusal(const refusal& why) const {
  auto& log = on_->around().log;
  if (!log.enabled(telemetry::level::info)) return;
  const auto* certificate = on_->certificate();
  const auto status = rest_ ? why.http : static_cast<std::uint32_t>(why.status);
  log.info("request_refused", {{"reason", why.reason},
                               {rest_ ? "http_status" : "grpc_status", status},
                               {"path", std::string_view(path_).substr(0, path_.find('?'))},
                               {"user", permit_ ? permit_->user_name() : std::string_view()},
                               {"peer", on_->peer_text()},
                               {"certificate", certificate ? std::string_view(certificate->subject) : std::string_view()},
                               {"listener", on_->door().settings.address.name}});
}

// ---- clocks and memory

void exchange::sweep(core::clock::time_point now) {
  // Towards HTTP/1.1 the connection has this clock, and ends with it.
  const auto& backend = on_->door().tunnels.about();
  const bool asks_h2 = rest_ && up_ && !answered_here_ && !head_sent_ && backend.speaks == upstream::rest::h2;
  if (core::defended("O07b") && asks_h2 && now - moved_ >= backend.rest_head) {
    std::exchange(up_, nullptr)->cancel();
    return failed(upstream::failure::timed_out);
  }
  if (core::defended("O07c") && give_up_at_ != core::clock::time_point{} && now >= give_up_at_)
    end_with(refusal_of(broken_off::deadline_passed));
}

std::string_view exchange::holder() const { return permit_ ? holder_of(*permit_, on_->source()) : on_->source(); }

std::size_t exchange::held_bytes() const {
  return (judged_ ? judged_->held_bytes() : 0) + (parked_ ? parked_->capacity() : 0) + to_->held_bytes(down_) +
         (up_ ? up_->held_bytes() : 0);
}

// What waits is not sent first.
void exchange::shed() {
  const auto said = refusal_of(broken_off::buffers_short);
  if (!head_sent_) return end_with(said);
  log_refusal(said);
  if (up_) up_->cancel();
  count(telemetry::request_outcome::unavailable);
  break_off();
}

// ---- the end

void exchange::break_off() {
  auto& on = *on_;
  auto& to = *to_;
  const auto down = down_;
  up_ = nullptr;
  to.let_go(down);
  give_back();
  to.break_off(down, http2::code::internal_error);
  on.mark();
}

void exchange::judge_again() {
  // A call that we answer ourselves may be the very one that changed its caller's password: once it is whole it gets its answer. One that
  // is not may have been opened long ago, to be said when its caller has no say any more. (A Watch is never whole: it ends with its user.)
  if (!permit_ || (answered_here_ && !health_ && request_ended_) || on_->around().gate.still_good(*permit_)) return;
  end_with(refusal_of(auth::denial::revoked));
}

void exchange::client_gone() {
  if (up_)
    up_->cancel();
  else if (judged_)
    on_->around().gate.forget(*this);
  count(telemetry::request_outcome::cancelled);
  give_back();
}

void exchange::give_back() {
  auto& around = on_->around();
  on_ = nullptr;
  to_ = nullptr;
  down_ = nullptr;
  up_ = nullptr;
  permit_.reset();
  judged_.reset();
  parked_.reset();
  if (path_.capacity() > spare_path_bytes) path_ = {};
  around.spare.push_back(this);
}

}  // namespace sallyport::proxy
