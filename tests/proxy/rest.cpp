// REST through both doors: what a client of HTTP/1.1 or HTTP/2 asks reaches the HTTP/1.1 backend as it was meant, and the answer comes
// back whole (docs/passage.md 11, 18, 19).
#include "rest.hpp"

namespace sallyport::proxy::testing {

BOOST_AUTO_TEST_SUITE(rest)

BOOST_AUTO_TEST_CASE(every_kind_of_request_reaches_the_backend_and_its_answer_comes_back_whole) {
  rest_passage p;
  const auto body = pattern(40'000);
  const struct {
    question asked;
    int status;
    std::string answered;
  } table[] = {
      {{"GET", "/v2/echo"}, 200, ""},
      {{"GET", "/v2/echo?a=%2F&b=..//;#"}, 400, ""},
      {{"GET", "/v2/a%20b/echo?a=%2F&b=..//;"}, 200, ""},
      {{"POST", "/v2/vectordb/entities/echo", {{"authorization", bearer}}, body}, 200, body},
      {{"PUT", "/v2/echo", {{"authorization", bearer}}, "x"}, 200, "x"},
      {{"DELETE", "/v1/echo"}, 200, ""},
      {{"POST", "/v2/chunked", {{"authorization", bearer}}, body}, 200, body},
      {{"POST", "/v2/close", {{"authorization", bearer}}, body}, 200, body},
      {{"POST", "/v2/bye", {{"authorization", bearer}}, body}, 200, body},
      {{"GET", "/v2/204"}, 204, ""},
      {{"GET", "/v2/204-with-length"}, 204, ""},
      {{"GET", "/v2/head"}, 200, "12345"},
      {{"HEAD", "/v2/head"}, 200, ""},
  };
  for (const auto by : both)
    for (const auto& [asked, status, answered] : table) {
      const auto before = p.rest.requests().size();
      const auto got = ask(p.on, by, asked);
      BOOST_TEST_CONTEXT(by << " " << asked.method << " " << asked.path) {
        BOOST_TEST(got.status == status);
        if (status == 400) continue;
        BOOST_TEST(got.whole);
        BOOST_TEST((got.body == answered));
        BOOST_REQUIRE_EQUAL(p.rest.requests().size(), before + 1);
        const auto seen = p.rest.last();
        BOOST_TEST(seen.word(0) == asked.method);
        BOOST_TEST(seen.word(1) == asked.path);
        BOOST_TEST(seen.word(2) == "HTTP/1.1");
        BOOST_TEST(seen.field("host") == "milvus.example:19530");
        BOOST_TEST((seen.body == asked.body));
        if (asked.method == "HEAD") BOOST_TEST(got.field("content-length") == "5");
      }
    }
}

BOOST_AUTO_TEST_CASE(a_length_that_was_told_is_kept_and_without_one_there_are_chunks_and_never_both) {
  rest_passage p;
  const auto body = pattern(30'000);
  const question plain{"POST", "/v2/echo", {{"authorization", bearer}}, body};
  auto announced = plain;
  announced.fields.push_back({"content-length", "30000"});

  auto one = p.client();
  one.raw(on_the_wire(plain));
  BOOST_TEST((one.answer().body == body));
  auto two = p.on.client();
  BOOST_TEST((two.call(head_of(announced), body).body == body));
  for (const auto& seen : p.rest.requests()) {
    BOOST_TEST(seen.field("content-length") == "30000");
    BOOST_TEST(seen.field("transfer-encoding") == "(none)");
  }

  one.raw(on_the_wire(plain, true));
  BOOST_TEST((one.answer().body == body));
  BOOST_TEST(p.rest.last().field("content-length") == "(none)");
  BOOST_TEST((p.rest.last().body == body));
  BOOST_TEST(p.rest.last().chunked);
  BOOST_TEST(p.rest.last().trailers.empty());
  BOOST_TEST((two.call(head_of(plain), body).body == body));
  BOOST_TEST(p.rest.last().field("content-length") == "(none)");
  BOOST_TEST(p.rest.last().chunked);
}

BOOST_AUTO_TEST_CASE(an_answer_without_a_length_is_chunked_without_trailers_and_one_with_it_keeps_it) {
  rest_passage p;
  auto client = p.client();
  for (const auto* path : {"/v2/chunked", "/v2/close", "/v2/echo"}) {
    client.raw(on_the_wire({"POST", path, {{"authorization", bearer}}, "abc"}));
    const auto got = client.answer();
    BOOST_TEST(got.whole);
    BOOST_TEST(got.body == "abc");
    BOOST_TEST(got.chunked == (path != std::string("/v2/echo")));
    BOOST_TEST(got.field("content-length") == (got.chunked ? "(none)" : "3"));
    BOOST_TEST(got.trailers.empty());
    BOOST_TEST(got.field("trailer") == "(none)");
    BOOST_TEST(got.field("connection") == "(none)");
  }
}

BOOST_AUTO_TEST_CASE(http_1_0_gets_no_chunks_and_the_end_of_the_connection) {
  rest_passage p;
  auto client = p.client();
  client.raw("POST /v2/chunked HTTP/1.0\r\nhost: x\r\nauthorization: " + bearer + "\r\ncontent-length: 3\r\n\r\nabc");
  const auto got = client.answer();
  BOOST_TEST(got.status() == 200);
  BOOST_TEST(!got.chunked);
  BOOST_TEST(got.body == "abc");
  BOOST_TEST(client.ended());
}

BOOST_AUTO_TEST_CASE(connections_to_the_backend_are_used_again_by_all_and_only_when_both_messages_are_whole) {
  rest_passage p;
  auto one = p.client(), other = p.client();
  auto two = p.on.client();
  for (int i = 0; i < 3; ++i) {
    for (auto* c : {&one, &other}) {
      c->raw(on_the_wire({"POST", "/v2/echo", {{"authorization", bearer}}, "x"}));
      BOOST_TEST(c->answer().body == "x");
    }
    BOOST_TEST(two.call(head_of({"POST", "/v2/echo"}), "y").body == "y");
  }
  BOOST_TEST(p.rest.connections() == 1U);

  two.open(head_of({"GET", "/v2/hang"}), true);
  BOOST_REQUIRE(p.rest.until_count(10));
  BOOST_TEST(two.call(head_of({"GET", "/v2/bye"}), {}).ended);
  BOOST_TEST(p.rest.connections() == 2U);
  BOOST_TEST(two.call(head_of({"GET", "/v2/echo"}), {}).ended);
  BOOST_TEST(p.rest.connections() == 3U);  // the backend had said close
}

BOOST_AUTO_TEST_CASE(a_connection_that_the_backend_ended_meanwhile_costs_nobody_an_answer) {
  rest_passage p;
  auto client = p.client();
  client.raw(on_the_wire({"GET", "/v2/echo"}));
  BOOST_TEST(client.answer().status() == 200);
  p.rest.hang_up();
  client.raw(on_the_wire({"GET", "/v2/echo"}));
  BOOST_TEST(client.answer().status() == 200);
  BOOST_TEST(p.rest.requests().size() == 2U);
}

// ---- what the backend sees of the head

BOOST_AUTO_TEST_CASE(what_a_client_says_of_itself_and_what_belongs_to_its_connection_does_not_reach_the_backend) {
  rest_passage p;
  const headers own{
      {"authorization", bearer},    {"sourceid", "QEBtaWx2dXMtbWVtYmVyQEA="},       {"token", "root:Milvus"}, {"x-sallyport-user", "root"},
      {"x_sallyport_user", "root"}, {"x-sallyport_certificate-subject", "CN=root"}, {"request-timeout", "5"}, {"dbname", "a"}};
  for (const auto by : both) {
    question asked{"POST", "/v2/echo", own, "x"};
    if (by == spoken::http1) {
      asked.fields.push_back({"connection", "keep-alive, x-mine"});
      asked.fields.insert(asked.fields.end(),
                          {{"x-mine", "1"}, {"keep-alive", "timeout=5"}, {"proxy-connection", "keep-alive"}, {"trailer", "x"}});
    }
    asked.fields.push_back({"te", "trailers"});
    BOOST_TEST(ask(p.on, by, asked).status == 200);
    const auto seen = p.rest.last();
    BOOST_TEST_CONTEXT(by << "\n" << seen.head) {
      for (const auto* gone :
           {"authorization", "sourceid", "token", "x-sallyport-user", "x_sallyport_user", "x-sallyport_certificate-subject", "x-mine",
            "keep-alive", "proxy-connection", "trailer", "te", "connection", "transfer-encoding"})
        if (by == spoken::http1 || gone != std::string("transfer-encoding")) BOOST_TEST(seen.field(gone) == "(none)", gone);
      BOOST_TEST(seen.head.find("Milvus") == std::string::npos);
      BOOST_TEST(seen.field("request-timeout") == "5");
      BOOST_TEST(seen.field("dbname") == "a");
    }
  }
}

BOOST_AUTO_TEST_CASE(a_backend_that_asks_is_told_who_passed_and_the_client_has_no_say_in_it) {
  passage::options chosen;
  chosen.backend.identity = upstream::identity::headers;
  rest_passage p(chosen);
  for (const auto by : both) {
    BOOST_TEST(ask(p.on, by, {"POST", "/v2/echo", {{"authorization", bearer}, {"x-sallyport-user", "admin"}}, "x"}).status == 200);
    const auto head = p.rest.last().head;
    BOOST_TEST(p.rest.last().field("x-sallyport-user") == "root");
    BOOST_TEST(head.find("x-sallyport-user") == head.rfind("x-sallyport-user"));
  }
}

BOOST_AUTO_TEST_CASE(a_credential_is_forwarded_once_and_as_it_came_where_the_backend_wants_it) {
  passage::options chosen;
  chosen.backend.credential = upstream::credentials::forward;
  rest_passage p(chosen);
  for (const auto by : both) {
    BOOST_TEST(ask(p.on, by, {"GET", "/v2/echo"}).status == 200);
    const auto head = p.rest.last().head;
    BOOST_TEST(p.rest.last().field("authorization") == bearer);
    BOOST_TEST(head.find("authorization") == head.rfind("authorization"));
  }
}

BOOST_AUTO_TEST_CASE(what_belongs_to_the_backends_connection_does_not_reach_the_client) {
  rest_passage p;
  for (const auto by : both) {
    const auto got = ask(p.on, by, {"GET", "/v2/hop"});
    BOOST_TEST(got.status == 200);
    BOOST_TEST(got.field("x-said") == "hop");
    for (const auto* gone : {"connection", "x-mine", "keep-alive", "alt-svc"}) BOOST_TEST(got.field(gone) == "(none)", gone);
  }
}

// ---- interim answers

BOOST_AUTO_TEST_CASE(interim_answers_are_passed_on_but_not_without_end) {
  rest_passage p;
  auto client = p.client();
  client.raw(on_the_wire({"GET", "/v2/1xx"}));
  const auto first = client.answer();
  BOOST_TEST(first.status() == 103);
  BOOST_TEST(first.field("link") == "</a>");
  BOOST_TEST(first.field("alt-svc") == "(none)");
  BOOST_TEST(client.answer().status() == 200);

  auto two = p.on.client();
  const auto& got = two.call(head_of({"GET", "/v2/1xx"}));
  BOOST_TEST(got.header_blocks == 2U);
  BOOST_TEST(support::find(got.head, ":status") == "103");
  BOOST_TEST(support::find(got.head, "alt-svc") == "(none)");
  BOOST_TEST(support::find(got.trailers, ":status") == "200");

  client.raw(on_the_wire({"GET", "/v2/1xx9"}));
  int interim = 0;
  auto last = client.answer();
  for (; last.status() == 103; last = client.answer()) ++interim;
  BOOST_TEST(interim == 8);
  BOOST_TEST(last.status() == 502);
}

BOOST_AUTO_TEST_CASE(an_expectation_goes_on_after_the_permit_and_the_backends_100_is_what_the_client_waits_for) {
  rest_passage p;
  question asked{"POST", "/v2/continue", {{"authorization", bearer}, {"expect", "100-continue"}, {"content-length", "5"}}};
  auto head = asked.method + " " + asked.path + " HTTP/1.1\r\nhost: x\r\n";
  for (const auto& f : asked.fields) head += f.name + ": " + f.value + "\r\n";
  auto client = p.client();
  client.raw(head + "\r\n");
  BOOST_TEST(client.answer().status() == 100);
  BOOST_TEST(p.rest.last().field("expect") == "100-continue");
  client.raw("hello");
  BOOST_TEST(client.answer().body == "hello");
  client.raw(on_the_wire({"GET", "/v2/echo"}));  // and the connection lives on
  BOOST_TEST(client.answer().status() == 200);

  auto two = p.on.client();
  const auto id = two.open(head_of(asked), false);
  BOOST_REQUIRE(two.until([&] { return two.at(id).header_blocks == 1; }));
  BOOST_TEST(support::find(two.at(id).head, ":status") == "100");
  two.data(id, "hello", true);
  BOOST_TEST(two.finish(id).body == "hello");
}

BOOST_AUTO_TEST_CASE(a_backend_that_wants_no_body_answers_at_once_and_the_connection_ends_with_that) {
  rest_passage p;
  auto client = p.client();
  client.raw("POST /v2/early HTTP/1.1\r\nhost: x\r\nauthorization: " + bearer + "\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n");
  const auto got = client.answer();
  BOOST_TEST(got.status() == 403);
  BOOST_TEST(got.field("connection") == "close");
  BOOST_TEST(client.ended());
  BOOST_TEST(p.rest.until_gone());  // nor is the backend's used again
}

// ---- the other kind of backend

BOOST_AUTO_TEST_CASE(rest_of_a_backend_that_speaks_http2_is_served_to_http1_without_its_trailers) {
  passage::options chosen;
  chosen.backend.speaks = upstream::rest::h2;
  passage on(chosen);
  const auto body = pattern(200'000);
  for (const auto by : both) {
    const question asked{
        "POST", "/v2/Echo", {{"authorization", bearer}, {"content-type", "application/json"}}, by == spoken::http1 ? body : "x"};
    const auto got = ask(on, by, asked);
    BOOST_TEST(got.status == 200);
    BOOST_TEST(got.whole);
    BOOST_TEST((got.body == asked.body));
    BOOST_TEST(support::find(on.backend.last().head, "content-type") == "application/json");
    BOOST_TEST(support::find(on.backend.last().head, "authorization") == "(none)");
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::proxy::testing
