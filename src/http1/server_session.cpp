#include <sallyport/http1/session.hpp>

#include "head_rules.hpp"
#include "head_writer.hpp"
#include "reader.hpp"
#include "text.hpp"

#include <sallyport/core/defence.hpp>
#include <sallyport/core/expect.hpp>

namespace sallyport::http1 {
namespace {

std::string_view words_for(std::uint32_t status) {
  switch (status) {
    case 405: return "this method is not served here\n";
    case 414: return "the target of this request is too long\n";
    case 431: return "the header fields of this request are too large\n";
    case 501: return "chunked is the only transfer coding here, and no connection is upgraded\n";
    case 505: return "HTTP/1.1 and HTTP/1.0 are spoken here\n";
    default: return "this request is malformed\n";
  }
}

bool says_close(const field& f) { return f.id == known::connection && is_word(f.value, "close"); }

}  // namespace

server_session::server_session(const limits& within, buffer_pool& pool, decoded_block& scratch, server_events& events, time_point now,
                               std::string_view scheme, bool connect_allowed)
    : session(within, pool, scratch, events, now), handler_(events), scheme_(scheme), connect_allowed_(connect_allowed), idle_since_(now) {}

server_session::~server_session() = default;

// ---- requests

// The next head is looked at when the answer before it is whole, and what the client has not taken is not too much.
bool server_session::on_whole(bool) {
  if ((core::defended("P10c") && answering()) || out_.size() >= output_mark_bytes) return false;
  if (answer_ == answer::whole) idle_since_ = now_;
  answer_ = answer::none;
  head_only_ = false;  // a line that does not come whole is answered with words, whatever was asked before
  forget_credit();
  phase_ = phase::head;
  reader_->head.start(head_reader::kind::request, limits_.head_bytes, limits_.fields);
  return true;
}

void server_session::on_start_line() {
  request_line line;
  head_only_ = false;
  const auto why = read_request_line(reader_->head.start_line(), {limits_.target_bytes, connect_allowed_}, line);
  head_only_ = line.method == "HEAD";
  if (why) refuse(why);
}

void server_session::on_head() {
  read_request request;
  const request_rules rules{limits_.target_bytes, connect_allowed_};
  if (const auto why = read_request_head(reader_->head.start_line(), reader_->lines(), rules, scheme_, scratch_.fields, request))
    return refuse(why);
  const auto& facts = request.facts;
  http_1_1_ = request.line.http_1_1;
  connect_ = request.head.method == "CONNECT";
  persistent_ = http_1_1_ ? !facts.close : facts.keep_alive && !facts.close;  // RFC 9112 9.3
  if (connect_)
    start_body(phase::tunnel);
  else if (facts.chunked)
    start_body(phase::chunked);
  else
    start_body(phase::length, facts.content_length > 0 ? facts.content_length : 0);
  const bool whole = phase_ == phase::whole || connect_;
  expects_continue_ = request.expects_continue && http_1_1_ && !whole;
  answer_ = answer::due;
  handler_.request_started(request.head, whole);
}

// Before a head is whole nobody has heard of it, and the answer is ours. Behind it, the body's rule is broken: its owner hears of that
// first.
void server_session::on_fault(const refusal& why) {
  if (phase_ == phase::head) return refuse(why);
  note_failure(why.reason);
  persistent_ = false;
  handler_.request_broken();
  if (closing_) return;
  if (answer_ == answer::due) return refuse(why);
  cut_message();
}

void server_session::refuse(const refusal& why) {
  note_failure(why.reason);
  const auto words = words_for(why.status);
  write_status_line(out_, why.status);
  if (why.status == 405)  // RFC 9110 15.5.6
    write_field(out_, "allow", connect_allowed_ ? "CONNECT" : methods_served);
  write_field(out_, "content-type", "text/plain");
  write_length(out_, words.size());
  write(out_, {"connection: close\r\n\r\n", head_only_ ? "" : words});
  stop();
}

// ---- answers

void server_session::send_continue() {
  if (closing_ || answer_ != answer::due || !expects_continue_ || phase_ == phase::whole) return;
  expects_continue_ = false;
  write(out_, {"HTTP/1.1 100 Continue\r\n\r\n"});
}

void server_session::send_informational(std::uint32_t status, const std::vector<field>& fields) {
  if (status == 100) return send_continue();
  if (closing_ || !http_1_1_) return;
  SALLYPORT_EXPECT(answer_ == answer::due && status > 101 && status < 200);
  write_status_line(out_, status);
  for (const auto& f : fields)
    if (!f.name.starts_with(':') && !is_connection_field(f.id) && f.id != known::content_length) write_field(out_, f.name, f.value);
  write(out_, {"\r\n"});
}

// The rest of a body that is not wanted any more, if that is little and certain to come: not when the client waits for a 100 that it did
// not get.
bool server_session::rest_is_droppable() const { return phase_ == phase::length && left_ <= dropped_body_bytes && !expects_continue_; }

void server_session::send_head(const std::vector<field>& fields, bool end) {
  if (closing_) return;
  SALLYPORT_EXPECT(answer_ == answer::due && !fields.empty() && fields[0].id == known::status);
  std::int64_t status = 0, length = -1;
  SALLYPORT_EXPECT(read_decimal(fields[0].value, status) && status >= 200 && status <= 999);
  // RFC 9112 6.3: no body, whatever is said.
  const bool bodiless = head_only_ || status == 204 || status == 304;
  const bool kept = read_announced_length(fields, length) && (bodiless || !end || length <= 0) && !(connect_ && status < 300);
  if (!kept) {
    note_failure("bad_answer_head");
    return stop();
  }
  auto how = framing::none;
  if (!bodiless && length >= 0) how = framing::length;
  if (!bodiless && length < 0 && end) how = framing::length, length = 0;
  if (!bodiless && length < 0) how = http_1_1_ ? framing::chunked : framing::close;
  for (const auto& f : fields) persistent_ = persistent_ && !says_close(f);
  if (how == framing::close || shutting_down_ || (phase_ != phase::whole && !rest_is_droppable())) persistent_ = false;
  write_head(static_cast<std::uint32_t>(status), fields, status == 204 ? -1 : length, how);
  answer_ = answer::under_way;
  start_sending(how, length);
  if (end) finish_sending();
}

void server_session::write_head(std::uint32_t status, const std::vector<field>& fields, std::int64_t length, framing how) {
  write_status_line(out_, status);
  for (const auto& f : fields) {
    if (f.id == known::content_length || is_connection_field(f.id)) continue;
    if (&f != &fields[0]) write_field(out_, f.name, f.value);
  }
  if (length >= 0) write_length(out_, static_cast<std::uint64_t>(length));
  if (how == framing::chunked) write_field(out_, "transfer-encoding", "chunked");
  if (!persistent_)
    write_field(out_, "connection", "close");
  else if (!http_1_1_)
    write_field(out_, "connection", "keep-alive");
  write(out_, {"\r\n"});
}

void server_session::on_sent_whole() {
  answer_ = answer::whole;
  if (phase_ == phase::whole && persistent_ && !shutting_down_) return;
  if (phase_ != phase::whole && persistent_ && !shutting_down_ && rest_is_droppable()) {
    dropping_ = true;
    forget_credit();
    return;
  }
  stop();
}

std::vector<std::byte> server_session::accept_connect() {
  SALLYPORT_EXPECT(connect_ && answer_ == answer::due && !closing_);
  write_status_line(out_, 200);
  write(out_, {"\r\n"});
  answer_ = answer::whole;
  auto first = give_up_input();
  stop();
  return first;
}

void server_session::abort_response() {
  if (closing_ || !answering()) return;
  if (answer_ == answer::under_way) return cut_message();
  stop();
}

void server_session::begin_shutdown() {
  shutting_down_ = true;
  if (!answering()) stop();
}

}  // namespace sallyport::http1
