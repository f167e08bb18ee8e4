#include <sallyport/http1/session.hpp>

#include "head_rules.hpp"
#include "head_writer.hpp"
#include "reader.hpp"
#include "text.hpp"

#include <sallyport/core/defence.hpp>
#include <sallyport/core/expect.hpp>

namespace sallyport::http1 {
namespace {

// What the fields of a request come to in HTTP/1.1. HTTP/2 permits methods and targets that would end a request line here, and begin
// another request (RFC 9113 10.3).
struct request_parts {
  std::string_view method, path, authority;
  std::int64_t length = -1;
};

bool read_parts(const std::vector<field>& fields, bool end, request_parts& parts) {
  std::string_view host;
  for (const auto& f : fields) switch (f.id) {
      case known::method: parts.method = f.value; break;
      case known::path: parts.path = f.value; break;
      case known::authority: parts.authority = f.value; break;
      case known::host: host = f.value; break;
      default: break;
    }
  if (parts.authority.empty()) parts.authority = host;
  if (core::defended("H20b") && (!is_token(parts.method) || parts.method == "CONNECT" || !is_target(parts.path))) return false;
  if (!parts.path.starts_with('/') && !(parts.path == "*" && parts.method == "OPTIONS")) return false;
  if (!parts.authority.empty() && !is_authority(parts.authority)) return false;
  return read_announced_length(fields, parts.length) && !(end && parts.length > 0);
}

// HTTP/2 may send a cookie in crumbs; here they are one field (RFC 9113 8.2.3).
void write_cookie(buffer& out, const std::vector<field>& fields) {
  auto before = std::string_view("cookie: ");
  for (const auto& f : fields) {
    if (f.id != known::cookie) continue;
    SALLYPORT_EXPECT(is_field_value(f.value));
    write(out, {before, f.value});
    before = "; ";
  }
  if (before == "; ") write(out, {"\r\n"});
}

bool usually_has_body(std::string_view method) { return method == "POST" || method == "PUT" || method == "PATCH"; }

}  // namespace

client_session::client_session(const limits& within, buffer_pool& pool, decoded_block& scratch, client_events& events, time_point now)
    : session(within, pool, scratch, events, now), handler_(events) {}

client_session::~client_session() = default;

// ---- requests

bool client_session::open(const std::vector<field>& fields, bool end) {
  SALLYPORT_EXPECT(reusable());
  request_parts parts;
  if (!read_parts(fields, end, parts)) return false;
  if (parts.length < 0 && end && usually_has_body(parts.method)) parts.length = 0;
  write(out_, {parts.method, " ", parts.path, " HTTP/1.1\r\nhost: ", parts.authority, "\r\n"});
  for (const auto& f : fields) {
    if (f.name.starts_with(':') || f.id == known::host || f.id == known::content_length || f.id == known::cookie ||
        is_connection_field(f.id))
      continue;
    write_field(out_, f.name, f.value);
  }
  write_cookie(out_, fields);
  auto how = framing::none;
  if (parts.length >= 0) {
    write_length(out_, static_cast<std::uint64_t>(parts.length));
    how = framing::length;
  } else if (!end) {
    write_field(out_, "transfer-encoding", "chunked");
    how = framing::chunked;
  }
  write(out_, {"\r\n"});
  opened_ = true;
  asked_for_head_ = parts.method == "HEAD";
  informational_ = 0;
  awaiting_ = true;
  output_was_taken_ = false;
  forget_credit();
  start_sending(how, parts.length);
  if (end) finish_sending();
  return true;
}

void client_session::cancel() { sending_ ? cut_message() : stop(); }

bool client_session::reusable() const {
  return !closing_ && !failed() && !end_of_input_ && keeps_ && !awaiting_ && phase_ == phase::whole && !sending_ && !keeps_input();
}

// ---- answers

void client_session::fail(std::string_view reason) {
  note_failure(reason);
  stop();
}

void client_session::on_fault(const refusal& why) {
  if (core::defended("H27d")) fail(why.reason);
}

// Nothing was asked, or it has not left yet, or all of it is answered: what comes then would be taken for the answer to another request
// (docs/defences.md H27).
bool client_session::on_whole(bool input_waits) {
  if (awaiting_ && output_was_taken_) {
    awaiting_ = false;
    phase_ = phase::head;
    reader_->head.start(head_reader::kind::response, limits_.head_bytes, limits_.fields);
    return true;
  }
  if (core::defended("H27f") && input_waits)
    fail(awaiting_ ? "answer_before_request" : opened_ ? "input_beyond_answer" : "input_before_request");
  return true;
}

void client_session::on_start_line() {
  read_response response;
  std::string_view status;
  if (const auto why = read_status_line(reader_->head.start_line(), status, response)) fail(why.reason);
}

void client_session::on_head() {
  read_response response;
  if (const auto why = read_response_head(reader_->head.start_line(), reader_->lines(), scratch_.fields, response)) return fail(why.reason);
  const auto& head = response.head;
  if (head.status < 200) {
    if (head.status == 101) return fail("switching_protocols");
    if (core::defended("H27e") && ++informational_ > informational_max) return fail("too_many_informational");
    handler_.informational(head.status, head);
    return reader_->head.start(head_reader::kind::response, limits_.head_bytes, limits_.fields);
  }
  const auto& facts = response.facts;
  // RFC 9112 9.3; HTTP/1.0 with keep-alive is not worth the doubt.
  keeps_ = keeps_ && response.http_1_1 && !facts.close;
  // RFC 9112 6.3, in its order.
  if (asked_for_head_ || head.status == 204 || head.status == 304)
    start_body(phase::length, 0);
  else if (facts.chunked)
    start_body(phase::chunked);
  else if (facts.content_length >= 0)
    start_body(phase::length, facts.content_length);
  else
    start_body(phase::until_close);
  if (phase_ == phase::until_close) keeps_ = false;
  handler_.response_started(head, phase_ == phase::whole);
}

void client_session::peer_closed() {
  end_of_input_ = true;
  receive({}, now_);
}

// All that came before it has been dealt with.
void client_session::on_end_of_input() {
  switch (phase_) {
    case phase::whole:
      if (awaiting_) fail("closed_before_answer");
      return;
    case phase::until_close:
      phase_ = phase::whole;
      events_.data({}, true);
      return;
    case phase::head: return fail(reader_->head.begun() ? "closed_in_answer" : "closed_before_answer");
    default:
      if (core::defended("O08a")) return fail("closed_in_answer");
      phase_ = phase::whole;
      events_.data({}, true);
  }
}

}  // namespace sallyport::http1
