// Answers: how their end is told (RFC 9112 6 and 9.3), what is announced and must be kept, and what waits for room.
#include "rooms.hpp"

namespace sallyport::http1::tests {
namespace {

struct row {
  std::string_view name;
  std::string request;
  list fields;
  bool end;
  std::string_view body;
  std::string written;
  bool closes;
};

const std::string get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string head = "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string get_close = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
const std::string get_1_0 = "GET / HTTP/1.0\r\n\r\n";
const std::string get_1_0_kept = "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n";
const list ok{{":status", "200"}};
const list ok_5{{":status", "200"}, {"content-length", "5"}};

BOOST_AUTO_TEST_SUITE(server_answers)

BOOST_AUTO_TEST_CASE(an_answer_is_framed_as_its_request_can_bear) {
  const std::vector<row> rows{
      {"a length is kept", get, ok_5, false, "hello", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", false},
      {"none: chunked", get, ok, false, "hello", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false},
      {"none, and nothing in it", get, ok, false, "", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", false},
      {"no body", get, ok, true, "", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", false},
      {"a length of 0",
       get,
       {{":status", "200"}, {"content-length", "0"}},
       true,
       "",
       "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
       false},
      {"two lengths that are equal",
       get,
       {{":status", "200"}, {"content-length", "5"}, {"content-length", "5"}},
       false,
       "hello",
       "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
       false},
      {"a status that is not known", get, {{":status", "299"}}, true, "", "HTTP/1.1 299 \r\ncontent-length: 0\r\n\r\n", false},
      {"fields",
       get,
       {{":status", "200"}, {"a", "b"}, {"set-cookie", "c"}, {"set-cookie", "d"}},
       true,
       "",
       "HTTP/1.1 200 OK\r\na: b\r\nset-cookie: c\r\nset-cookie: d\r\ncontent-length: 0\r\n\r\n",
       false},
      {"fields of the other connection",
       get,
       {{":status", "200"},
        {"connection", "x"},
        {"keep-alive", "5"},
        {"transfer-encoding", "gzip"},
        {"te", "x"},
        {"trailer", "x"},
        {"upgrade", "x"},
        {"proxy-connection", "x"}},
       true,
       "",
       "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
       false},
      {"HEAD", head, ok_5, true, "", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", false},
      {"HEAD without a length", head, ok, true, "", "HTTP/1.1 200 OK\r\n\r\n", false},
      {"HEAD with a body", head, ok_5, false, "hello", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", false},
      {"HEAD with a longer body", head, ok_5, false, "hello, you", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", false},
      {"204", get, {{":status", "204"}}, true, "", "HTTP/1.1 204 No Content\r\n\r\n", false},
      {"204 with a length", get, {{":status", "204"}, {"content-length", "5"}}, true, "", "HTTP/1.1 204 No Content\r\n\r\n", false},
      {"204 with a body", get, {{":status", "204"}}, false, "hello", "HTTP/1.1 204 No Content\r\n\r\n", false},
      {"304 with a length",
       get,
       {{":status", "304"}, {"content-length", "5"}},
       true,
       "",
       "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
       false},
      {"304 with a body", get, {{":status", "304"}}, false, "hello", "HTTP/1.1 304 Not Modified\r\n\r\n", false},
      {"Connection: close", get_close, ok_5, false, "hello", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello",
       true},
      {"Connection: close, chunked", get_close, ok, false, "hello",
       "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n", true},
      {"close beside keep-alive", "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, CLOSE\r\n\r\n", ok, true, "",
       "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", true},
      {"closed by the owner",
       get,
       {{":status", "401"}, {"connection", "close"}},
       true,
       "",
       "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
       true},
      {"HTTP/1.0", get_1_0, ok_5, false, "hello", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello", true},
      {"HTTP/1.0 without a length", get_1_0, ok, false, "hello", "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello", true},
      {"HTTP/1.0, kept alive", get_1_0_kept, ok_5, false, "hello",
       "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: keep-alive\r\n\r\nhello", false},
      {"HTTP/1.0, kept alive, without a length", get_1_0_kept, ok, false, "hello", "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello",
       true},
      {"HTTP/1.0, kept alive and closed", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", ok, true, "",
       "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", true},
  };
  for (const auto& r : rows) BOOST_TEST_CONTEXT(r.name) {
      server_room room;
      room.feed(r.request);
      room.head(r.fields, r.end);
      // In pieces, the end by itself.
      std::string written = room.output();
      if (!r.end) {
        if (!r.body.empty()) BOOST_TEST(room.send(r.body) == r.body.size());
        room.send("", true);
        written += room.output();
      }
      BOOST_TEST(written == r.written);
      BOOST_TEST(room.session.closing() == r.closes);
      BOOST_TEST(!room.session.cut());
      BOOST_TEST(!room.session.failed());
      (void)room.events();
      room.feed(get);
      BOOST_TEST((room.events() == "") == r.closes);
    }
}

BOOST_AUTO_TEST_CASE(the_last_piece_may_bring_the_end) {
  server_room r;
  r.feed(get + get);
  r.head(ok);
  r.send("hello", true);
  r.resume();
  r.head(ok_5);
  r.send("hello", true);
  BOOST_TEST(
      r.output() ==
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_not_as_long_as_it_says_is_cut) {
  server_room longer;
  longer.feed(get + get);
  longer.head(ok_5);
  longer.send("hell");
  BOOST_TEST(longer.send("oo") == 2u);
  BOOST_TEST(longer.output() == "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell");
  BOOST_TEST(longer.session.closing());
  BOOST_TEST(longer.session.cut());
  BOOST_TEST(longer.session.failure_reason() == "message_longer_than_announced");
  server_room shorter;
  shorter.feed(get + get);
  shorter.head(ok_5);
  shorter.send("hell", true);
  BOOST_TEST(shorter.session.closing());
  BOOST_TEST(shorter.session.cut());
  BOOST_TEST(shorter.session.failure_reason() == "message_shorter_than_announced");
}

BOOST_AUTO_TEST_CASE(a_head_that_cannot_be_kept_is_not_written) {
  for (const auto& [fields, end] :
       std::vector<std::pair<list, bool>>{{ok_5, true},
                                          {{{":status", "200"}, {"content-length", "5"}, {"content-length", "6"}}, false},
                                          {{{":status", "200"}, {"content-length", "x"}}, false}}) {
    server_room r;
    r.feed(get);
    r.head(fields, end);
    BOOST_TEST(r.output() == "");
    BOOST_TEST(r.session.closing());
    BOOST_TEST(r.session.failure_reason() == "bad_answer_head");
  }
}

BOOST_AUTO_TEST_CASE(an_aborted_answer_never_ends_cleanly) {
  for (const auto& [request, fields, written] : std::vector<std::tuple<std::string, list, std::string>>{
           {get, ok, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhell\r\n"},
           {get, ok_5, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell"},
           {get_1_0, ok, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhell"}}) {
    server_room r;
    r.feed(request + get);
    r.head(fields);
    r.send("hell");
    r.session.abort_response();
    BOOST_TEST(r.output() == written);
    BOOST_TEST(r.session.closing());
    BOOST_TEST(r.session.cut());
  }
  server_room early;
  early.feed(get);
  early.session.abort_response();
  BOOST_TEST(early.output() == "");
  BOOST_TEST(early.session.closing());
}

BOOST_AUTO_TEST_CASE(informational_answers_go_to_http_1_1_alone) {
  const list hints{{":status", "103"}, {"link", "</a>"}, {"connection", "x"}, {"content-length", "5"}};
  server_room r;
  r.feed(get);
  r.session.send_informational(103, fields_of(hints));
  r.session.send_informational(100, fields_of(hints));  // nobody waits for it
  r.head(ok, true);
  BOOST_TEST(r.output() == "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  server_room old;
  old.feed(get_1_0);
  old.session.send_informational(103, fields_of(hints));
  BOOST_TEST(old.output() == "");
  server_room waits;
  waits.feed("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  waits.session.send_informational(100, {});
  BOOST_TEST(waits.output() == "HTTP/1.1 100 Continue\r\n\r\n");
}

// ---- the mark

BOOST_AUTO_TEST_CASE(a_body_enters_the_output_below_the_mark_alone) {
  for (const bool chunked : {true, false}) {
    const std::size_t total = session::output_mark_bytes + 200'000;
    server_room r;
    r.feed(get);
    r.head(chunked ? ok : list{{":status", "200"}, {"content-length", std::to_string(total)}});
    const std::string payload(total, 'x');
    std::size_t taken = 0;
    for (std::size_t at = 0; at < total; at += 10'000) taken += r.send(payload.substr(at, 10'000), at + 10'000 >= total);
    BOOST_TEST(taken < total);
    BOOST_TEST(r.session.output_bytes() >= session::output_mark_bytes);
    BOOST_TEST(r.session.output_bytes() < session::output_mark_bytes + 70'000);
    BOOST_TEST(r.session.answering());
    (void)r.events();
    auto out = r.output();
    BOOST_TEST(r.events() == "");
    BOOST_TEST(r.session.has_output());
    out += r.output();
    BOOST_TEST(r.events() == "sent " + std::to_string(total - taken));
    BOOST_TEST(!r.session.has_output());
    BOOST_TEST(!r.session.answering());
    BOOST_TEST(static_cast<std::size_t>(std::count(out.begin(), out.end(), 'x')) == total);
    BOOST_TEST(out.ends_with(chunked ? "x\r\n0\r\n\r\n" : "x"));
  }
}

BOOST_AUTO_TEST_CASE(what_is_sent_when_told_of_room_keeps_its_place) {
  server_room r;
  r.feed(get);
  r.head(ok);
  BOOST_TEST(r.send(std::string(session::output_mark_bytes, 'a')) == session::output_mark_bytes);
  BOOST_TEST(r.send("b") == 0u);
  r.when_sent = [&](std::size_t) {
    r.when_sent = nullptr;
    r.send("c", true);
  };
  (void)r.output();
  BOOST_TEST(r.output() == "1\r\nb\r\n1\r\nc\r\n0\r\n\r\n");
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_aborted_when_told_of_room_is_cut) {
  server_room r;
  r.feed(get);
  r.head(ok);
  r.send(std::string(session::output_mark_bytes, 'a'));
  r.send("b", true);
  r.when_sent = [&](std::size_t) { r.session.abort_response(); };
  (void)r.output();
  BOOST_TEST(r.output() == "1\r\nb\r\n");
  BOOST_TEST(r.session.cut());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::http1::tests
