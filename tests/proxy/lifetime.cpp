// How connections begin and end: what is spoken on a port, clocks, users that go, and the drain.
#include "passage.hpp"

namespace sallyport::proxy::testing {
namespace {

using support::steady;

}  // namespace

BOOST_AUTO_TEST_SUITE(openings)

BOOST_AUTO_TEST_CASE(http1_on_a_plaintext_port_is_told_what_is_spoken_there) {
  passage on;
  for (const auto* text : {"GET /v2/vectordb/collections/list HTTP/1.1\r\nHost: x\r\n\r\n",
                           "POST /v2 HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nbegun"}) {
    support::wire socket(support::wire::dial(on.port()));
    socket.write(text);
    const auto got = socket.read_all();
    BOOST_TEST(got.starts_with("HTTP/1.1 415 Unsupported Media Type\r\n"));
    BOOST_TEST(got.find("this port speaks gRPC") != std::string::npos);
    BOOST_TEST(!socket.was_reset());
  }
  BOOST_TEST(on.log_has("request_refused reason=not_grpc http_status=415"));
  BOOST_TEST(on.backend.saw_nothing());
}

BOOST_AUTO_TEST_CASE(an_upload_over_http1_does_not_lose_the_answer_to_a_reset) {
  passage on;
  support::wire socket(support::wire::dial(on.port()));
  socket.write("POST /v2 HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n");
  for (int i = 0; i < 60; ++i) socket.write(std::string(16'384, 'x'));
  socket.half_close();
  const auto got = socket.read_all();
  BOOST_TEST(got.find("415 Unsupported Media Type") != std::string::npos);
  BOOST_TEST(!socket.was_reset());
  // What still came was discarded unread: one verdict, one line.
  BOOST_REQUIRE(on.log_has("connection_closed"));
  const auto log = on.log();
  const auto first = log.find("request_refused");
  BOOST_REQUIRE(first != std::string::npos);
  BOOST_TEST(log.find("request_refused", first + 1) == std::string::npos);
}

BOOST_AUTO_TEST_CASE(tls_and_nonsense_on_a_plaintext_port_are_closed_with_a_reason_in_the_log) {
  passage on;
  const std::pair<std::string, std::string> table[] = {
      {std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), "wrong_protocol seen=tls"},
      {std::string("\0\0\0\0", 4), "wrong_protocol seen=unknown"},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n", "wrong_protocol seen=proxy_header"},
  };
  for (const auto& [bytes, reason] : table) {
    support::wire socket(support::wire::dial(on.port()));
    socket.write(bytes);
    BOOST_TEST(socket.read_all(5s).empty());
    BOOST_REQUIRE(on.log_has(reason, 5s));
  }
  BOOST_TEST(on.backend.saw_nothing());
}

BOOST_AUTO_TEST_CASE(a_broken_preface_or_first_frame_is_a_goaway) {
  passage on;
  for (const auto& bytes : {std::string(h2::preface) + h2::make(h2::ping, h2::none, 0, "12345678"),
                            std::string(h2::preface) + h2::make(h2::settings, h2::none, 1)}) {
    h2_client client(support::wire::dial(on.port()));
    support::wire socket(support::wire::dial(on.port()));
    socket.write(bytes);
    const auto got = socket.read_all();
    BOOST_TEST(got.find(h2::big_endian(h2::protocol_error, 4)) != std::string::npos);
    BOOST_TEST(client.call(request(path_of("Echo"))).status() == "0");  // others don't notice
  }
  BOOST_TEST(on.log_has("code=PROTOCOL_ERROR"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(clocks)

BOOST_AUTO_TEST_CASE(a_connection_without_a_request_is_sent_away_without_an_error) {
  passage::options chosen;
  chosen.first_request = 400ms;
  passage on(chosen);
  auto client = on.client();
  const auto begun = steady::now();
  BOOST_TEST(client.closed_by_peer(5s));
  BOOST_TEST((steady::now() - begun >= 350ms));
  BOOST_REQUIRE_EQUAL(client.farewells().size(), 1U);
  BOOST_TEST(client.farewells()[0].code == h2::no_error);
  BOOST_TEST(on.log_has("cause=no_request"));
}

BOOST_AUTO_TEST_CASE(a_connection_that_says_nothing_at_all_is_closed) {
  passage::options chosen;
  chosen.first_request = 400ms;
  passage on(chosen);
  support::wire silent(support::wire::dial(on.port())), half(support::wire::dial(on.port()));
  half.write("PRI * HT");
  BOOST_TEST(silent.read_all(5s).empty());
  BOOST_TEST(half.read_all(5s).empty());
}

BOOST_AUTO_TEST_CASE(a_refused_request_is_a_request) {
  passage::options chosen;
  chosen.first_request = 1s;
  passage on(chosen);
  auto client = on.client();
  client.call(request(path_of("Echo"), {}));
  client.until([&] { return client.closed(); }, 1500ms);
  BOOST_TEST(!client.closed());
  BOOST_TEST(client.farewells().empty());
}

BOOST_AUTO_TEST_CASE(an_idle_connection_is_sent_away_and_one_with_an_open_stream_is_not) {
  passage::options chosen;
  chosen.idle = 400ms;
  passage on(chosen);
  auto idle = on.client(), busy = on.client();
  busy.open(request(path_of("Hang")), false);
  BOOST_REQUIRE(on.backend.until_count(1));
  idle.call(request(path_of("Echo")));
  BOOST_TEST(idle.closed_by_peer(5s));
  BOOST_REQUIRE_EQUAL(idle.farewells().size(), 1U);
  BOOST_TEST(idle.farewells()[0].code == h2::no_error);
  busy.until([&] { return busy.closed(); }, 600ms);
  BOOST_TEST(!busy.closed());
  BOOST_TEST(busy.farewells().empty());
}

BOOST_AUTO_TEST_CASE(a_ping_counts_as_life) {
  passage::options chosen;
  chosen.idle = 1500ms;
  passage on(chosen);
  auto client = on.client();
  client.call(request(path_of("Echo")));
  for (int i = 0; i < 10; ++i) {
    client.until([&] { return client.closed(); }, 200ms);
    client.settle();
  }
  BOOST_TEST(client.farewells().empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(users_that_go)

BOOST_AUTO_TEST_CASE(an_open_stream_of_a_dropped_user_ends_within_a_second_and_the_backend_is_told) {
  passage on;
  BOOST_REQUIRE(!on.users.create("alice", "secret1"));
  auto client = on.client();
  const auto hers = client.open(request(path_of("Hang"), token("alice", "secret1")), false);
  const auto roots = client.open(request(path_of("Hang")), false);
  BOOST_REQUIRE(on.backend.until_count(2));
  BOOST_REQUIRE(!on.users.drop("alice"));
  const auto begun = steady::now();
  const auto& got = client.finish(hers, 3s);
  BOOST_TEST((steady::now() - begun < 1s));
  BOOST_TEST(got.status() == "16");
  BOOST_TEST(client.until([&] { return got.reset == h2::no_error; }));
  BOOST_TEST(on.backend.until([](const auto& all) { return all[0].reset == h2::cancel; }));
  BOOST_TEST(!on.backend.requests()[1].reset.has_value());
  BOOST_TEST(!client.at(roots).ended);
  BOOST_TEST(client.call(request(path_of("Echo"), token("alice", "secret1"))).status() == "16");
  BOOST_TEST(on.backend.requests().size() == 2U);
}

BOOST_AUTO_TEST_CASE(after_the_head_a_dropped_user_gets_trailers) {
  passage on;
  BOOST_REQUIRE(!on.users.create("alice", "secret1"));
  client_options slow;
  slow.credits = false;
  slow.window = 100'000;
  auto client = on.client(slow);
  const auto id = client.open(request(path_of("Large"), token("alice", "secret1")), true);
  BOOST_REQUIRE(client.until([&] { return client.at(id).data_bytes == 100'000; }));
  BOOST_REQUIRE(!on.users.drop("alice"));
  BOOST_REQUIRE(on.backend.until_reset());
  BOOST_TEST(*on.backend.last().reset == h2::cancel);
  client.credit(id, 1'000'000);  // what waits for the window goes first
  const auto& got = client.finish(id);
  BOOST_TEST(find(got.trailers, "grpc-status") == "16");
  BOOST_TEST(find(got.trailers, ":status") == "(none)");
  BOOST_TEST(got.data_bytes <= 100'000U + 65'535);
}

BOOST_AUTO_TEST_CASE(a_changed_password_or_role_ends_streams_and_a_changed_description_does_not) {
  passage on;
  BOOST_REQUIRE(!on.users.create("alice", "secret1"));
  auto client = on.client();
  const auto shown = token("alice", "secret1");
  auto id = client.open(request(path_of("Hang"), shown), false);
  BOOST_REQUIRE(on.backend.until_count(1));
  BOOST_REQUIRE(!on.users.describe("alice", "new"));
  client.settle();
  BOOST_TEST(!client.at(id).ended);
  BOOST_REQUIRE(!on.users.change_roles("alice", {"admin"}));
  BOOST_TEST(client.finish(id, 3s).status() == "16");

  id = client.open(request(path_of("Hang"), shown), false);
  BOOST_REQUIRE(on.backend.until_count(2));
  BOOST_REQUIRE(!on.users.reset_password("alice", "secret2"));
  BOOST_TEST(client.finish(id, 3s).status() == "16");
  BOOST_TEST(client.call(request(path_of("Echo"), shown)).status() == "16");
  BOOST_TEST(client.call(request(path_of("Echo"), token("alice", "secret2"))).status() == "0");
}

BOOST_AUTO_TEST_CASE(a_request_in_the_line_of_a_dropped_user_never_leaves) {
  passage::options chosen;
  chosen.backend.streams_a_connection = 1;
  chosen.backend.connections = 1;
  passage on(chosen);
  BOOST_REQUIRE(!on.users.create("alice", "secret1"));
  auto client = on.client();
  const auto first = client.open(request(path_of("Echo")), false);
  BOOST_REQUIRE(on.backend.until_count(1));
  const auto hers = client.open(request(path_of("Echo"), token("alice", "secret1")), true);
  client.call(request(path_of("Echo"), token("alice", "no")));  // judged after hers, so hers stands in the line now
  BOOST_REQUIRE(!on.users.drop("alice"));
  BOOST_TEST(client.finish(hers, 2s).status() == "16");
  client.data(first, message("x"), true);
  BOOST_TEST(client.finish(first).status() == "0");
  BOOST_TEST(client.call(request(path_of("Echo"))).status() == "0");
  BOOST_TEST(on.backend.requests().size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(drains)

BOOST_AUTO_TEST_CASE(a_drain_says_goodbye_twice_lets_requests_finish_and_ends) {
  passage on;
  auto busy = on.client(), idle = on.client();
  const auto id = busy.open(request(path_of("Echo")), false);
  idle.call(request(path_of("Echo")));
  BOOST_REQUIRE(on.backend.until_count(2));
  const auto begun = steady::now();
  on.drain();
  BOOST_REQUIRE(busy.until([&] { return busy.farewells().size() == 2; }));
  BOOST_TEST((steady::now() - begun < 950ms));  // a round trip, not the second after which it would be said anyway
  BOOST_TEST(busy.farewells()[0].last == 0x7fffffffU);
  BOOST_TEST(busy.farewells()[0].code == h2::no_error);
  BOOST_TEST(busy.farewells()[1].last == id);
  BOOST_TEST(busy.farewells()[1].code == h2::no_error);
  BOOST_TEST(idle.closed_by_peer(5s));
  BOOST_TEST(!on.ended());
  busy.data(id, message("in flight"), true);
  BOOST_TEST(busy.finish(id).body == message("in flight"));
  BOOST_TEST(busy.closed_by_peer(5s));
  busy.close();
  idle.close();
  on.join();
  BOOST_TEST(on.ended());
}

BOOST_AUTO_TEST_CASE(between_the_two_goodbyes_a_request_is_still_served_and_after_them_none) {
  passage on;
  auto client = on.client();
  client.call(request(path_of("Echo")));
  const auto open = client.open(request(path_of("Hang")), false);
  BOOST_REQUIRE(on.backend.until_count(2));
  on.drain();
  // The client has not read the first goodbye yet: its request crosses it.
  const auto crossed = client.open(request(path_of("Echo")), true);
  BOOST_TEST(client.finish(crossed).status() == "0");
  BOOST_REQUIRE(client.until([&] { return client.farewells().size() == 2; }));
  const auto late = client.open(request(path_of("Echo")), true);
  client.settle();
  BOOST_TEST(client.at(late).frames.empty());
  BOOST_TEST(!on.backend.until_count(4, 200ms));
  client.reset(open);
}

BOOST_AUTO_TEST_CASE(a_drain_without_connections_ends_at_once) {
  passage on;
  {
    on.client().call(request(path_of("Echo")));
  }
  BOOST_REQUIRE(on.log_has("cause=client_closed"));
  const auto begun = steady::now();
  on.drain();
  on.join();
  BOOST_TEST((steady::now() - begun < 3s));
}

BOOST_AUTO_TEST_CASE(a_drain_that_takes_too_long_refuses_what_is_open_and_ends) {
  passage::options chosen;
  chosen.drain = 500ms;
  passage on(chosen);
  auto client = on.client();
  const auto id = client.open(request(path_of("Hang")), false);
  BOOST_REQUIRE(on.backend.until_count(1));
  on.drain();
  const auto& got = client.finish(id, 5s);
  BOOST_REQUIRE(got.status() == "14");
  BOOST_TEST(got.message() == "shutting down");
  BOOST_TEST(on.backend.until([](const auto& all) { return all[0].reset.has_value(); }));
  BOOST_TEST(client.closed_by_peer(5s));
  client.close();
  on.join();
  BOOST_TEST(on.ended());
}

BOOST_AUTO_TEST_CASE(a_drain_ends_although_a_client_holds_its_connection_open) {
  passage::options chosen;
  chosen.drain = 300ms;
  passage on(chosen);
  auto client = on.client();
  client.call(request(path_of("Echo")));
  const auto begun = steady::now();
  on.drain();
  on.join();  // the client neither reads nor closes
  BOOST_TEST((steady::now() - begun < 8s));
}

BOOST_AUTO_TEST_CASE(whoever_is_abandoned_with_streams_open_ends_at_once) {
  passage on;
  auto client = on.client();
  for (int i = 0; i < 10; ++i) client.open(request(path_of("Hang")), false);
  BOOST_REQUIRE(on.backend.until_count(10));
  const auto begun = steady::now();
  on.abandon();
  on.join();
  BOOST_TEST((steady::now() - begun < 2s));
  BOOST_TEST(client.closed_by_peer(2s));
}

BOOST_AUTO_TEST_CASE(connections_above_the_limit_are_closed_unread) {
  passage::options chosen;
  chosen.connections = 2;
  passage on(chosen);
  auto one = on.client(), two = on.client();
  one.call(request(path_of("Echo")));
  two.call(request(path_of("Echo")));
  support::wire third(support::wire::dial(on.port()));
  BOOST_TEST(third.read_all().empty());
  BOOST_TEST(on.log_has("connection_refused"));
  one.close();
  BOOST_REQUIRE(on.log_has("cause=client_closed"));
  auto fourth = on.client();
  BOOST_TEST(fourth.call(request(path_of("Echo"))).status() == "0");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::proxy::testing
