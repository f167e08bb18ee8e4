// Backends of REST that fail: what the client is told, and that half an answer never passes for a whole one (docs/passage.md 16, 17, 24).
#include "rest.hpp"

namespace sallyport::proxy::testing {

BOOST_AUTO_TEST_SUITE(rest_backends)

BOOST_AUTO_TEST_CASE(a_backend_that_is_away_is_unavailable_until_it_is_back) {
  rest_passage p;
  p.rest.stop();
  for (const auto by : both) check_json(ask(p.on, by, to("/v2/echo")), 503, "cannot be reached");
  p.rest.start_again();
  const auto until = steady::now() + 10s;
  auto got = ask(p.on, spoken::http1, to("/v2/echo"));
  while (got.status == 503 && steady::now() < until) got = ask(p.on, spoken::http1, to("/v2/echo"));
  BOOST_TEST(got.status == 200);
}

BOOST_AUTO_TEST_CASE(an_answer_that_never_begins_or_is_malformed_is_a_502_and_the_request_is_not_sent_again) {
  rest_passage p;
  std::size_t sent = 0;
  for (const auto by : both)
    for (const auto* path : {"/v2/die", "/v2/bad"}) {
      check_json(ask(p.on, by, to(path)), 502, "broke off");
      BOOST_TEST(p.rest.requests().size() == ++sent);
    }
  BOOST_TEST(p.on.log_has("backend_broke_protocol"));
}

BOOST_AUTO_TEST_CASE(half_an_answer_never_ends_as_a_whole_one_does) {
  rest_passage p;
  const std::pair<std::string, std::string> table[] = {{"/v2/half", "0123456789"}, {"/v2/half-chunked", "hello"}};
  for (const auto& [path, begun] : table) {
    auto client = p.client();
    client.raw(on_the_wire(to(path)));
    const auto got = client.answer();
    BOOST_TEST(got.status() == 200);
    BOOST_TEST(!got.whole);
    BOOST_TEST(begun.starts_with(got.body));
    auto two = p.on.client();
    const auto& other = two.call(head_of(to(path)));
    BOOST_TEST(!other.ended);
    BOOST_REQUIRE(other.reset);
    BOOST_TEST(*other.reset != h2::no_error);
    BOOST_TEST(two.call(head_of(to("/v2/echo"))).ended);  // the client's connection lives on
  }
}

// HTTP/1.0 knows the end of an answer by the end of the connection alone: of half an answer that must be a reset.
BOOST_AUTO_TEST_CASE(half_an_answer_does_not_end_as_a_whole_one_does_for_http_1_0_either) {
  rest_passage p;
  auto client = p.client();
  client.raw("GET /v2/half-chunked HTTP/1.0\r\nhost: x\r\nauthorization: " + bearer + "\r\n\r\n");
  BOOST_TEST(!client.answer().whole);
}

BOOST_AUTO_TEST_CASE(a_backend_that_does_not_answer_in_time_is_given_up) {
  passage::options chosen;
  chosen.backend.rest_head = 300ms;
  rest_passage p(chosen);
  for (const auto by : both) check_json(ask(p.on, by, to("/v2/hang")), 504, "did not answer in time");
  BOOST_TEST(p.rest.until_gone(0));
  BOOST_TEST(p.rest.until_gone(1));
  chosen.rest_port = 0;
  chosen.backend.speaks = upstream::rest::h2;
  passage on(chosen);
  for (const auto by : both) check_json(ask(on, by, to("/v2/Hang")), 504, "did not answer in time");
  BOOST_TEST(on.backend.until([](const auto& all) { return all.size() == 2 && all[0].reset && all[1].reset; }));
}

// Passage 24: the clock runs against the peer that is to move, and here that is the backend.
BOOST_AUTO_TEST_CASE(a_backend_that_takes_no_byte_of_a_body_is_given_up_too) {
  passage::options chosen;
  chosen.backend.rest_head = 300ms;
  rest_passage p(chosen);
  auto two = p.on.client();
  const auto id = two.open(head_of(to("/v2/deaf")), false);
  two.upload(id, pattern(16 * 1024 * 1024), true, 2s);
  BOOST_TEST(p.rest.until_gone(0, 5s));
  BOOST_TEST(reply_of(two.finish(id, 1s)).status == 504);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::proxy::testing
