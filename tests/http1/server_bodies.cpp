// Request bodies: by length, chunked, and how credit holds them; and what becomes of a body that nobody wants any more.
#include "rooms.hpp"

namespace sallyport::http1::tests {
namespace {

std::string post(const std::string& fields, const std::string& body = "") {
  return "POST / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n" + body;
}
std::string chunked(const std::string& body) { return post("Transfer-Encoding: chunked\r\n", body); }
std::string sized(std::size_t length, const std::string& body = "") {
  return post("Content-Length: " + std::to_string(length) + "\r\n", body);
}
const std::string get = "GET /next HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string next = "request :method=GET, :scheme=https, :path=/next, :authority=h end";
const list ok{{":status", "200"}};

// Answered when it is whole; behind it stands another request, which shows where this one ended.
void has_body(const std::string& bytes, const std::string& told) {
  fed((bytes + get).size(), [&](server_room& r) {
    r.when_data = [&](core::bytes, bool end) {
      if (end) r.head(ok, true);
    };
    r.feed(bytes + get);
    const auto events = r.events();
    BOOST_TEST(events.substr(events.find(" | ") + 3) == told + " | " + next);
    BOOST_TEST(!r.session.closing());
  });
}

BOOST_AUTO_TEST_SUITE(server_bodies)

BOOST_AUTO_TEST_CASE(a_body_by_length_ends_where_it_says) { has_body(sized(5, "hello"), "data 'hello' end"); }

BOOST_AUTO_TEST_CASE(a_chunked_body_ends_with_its_trailers) {
  has_body(chunked("5\r\nhello\r\n0\r\n\r\n"), "data 'hello' end");
  has_body(chunked("0\r\n\r\n"), "data '' end");
  has_body(chunked("000\r\n\r\n"), "data '' end");
  has_body(chunked("5\r\nhello\r\n0006\r\n world\r\n0\r\n\r\n"), "data 'hello world' end");
  has_body(chunked("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"), "data '01234567890123456789' end");
  has_body(chunked("5;a;b=c;d=\"x;\\\"y\"\r\nhello\r\n0;e\r\n\r\n"), "data 'hello' end");
  has_body(chunked("5\r\nhello\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n"), "data 'hello' end");
  has_body(chunked("0000000000000005\r\nhello\r\n0\r\n\r\n"), "data 'hello' end");
  has_body(chunked("4\r\n\r\n\r\n\r\n0\r\n\r\n"), "data '\r\n\r\n' end");
}

BOOST_AUTO_TEST_CASE(an_http_1_0_body_has_a_length) {
  const std::string bytes = "POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello";
  has_body(bytes, "data 'hello' end");
}

BOOST_AUTO_TEST_CASE(a_post_without_length_has_no_body) {
  server_room r;
  r.when_started = [&](const request_head&, bool end) {
    BOOST_TEST(end);
    r.head(ok, true);
  };
  r.feed(post("X: 1\r\n") + get);
  BOOST_TEST(r.events() == "request :method=POST, :scheme=https, :path=/, :authority=h, x=1 end | " + next);
}

// ---- credit

template <class Feed>
void is_held(const std::string& head, Feed&& body_of, const std::string& tail) {
  server_room r;
  r.credits = false;
  std::size_t told = 0;
  bool ended = false;
  r.when_data = [&](core::bytes payload, bool end) { told += payload.size(), ended = end; };
  r.feed(head);
  BOOST_TEST(r.session.wants_input());
  r.feed(body_of(65'535));
  BOOST_TEST(told == 65'535u);
  BOOST_TEST(r.session.wants_input());
  r.feed(body_of(1'000) + tail);
  BOOST_TEST(told == 65'536u);
  BOOST_TEST(!r.session.wants_input());
  r.resume();
  BOOST_TEST(told == 65'536u);
  r.session.credit(100);
  BOOST_TEST(told == 65'536u);  // a command tells nothing
  r.resume();
  BOOST_TEST(told == 65'636u);
  BOOST_TEST(!r.session.wants_input());
  BOOST_TEST(!ended);
  r.session.credit(65'536);
  r.resume();
  BOOST_TEST(told == 66'535u);
  BOOST_TEST(ended);
}

BOOST_AUTO_TEST_CASE(no_more_is_told_than_the_window_and_what_was_credited) {
  is_held(sized(66'535), [](std::size_t n) { return std::string(n, 'x'); }, "");
  is_held(
      chunked(""),
      [](std::size_t n) {
        char size[20];
        std::snprintf(size, sizeof size, "%zx", n);
        return std::string(size) + "\r\n" + std::string(n, 'x') + "\r\n";
      },
      "0\r\n\r\n");
}

BOOST_AUTO_TEST_CASE(a_credit_that_is_owed_does_not_hold_the_next_request) {
  server_room r;
  r.credits = false;
  r.feed(sized(65'536, std::string(65'536, 'x')));
  BOOST_TEST(!r.session.wants_input());
  r.head(ok, true);
  r.resume();
  BOOST_TEST(r.session.wants_input());
  (void)r.events();
  r.feed(get);
  BOOST_TEST(r.events() == next);
}

// ---- 100 (Continue)

BOOST_AUTO_TEST_CASE(a_100_goes_to_a_client_that_waits_for_it_and_once) {
  server_room r;
  r.feed(post("Expect: 100-continue\r\nContent-Length: 5\r\n"));
  r.session.send_continue();
  r.session.send_continue();
  BOOST_TEST(r.output() == "HTTP/1.1 100 Continue\r\n\r\n");
  r.feed("hello");
  r.head(ok, true);
  BOOST_TEST(r.output() == "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  BOOST_TEST(!r.session.closing());
  server_room other;
  other.feed(sized(5));
  other.session.send_continue();
  BOOST_TEST(other.output() == "");
}

BOOST_AUTO_TEST_CASE(a_client_that_waits_for_100_and_gets_an_answer_is_closed) {
  server_room r;
  r.feed(post("Expect: 100-continue\r\nContent-Length: 5\r\n"));
  r.head({{":status", "401"}}, true);
  BOOST_TEST(r.output() == "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  BOOST_TEST(r.session.closing());  // hello, should it come, is nobody's request
}

// ---- an answer that is whole before its request is

BOOST_AUTO_TEST_CASE(a_little_that_is_missing_is_read_and_dropped) {
  const std::string body(65'536 + 3, 'x');
  for (const bool credits : {true, false}) {
    server_room r;
    r.credits = credits;
    r.feed(sized(body.size(), body.substr(0, 3)));
    r.head({{":status", "413"}}, true);
    BOOST_TEST(r.output() == "HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n");
    BOOST_TEST(!r.session.closing());
    BOOST_TEST(r.session.wants_input());
    (void)r.events();
    r.feed(body.substr(3) + get);
    BOOST_TEST(r.events() == next);
  }
}

BOOST_AUTO_TEST_CASE(more_that_is_missing_closes) {
  server_room r;
  r.feed(sized(65'537));
  r.head({{":status", "413"}}, true);
  BOOST_TEST(r.output() == "HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  BOOST_TEST(r.session.closing());
}

BOOST_AUTO_TEST_CASE(a_chunked_body_that_is_missing_closes) {
  server_room r;
  r.feed(chunked("5\r\nhello\r\n"));
  r.head(ok);
  r.send("no", true);
  BOOST_TEST(r.output() == "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n2\r\nno\r\n0\r\n\r\n");
  BOOST_TEST(r.session.closing());
  BOOST_TEST(!r.session.cut());
}

BOOST_AUTO_TEST_CASE(what_is_held_of_a_body_counts_as_missing_and_is_dropped) {
  server_room r;
  r.credits = false;
  r.feed(sized(65'636, std::string(65'636, 'x')) + get);
  BOOST_TEST(!r.session.wants_input());
  r.head({{":status", "413"}}, true);
  BOOST_TEST(!r.session.closing());
  (void)r.events();
  r.resume();
  BOOST_TEST(r.events() == next);
}

// ---- a body that breaks a rule

const std::string broken = chunked("5\r\nhello\r\n5x");

BOOST_AUTO_TEST_CASE(the_owner_may_answer_a_broken_request_in_its_own_words) {
  server_room r;
  r.when_broken = [&] {
    BOOST_TEST(!r.session.closing());
    r.head({{":status", "400"}, {"x", "mine"}}, true);
  };
  r.feed(broken);
  BOOST_TEST(r.output() == "HTTP/1.1 400 Bad Request\r\nx: mine\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  BOOST_TEST(r.session.closing());
  BOOST_TEST(r.session.failure_reason() == "bad_chunk_size");
}

BOOST_AUTO_TEST_CASE(a_request_that_breaks_behind_its_answers_head_cuts_the_answer) {
  server_room r;
  r.feed(broken.substr(0, broken.size() - 1));
  r.head(ok);
  r.send("half");
  r.feed("x");
  const auto out = r.output();
  BOOST_TEST(out.ends_with("4\r\nhalf\r\n"));
  BOOST_TEST(r.session.closing());
  BOOST_TEST(r.session.cut());
  BOOST_TEST(r.events().ends_with(" | broken"));
  // What the owner still gives is dropped.
  BOOST_TEST(r.send("more", true) == 4u);
  BOOST_TEST(r.output() == "");
}

BOOST_AUTO_TEST_CASE(a_broken_request_may_be_aborted) {
  server_room r;
  r.when_broken = [&] { r.session.abort_response(); };
  r.feed(broken);
  BOOST_TEST(r.output() == "");
  BOOST_TEST(r.session.closing());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::http1::tests
