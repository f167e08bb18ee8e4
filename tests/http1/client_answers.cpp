// The client role: where an answer ends (RFC 9112 6.3), when a connection may be used again, and what a hostile backend gets
// (docs/defences.md H27).
#include "rooms.hpp"

namespace sallyport::http1::tests {
namespace {

using namespace std::string_literals;

const list get{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "h"}};
const list head{{":method", "HEAD"}, {":scheme", "http"}, {":path", "/"}, {":authority", "h"}};
const list post{{":method", "POST"}, {":scheme", "http"}, {":path", "/"}, {":authority", "h"}};

enum class after { reused, closed };

void is_answered(std::string_view name, const list& request, const std::string& answer, const std::string& told, after then) {
  BOOST_TEST_CONTEXT(name)
  fed<client_room>(answer.size(), [&](client_room& r) {
    r.ask(request);
    r.feed(answer);
    BOOST_TEST(r.events() == told);
    BOOST_TEST(!r.session.failed());
    BOOST_TEST(r.session.answered());
    BOOST_TEST(r.session.reusable() == (then == after::reused));
    if (then == after::closed) return;
    r.ask(get);
    r.feed("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno");
    BOOST_TEST(r.events() == "response :status=200, content-length=2 | data 'no' end");
  });
}

void is_fault(std::string_view name, const list& request, const std::string& answer, std::string_view reason) {
  BOOST_TEST_CONTEXT(name)
  fed<client_room>(answer.size(), [&](client_room& r) {
    bool ended = false;
    r.when_data = [&](core::bytes, bool end) { ended = ended || end; };
    r.when_response = [&](const response_head&, bool end) { ended = ended || end; };
    r.ask(request);
    r.feed(answer);
    BOOST_TEST(r.session.failed());
    BOOST_TEST(r.session.failure_reason() == reason);
    BOOST_TEST(r.session.closing());
    BOOST_TEST(!r.session.reusable());
    BOOST_TEST(!ended);
    (void)r.events();
    r.feed("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    BOOST_TEST(r.events() == "");
  });
}

std::string ok(const std::string& fields, const std::string& body = "") { return "HTTP/1.1 200 OK\r\n" + fields + "\r\n" + body; }
std::string chunked(const std::string& body) { return ok("Transfer-Encoding: chunked\r\n", body); }

BOOST_AUTO_TEST_SUITE(client_answers)

BOOST_AUTO_TEST_CASE(an_answer_ends_where_it_says) {
  is_answered("length", get, ok("Content-Length: 5\r\n", "hello"), "response :status=200, content-length=5 | data 'hello' end",
              after::reused);
  is_answered("length 0", get, ok("Content-Length: 0\r\n"), "response :status=200, content-length=0 end", after::reused);
  is_answered("chunked", get, chunked("5\r\nhello\r\n0\r\n\r\n"), "response :status=200 | data 'hello' end", after::reused);
  is_answered("trailers are dropped", get, chunked("5\r\nhello\r\n0\r\nX: 1\r\n\r\n"), "response :status=200 | data 'hello' end",
              after::reused);
  is_answered("HEAD with a length", head, ok("Content-Length: 5\r\n"), "response :status=200, content-length=5 end", after::reused);
  is_answered("HEAD, chunked", head, ok("Transfer-Encoding: chunked\r\n"), "response :status=200 end", after::reused);
  is_answered("HEAD with nothing", head, ok(""), "response :status=200 end", after::reused);
  is_answered("204 with a length", get, "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
              "response :status=204, content-length=5 end", after::reused);
  is_answered("304 with a length", get, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
              "response :status=304, content-length=5 end", after::reused);
  is_answered("no reason phrase", get, "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n", "response :status=299, content-length=0 end",
              after::reused);
  is_answered("Connection: close", get, ok("Connection: close\r\nContent-Length: 0\r\n"), "response :status=200, content-length=0 end",
              after::closed);
  is_answered("HTTP/1.0", get, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "response :status=200, content-length=0 end", after::closed);
  is_answered("HTTP/1.0, kept alive", get, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
              "response :status=200, content-length=0 end", after::closed);
  is_answered("what ends here", get,
              ok("Connection: x-a, keep-alive\r\nX-A: 1\r\nKeep-Alive: 5\r\nTrailer: x\r\nUpgrade: x\r\nX-B: 2\r\nContent-Length: 0\r\n"),
              "response :status=200, x-b=2, content-length=0 end", after::reused);
}

BOOST_AUTO_TEST_CASE(an_answer_without_length_ends_with_the_connection) {
  const auto answer = ok("X: 1\r\n", "hello");
  fed<client_room>(answer.size(), [&](client_room& r) {
    r.ask(get);
    r.feed(answer);
    BOOST_TEST(r.events() == "response :status=200, x=1 | data 'hello'");
    r.session.peer_closed();
    BOOST_TEST(r.events() == "data '' end");
    BOOST_TEST(!r.session.failed());
    BOOST_TEST(!r.session.reusable());
    r.session.peer_closed();
    BOOST_TEST(r.events() == "");
  });
}

BOOST_AUTO_TEST_CASE(a_connection_that_ends_in_an_answer_breaks_it) {
  for (const auto& [answer, reason] :
       std::vector<std::pair<std::string, std::string_view>>{{"", "closed_before_answer"},
                                                             {"HTTP/1.1 2", "closed_in_answer"},
                                                             {"HTTP/1.1 100 Continue\r\n\r\n", "closed_before_answer"},
                                                             {ok("Content-Length: 5\r\n", "hell"), "closed_in_answer"},
                                                             {chunked("5\r\nhello\r\n"), "closed_in_answer"},
                                                             {chunked("5\r\nhello\r\n0\r\n"), "closed_in_answer"}}) {
    client_room r;
    bool ended = false;
    r.when_data = [&](core::bytes, bool end) { ended = ended || end; };
    r.ask(get);
    r.feed(answer);
    r.session.peer_closed();
    BOOST_TEST(r.session.failure_reason() == reason);
    BOOST_TEST(!ended);
    BOOST_TEST(!r.session.reusable());
  }
}

BOOST_AUTO_TEST_CASE(the_end_of_a_connection_is_a_fault_where_an_answer_is_due) {
  client_room fresh;
  fresh.session.peer_closed();
  BOOST_TEST(!fresh.session.failed());
  BOOST_TEST(!fresh.session.reusable());
  client_room asked;
  BOOST_TEST(asked.session.open(fields_of(get), true));
  asked.session.peer_closed();
  BOOST_TEST(asked.session.failure_reason() == "closed_before_answer");
  client_room used;
  used.ask(get);
  used.feed(ok("Content-Length: 0\r\n"));
  used.session.peer_closed();
  BOOST_TEST(!used.session.failed());
  BOOST_TEST(!used.session.reusable());
}

BOOST_AUTO_TEST_CASE(h27_a_malformed_answer_is_a_fault) {
  const std::vector<std::tuple<std::string_view, std::string, std::string_view>> rows{
      {"TE and CL", ok("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), "length_and_transfer_encoding"},
      {"two CLs", ok("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), "two_content_lengths"},
      {"two that differ", ok("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), "two_content_lengths"},
      {"a list of lengths", ok("Content-Length: 5, 5\r\n", "hello"), "bad_content_length"},
      {"+5", ok("Content-Length: +5\r\n", "hello"), "bad_content_length"},
      {"another coding", ok("Transfer-Encoding: gzip, chunked\r\n"), "transfer_coding"},
      {"two codings", ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "two_transfer_encodings"},
      {"a coding in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "transfer_encoding_in_http_1_0"},
      {"folded", ok("X: a\r\n b\r\n"), "obs_fold"},
      {"LF", "HTTP/1.1 200 OK\nX: a\r\n\r\n", "bare_lf"},
      {"CR", ok("X: a\rb\r\n"), "bare_cr"},
      {"NUL", ok("X: a\0b\r\n"s), "bad_value"},
      {"space in a name", ok("X Y: a\r\n"), "space_in_name"},
      {"space before the colon", ok("Content-Length : 5\r\n"), "space_in_name"},
      {"no name", ok(": a\r\n"), "empty_name"},
      {"no colon", ok("X\r\n"), "no_colon"},
      {"Connection names a protected field", ok("Connection: content-length\r\nContent-Length: 5\r\n"), "connection_names_protected_field"},
      {"101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", "switching_protocols"},
      {"1xx with a length", "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n", "informational_with_body"},
      {"1xx that is chunked", "HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n", "informational_with_body"},
      {"an empty line before it", "\r\nHTTP/1.1 200 OK\r\n\r\n", "empty_line"},
      {"HTTP/0.9", "<html>\r\n", "bad_status_line"},
      {"HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", "bad_status_line"},
      {"HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n", "bad_status_line"},
      {"a status of two digits", "HTTP/1.1 20 OK\r\n\r\n", "bad_status_line"},
      {"a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", "bad_status_line"},
      {"a status below 100", "HTTP/1.1 099 OK\r\n\r\n", "bad_status_line"},
      {"a status that is none", "HTTP/1.1 2x0 OK\r\n\r\n", "bad_status_line"},
      {"a signed status", "HTTP/1.1 +20 OK\r\n\r\n", "bad_status_line"},
      {"no space behind the status", "HTTP/1.1 200\r\n\r\n", "bad_status_line"},
      {"two spaces", "HTTP/1.1  200 OK\r\n\r\n", "bad_status_line"},
      {"a control in the reason", "HTTP/1.1 200 O\x01\r\n\r\n", "bad_status_line"},
      {"a large head", ok("X: " + std::string(20'000, 'a') + "\r\n"), "head_too_large"},
      {"a bad chunk size", chunked("x\r\n"), "bad_chunk_size"},
      {"LF behind a chunk size", chunked("5\nhello\r\n0\r\n\r\n"), "bad_chunk_size"},
      {"no CRLF behind a chunk", chunked("5\r\nhello0\r\n\r\n"), "bad_chunk_end"},
      {"a chunk that is too large", chunked("8000000000000000\r\n"), "chunk_too_large"},
      {"a bad trailer", chunked("0\r\nX y\r\n\r\n"), "space_in_name"},
  };
  for (const auto& [name, answer, reason] : rows) is_fault(name, get, answer, reason);
  is_fault("HEAD does not excuse two framings", head, ok("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
           "length_and_transfer_encoding");
}

BOOST_AUTO_TEST_CASE(h27_input_beyond_an_answer_is_never_the_next_one) {
  const std::string second = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged";
  for (const auto& first : {ok("Content-Length: 5\r\n", "hello"), chunked("5\r\nhello\r\n0\r\n\r\n"), ok("Content-Length: 0\r\n"),
                            "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"s})
    fed<client_room>(first.size() + second.size(), [&](client_room& r) {
      r.ask(get);
      r.feed(first + second);
      BOOST_TEST(r.session.failure_reason() == "input_beyond_answer");
      BOOST_TEST(!r.session.reusable());
      BOOST_TEST(r.events().find("forged") == std::string::npos);
    });
}

BOOST_AUTO_TEST_CASE(h27_an_answer_that_nobody_asked_for_is_a_fault) {
  client_room never;
  never.feed("H");
  BOOST_TEST(never.session.failure_reason() == "input_before_request");
  // The request is in the output still: the backend cannot have seen it.
  client_room early;
  BOOST_TEST(early.session.open(fields_of(get), true));
  early.feed("H");  // as soon as one byte is there
  BOOST_TEST(early.session.failure_reason() == "answer_before_request");
  BOOST_TEST(early.events() == "");
  client_room again;
  again.ask(get);
  again.feed(ok("Content-Length: 0\r\n"));
  BOOST_TEST(again.session.open(fields_of(get), true));
  again.feed(ok("Content-Length: 0\r\n"));
  BOOST_TEST(again.session.failure_reason() == "answer_before_request");
}

BOOST_AUTO_TEST_CASE(informational_answers_are_told_eight_at_most) {
  const std::string hint = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x\r\n\r\n";
  std::string eight;
  for (int i = 0; i < 8; ++i) eight += hint;
  const auto answer = eight + ok("Content-Length: 0\r\n");
  fed<client_room>(answer.size(), [&](client_room& r) {
    r.ask(get);
    r.feed(answer);
    std::string told;
    for (int i = 0; i < 8; ++i) told += "informational :status=103, link=</a> | ";
    BOOST_TEST(r.events() == told + "response :status=200, content-length=0 end");
    BOOST_TEST(r.session.reusable());
    r.ask(get);  // each answer has its own eight
    r.feed(answer);
    BOOST_TEST(r.session.reusable());
  });
  client_room r;
  r.ask(get);
  r.feed(eight + hint);
  BOOST_TEST(r.session.failure_reason() == "too_many_informational");
}

BOOST_AUTO_TEST_CASE(a_100_comes_before_the_body_and_the_answer_after_it) {
  client_room r;
  r.ask(post, false);
  r.feed("HTTP/1.1 100 Continue\r\n\r\n");
  BOOST_TEST(r.events() == "informational :status=100");
  r.send("hello", true);
  BOOST_TEST(r.output() == "5\r\nhello\r\n0\r\n\r\n");
  r.feed(ok("Content-Length: 0\r\n"));
  BOOST_TEST(r.events() == "response :status=200, content-length=0 end");
  BOOST_TEST(r.session.reusable());
}

BOOST_AUTO_TEST_CASE(a_connection_whose_request_is_not_whole_is_not_used_again) {
  client_room r;
  r.ask(post, false);
  r.feed(ok("Content-Length: 0\r\n"));
  BOOST_TEST(r.events() == "response :status=200, content-length=0 end");
  BOOST_TEST(r.session.answered());
  BOOST_TEST(!r.session.reusable());
  r.send("", true);
  BOOST_TEST(r.session.reusable());
}

// ---- credit

BOOST_AUTO_TEST_CASE(no_more_of_an_answer_is_told_than_the_window_and_what_was_credited) {
  for (const std::string framing : {"Content-Length: 100000\r\n", "Transfer-Encoding: chunked\r\n", ""}) {
    client_room r;
    r.credits = false;
    std::size_t told = 0;
    bool ended = false;
    r.when_data = [&](core::bytes payload, bool end) { told += payload.size(), ended = end; };
    r.ask(get);
    const std::string body(100'000, 'x');
    r.feed(ok(framing, framing[0] == 'T' ? "186a0\r\n" + body + "\r\n0\r\n\r\n" : body));
    BOOST_TEST(told == 65'536u);
    BOOST_TEST(!r.session.wants_input());
    if (framing.empty()) r.session.peer_closed();  // the end comes behind what is held
    BOOST_TEST(!ended);
    r.session.credit(10'000);
    r.resume();
    BOOST_TEST(told == 75'536u);
    r.session.credit(65'536);
    r.resume();
    BOOST_TEST(told == 100'000u);
    BOOST_TEST(ended);
    BOOST_TEST(!r.session.failed());
    BOOST_TEST(r.session.reusable() == !framing.empty());
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::http1::tests
