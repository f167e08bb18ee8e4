#include "exchange.hpp"

#include "connection.hpp"
#include "local_call.hpp"
#include "request_rules.hpp"

#include <sallyport/core/expect.hpp>

namespace sallyport::proxy {

using http2::known;
using http2::make_field;

void exchange::begin(connection& on, http2::stream& down, const http2::request_head& head, bool end) {
  on_ = &on;
  down_ = &down;
  down.owner = this;
  request_ended_ = end;
  head_sent_ = answered_here_ = false;
  path_.assign(head.path);
  if (head.too_large) {
    if (!head.grpc) return refuse_as_http(head, "431", "request header fields too large", "header_list_too_large");
    return end_with({static_cast<std::uint32_t>(grpc_code::resource_exhausted), "request header fields too large", "header_list_too_large"});
  }
  if (!head.grpc || head.method != "POST" || !is_served_content_type(head.content_type))
    return refuse_as_http(head, "415", "this port speaks gRPC: POST with content-type application/grpc; REST is not served here", "not_grpc");
  if (!is_canonical_path(head.path))
    return end_with({static_cast<std::uint32_t>(grpc_code::unimplemented), "malformed method name", "path_not_canonical"});

  auth::evidence facts;
  facts.demanded = on.door().settings.tokens;
  facts.certificate = on.certificate();
  facts.authorization = head.authorization;
  facts.authorization_fields = head.authorization_fields;
  facts.arrival = core::clock::now();
  facts.source = on.source();
  auto verdict = on.around().gate.admit(facts, on.memo(), *this);
  if (const auto* why = std::get_if<auth::denial>(&verdict)) return end_with(refusal_of(*why));
  auto& fields = on.around().fields;
  make_forwarded_fields(head, on.door().credential, fields);
  if (auto* passed = std::get_if<auth::permit>(&verdict)) return pass(std::move(*passed), fields, head.path);
  judged_ = std::make_unique<http2::stored_fields>(fields);
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
  on_->first_permit();
  auto& around = on_->around();
  const bool whole = request_ended_ && !parked_;
  switch (milvus::classify(path)) {
    case milvus::disposition::refuse:
      return end_with({static_cast<std::uint32_t>(grpc_code::unimplemented), std::string(milvus::refusal_text(path)), "rpc_not_served"});
    case milvus::disposition::answer:
      answered_here_ = true;
      up_ = local_call::start(around, std::string(path), *permit_, *this);
      if (whole) up_->send({}, true);
      break;
    case milvus::disposition::forward:
      auto why = upstream::failure::unreachable;
      up_ = on_->door().backend.open(*permit_, fields, whole, *this, why);
      if (!up_) return failed(why);
      break;
  }
  if (!parked_ || !up_) return;
  const auto parked = std::move(parked_);
  const auto taken = up_->send(parked->view(), request_ended_);
  if (taken && down_) on_->session().credit(*down_, taken);
}

void exchange::request_data(core::bytes payload, bool end) {
  request_ended_ = request_ended_ || end;
  if (!up_) {
    if (!parked_) parked_ = std::make_unique<http2::buffer>(on_->around().buffers);
    parked_->append(payload);
    return;
  }
  const auto taken = up_->send(payload, end);
  if (taken && down_) on_->session().credit(*down_, taken);
}

void exchange::request_taken(std::size_t bytes) {
  on_->session().credit(*down_, bytes);
  if (on_->session().has_output()) on_->mark();
}

void exchange::response_sent(std::size_t bytes) {
  if (up_) up_->credit(bytes);
}

// The end of the answer goes into the session, and the stream is let go; a request that is not whole yet is stopped (passage 12).
template <class Send>
void exchange::finish(Send&& send, http2::server_session::stop how) {
  auto& on = *on_;
  auto& down = *down_;
  const bool whole = request_ended_;
  up_ = nullptr;
  down.owner = nullptr;
  give_back();
  send(on.session(), down);
  if (!whole) on.session().stop_request(down, how);
  on.mark();
}

void exchange::response_head(const http2::response_head& head, bool end) {
  auto& fields = on_->around().fields;
  fields.clear();
  for (const auto& f : *head.fields)
    if (f.id != known::alt_svc) fields.push_back(f);
  head_sent_ = true;
  if (end) return finish([&fields](auto& session, auto& down) { session.send_head(down, fields, true); });
  on_->session().send_head(*down_, fields, false);
  on_->mark();
}

void exchange::response_data(core::bytes payload, bool end) {
  if (end) return finish([payload](auto& session, auto& down) { session.send_data(down, payload, true); });
  const auto taken = on_->session().send_data(*down_, payload, false);
  on_->mark();
  if (taken) up_->credit(taken);
}

void exchange::response_trailers(const http2::response_head& trailers) {
  finish([&trailers](auto& session, auto& down) { session.send_trailers(down, *trailers.fields); });
}

void exchange::failed(upstream::failure why) {
  up_ = nullptr;
  if (why == upstream::failure::unprocessed && !head_sent_) {
    // The client may send it again: that the backend did not look at it is certain (RFC 9113 8.7).
    log_refusal(refusal_of(why));
    auto& on = *on_;
    auto& down = *down_;
    give_back();
    on.session().reset(down, http2::code::refused_stream);
    return on.mark();
  }
  end_with(refusal_of(why));
}

void exchange::end_with(const refusal& why) {
  log_refusal(why);
  if (up_) up_->cancel();
  if (!up_ && judged_) on_->around().gate.forget(*this);
  const auto status = std::to_string(why.status);
  const auto message = percent_encode(why.message);
  std::vector<http2::field> fields;
  make_status_fields(fields, head_sent_, status, message);
  const bool after_head = head_sent_;
  finish([&fields, after_head](auto& session, auto& down) {
    if (after_head) session.send_trailers(down, fields);
    else session.send_head(down, fields, true);
  });
}

void exchange::refuse_as_http(const http2::request_head& head, std::string_view status, std::string_view text, std::string_view reason) {
  log_refusal({0, std::string(text), reason});
  std::string body(text);
  body += '\n';
  const auto length = std::to_string(body.size());
  const std::vector<http2::field> fields{make_field(known::status, ":status", status), make_field(known::content_type, "content-type", "text/plain; charset=utf-8"),
                                         make_field(known::content_length, "content-length", length)};
  const bool head_only = head.method == "HEAD";   // RFC 9110 9.3.2: no content
  finish([&](auto& session, auto& down) {
    session.send_head(down, fields, head_only);
    if (!head_only) session.send_data(down, std::as_bytes(std::span(body)), true);
  }, http2::server_session::stop::gently);
}

void exchange::log_refusal(const refusal& why) const {
  auto& log = on_->around().log;
  if (!log.enabled(telemetry::level::info)) return;
  const auto* certificate = on_->certificate();
  log.info("request_refused", {{"reason", why.reason}, {"grpc_status", why.status}, {"path", path_}, {"user", permit_ ? permit_->user_name() : std::string_view()},
                               {"peer", on_->peer_text()}, {"certificate", certificate ? std::string_view(certificate->subject) : std::string_view()},
                               {"listener", on_->door().settings.address.name}});
}

void exchange::judge_again() {
  // A call that we answer ourselves is short, and may be the very one that changed its caller's password: it gets its answer.
  if (!permit_ || answered_here_ || on_->around().gate.still_good(*permit_)) return;
  end_with(refusal_of(auth::denial::revoked));
}

void exchange::client_gone() {
  if (up_) up_->cancel();
  else if (judged_) on_->around().gate.forget(*this);
  give_back();
}

void exchange::give_back() {
  auto& around = on_->around();
  on_ = nullptr;
  down_ = nullptr;
  up_ = nullptr;
  permit_.reset();
  judged_.reset();
  parked_.reset();
  around.spare.push_back(this);
}

}  // namespace sallyport::proxy
