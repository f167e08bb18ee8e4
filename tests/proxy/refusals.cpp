// What is refused, how the refusal looks on the wire, and that the backend saw nothing of it.
#include "passage.hpp"

namespace sallyport::proxy::testing {
namespace {

constexpr std::string_view wrong_pair = "auth check failure, please check username and password are correct";

void check_refusal(const answer& got, std::string_view status, std::string_view message) {
  BOOST_TEST(got.trailers_only);
  BOOST_TEST(got.header_blocks == 1U);
  BOOST_TEST(got.data_bytes == 0U);
  const headers expected{{":status", "200"},
                         {"content-type", "application/grpc"},
                         {"grpc-status", std::string(status)},
                         {"grpc-message", std::string(message)}};
  BOOST_TEST((got.head == expected), "status " << got.status() << ", message " << got.message());
}

// The connection has borne it: a good request passes, and it is the only one that the backend saw.
void check_connection_lives(passage& on, h2_client& client) {
  BOOST_TEST(client.call(request(path_of("Echo")), message("x")).status() == "0");
  BOOST_TEST(on.backend.requests().size() == 1U);
  BOOST_TEST(client.farewells().empty());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(refusals)

BOOST_AUTO_TEST_CASE(door_2_refuses_in_milvus_words_and_the_backend_sees_nothing) {
  passage on;
  auto client = on.client();
  const struct {
    headers shown;
    std::string_view message;
  } table[] = {
      {{}, "missing authorization in header"},
      {{{"authorization", "!!!"}}, "invalid token format"},
      {{{"authorization", "Basic " + root}}, "invalid token format"},
      {{{"authorization", "Bearer " + root}}, "invalid token format"},
      {{{"authorization", root}, {"authorization", root}}, "invalid token format"},
      {{{"authorization", root + "," + root}}, "invalid token format"},
      {{{"authorization", std::string(1028, 'A')}}, "invalid token format"},
      {{{"authorization", base64("no colon")}}, "auth check failure, please check api key is correct"},
      {{{"authorization", ""}}, "auth check failure, please check api key is correct"},
      {{{"authorization", token("root", "wrong")}}, wrong_pair},
      {{{"authorization", token("root", "")}}, wrong_pair},
      {{{"authorization", token("root", "Milvus ")}}, wrong_pair},
      {{{"authorization", token("Root", "Milvus")}}, wrong_pair},
      {{{"authorization", token("nobody", "Milvus")}}, wrong_pair},
      {{{"authorization", token("", "Milvus")}}, wrong_pair},
      {{{"authorization", token("root", "wrong")}, {"sourceid", base64("@@milvus-member@@")}}, wrong_pair},
      {{{"sourceid", base64("@@milvus-member@@")}}, "missing authorization in header"},
      {{{"token", root}}, "missing authorization in header"},
      {{{"x-sallyport-user", "root"}}, "missing authorization in header"},
  };
  for (const auto& [shown, text] : table) {
    const auto& got = client.call(request(path_of("Echo"), {}, shown), message("secret"));
    check_refusal(got, "16", text);
  }
  BOOST_TEST(on.backend.saw_nothing());
  BOOST_TEST(on.backend.connections() == 0U);  // the first permit opens the first connection
  check_connection_lives(on, client);
}

BOOST_AUTO_TEST_CASE(a_good_token_on_one_stream_opens_the_door_for_no_other) {
  passage on;
  auto client = on.client();
  BOOST_TEST(client.call(request(path_of("Echo"))).status() == "0");
  check_refusal(client.call(request(path_of("Echo"), {})), "16", "missing authorization in header");
  check_refusal(client.call(request(path_of("Echo"), token("root", "Milvuz"))), "16", wrong_pair);
  BOOST_TEST(on.backend.requests().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_client_that_still_uploads_is_stopped_without_an_error_and_what_comes_is_credited) {
  passage on;
  auto client = on.client();
  const auto id = client.open(request(path_of("Echo"), {}), false);
  client.data(id, pattern(16'384), false);
  auto& got = client.finish(id);
  check_refusal(got, "16", "missing authorization in header");
  BOOST_REQUIRE(client.until([&] { return got.reset.has_value(); }));
  BOOST_TEST(*got.reset == h2::no_error);
  BOOST_TEST((got.frames == std::vector<std::uint8_t>{h2::head, h2::rst}));
  // Four times the connection's window: without credit for a stream that is no more, the third round would be an error of flow control.
  for (int i = 0; i < 16; ++i) {
    client.data(id, pattern(16'384), i == 15);
    client.settle();
  }
  BOOST_TEST(client.credited(0) >= 3U * 65'535);
  BOOST_TEST(on.backend.saw_nothing());
  check_connection_lives(on, client);
}

BOOST_AUTO_TEST_CASE(the_same_holds_when_the_refusal_comes_after_a_hash) {
  passage on;
  auto client = on.client();
  const auto id = client.open(request(path_of("Echo"), token("root", "wrong")), false);
  client.data(id, pattern(60'000), false);
  auto& got = client.finish(id);
  check_refusal(got, "16", wrong_pair);
  BOOST_REQUIRE(client.until([&] { return got.reset.has_value(); }));
  BOOST_TEST(*got.reset == h2::no_error);
  BOOST_TEST(on.backend.saw_nothing());
  check_connection_lives(on, client);
}

BOOST_AUTO_TEST_CASE(what_is_not_grpc_is_told_so_with_415) {
  passage on;
  auto client = on.client();
  const headers good = request(path_of("Echo"));
  const headers table[] = {
      with(good, "content-type", ""),
      with(good, "content-type", "application/json"),
      with(good, "content-type", "application/grpc-web"),
      with(good, "content-type", "application/grpc-web+proto"),
      with(good, "content-type", "application/grpc+json"),
      with(good, "content-type", "application/grpc+"),
      with(good, "content-type", "application/grpcx"),
      with(good, "content-type", "Application/Grpc"),
      with(good, ":method", "GET"),
      with(good, ":method", "PUT"),
      with(good, ":method", "post"),
      with(with(good, ":method", "GET"), "content-type", ""),
      with(with(good, ":method", "OPTIONS"), ":path", "*"),
  };
  for (const auto& head : table) {
    const auto& got = client.call(head);
    BOOST_TEST(find(got.head, ":status") == "415", find(head, "content-type") << " " << find(head, ":method"));
    BOOST_TEST(got.body.find("this port speaks gRPC") != std::string::npos);
    BOOST_TEST(find(got.head, "content-length") == std::to_string(got.body.size()));
    BOOST_TEST(got.ended);
  }
  // The answer to HEAD has the length of what GET would bring, and no content (RFC 9110 9.3.2).
  const auto& to_head = client.call(with(good, ":method", "HEAD"));
  BOOST_TEST(find(to_head.head, ":status") == "415");
  BOOST_TEST(find(to_head.head, "content-length") != "0");
  BOOST_TEST(to_head.body == "");
  BOOST_TEST(to_head.ended);
  BOOST_TEST(on.backend.saw_nothing());
  check_connection_lives(on, client);
}

BOOST_AUTO_TEST_CASE(a_client_that_goes_on_uploading_to_a_415_is_stopped_after_the_answer_has_left) {
  passage on;
  auto client = on.client();
  const auto id = client.open(with(request(path_of("Echo")), "content-type", "application/json"), false);
  client.data(id, pattern(20'000), false);
  auto& got = client.finish(id);
  BOOST_TEST(find(got.head, ":status") == "415");
  BOOST_TEST(!got.reset.has_value());
  BOOST_REQUIRE(client.until([&] { return got.reset.has_value(); }));  // by the clock, when nothing more comes
  BOOST_TEST(*got.reset == h2::no_error);
  BOOST_TEST(on.backend.saw_nothing());
  check_connection_lives(on, client);
}

BOOST_AUTO_TEST_CASE(a_path_that_is_not_a_service_and_a_method_is_unimplemented) {
  passage on;
  auto client = on.client();
  for (const auto* path : {"/", "/a", "/a/b/", "/a/b/c", "//a/b", "/a//b", "/a/b?x=y", "/a/b#c", "/test.Backend/Ech%6f",
                           "/./test.Backend/Echo", "/test.Backend/../test.Backend/Echo", "/test.Backend/Echo;x", "/test.Backend/Echo.x",
                           "/milvus.proto.milvus.MilvusService/%43reateRole"})
    check_refusal(client.call(request(path)), "12", "malformed method name");
  BOOST_TEST(on.backend.saw_nothing());
  check_connection_lives(on, client);
}

BOOST_AUTO_TEST_CASE(a_head_over_the_limit_is_resource_exhausted_or_431) {
  passage on;
  auto client = on.client();
  const header large{"x-large", std::string(12'000, 'x')};
  check_refusal(client.call(request(path_of("Echo"), root, {large, {"x-larger", large.value}})), "8", "request header fields too large");
  const auto& got = client.call(with(request(path_of("Echo"), root, {large, {"x-larger", large.value}}), "content-type", "text/plain"));
  BOOST_TEST(find(got.head, ":status") == "431");
  BOOST_TEST(on.backend.saw_nothing());
  check_connection_lives(on, client);
}

BOOST_AUTO_TEST_CASE(too_many_fields_are_refused_like_too_many_bytes) {
  passage on;
  auto client = on.client();
  headers crumbs(130, {"cookie", "a"});
  check_refusal(client.call(request(path_of("Echo"), root, crumbs)), "8", "request header fields too large");
  BOOST_TEST(on.backend.saw_nothing());
  check_connection_lives(on, client);
}

BOOST_AUTO_TEST_CASE(the_third_oversize_head_within_a_minute_ends_the_connection) {
  passage on;
  auto client = on.client();
  for (int i = 0; i < 3; ++i) client.open(request(path_of("Echo"), root, {{"x-large", std::string(17'000, 'x')}}), true);
  BOOST_TEST(client.closed_by_peer(5s));
  BOOST_REQUIRE_EQUAL(client.farewells().size(), 1U);
  BOOST_TEST(client.farewells()[0].code == h2::enhance_your_calm);
  BOOST_TEST(on.backend.saw_nothing());
}

BOOST_AUTO_TEST_CASE(malformed_heads_are_reset_and_never_forwarded) {
  passage on;
  auto client = on.client();
  const headers good = request(path_of("Echo"));
  headers late_pseudo = good, twice = good;
  late_pseudo.push_back({":authority", "x"});
  twice.insert(twice.begin(), {":path", path_of("Echo")});
  const headers table[] = {
      with(good, "connection", "keep-alive"),
      with(good, "transfer-encoding", "chunked"),
      with(good, "te", "gzip"),
      with(good, "Sourceid", "x"),
      with(good, "X_Sallyport_User", "root"),
      with(good, "host", "other.example"),
      with(good, "x", "a\nb"),
      with(good, "x", std::string("a\0b", 3)),
      with(good, ":path", ""),
      with(good, ":method", ""),
      late_pseudo,
      twice,
      with(good, ":method", "CONNECT"),
      with(good, ":scheme", "ftp"),
      with(good, "x y", "z"),
      with(good, ":authority", "user@h"),
  };
  for (std::size_t i = 0; i < std::size(table); ++i) {
    const auto& got = client.call(table[i]);
    BOOST_TEST((got.reset == h2::protocol_error), "row " << i);
    BOOST_TEST(got.header_blocks == 0U, "row " << i);
  }
  BOOST_TEST(on.backend.saw_nothing());
  check_connection_lives(on, client);
}

BOOST_AUTO_TEST_CASE(a_credential_in_trailers_is_reset_and_not_passed) {
  passage on;
  auto client = on.client();
  const auto id = client.open(request(path_of("Echo")), false);
  BOOST_REQUIRE(on.backend.until_count(1));
  client.raw(h2::make_head(id, {{"authorization", root}}, true));
  BOOST_REQUIRE((client.finish(id).reset == h2::protocol_error));
  BOOST_REQUIRE(on.backend.until_reset());
  BOOST_TEST(*on.backend.last().reset == h2::cancel);
  BOOST_TEST(!on.backend.last().ended);
}

BOOST_AUTO_TEST_CASE(a_body_that_is_not_as_long_as_announced_never_ends_cleanly_at_the_backend) {
  for (const std::size_t announced : {20U, 5U}) {
    passage on;
    auto client = on.client();
    const auto id = client.open(request(path_of("Echo"), root, {{"content-length", std::to_string(announced)}}), false);
    BOOST_REQUIRE(on.backend.until_count(1));
    client.data(id, message("12345"), true);
    BOOST_REQUIRE((client.finish(id).reset == h2::protocol_error));
    BOOST_REQUIRE(on.backend.until_reset());
    BOOST_TEST(*on.backend.last().reset == h2::cancel);
    BOOST_TEST(!on.backend.last().ended);
  }
}

BOOST_AUTO_TEST_CASE(a_refusal_is_logged_with_its_reason_and_without_the_token) {
  passage on;
  auto client = on.client();
  client.call(request(path_of("Echo"), token("root", "swordfish")));
  BOOST_TEST(on.log_has("reason=wrong_password"));
  const auto log = on.log();
  BOOST_TEST(log.find("request_refused") != std::string::npos);
  BOOST_TEST(log.find("path=" + path_of("Echo")) != std::string::npos);
  BOOST_TEST(log.find("swordfish") == std::string::npos);
  BOOST_TEST(log.find(token("root", "swordfish")) == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_listener_without_tokens_asks_for_none_and_still_answers_no_user_call) {
  passage::options chosen;
  chosen.tokens = false;
  passage on(chosen);
  auto client = on.client();
  BOOST_TEST(client.call(request(path_of("Echo"), {}), message("x")).status() == "0");
  check_refusal(client.call(request(user_call("ListCredUsers"), {}), message("")), "16", "missing authorization in header");
  check_refusal(client.call(request(user_call("ListCredUsers"), root), message("")), "16", "missing authorization in header");
  BOOST_TEST(on.backend.requests().size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(parking)

BOOST_AUTO_TEST_CASE(a_hundred_streams_on_a_cold_memo_all_pass) {
  passage on;
  auto client = on.client();
  std::vector<std::uint32_t> ids;
  for (int i = 0; i < 100; ++i) {
    ids.push_back(client.open(request(path_of("Echo")), false));
    client.data(ids.back(), message("number " + std::to_string(i)), true);
  }
  for (int i = 0; i < 100; ++i) {
    const auto& got = client.finish(ids[static_cast<std::size_t>(i)]);
    BOOST_TEST(got.status() == "0");
    BOOST_TEST(got.body == message("number " + std::to_string(i)));
  }
  BOOST_TEST(on.backend.requests().size() == 100U);
  BOOST_TEST(on.backend.connections() == 1U);
}

// Twelve guesses from the same address are hashed first, one after the other: long enough for what a test does meanwhile.
struct busy_hasher {
  passage on;
  h2_client guesser = on.client();
  h2_client client = on.client();
  busy_hasher() {
    for (int i = 0; i < 12; ++i) guesser.open(request(path_of("Echo"), token("root", "guess" + std::to_string(i))), true);
    guesser.settle();
  }
};

BOOST_FIXTURE_TEST_CASE(data_waits_within_its_window_while_a_hash_runs_and_arrives_whole, busy_hasher) {
  const auto id = client.open(request(path_of("Echo")), false);
  const auto content = pattern(65'535);
  client.data(id, content, false);
  client.settle();
  BOOST_TEST(on.backend.saw_nothing());
  BOOST_TEST(on.backend.connections() == 0U);
  BOOST_TEST(client.credited(id) == 0U);  // nothing was passed on, so nothing is given back
  // The rest of the connection flows meanwhile.
  const auto& refused = client.call(request(path_of("Echo"), {}));
  BOOST_TEST(refused.status() == "16");
  BOOST_TEST(on.backend.saw_nothing());

  client.until([&] { return client.credited(id) > 0; });
  client.data(id, "the end", true);
  const auto& got = client.finish(id);
  BOOST_TEST(got.status() == "0");
  BOOST_TEST((got.body == content + "the end"));
  BOOST_TEST(on.backend.requests().size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_request_whose_end_came_while_it_waited_is_forwarded_with_its_end, busy_hasher) {
  const auto empty = client.open(request(path_of("Echo")), false);
  client.data(empty, "", true);
  const auto full = client.open(request(path_of("Echo")), false);
  client.data(full, message("abc"), true);
  client.settle();
  BOOST_TEST(on.backend.saw_nothing());
  BOOST_TEST(client.finish(empty).status() == "0");
  BOOST_TEST(client.at(empty).body.empty());
  BOOST_TEST(client.finish(full).body == message("abc"));
}

BOOST_FIXTURE_TEST_CASE(a_reset_while_a_hash_runs_ends_the_request_before_the_backend_sees_it, busy_hasher) {
  const auto gone = client.open(request(path_of("Echo")), false);
  client.data(gone, message("gone"), false);
  client.reset(gone);
  client.settle();
  BOOST_TEST(on.backend.saw_nothing());
  const auto& got = client.call(request(path_of("Echo")), message("stays"));
  BOOST_TEST(got.body == message("stays"));
  client.settle();
  BOOST_TEST(on.backend.requests().size() == 1U);
  BOOST_TEST(on.backend.last().body == message("stays"));
}

BOOST_FIXTURE_TEST_CASE(a_client_that_leaves_while_a_hash_runs_leaves_nothing_behind, busy_hasher) {
  client.open(request(path_of("Echo")), true);
  client.settle();
  client.close();
  BOOST_TEST(on.log_has("cause=client_closed"));
  auto other = on.client();
  BOOST_TEST(other.call(request(path_of("Echo")), message("x")).status() == "0");
  BOOST_TEST(on.backend.requests().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_hash_queue_that_is_full_refuses_as_temporary) {
  passage::options chosen;
  chosen.hash_queue = 4;
  passage on(chosen);
  auto client = on.client();
  std::vector<std::uint32_t> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(client.open(request(path_of("Echo"), token("root", "guess" + std::to_string(i))), true));
  std::size_t unavailable = 0;
  for (const auto id : ids) unavailable += client.finish(id).status() == "14";
  BOOST_TEST(unavailable > 0U);
  BOOST_TEST(unavailable < 20U);
  BOOST_TEST(on.backend.saw_nothing());
  check_connection_lives(on, client);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::proxy::testing
