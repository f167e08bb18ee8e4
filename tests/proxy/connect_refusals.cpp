// CONNECT that leads nowhere: how a refusal looks, and that the backend saw no connection of it.
#include "connect.hpp"

namespace sallyport::proxy::testing {

BOOST_AUTO_TEST_SUITE(connect_refusals)

BOOST_AUTO_TEST_CASE(door_2_judges_proxy_authorization_alone_and_the_backend_sees_nothing_of_a_refusal) {
  connect_passage p;
  const struct {
    headers fields;
    std::string_view reason;
  } table[] = {
      {{}, "missing_token"},
      {{{"authorization", shown}}, "missing_token"},
      {{{"proxy-authorization", shown}, {"proxy-authorization", shown}}, "several_tokens"},
      {{{"proxy-authorization", shown + ", " + shown}}, "several_tokens"},
      {{{"proxy-authorization", shown + ","}}, "several_tokens"},
      {{{"proxy-authorization", "Basic " + std::string(2'000, 'A')}}, "token_too_long"},
      {{{"proxy-authorization", root}}, "invalid_token"},
      {{{"proxy-authorization", "root:Milvus"}}, "invalid_token"},
      {{{"proxy-authorization", "Bearer root:Milvus"}}, "invalid_token"},
      {{{"proxy-authorization", "Basic root:Milvus"}}, "invalid_token"},
      {{{"proxy-authorization", "Basic " + base64("rootMilvus")}}, "api_key_unknown"},
      {{{"proxy-authorization", "Basic"}}, "invalid_token"},
      {{{"proxy-authorization", "Basic " + token("root", "wrong")}}, "wrong_password"},
      {{{"proxy-authorization", "Basic " + token("nobody", "Milvus")}}, "unknown_user"},
      {{{"proxy-authorization", "Basic " + token("root", "")}}, "wrong_password"},
      {{{"proxy-authorization", "Digest " + root}}, "invalid_token"},
  };
  for (const auto by : both)
    for (const auto& [fields, reason] : table) BOOST_TEST_CONTEXT(by << " " << reason << " " << (fields.empty() ? "" : fields[0].value)) {
        const auto got = p.refused(by, {"CONNECT", p.target(), fields});
        BOOST_TEST(got.status == 407);
        BOOST_TEST(got.field("proxy-authenticate") == R"(Basic realm="sallyport", charset="UTF-8")");
        BOOST_TEST(got.field("connection") == (by == spoken::http1 ? "close" : "(none)"));
        BOOST_TEST(p.bytes.connections() == 0U);
        BOOST_TEST(p.on.log_has("request_refused reason=" + std::string(reason) + " http_status=407"));
      }
  BOOST_TEST(p.on.log().find("Milvus") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(only_who_has_passed_door_2_learns_where_the_port_leads) {
  connect_passage p;
  const auto port = std::to_string(p.bytes.port());
  for (const auto by : both)
    for (const auto& target : std::vector<std::string>{"127.0.0.1:1", "127.0.0.2:" + port, "localhost:" + port, "milvus:" + port,
                                                       "[::1]:" + port, "backend.invalid:2", "127.0.0.1.:" + port})
      BOOST_TEST_CONTEXT(by << " " << target) {
        BOOST_TEST(p.refused(by, {"CONNECT", target, {}}).status == 407);
        BOOST_TEST(p.refused(by, {"CONNECT", target, {{"proxy-authorization", shown}}}).status == 403);
        BOOST_TEST(p.bytes.connections() == 0U);
      }
  BOOST_TEST(p.on.log_has("reason=wrong_target http_status=403 target=127.0.0.1:1 user=root"));
}

BOOST_AUTO_TEST_CASE(a_target_that_is_none_is_malformed_whoever_asks) {
  connect_passage p;
  const auto port = std::to_string(p.bytes.port());
  for (const auto by : both)
    for (const auto& target :
         std::vector<std::string>{"127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:0" + port, "127.0.0.1:99999999",
                                  ":" + port, "127.0.0.1:http", "::1:" + port, "[127.0.0.1]:" + port, "[]:" + port})
      BOOST_TEST_CONTEXT(by << " " << target) {
        BOOST_TEST(p.refused(by, {"CONNECT", target, {{"proxy-authorization", shown}}}).status == 400);
        BOOST_TEST(p.bytes.connections() == 0U);
      }
  auto two = p.on.client();
  BOOST_TEST(find(two.call({{":method", "CONNECT"}, {"proxy-authorization", shown}}).head, ":status") == "400");
  BOOST_TEST(find(two.call({{":method", "CONNECT"}, {"host", p.target()}, {"proxy-authorization", shown}}).head, ":status") == "400");
  BOOST_TEST(p.bytes.connections() == 0U);
}

BOOST_AUTO_TEST_CASE(other_methods_are_told_that_connect_is_served) {
  connect_passage p;
  for (const auto by : both)
    for (const std::string method : {"GET", "POST", "HEAD", "OPTIONS", "PUT"}) BOOST_TEST_CONTEXT(by << " " << method) {
        const auto got = ask(p.on, by, {method, "/", {{"authorization", bearer}, {"proxy-authorization", shown}}});
        BOOST_TEST(got.status == 405);
        BOOST_TEST(got.field("allow") == "CONNECT");
        BOOST_TEST(p.bytes.connections() == 0U);
      }
  BOOST_TEST(p.raw("TRACE / HTTP/1.1\r\nhost: a\r\n\r\n").find("\r\nallow: CONNECT\r\n") != std::string::npos);
  auto two = p.on.client();
  BOOST_TEST(find(two.call(request(path_of("Echo"))).head, ":status") == "405");
}

BOOST_AUTO_TEST_CASE(a_connect_with_a_body_or_with_two_targets_is_malformed) {
  connect_passage p;
  const auto head = [&](std::string_view more) { return p.head(p.target()) + std::string(more) + "\r\n"; };
  for (const std::string more : {"content-length: 5\r\n", "transfer-encoding: chunked\r\n", "host: other:1\r\n"})
    BOOST_TEST(p.raw(head(more) + "hello").starts_with("HTTP/1.1 400 "), more);
  BOOST_TEST(p.raw("CONNECT " + p.target() + " HTTP/1.1\r\nhost: other:1\r\nproxy-authorization: " + shown + "\r\n\r\n")
                 .starts_with("HTTP/1.1 400 "));
  BOOST_TEST(p.raw("CONNECT " + p.target() + " HTTP/1.1\r\nproxy-authorization: " + shown + "\r\n\r\n").starts_with("HTTP/1.1 400 "));
  auto two = p.on.client();
  const auto id = two.open(with(p.head_of(p.target()), "content-length", "5"), false);
  BOOST_TEST(find(two.finish(id).head, ":status") == "400");
  for (const header& more : {header{":scheme", "http"}, header{":path", "/"}}) {
    auto fields = p.head_of(p.target());
    fields.insert(fields.begin() + 1, more);
    const auto& got = two.finish(two.open(fields, false));
    BOOST_TEST(got.head.empty());
    BOOST_TEST((got.reset == h2::protocol_error));
  }
  auto protocol = p.head_of(p.target());
  protocol.insert(protocol.begin() + 1, {":protocol", "websocket"});
  BOOST_TEST((two.finish(two.open(protocol, false)).reset == h2::protocol_error));
  BOOST_TEST(p.bytes.connections() == 0U);
}

BOOST_AUTO_TEST_CASE(nothing_behind_a_refused_connect_is_taken_for_a_request) {
  connect_passage p;
  const auto smuggled = p.head(p.target()) + "\r\n";
  for (const std::string& first : {"CONNECT " + p.target() + " HTTP/1.1\r\nhost: " + p.target() + "\r\n\r\n",
                                   p.head("127.0.0.1:1") + "\r\n", p.head("127.0.0.1:1") + "content-length: 0\r\n\r\n"}) {
    const auto got = p.raw(first + smuggled + smuggled);
    BOOST_TEST(got.starts_with("HTTP/1.1 40"), got);
    BOOST_TEST(got.find("HTTP/1.1", 1) == std::string::npos, got);  // one answer, and the connection ends
    BOOST_TEST(p.bytes.connections() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(connect_stays_refused_where_the_port_is_for_requests) {
  passage on;
  auto two = on.client();
  BOOST_TEST((two.call({{":method", "CONNECT"}, {":authority", "a:1"}, {"authorization", root}}).reset == h2::protocol_error));
  http1_client one(on.port());
  one.raw("CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n");
  BOOST_TEST(one.answer().status() == 405);
  BOOST_TEST(on.backend.connections() == 0U);
}

BOOST_AUTO_TEST_CASE(a_backend_that_is_away_is_a_503_and_one_that_comes_back_is_reached) {
  connect_passage p;
  p.bytes.stop();
  for (const auto by : both) BOOST_TEST(p.refused(by, {"CONNECT", p.target(), {{"proxy-authorization", shown}}}).status == 503);
  BOOST_TEST(p.on.log_has("backend_unreachable"));
  p.bytes.start_again();
  const auto until = steady::now() + 10s;
  while (steady::now() < until) {
    auto client = p.connect();
    if (client->socket().total() > 0 && p.bytes.accept(50ms)) break;
  }
  BOOST_TEST(p.bytes.connections() >= 1U);
}

BOOST_AUTO_TEST_CASE(more_tunnels_than_there_may_be_are_a_503) {
  passage::options chosen;
  chosen.backend.tunnels = 2;
  connect_passage p(chosen);
  auto one = p.connect(), two = p.connect();
  BOOST_TEST(p.refused(spoken::http2, {"CONNECT", p.target(), {{"proxy-authorization", shown}}}).status == 503);
  BOOST_TEST(p.bytes.connections() == 2U);
  one->socket().reset_on_close();
  one.reset();
  BOOST_TEST(p.on.log_has("tunnel_closed"));
  BOOST_TEST(p.connect() != nullptr);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::proxy::testing
