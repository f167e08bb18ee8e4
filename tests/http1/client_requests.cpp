// The client role: what a request comes to on the wire, and what is not written at all.
#include "rooms.hpp"

namespace sallyport::http1::tests {
namespace {

const list get{{":method", "GET"}, {":scheme", "http"}, {":path", "/a?b"}, {":authority", "h:1"}};
const list post{{":method", "POST"}, {":scheme", "http"}, {":path", "/a"}, {":authority", "h"}};
const list post_5{{":method", "POST"}, {":scheme", "http"}, {":path", "/a"}, {":authority", "h"}, {"content-length", "5"}};

list with(list fields, const list& more) {
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

list with_value(const std::string& name, const std::string& value) {
  auto fields = get;
  for (auto& f : fields)
    if (f.first == name) f.second = value;
  return fields;
}

BOOST_AUTO_TEST_SUITE(client_requests)

BOOST_AUTO_TEST_CASE(a_request_is_written_with_its_host_and_its_framing) {
  struct row {
    std::string_view name;
    list fields;
    bool end;
    std::string written;
  };
  const std::vector<row> rows{
      {"GET", get, true, "GET /a?b HTTP/1.1\r\nhost: h:1\r\n\r\n"},
      {"fields", with(get, {{"accept", "*/*"}, {"authorization", "Bearer x"}}), true,
       "GET /a?b HTTP/1.1\r\nhost: h:1\r\naccept: */*\r\nauthorization: Bearer x\r\n\r\n"},
      {"no authority", {{":method", "GET"}, {":path", "/"}}, true, "GET / HTTP/1.1\r\nhost: \r\n\r\n"},
      {"host for authority", {{":method", "GET"}, {":path", "/"}, {"host", "g"}}, true, "GET / HTTP/1.1\r\nhost: g\r\n\r\n"},
      {"host beside authority", with(get, {{"host", "h:1"}}), true, "GET /a?b HTTP/1.1\r\nhost: h:1\r\n\r\n"},
      {"OPTIONS *", {{":method", "OPTIONS"}, {":path", "*"}, {":authority", "h"}}, true, "OPTIONS * HTTP/1.1\r\nhost: h\r\n\r\n"},
      {"POST without a body", post, true, "POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n"},
      {"PUT without a body",
       {{":method", "PUT"}, {":path", "/"}, {":authority", "h"}},
       true,
       "PUT / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n"},
      {"PATCH without a body",
       {{":method", "PATCH"}, {":path", "/"}, {":authority", "h"}},
       true,
       "PATCH / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n"},
      {"DELETE without a body", {{":method", "DELETE"}, {":path", "/"}, {":authority", "h"}}, true, "DELETE / HTTP/1.1\r\nhost: h\r\n\r\n"},
      {"a body", post, false, "POST /a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"},
      {"a body with a length", post_5, false, "POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\n"},
      {"two lengths that are equal", with(post_5, {{"content-length", "5"}}), false,
       "POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\n"},
      {"what ends here",
       with(get, {{"connection", "x"},
                  {"keep-alive", "5"},
                  {"te", "trailers"},
                  {"transfer-encoding", "gzip"},
                  {"upgrade", "h2c"},
                  {"trailer", "x"}}),
       true, "GET /a?b HTTP/1.1\r\nhost: h:1\r\n\r\n"},
      {"expect", with(post_5, {{"expect", "100-continue"}}), false,
       "POST /a HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n"},
      {"a cookie in crumbs", with(get, {{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}}), true,
       "GET /a?b HTTP/1.1\r\nhost: h:1\r\nx: y\r\ncookie: a=1; b=2\r\n\r\n"},
  };
  for (const auto& r : rows) BOOST_TEST_CONTEXT(r.name) {
      client_room room;
      BOOST_TEST(room.ask(r.fields, r.end) == r.written);
      BOOST_TEST(!room.session.reusable());
      BOOST_TEST(!room.session.failed());
    }
}

BOOST_AUTO_TEST_CASE(what_http_1_cannot_say_is_not_written) {
  const std::vector<std::pair<std::string_view, list>> rows{
      {"a method with a space", with_value(":method", "GET /admin HTTP/1.1\r\nx:")},
      {"a method with a space alone", with_value(":method", "GET x")},
      {"CONNECT", with_value(":method", "CONNECT")},
      {"no method", {{":path", "/"}}},
      {"a path with a space", with_value(":path", "/a HTTP/1.1")},
      {"a path with a line", with_value(":path", "/a HTTP/1.1\r\nx: y")},
      {"a path with a tab", with_value(":path", "/a\tb")},
      {"a path over 0x7f", with_value(":path", "/\xc3\xa9")},
      {"a path with a fragment", with_value(":path", "/a#b")},
      {"no path", {{":method", "GET"}}},
      {"* of a GET", with_value(":path", "*")},
      {"a path without a slash", with_value(":path", "a")},
      {"an authority with a slash", with_value(":authority", "h/x")},
      {"an authority with userinfo", with_value(":authority", "root@h")},
      {"two lengths", with(post_5, {{"content-length", "6"}})},
      {"a length that is none", with(post, {{"content-length", "x"}})},
      {"a length without a body", post_5},
  };
  for (const auto& [name, fields] : rows) BOOST_TEST_CONTEXT(name) {
      client_room r;
      BOOST_REQUIRE(!r.session.open(fields_of(fields), true));
      BOOST_TEST(r.output() == "");
      BOOST_TEST(r.session.reusable());  // nothing has happened to the connection
      BOOST_TEST(r.ask(get) != "");
    }
}

BOOST_AUTO_TEST_CASE(a_body_is_sent_as_announced) {
  client_room chunked;
  chunked.ask(post, false);
  BOOST_TEST(chunked.send("hello") == 5u);
  BOOST_TEST(chunked.send(" world, and you", true) == 15u);
  BOOST_TEST(chunked.output() == "5\r\nhello\r\nf\r\n world, and you\r\n0\r\n\r\n");
  client_room sized;
  sized.ask(post_5, false);
  sized.send("hel");
  sized.send("lo", true);
  BOOST_TEST(sized.output() == "hello");
  BOOST_TEST(!sized.session.failed());
}

BOOST_AUTO_TEST_CASE(a_body_that_is_not_as_long_as_announced_ends_the_connection) {
  client_room longer;
  longer.ask(post_5, false);
  longer.send("hello!");
  BOOST_TEST(longer.output() == "");
  BOOST_TEST(longer.session.failure_reason() == "message_longer_than_announced");
  BOOST_TEST(longer.session.cut());
  client_room shorter;
  shorter.ask(post_5, false);
  shorter.send("hell", true);
  BOOST_TEST(shorter.session.failure_reason() == "message_shorter_than_announced");
  BOOST_TEST(shorter.session.closing());
}

BOOST_AUTO_TEST_CASE(a_request_that_is_cancelled_is_never_ended) {
  client_room r;
  r.ask(post, false);
  r.send("hello");
  r.session.cancel();
  BOOST_TEST(r.output() == "5\r\nhello\r\n");
  BOOST_TEST(r.session.closing());
  BOOST_TEST(r.session.cut());
  BOOST_TEST(!r.session.reusable());
  BOOST_TEST(r.send("more", true) == 4u);
  BOOST_TEST(r.output() == "");
  r.feed("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  BOOST_TEST(r.events() == "");
}

BOOST_AUTO_TEST_CASE(a_body_waits_for_room_below_the_mark) {
  client_room r;
  r.ask(post, false);
  BOOST_TEST(r.send(std::string(session::output_mark_bytes, 'x')) == session::output_mark_bytes);
  BOOST_TEST(r.send("late", true) == 0u);
  (void)r.output();
  BOOST_TEST(r.session.has_output());
  BOOST_TEST(r.output() == "4\r\nlate\r\n0\r\n\r\n");
  BOOST_TEST(r.events() == "sent 4");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::http1::tests
