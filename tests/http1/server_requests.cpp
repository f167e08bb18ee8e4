// Request heads that are served: what is told of them, what ends here, and that each request of a connection stands for itself
// (docs/defences.md P10).
#include "rooms.hpp"

namespace sallyport::http1::tests {
namespace {

const list ok{{":status", "200"}, {"content-length", "0"}};

struct row {
  std::string_view name;
  std::string bytes;
  std::string told;
};

void is_served(const row& r) {
  BOOST_TEST_CONTEXT(r.name)
  fed(r.bytes.size(), [&](server_room& room) {
    room.feed(r.bytes);
    BOOST_TEST(room.events() == r.told);
    BOOST_TEST(room.output() == "");
    BOOST_TEST(!room.session.closing());
    BOOST_TEST(room.session.answering());
  });
}

BOOST_AUTO_TEST_SUITE(server_requests)

BOOST_AUTO_TEST_CASE(a_head_is_told_with_its_pseudo_header_fields_first) {
  const std::string rest = "\r\nHost: h\r\n\r\n";
  const std::vector<row> rows{
      {"GET", "GET /a?b=%2F HTTP/1.1\r\nHost: milvus:19530\r\n\r\n",
       "request :method=GET, :scheme=https, :path=/a?b=%2F, :authority=milvus:19530 end"},
      {"an IPv6 host", "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
       "request :method=GET, :scheme=https, :path=/, :authority=[::1]:8080 end"},
      {"names in any case", "GET / HTTP/1.1\r\nHOST: h\r\nX-TraCe:V\r\n\r\n",
       "request :method=GET, :scheme=https, :path=/, :authority=h, x-trace=V end"},
      {"values are trimmed", "GET / HTTP/1.1\r\nHost:\th \r\nX: \t a\tb \t\r\nY:\r\nZ: \r\n\r\n",
       "request :method=GET, :scheme=https, :path=/, :authority=h, x=a\tb, y=, z= end"},
      {"bytes over 0x7f in a value", "GET / HTTP/1.1\r\nHost: h\r\nX: \xff\r\n\r\n",
       "request :method=GET, :scheme=https, :path=/, :authority=h, x=\xff end"},
      {"repeated fields", "GET / HTTP/1.1\r\nX: 1\r\nHost: h\r\nX: 2\r\n\r\n",
       "request :method=GET, :scheme=https, :path=/, :authority=h, x=1, x=2 end"},
      {"every tchar", "G!#$%&'*+-.^_`|~9 / HTTP/1.1\r\nHost: h\r\n!#$%&'*+-.^_`|~9aZ: 1\r\n\r\n",
       "request :method=G!#$%&'*+-.^_`|~9, :scheme=https, :path=/, :authority=h, !#$%&'*+-.^_`|~9az=1 end"},
      {"an empty line before it", "\r\nGET / HTTP/1.1" + rest, "request :method=GET, :scheme=https, :path=/, :authority=h end"},
      {"absolute-form", "GET https://h/a?b HTTP/1.1" + rest, "request :method=GET, :scheme=https, :path=/a?b, :authority=h end"},
      {"absolute-form, upper case", "GET HTTPS://h/ HTTP/1.1" + rest, "request :method=GET, :scheme=https, :path=/, :authority=h end"},
      {"absolute-form without a path", "GET https://h HTTP/1.1" + rest, "request :method=GET, :scheme=https, :path=/, :authority=h end"},
      {"absolute-form of OPTIONS without a path", "OPTIONS https://h HTTP/1.1" + rest,
       "request :method=OPTIONS, :scheme=https, :path=*, :authority=h end"},
      {"* of OPTIONS", "OPTIONS * HTTP/1.1" + rest, "request :method=OPTIONS, :scheme=https, :path=*, :authority=h end"},
      {"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", "request :method=GET, :scheme=https, :path=/ end"},
      {"HTTP/1.0 without Host, with a field", "GET / HTTP/1.0\r\nX: 1\r\n\r\n", "request :method=GET, :scheme=https, :path=/, x=1 end"},
      {"HTTP/1.0 with Host", "GET / HTTP/1.0" + rest, "request :method=GET, :scheme=https, :path=/, :authority=h end"},
      {"what ends here",
       "GET / HTTP/1.1\r\nHost: h\r\nConnection: x-a, Keep-Alive,, close ,\r\nX-A: 1\r\nX-B: 2\r\nKeep-Alive: 5\r\nProxy-Connection: "
       "x\r\nTE: trailers\r\n"
       "Trailer: x\r\nUpgrade: h2c\r\nx-a: 3\r\n\r\n",
       "request :method=GET, :scheme=https, :path=/, :authority=h, x-b=2 end"},
      {"expect without a body", "GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n",
       "request :method=GET, :scheme=https, :path=/, :authority=h end"},
      {"expect", "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n",
       "request :method=POST, :scheme=https, :path=/, :authority=h, content-length=3 expects-continue"},
      {"expect in HTTP/1.0", "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
       "request :method=POST, :scheme=https, :path=/, content-length=3"},
      {"another expectation", "POST / HTTP/1.1\r\nHost: h\r\nExpect: a\r\nContent-Length: 3\r\n\r\n",
       "request :method=POST, :scheme=https, :path=/, :authority=h, content-length=3"},
      {"a transfer coding is not told", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \t CHUNKED \r\n\r\n",
       "request :method=POST, :scheme=https, :path=/, :authority=h"},
      {"a length of 0", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
       "request :method=POST, :scheme=https, :path=/, :authority=h, content-length=0 end"},
      {"a length of 2^63-1", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9223372036854775807\r\n\r\n",
       "request :method=POST, :scheme=https, :path=/, :authority=h, content-length=9223372036854775807"},
  };
  for (const auto& r : rows) is_served(r);
}

BOOST_AUTO_TEST_CASE(the_head_has_what_the_rules_of_the_doors_read) {
  server_room r;
  bool seen = false;
  r.when_started = [&](const request_head& h, bool end) {
    seen = true;
    BOOST_TEST(h.method == "POST");
    BOOST_TEST(h.scheme == "https");
    BOOST_TEST(h.authority == "h:1");
    BOOST_TEST(h.path == "/a");
    BOOST_TEST(h.content_type == "application/json");
    BOOST_TEST(h.authorization == "Bearer b");
    BOOST_TEST(h.authorization_fields == 2u);
    BOOST_TEST(h.content_length == 12);
    BOOST_TEST(!h.grpc);
    BOOST_TEST(!h.too_large);
    BOOST_TEST(!end);
  };
  r.feed(
      "POST /a HTTP/1.1\r\nHost: h:1\r\nAuthorization: Bearer a\r\ncontent-type: application/json\r\nauthorization: Bearer "
      "b\r\nContent-Length: 12\r\n\r\n");
  BOOST_TEST(seen);
}

BOOST_AUTO_TEST_CASE(grpc_over_http_1_is_seen_as_such) {
  server_room r;
  bool grpc = false;
  r.when_started = [&](const request_head& h, bool) { grpc = h.grpc; };
  r.feed("POST /s/m HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc+proto\r\nContent-Length: 0\r\n\r\n");
  BOOST_TEST(grpc);
}

BOOST_AUTO_TEST_CASE(connect_is_told_where_the_listener_allows_it) {
  server_room r({}, {}, true);
  r.feed("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n");
  BOOST_TEST(r.events() == "request :method=CONNECT, :authority=h:443 end");
  r.head({{":status", "200"}}, true);  // and yet it is no tunnel
  BOOST_TEST(r.output() == "");
  BOOST_TEST(r.session.closing());
  for (const std::string bad :
       {"CONNECT h:443 HTTP/1.1\r\nHost: g:443\r\n\r\n", "CONNECT h:443 HTTP/1.1\r\n\r\n", "CONNECT h:443 HTTP/1.0\r\nHost: g:443\r\n\r\n",
        "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\nContent-Length: 5\r\n\r\n"}) {
    server_room other({}, {}, true);
    other.feed(bad);
    BOOST_TEST(other.events() == "");
    BOOST_TEST(other.output().starts_with("HTTP/1.1 400 "));
  }
}

// ---- pipelining

std::string with_token(int i) {
  return "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n" + (i == 3 ? "" : "Authorization: token-" + std::to_string(i) + "\r\n") +
         "\r\n";
}

std::string told(int i) {
  return "request :method=GET, :scheme=https, :path=/" + std::to_string(i) + ", :authority=h" +
         (i == 3 ? "" : ", authorization=token-" + std::to_string(i)) + " end";
}

std::string answer_to(int i) { return "HTTP/1.1 200 OK\r\nx: " + std::to_string(i) + "\r\ncontent-length: 0\r\n\r\n"; }

BOOST_AUTO_TEST_CASE(what_follows_a_connect_is_never_a_request) {
  const std::string connect = "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", tail = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  fed(
      connect.size() + tail.size(),
      [&](server_room& r) {
        r.feed(connect + tail);
        BOOST_TEST(r.events() == "request :method=CONNECT, :authority=h:443 end");
        BOOST_TEST(!r.session.wants_input());
        const auto given = r.session.accept_connect();
        BOOST_TEST(std::string(reinterpret_cast<const char*>(given.data()), given.size()) == tail);
        BOOST_TEST(r.output() == "HTTP/1.1 200 OK\r\n\r\n");
        BOOST_TEST(r.session.closing());
        BOOST_TEST(!r.session.cut());
      },
      http1::limits{}, true);
  fed(
      connect.size() + tail.size(),
      [&](server_room& r) {
        r.when_started = [&r](const request_head&, bool) { r.head({{":status", "403"}, {"content-length", "0"}}, true); };
        r.feed(connect + tail);
        BOOST_TEST(r.events() == "request :method=CONNECT, :authority=h:443 end");
        BOOST_TEST(r.output() == "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        BOOST_TEST(r.session.closing());
      },
      http1::limits{}, true);
}

BOOST_AUTO_TEST_CASE(connect_needs_no_host_in_http_1_0) {
  server_room r({}, {}, true);
  r.feed("CONNECT h:443 HTTP/1.0\r\n\r\n");
  BOOST_TEST(r.events() == "request :method=CONNECT end");
}

BOOST_AUTO_TEST_CASE(p10_four_requests_in_one_segment_each_have_their_own_authorization) {
  const auto all = with_token(1) + with_token(2) + with_token(3) + with_token(4);
  fed(all.size(), [&](server_room& r) {
    r.feed(all);
    std::string text;
    for (int i = 1; i <= 4; ++i) {
      // None is told before the answer to the one before it is whole.
      BOOST_REQUIRE(r.events() == told(i));
      r.resume();
      BOOST_TEST(r.events() == "");
      r.head({{":status", "200"}, {"x", std::to_string(i)}}, true);
      text += answer_to(i);
      r.resume();
    }
    BOOST_TEST(r.events() == "");
    BOOST_TEST(r.output() == text);
    BOOST_TEST(!r.session.closing());
  });
}

BOOST_AUTO_TEST_CASE(p10_requests_that_are_answered_at_once_keep_their_order) {
  const auto all = with_token(1) + with_token(2) + with_token(3) + with_token(4);
  fed(all.size(), [&](server_room& r) {
    int i = 0;
    r.when_started = [&](const request_head& h, bool) {
      ++i;
      BOOST_TEST(h.authorization_fields == (i == 3 ? 0u : 1u));
      BOOST_TEST(h.authorization == (i == 3 ? "" : "token-" + std::to_string(i)));
      r.head({{":status", "200"}, {"x", std::to_string(i)}}, true);
    };
    r.feed(all);
    BOOST_TEST(r.output() == answer_to(1) + answer_to(2) + answer_to(3) + answer_to(4));
    BOOST_TEST(r.events() == told(1) + " | " + told(2) + " | " + told(3) + " | " + told(4));
  });
}

BOOST_AUTO_TEST_CASE(p10_an_answer_that_closes_ends_what_is_behind_it) {
  server_room r;
  r.when_started = [&](const request_head&, bool) { r.head({{":status", "401"}, {"connection", "close"}}, true); };
  r.feed(with_token(1) + with_token(2));
  BOOST_TEST(r.events() == told(1));
  BOOST_TEST(r.output() == "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  BOOST_TEST(r.session.closing());
}

BOOST_AUTO_TEST_CASE(nothing_of_a_request_lives_on_in_the_next) {
  server_room r;
  r.when_data = [&](core::bytes, bool end) {
    if (end) r.head(ok, true);
  };
  r.feed(
      "POST /1 HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nAuthorization: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
      "GET /2 HTTP/1.1\r\nHost: g\r\n\r\n");
  BOOST_TEST(r.events() ==
             "request :method=POST, :scheme=https, :path=/1, :authority=h, authorization=a expects-continue | data 'x' end | "
             "request :method=GET, :scheme=https, :path=/2, :authority=g end");
  BOOST_TEST(!r.session.expects_continue());
}

BOOST_AUTO_TEST_CASE(a_malformed_request_is_refused_after_the_answers_before_it) {
  const auto all = with_token(1) + "GET / HTTP/1.1\r\nHost : h\r\n\r\n" + with_token(3);
  fed(all.size(), [&](server_room& r) {
    r.feed(all);
    BOOST_TEST(r.events() == told(1));
    BOOST_TEST(r.output() == "");
    BOOST_TEST(!r.session.closing());
    r.head({{":status", "200"}, {"x", "1"}}, true);
    r.resume();
    const auto out = r.output();
    BOOST_TEST(out.starts_with(answer_to(1) + "HTTP/1.1 400 Bad Request\r\n"));
    BOOST_TEST(r.session.closing());
    BOOST_TEST(r.events() == "");
  });
}

BOOST_AUTO_TEST_CASE(input_that_comes_early_is_kept_up_to_the_window) {
  server_room r;
  r.feed(with_token(1));
  BOOST_TEST(r.session.wants_input());
  std::string early;
  while (early.size() < 65'535) early += with_token(2);
  early.resize(65'535);
  r.feed(early);
  BOOST_TEST(r.session.wants_input());
  r.feed("x");
  BOOST_TEST(!r.session.wants_input());
  r.head(ok, true);
  r.resume();
  BOOST_TEST(r.session.wants_input());  // the next head is out of it
  BOOST_TEST(r.events() == told(1) + " | " + told(2));
}

BOOST_AUTO_TEST_CASE(no_head_is_looked_at_while_the_client_does_not_take_its_answers) {
  server_room r;
  const std::string large(session::output_mark_bytes, 'x');
  r.feed(with_token(1) + with_token(2));
  r.head({{":status", "200"}});
  r.send(large, true);
  r.resume();
  BOOST_TEST(r.events() == told(1));
  BOOST_TEST(r.output().size() > large.size());
  r.resume();
  BOOST_TEST(r.events() == told(2));
}

// ---- the owner's clocks

BOOST_AUTO_TEST_CASE(the_clocks_tell_when_a_head_began_and_since_when_nothing_is_asked) {
  server_room r;
  const auto start = r.now;
  BOOST_TEST((r.session.head_began() == time_point{}));
  BOOST_TEST((r.session.idle_since() == start));
  r.later(std::chrono::seconds(1));
  r.feed("\r\n");  // no head yet
  BOOST_TEST((r.session.head_began() == time_point{}));
  r.feed("GE");
  const auto began = r.now;
  r.later(std::chrono::seconds(1));
  r.feed("T / HTTP/1.1\r\n");  // more bytes do not set it anew
  BOOST_TEST((r.session.head_began() == began));
  r.feed("Host: h\r\n\r\n");
  BOOST_TEST((r.session.head_began() == time_point{}));
  BOOST_TEST(r.session.answering());
  r.later(std::chrono::seconds(1));
  r.head(ok, true);
  BOOST_TEST(!r.session.answering());
  r.resume();
  BOOST_TEST((r.session.idle_since() == r.now));
}

// ---- shutdown

BOOST_AUTO_TEST_CASE(a_shutdown_waits_for_the_answer_under_way) {
  server_room r;
  r.feed(with_token(1) + with_token(2));
  r.session.begin_shutdown();
  BOOST_TEST(!r.session.closing());
  r.head(ok, true);
  r.resume();
  BOOST_TEST(r.events() == told(1));
  BOOST_TEST(r.output() == "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  BOOST_TEST(r.session.closing());
  server_room idle;
  idle.session.begin_shutdown();
  BOOST_TEST(idle.session.closing());
  BOOST_TEST(idle.output() == "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::http1::tests
