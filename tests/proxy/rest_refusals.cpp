// REST that goes nowhere: how a refusal looks, and that the backend saw nothing of it (docs/passage.md 3, 9, 11, 12, 19).
#include "rest.hpp"

namespace sallyport::proxy::testing {
namespace {

std::string ask_raw(const rest_passage& p, std::string_view text) {
  auto client = p.client();
  client.raw(text);
  return client.socket().read_all(5s);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rest_refusals)

BOOST_AUTO_TEST_CASE(every_form_of_token_is_worth_what_it_is_worth_to_milvus) {
  rest_passage p;
  const struct {
    headers shown;
    int status;
  } table[] = {
      {{{"authorization", "Basic " + root}}, 200},
      {{{"authorization", "basic " + root}}, 200},
      {{{"authorization", "BASIC " + root}}, 200},
      {{{"authorization", "Bearer root:Milvus"}}, 200},
      {{{"authorization", "root:Milvus"}}, 200},
      {{{"authorization", "bearer root:Milvus"}}, 401},
      {{{"authorization", "Bearer  root:Milvus"}}, 401},
      {{{"authorization", "Bearer " + root}}, 401},
      {{{"authorization", root}}, 401},
      {{{"authorization", "root:"}}, 401},
      {{{"authorization", ":Milvus"}}, 401},
      {{{"authorization", "Basic " + token("root", "wrong")}}, 401},
      {{{"authorization", "Bearer nobody:Milvus"}}, 401},
      {{{"authorization", "root:Milvus"}, {"authorization", "root:Milvus"}}, 401},
      {{{"authorization", ""}}, 401},
      {{}, 401},
      {{{"sourceid", "QEBtaWx2dXMtbWVtYmVyQEA="}}, 401},
      {{{"token", "root:Milvus"}}, 401},
  };
  std::size_t passed = 0;
  for (const auto by : both)
    for (const auto& [shown, status] : table) {
      BOOST_TEST_CONTEXT(by << " " << (shown.empty() ? "nothing" : shown[0].value)) {
        const auto got = ask(p.on, by, {"POST", "/v2/echo", shown, "secret"});
        BOOST_TEST(got.status == status);
        passed += status == 200;
        BOOST_TEST(p.rest.requests().size() == passed);
        if (status == 200) continue;
        check_json(got, 401, unauthenticated);
        const bool basic = !shown.empty() && shown[0].value.starts_with("Basic ");
        BOOST_TEST(got.field("www-authenticate") == (basic ? R"(Basic realm="restricted", charset="UTF-8")" : "(none)"));
        BOOST_TEST(got.field("connection") == (by == spoken::http1 ? "close" : "(none)"));
      }
    }
}

BOOST_AUTO_TEST_CASE(what_is_refused_reaches_no_backend) {
  rest_passage p;
  const struct {
    question asked;
    int status;
    std::string_view has;
  } table[] = {
      {without_token(to("/v2/echo")), 401, unauthenticated},
      {without_token(to("/v2/vectordb/users/list")), 401, unauthenticated},
      {to("/v2//echo"), 400, "not written plainly"},
      {to("/v2/./echo"), 400, "not written plainly"},
      {to("/v2/../echo"), 400, "not written plainly"},
      {to("/v2/%2e%2e/echo"), 400, "not written plainly"},
      {to("/v2%2Fecho"), 400, "not written plainly"},
      {to("/v2;a=b/echo"), 400, "not written plainly"},
      {to("/expr?code=1"), 404, "not served here"},
      {to("/Debug/pprof/heap", "GET"), 404, "not served here"},
      {to("/metrics", "GET"), 404, "not served here"},
      {to("/v2/vectordb/roles/grant_privilege"), 200, R"("code":10,)"},
      {to("/v2/vectordb/users/grant_role"), 200, R"("code":10,)"},
      {to("/v2/vectordb/privilege_groups/create"), 200, R"("code":10,)"},
      {to("/v2/vectordb/%75sers/create"), 200, R"("code":10,)"},
      {to("/v2/vectordb/Users/create"), 200, R"("code":10,)"},
      {to("/v2/vectordb/users/list", "GET"), 405, "not served here"},
      {to("/v2/vectordb/roles/list", "PUT"), 405, "not served here"},
  };
  for (const auto by : both)
    for (const auto& [asked, status, has] : table) BOOST_TEST_CONTEXT(by << " " << asked.method << " " << asked.path) {
        check_json(ask(p.on, by, asked), status, has);
        BOOST_TEST(p.saw_nothing());
      }
  BOOST_TEST(ask(p.on, spoken::http1, to("/v2/vectordb/users/list", "GET")).field("allow") == "POST");
  for (const auto by : both) {
    const auto traced = ask(p.on, by, to("/v2/echo", "TRACE"));
    BOOST_TEST(traced.status == 405, by);
    BOOST_TEST(traced.field("allow") == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS", by);
  }
  const auto head = ask(p.on, spoken::http1, to("/expr", "HEAD"));
  BOOST_TEST(head.status == 404);
}

// An encoded letter is the same letter to the backend (RFC 3986 6.2.2.2).
// A gateway behind the backend's port would take it for a call of gRPC.
BOOST_AUTO_TEST_CASE(a_user_call_of_grpc_in_another_wrapping_is_never_forwarded) {
  rest_passage p;
  for (const auto by : both)
    for (const auto* method : {"CreateCredential", "Create%43redential", "OperateUserRole"})
      for (const auto* type : {"application/json", "application/grpc-web+proto"}) {
        question q = to(std::string("/milvus.proto.milvus.MilvusService/") + method);
        q.fields.push_back({"content-type", type});
        q.body = "{}";
        BOOST_TEST(ask(p.on, by, q).status == 404, by << " " << method << " " << type);
      }
  BOOST_TEST(p.saw_nothing());
}

BOOST_AUTO_TEST_CASE(a_back_door_stays_shut_however_its_letters_are_encoded) {
  rest_passage p;
  for (const auto by : both)
    for (const auto* path : {"/%65xpr?code=1", "/%6Detrics", "/deb%75g/pprof/heap", "/%5Fcluster/info"}) {
      const auto got = ask(p.on, by, to(path));
      BOOST_TEST((got.status == 400 || got.status == 404), path);
    }
  BOOST_TEST(p.saw_nothing());
}

BOOST_AUTO_TEST_CASE(a_request_that_could_be_two_or_that_asks_to_lose_its_token_is_refused_by_its_bytes) {
  rest_passage p;
  const std::string start = "POST /v2/echo HTTP/1.1\r\nhost: x\r\nauthorization: " + bearer + "\r\n";
  for (const std::string& rest : {std::string("content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
                                  std::string("connection: authorization\r\n\r\n"), std::string("connection: x-sallyport-user\r\n\r\n"),
                                  std::string("content-length: 1\r\ncontent-length: 1\r\n\r\nx"), std::string("host: y\r\n\r\n")}) {
    const auto got = ask_raw(p, start + rest);
    BOOST_TEST(got.starts_with("HTTP/1.1 400 "), rest);
  }
  for (const auto* line : {"TRACE / HTTP/1.1", "CONNECT a:1 HTTP/1.1"}) {
    const auto got = ask_raw(p, line + std::string("\r\nhost: a:1\r\nauthorization: ") + bearer + "\r\n\r\n");
    BOOST_TEST((got.starts_with("HTTP/1.1 405 ") || got.starts_with("HTTP/1.1 501 ")), got);
  }
  BOOST_TEST(ask(p.on, spoken::http2, to("/v2/echo", "TRACE")).status == 405);
  BOOST_TEST(p.saw_nothing());
}

BOOST_AUTO_TEST_CASE(a_target_of_more_than_8_kib_is_refused) {
  rest_passage p;
  for (const auto by : both) {
    BOOST_TEST(ask(p.on, by, to("/" + std::string(8'191, 'a'))).status == 200, by);
    BOOST_TEST(ask(p.on, by, to("/" + std::string(8'192, 'a'))).status == 414, by);
  }
  BOOST_TEST(p.rest.requests().size() == 2U);
}

BOOST_AUTO_TEST_CASE(pipelined_requests_are_judged_each_by_itself_and_answered_in_order_and_a_refusal_is_the_last) {
  rest_passage p;
  const question good{"POST", "/v2/echo", {{"authorization", bearer}}, "first"};
  auto bad = good, none = good, last = good;
  bad.fields = {{"authorization", "Bearer root:wrong"}};
  none.fields = {};
  last.body = "last";
  {
    auto client = p.client();
    client.raw(on_the_wire(good) + on_the_wire(good) + on_the_wire(bad) + on_the_wire(none) + on_the_wire(last));
    BOOST_TEST(client.answer().body == "first");
    BOOST_TEST(client.answer().body == "first");  // a token that this connection has in mind
    const auto refused = client.answer();
    BOOST_REQUIRE(refused.status() == 401);
    BOOST_REQUIRE(refused.field("connection") == "close");
    BOOST_TEST(client.ended());
    BOOST_TEST(p.rest.requests().size() == 2U);
  }
  auto client = p.client();
  client.raw(on_the_wire(good) + on_the_wire(none) + on_the_wire(last));
  BOOST_TEST(client.answer().body == "first");
  BOOST_TEST(client.answer().status() == 401);
  BOOST_TEST(client.ended());
  auto all_good = p.client();
  all_good.raw(on_the_wire(good) + on_the_wire(last) + on_the_wire({"POST", "/v2/vectordb/users/list", {{"authorization", bearer}}, "{}"}) +
               on_the_wire(good));
  BOOST_TEST(all_good.answer().body == "first");
  BOOST_TEST(all_good.answer().body == "last");
  BOOST_TEST(all_good.answer().body.find("root") != std::string::npos);
  BOOST_TEST(all_good.answer().body == "first");
  BOOST_TEST(p.rest.requests().size() == 6U);
}

BOOST_AUTO_TEST_CASE(a_denied_expectation_gets_no_100_and_the_connection_ends) {
  rest_passage p;
  auto client = p.client();
  client.raw(
      "POST /v2/continue HTTP/1.1\r\nhost: x\r\nauthorization: Bearer root:wrong\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n");
  const auto got = client.answer();
  BOOST_TEST(got.status() == 401);
  BOOST_TEST(got.field("connection") == "close");
  BOOST_TEST(client.ended());
  BOOST_TEST(p.saw_nothing());
}

BOOST_AUTO_TEST_CASE(a_refusal_is_not_lost_by_a_client_that_still_uploads) {
  rest_passage p;
  {
    auto client = p.client();
    client.raw("POST /v2/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 4000000\r\n\r\n");
    for (int i = 0; i < 60; ++i) client.raw(std::string(16'384, 'x'));
    client.socket().half_close();
    BOOST_TEST(client.answer().status() == 401);
    BOOST_TEST(client.ended());
    BOOST_TEST(!client.socket().was_reset());
  }
  auto two = p.on.client();
  const auto id = two.open(head_of(without_token(to("/v2/echo"))), false);
  two.data(id, pattern(16'384), false);
  check_json(reply_of(two.finish(id)), 401, unauthenticated);
  BOOST_REQUIRE(two.until([&] { return two.at(id).reset.has_value(); }));
  BOOST_TEST(*two.at(id).reset == h2::no_error);
  BOOST_TEST(p.saw_nothing());
  BOOST_TEST(two.call(head_of(to("/v2/echo")), "x").body == "x");
}

BOOST_AUTO_TEST_CASE(grpc_over_http1_is_told_that_it_needs_http2) {
  rest_passage p;
  for (const auto* type : {"application/grpc", "application/grpc+proto", "application/grpc;a=b"})
    check_json(ask(p.on, spoken::http1, {"POST", user_call("Connect"), {{"authorization", root}, {"content-type", type}}, "x"}), 415,
               "gRPC needs HTTP/2");
  BOOST_TEST(p.saw_nothing());
  BOOST_TEST(
      ask(p.on, spoken::http1, {"POST", "/v2/echo", {{"authorization", bearer}, {"content-type", "application/grpc-web"}}, "x"}).status ==
      200);
}

BOOST_AUTO_TEST_CASE(where_rest_is_off_it_is_refused_in_both_protocols) {
  passage on;
  for (const auto by : both) check_json(ask(on, by, to("/v2/echo")), 415, "REST is not served here");
  BOOST_TEST(on.backend.saw_nothing());
}

BOOST_AUTO_TEST_CASE(users_are_answered_here_and_a_body_without_end_is_refused) {
  rest_passage p;
  for (const auto by : both) {
    BOOST_TEST(ask(p.on, by, {"POST", "/v2/vectordb/users/list", {{"authorization", bearer}}, "{}"}).body ==
               R"({"code":0,"data":["root"]})");
    check_json(ask(p.on, by, {"POST", "/v2/vectordb/users/create", {{"authorization", bearer}}, std::string(40'000, ' ')}), 413,
               "too large");
  }
  auto client = p.client();
  client.raw("POST /v2/vectordb/users/list HTTP/1.1\r\nhost: x\r\nauthorization: " + bearer +
             "\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n");
  BOOST_TEST(client.answer().status() == 100);
  client.raw("{}");
  BOOST_TEST(client.answer().status() == 200);
  auto two = p.on.client();
  const auto id = two.open(head_of({"POST", "/v2/vectordb/users/list", {{"authorization", bearer}, {"expect", "100-continue"}}}), false);
  BOOST_REQUIRE(two.until([&] { return two.at(id).header_blocks == 1; }));
  BOOST_TEST(support::find(two.at(id).head, ":status") == "100");
  two.data(id, "{}", true);
  BOOST_TEST(support::find(two.finish(id).trailers, ":status") == "200");
  BOOST_TEST(p.saw_nothing());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::proxy::testing
