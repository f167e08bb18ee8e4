// How REST requests and the connections they came on end: clients that go, users that go, clocks and the drain (docs/passage.md 4, 13, 24).
#include "rest.hpp"

#include "body_pace.hpp"

namespace sallyport::proxy::testing {

namespace {

// One connection has ended for this cause, as the metrics have it.
bool is_counted(const passage& on, const std::string& cause) {
  return on.metrics_have("sallyport_connection_ends_total{cause=\"" + cause + "\"} 1");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rest_ends)

BOOST_AUTO_TEST_CASE(a_client_that_goes_ends_its_request_at_the_backend) {
  rest_passage p;
  {
    auto client = p.client();
    client.raw(on_the_wire(to("/v2/hang")));
    BOOST_REQUIRE(p.rest.until_count(1));
    client.socket().reset_on_close();
  }
  BOOST_TEST(p.rest.until_gone(0));
  {
    auto client = p.client();
    client.raw("POST /v2/hang HTTP/1.1\r\nhost: x\r\nauthorization: " + bearer + "\r\ncontent-length: 100\r\n\r\nhalf");
    BOOST_REQUIRE(p.rest.until_count(2));
  }
  BOOST_TEST(p.rest.until_gone(1));  // never ended as if it were whole
  BOOST_TEST(!p.rest.requests()[1].whole);
  auto two = p.on.client();
  const auto id = two.open(head_of(to("/v2/hang")), true);
  BOOST_REQUIRE(p.rest.until_count(3));
  two.reset(id);
  BOOST_TEST(p.rest.until_gone(2));
  const auto half = two.open(head_of(to("/v2/hang")), false);
  BOOST_REQUIRE(p.rest.until_count(4));
  two.data(half, "half", false);
  two.reset(half);
  BOOST_TEST(p.rest.until_gone(3));
  BOOST_TEST(!p.rest.requests()[3].whole);
}

// Nothing is read from them any more that could tell.
BOOST_AUTO_TEST_CASE(a_client_that_goes_unread_ends_its_request_at_the_backend) {
  rest_passage p;
  {
    auto client = p.client();
    client.raw(on_the_wire(to("/v2/hang")));
    BOOST_REQUIRE(p.rest.until_count(1));
    client.socket().half_close();
    BOOST_TEST(!p.rest.until_gone(0, 500ms));  // it may still be waiting for its answer
    client.socket().reset_on_close();
  }
  BOOST_TEST(p.rest.until_gone(0, 5s));
  {
    auto client = p.client();
    client.raw("POST /v2/deaf HTTP/1.1\r\nhost: x\r\nauthorization: " + bearer + "\r\ncontent-length: 100000000\r\n\r\n");
    BOOST_REQUIRE(p.rest.until_count(2));
    const auto piece = pattern(65'536);
    pollfd at{client.socket().descriptor(), POLLOUT, 0};
    while (::poll(&at, 1, 500) > 0) client.socket().write_some(piece);
    client.socket().reset_on_close();
  }
  BOOST_TEST(p.rest.until_gone(1, 5s));
}

// The answer that a pipelined request waits behind, and the client's end, in one turn of the worker.
BOOST_AUTO_TEST_CASE(nothing_begins_for_a_client_that_has_gone) {
  rest_passage p;
  auto client = std::make_unique<http1_client>(p.on.port());
  client->raw(on_the_wire({"POST", "/v2/told", {{"authorization", bearer}}, "one"}) +
              on_the_wire({"POST", "/v2/echo", {{"authorization", bearer}}, "two"}));
  BOOST_REQUIRE(p.rest.until([](const auto& all) { return all.size() == 1 && all[0].whole; }));
  {
    const passage::standstill still(p.on);
    p.rest.tell();
    BOOST_REQUIRE(p.rest.until([](const auto& all) { return all[0].sent > 0; }));
    const auto peer = client->peer();
    client->socket().reset_on_close();
    client.reset();
    BOOST_REQUIRE(support::comes_to(peer, POLLHUP));
  }
  BOOST_TEST(is_counted(p.on, "connection_broken"));
  BOOST_TEST(ask(p.on, spoken::http1, to("/v2/204")).status == 204);
  BOOST_TEST(p.rest.requests().size() == 2U);  // of the one that has gone: the first alone
}

BOOST_AUTO_TEST_CASE(a_malformed_body_is_a_400_and_the_backend_never_takes_it_for_whole) {
  rest_passage p;
  auto client = p.client();
  client.raw("POST /v2/echo HTTP/1.1\r\nhost: x\r\nauthorization: " + bearer + "\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n");
  BOOST_REQUIRE(p.rest.until_count(1));
  client.raw("xyz\r\n");
  BOOST_TEST(client.answer().status() == 400);
  BOOST_TEST(client.ended());
  BOOST_TEST(p.rest.until_gone());
  BOOST_TEST(!p.rest.requests()[0].whole);
}

BOOST_AUTO_TEST_CASE(a_client_that_sends_no_more_still_gets_its_answers) {
  rest_passage p;
  auto client = p.client();
  client.raw(on_the_wire({"POST", "/v2/told", {{"authorization", bearer}}, "one"}) +
             on_the_wire({"POST", "/v2/echo", {{"authorization", bearer}}, "two"}));
  BOOST_REQUIRE(p.rest.until_count(1));
  {
    const passage::standstill still(p.on);
    client.socket().half_close();
    BOOST_REQUIRE(support::comes_to(client.peer(), POLLRDHUP));
  }
  p.rest.tell();
  BOOST_TEST(client.answer().body == "one");
  BOOST_TEST(client.answer().body == "two");
  BOOST_TEST(client.ended());
}

// A request that is begun holds a place at the backend.
BOOST_AUTO_TEST_CASE(what_will_not_come_whole_is_given_up_at_once_though_it_waited_behind_another) {
  rest_passage p;
  auto client = p.client();
  client.raw(on_the_wire({"POST", "/v2/told", {{"authorization", bearer}}, "one"}) +
             "POST /v2/echo HTTP/1.1\r\nhost: x\r\nauthorization: " + bearer + "\r\ncontent-length: 100\r\n\r\nhalf");
  client.socket().half_close();
  BOOST_REQUIRE(p.rest.until([](const auto& all) { return all.size() == 1 && all[0].whole; }));
  p.rest.tell();
  BOOST_TEST(client.answer().body == "one");
  BOOST_TEST(client.ended(3s));
  BOOST_TEST((p.rest.requests().size() == 1 || p.rest.until_gone(1, 3s)));
}

// What is left of a body that is dropped has the time of an idle connection.
BOOST_AUTO_TEST_CASE(a_connection_lives_on_behind_a_body_that_was_dropped) {
  rest_passage p;
  auto client = p.client();
  client.raw("POST /v2/vectordb/roles/list HTTP/1.1\r\nhost: x\r\nauthorization: " + bearer + "\r\ncontent-length: 5\r\n\r\n");
  BOOST_TEST(client.answer().status() == 200);
  auto slower = p.client();
  slower.raw("POST /v2/vectordb/roles/list HTTP/1.1\r\nhost: x\r\nauthorization: " + bearer + "\r\ncontent-length: 5\r\n\r\nsl");
  BOOST_TEST(slower.answer().status() == 200);
  client.raw("12345");
  BOOST_TEST(!p.on.log_has("body_too_slow", body_pace::period + 1s));
  slower.raw("ow!");
  for (auto* one : {&client, &slower}) {
    one->raw(on_the_wire({"POST", "/v2/echo", {{"authorization", bearer}}, "again"}));
    BOOST_TEST(one->answer().body == "again");
  }
}

// The end of an answer leaves us later than it comes from the backend, and a client that reads slowly is neither idle nor gone.
BOOST_AUTO_TEST_CASE(the_last_bytes_of_an_answer_have_the_time_that_write_stall_gives_them) {
  passage::options chosen;
  chosen.http1_idle = 500ms;
  rest_passage p(chosen);
  const question large = to("/v2/large", "GET");
  auto closing = large;
  closing.fields.push_back({"connection", "close"});
  const auto behind = on_the_wire({"POST", "/v2/echo", {{"authorization", bearer}}, "the last"});
  const struct {
    std::string_view name;
    std::string text;
    bool half_close;
    std::string_view last;
    bool late = false;  // half-closed when the answer has come, and nothing is left of it but the client's part
  } table[] = {{"keep-alive", on_the_wire(large), false, {}},
               {"connection: close", on_the_wire(closing), false, {}},
               {"half-closed", on_the_wire(large), true, {}},
               {"half-closed, another request behind it", on_the_wire(large) + behind, true, "the last"},
               {"connection: close, half-closed late", on_the_wire(closing), false, {}, true}};
  const auto content = pattern(fake_http1::large_bytes);
  struct reader {
    std::size_t row;
    http1_client client;
    std::string got;
  };
  std::vector<reader> readers;
  // What is left unread is little enough for all of it to be here, and more than the kernel takes. Where in here it is, nobody knows.
  for (const std::size_t left : {96U * 1024, 192U * 1024, 288U * 1024})
    for (std::size_t row = 0; row < std::size(table); ++row) {
      auto& [of, client, got] = readers.emplace_back(reader{row, p.client(8 * 1024), {}});
      client.raw(table[row].text);
      if (table[row].half_close) client.socket().half_close();
      BOOST_REQUIRE(client.socket().read(got, steady::now() + 10s));
      BOOST_REQUIRE(client.narrow());
      while (got.size() < content.size() - left && client.socket().read(got, steady::now() + 10s)) {
      }
    }
  std::this_thread::sleep_for(600ms);  // some sweeps
  for (auto& one : readers)
    if (table[one.row].late) one.client.socket().half_close();
  // What must not come is an end, for longer than the idle time and any lingering. A connection may end whose answer the kernel has taken
  // whole; that all of it arrives is what counts.
  std::this_thread::sleep_for(4s);
  for (auto& [row, client, got] : readers) BOOST_TEST_CONTEXT(table[row].name) {
      const auto begun = got.find("\r\n\r\n") + 4;
      while ((got.size() < begun + content.size() || !got.ends_with(table[row].last)) && client.socket().read(got, steady::now() + 5s)) {
      }
      BOOST_TEST((got.substr(begun, content.size()) == content));
      BOOST_TEST(got.ends_with(table[row].last));
    }
}

// Where an answer has no length, as in HTTP/1.0, a FIN would be its end.
BOOST_AUTO_TEST_CASE(an_answer_that_is_given_up_ends_in_a_reset) {
  passage::options chosen;
  chosen.write_stall = 500ms;
  for (const auto* path : {"/v2/large", "/v2/large-close"}) {
    rest_passage p(chosen);
    auto client = p.client(8 * 1024);
    client.raw(on_the_wire(to(path, "GET")));
    BOOST_REQUIRE(p.on.log_has("cause=write_stalled"));
    BOOST_TEST(!client.answer().whole);
    BOOST_TEST(client.socket().was_reset(), path);
  }
  chosen.write_stall = 60s;
  rest_passage p(chosen);
  auto client = p.client(8 * 1024);
  client.raw(on_the_wire(to("/v2/large-close", "GET")));
  BOOST_REQUIRE(p.rest.until([](const auto& all) { return all.size() == 1 && all[0].sent > 0; }));
  p.on.abandon();
  BOOST_TEST(!client.answer().whole);
  BOOST_TEST(client.socket().was_reset());
}

BOOST_AUTO_TEST_CASE(what_a_dropped_user_has_under_way_ends) {
  rest_passage p;
  BOOST_REQUIRE(!p.on.users.create("anna", "secret-1"));
  const headers anna{{"authorization", "Bearer anna:secret-1"}};
  auto waiting = p.client(), halfway = p.client(8 * 1024), other = p.client();
  auto two = p.on.client();
  waiting.raw(on_the_wire({"GET", "/v2/hang", anna}));
  BOOST_REQUIRE(p.rest.until_count(1));
  const auto id = two.open(head_of({"GET", "/v2/hang", anna}), true);
  BOOST_REQUIRE(p.rest.until_count(2));
  halfway.raw(on_the_wire({"GET", "/v2/large", anna}));
  BOOST_REQUIRE(p.rest.until([](const auto& all) { return all.size() == 3 && all[2].sent > 0; }));
  other.raw(on_the_wire({"GET", "/v2/hang"}));
  BOOST_REQUIRE(p.rest.until_count(4));
  BOOST_REQUIRE(!p.on.users.drop("anna"));
  BOOST_TEST(waiting.answer().status() == 401);
  BOOST_TEST(waiting.ended());
  BOOST_TEST(reply_of(two.finish(id)).status == 401);
  for (const std::size_t gone : {0U, 1U, 2U}) BOOST_TEST(p.rest.until_gone(gone), gone);
  BOOST_TEST(!halfway.answer().whole);
  BOOST_TEST(!p.rest.requests()[3].gone);  // root's goes on
}

BOOST_AUTO_TEST_CASE(a_drain_ends_idle_connections_at_once_and_lets_what_is_under_way_finish) {
  rest_passage p;
  auto idle = p.client(), silent = p.client(), busy = p.client();
  idle.raw(on_the_wire(to("/v2/echo")));
  BOOST_TEST(idle.answer().status() == 200);
  busy.raw("POST /v2/echo HTTP/1.1\r\nhost: x\r\nauthorization: " + bearer + "\r\ncontent-length: 5\r\n\r\nhe");
  BOOST_REQUIRE(p.rest.until_count(2));
  p.on.drain();
  BOOST_TEST(idle.ended());
  BOOST_TEST(silent.ended());
  BOOST_TEST(!p.on.ended());
  busy.raw("llo");
  const auto got = busy.answer();
  BOOST_TEST(got.body == "hello");
  BOOST_TEST(got.field("connection") == "close");
  BOOST_TEST(busy.ended());
  p.on.join();
}

BOOST_AUTO_TEST_CASE(a_drain_that_lasts_too_long_refuses_what_is_still_under_way) {
  passage::options chosen;
  chosen.drain = 300ms;
  rest_passage p(chosen);
  auto client = p.client();
  client.raw(on_the_wire(to("/v2/hang")));
  BOOST_REQUIRE(p.rest.until_count(1));
  p.on.drain();
  check_json(reply_of(client.answer()), 503, "shutting down");
  BOOST_TEST(p.rest.until_gone());
  p.on.join();
}

BOOST_AUTO_TEST_CASE(a_head_that_never_ends_and_a_connection_that_asks_nothing_more_are_closed) {
  passage::options chosen;
  chosen.http1_head = 300ms;
  chosen.http1_idle = 60s;
  {
    rest_passage p(chosen);
    auto client = p.client();
    client.raw("GET /v2/echo HTTP/1.1\r\nhost: x\r\nauth");
    BOOST_TEST(client.ended(5s));
    BOOST_TEST(p.on.log_has("cause=head_timed_out"));
    BOOST_TEST(p.saw_nothing());
  }
  chosen.http1_head = 60s;
  chosen.http1_idle = 1s;
  rest_passage p(chosen);
  auto client = p.client(), busy = p.client();
  busy.raw(on_the_wire(to("/v2/hang")));
  client.raw(on_the_wire(to("/v2/echo")));
  BOOST_TEST(client.answer().status() == 200);
  BOOST_TEST(client.ended(5s));
  BOOST_TEST(p.on.log_has("cause=idle"));
  BOOST_TEST(!p.rest.requests()[0].gone);  // one that waits for its answer is not idle
}

BOOST_AUTO_TEST_CASE(every_connection_of_http1_is_counted_once_by_what_ended_it) {
  passage::options chosen;
  chosen.first_request = 2s;
  chosen.http1_head = 300ms;
  chosen.drain = 300ms;
  chosen.write_stall = 500ms;
  rest_passage p(chosen);
  // Each speaks as soon as it is there: the one that says nothing is the last.
  auto drained = p.client();
  drained.raw(on_the_wire(to("/v2/204")));
  BOOST_TEST(drained.answer().status() == 204);
  auto refused = p.client();
  refused.raw(on_the_wire(without_token(to("/v2/echo"))));
  auto forbidden = p.client();
  forbidden.raw("TRACE / HTTP/1.1\r\nhost: x\r\n\r\n");
  auto broken_off = p.client();
  broken_off.raw(on_the_wire(to("/v2/half", "GET")));
  auto head_timed_out = p.client();
  head_timed_out.raw("GET /v2/echo HTTP/1.1\r\nhost: x\r\nauth");
  auto write_stalled = p.client(8 * 1024);
  write_stalled.raw(on_the_wire(to("/v2/large", "GET")));
  auto closed = p.client(), no_request = p.client();
  closed.raw(on_the_wire(to("/v2/echo")));
  BOOST_TEST(closed.answer().status() == 200);
  closed.socket().half_close();
  for (const auto* cause : {"refused", "protocol_error", "broken_off", "head_timed_out", "write_stalled", "client_closed", "no_request"})
    BOOST_TEST(is_counted(p.on, cause), cause);
  auto hanging = p.client();
  hanging.raw(on_the_wire(to("/v2/hang")));
  BOOST_REQUIRE(p.rest.until_count(5));
  p.on.drain();
  BOOST_TEST(is_counted(p.on, "drained"));
  BOOST_TEST(is_counted(p.on, "drain_timed_out"));
  p.on.join();
  BOOST_TEST(p.on.metrics().find("cause=\"other\"} 0\n") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::proxy::testing
