// Messages of HTTP/1.1 that we accept, read again by Boost.Beast's parser. Input: a byte (0 requests; 1 an answer to GET; 2 an answer to
// GET that ends with the stream), then the text.
//
// Invariants: whatever we accept the judge accepts, and reads the same fields and the same body out of it, up to the same byte. It is more
// lenient than we are, so the other direction does not hold.
#include "head_judge.hpp"

#include <sallyport/http1/session.hpp>

#include <http1/beast_judge.hpp>

namespace {

using namespace sallyport;
using namespace sallyport::fuzz;
using namespace sallyport::http1::tests;
using http2::make_field;

// Byte by byte, so that we know where each request ends.
class server final : public http1::server_events {
 public:
  std::vector<message> accepted(std::string_view text) {
    for (; at_ < text.size() && !session_.closing();) {
      session_.receive(bytes_of(text.substr(at_++, 1)), now_);
      (void)session_.output();
      session_.output_taken();
      session_.resume(now_);
    }
    return std::move(all_);
  }
  void request_started(const http2::request_head& head, bool end) override {
    now_read_ = {};
    now_read_.first = head.method;
    now_read_.second = head.path;
    read_ours(*head.fields, now_read_);
    if (end) whole();
  }
  void data(core::bytes payload, bool end) override {
    session_.credit(payload.size());
    now_read_.body += text_of(payload);
    if (end) whole();
  }
  void request_broken() override {}
  void sent(std::size_t) override {}

 private:
  void whole() {
    now_read_.end = at_;
    all_.push_back(std::exchange(now_read_, {}));
    session_.send_head(ok_, true);
  }
  const std::vector<field> ok_{make_field(known::status, ":status", "200")};
  http2::buffer_pool pool_;
  http2::decoded_block scratch_;
  http1::time_point now_{std::chrono::hours(1)};
  std::size_t at_ = 0;
  message now_read_;
  std::vector<message> all_;
  http1::server_session session_{http1::limits(), pool_, scratch_, *this, now_, "https"};
};

class client final : public http1::client_events {
 public:
  // False: refused, or not whole.
  bool accepted(std::string_view text, bool ends, message& into) {
    demand(session_.open(get_, true), "a request that cannot be said");
    (void)session_.output();
    session_.output_taken();
    session_.receive(bytes_of(text), now_);
    if (ends) session_.peer_closed();
    into = std::move(read_);
    return whole_ && !session_.failed();
  }
  void informational(std::uint32_t, const http2::response_head&) override { informed_ = true; }
  void response_started(const http2::response_head& head, bool end) override {
    read_.second = std::to_string(head.status);
    read_ours(*head.fields, read_);
    whole_ = end;
  }
  void data(core::bytes payload, bool end) override {
    session_.credit(payload.size());
    read_.body += text_of(payload);
    whole_ = end;
  }
  void sent(std::size_t) override {}
  bool informed() const { return informed_; }

 private:
  const std::vector<field> get_{make_field(known::method, ":method", "GET"), make_field(known::path, ":path", "/"),
                                make_field(known::authority, ":authority", "h")};
  http2::buffer_pool pool_;
  http2::decoded_block scratch_;
  http1::time_point now_{std::chrono::hours(1)};
  message read_;
  bool whole_ = false, informed_ = false;
  http1::client_session session_{http1::limits(), pool_, scratch_, *this, now_};
};

void demand_same(const message& ours, const message& theirs) {
  if (shown(ours) != shown(theirs)) throw std::logic_error("we read:\n" + shown(ours) + "\nthe judge reads:\n" + shown(theirs));
}

// It reads a Connection in trailers as if it stood in the head. We drop trailers, all but a few unread.
template <class Parser>
bool minds_a_trailer(const Parser& parser, const std::string& why) {
  return parser.is_header_done() && why == beast::make_error_code(beast::error::bad_value).message();
}

// RFC 9112 3.2.2, as we pass it on.
std::string path_in(std::string target, std::string_view method) {
  const auto scheme = target.find("://");
  if (target.starts_with('/') || scheme == target.npos) return target;
  const auto slash = target.find('/', scheme + 3);
  return slash == target.npos ? (method == "OPTIONS" ? "*" : "/") : target.substr(slash);
}

void check_requests(std::string_view text) {
  std::size_t at = 0;
  for (const auto& mine : server().accepted(text)) {
    if (text.substr(at).starts_with("\r\n")) at += 2;  // the empty line that is borne
    beast::request_parser<beast::string_body> parser;
    std::size_t taken = 0;
    std::string why;
    message other;
    const bool judged = judge(text.substr(at), parser, taken, why, other);
    if (!judged && minds_a_trailer(parser, why)) return;
    if (!judged) throw std::logic_error("the judge says: " + why + " of\n" + shown(mine));
    at += taken;
    other.first = std::string(parser.get().method_string());
    other.second = path_in(std::string(parser.get().target()), other.first);
    other.body = parser.get().body();
    other.end = at;
    demand_same(mine, other);
  }
}

void check_answer(std::string_view text, bool ends) {
  client ours;
  message mine;
  if (!ours.accepted(text, ends, mine) || ours.informed()) return;  // the judge takes a 1xx for the answer
  beast::response_parser<beast::string_body> parser;
  std::size_t taken = 0;
  std::string why;
  message other;
  bool judged = judge(text, parser, taken, why, other);
  if (!judged && why == "needs more" && parser.need_eof() && ends) {
    boost::system::error_code ec;
    parser.put_eof(ec);
    judged = !ec;
  }
  if (!judged && minds_a_trailer(parser, why)) return;
  if (!judged) throw std::logic_error("the judge says: " + why + " of\n" + shown(mine));
  other.second = std::to_string(parser.get().result_int());
  std::erase_if(mine.fields, [](const auto& f) { return f.first == "host" || f.first == "expect"; });
  other.body = parser.get().body();
  demand_same(mine, other);
  demand(taken == text.size(), "something behind the answer that we did not see");
}

void check(core::bytes input) {
  source from(input);
  const auto what = from.number(1) % 3;
  const auto text = text_of(from.rest());
  if (what == 0)
    check_requests(text);
  else
    check_answer(text, what == 2);
}

}  // namespace

SALLYPORT_FUZZ_TARGET(http1_beast, check)
