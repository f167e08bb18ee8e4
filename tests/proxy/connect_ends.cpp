// How tunnels end: users that go, the drain, clocks; and what is counted of them.
#include "connect.hpp"

#include <thread>

namespace sallyport::proxy::testing {

BOOST_AUTO_TEST_SUITE(connect_ends)

BOOST_AUTO_TEST_CASE(the_tunnels_of_a_dropped_user_end_and_those_of_others_go_on) {
  connect_passage p;
  BOOST_REQUIRE(!p.on.users.create("alice", "secret1"));
  auto roots = p.connect();
  auto roots_far = p.bytes.accept();
  auto hers = p.connect("Basic " + token("alice", "secret1"));
  auto hers_far = p.bytes.accept();
  auto two = p.on.client();
  const auto stream = two.open(with(p.head_of(p.target()), "proxy-authorization", "Basic " + token("alice", "secret1")), false);
  auto stream_far = p.bytes.accept();
  BOOST_REQUIRE((hers_far && stream_far));
  BOOST_REQUIRE(two.until([&] { return two.at(stream).header_blocks == 1; }));
  BOOST_REQUIRE(!p.on.users.drop("alice"));
  const auto begun = steady::now();
  BOOST_TEST(hers->socket().read_all() == "");
  BOOST_TEST((two.finish(stream).reset == h2::cancel));
  BOOST_TEST(hers_far->read_all() == "");
  BOOST_TEST(stream_far->read_all() == "");
  BOOST_TEST((steady::now() - begun < 3s));
  BOOST_TEST(p.on.log_has("tunnel_closed cause=revoked"));
  roots->raw("still here");
  BOOST_TEST(support::read_exactly(*roots_far, 10) == "still here");
  BOOST_TEST(p.refused(spoken::http1, {"CONNECT", p.target(), {{"proxy-authorization", "Basic " + token("alice", "secret1")}}}).status ==
             407);
}

BOOST_AUTO_TEST_CASE(a_drain_lets_tunnels_go_on_for_its_time_and_then_cuts_them) {
  passage::options chosen;
  chosen.drain = 1s;
  connect_passage p(chosen);
  auto one = p.connect();
  auto far = p.bytes.accept();
  auto two = p.on.client();
  const auto id = two.open(p.head_of(p.target()), false);
  auto stream_far = p.bytes.accept();
  BOOST_REQUIRE(two.until([&] { return two.at(id).header_blocks == 1; }));
  p.on.drain();
  BOOST_REQUIRE(two.until([&] { return !two.farewells().empty(); }));
  one->raw("go on");
  two.data(id, "and you", false);
  BOOST_TEST(support::read_exactly(*far, 5) == "go on");
  BOOST_TEST(support::read_exactly(*stream_far, 7) == "and you");
  BOOST_TEST(one->socket().read_all() == "");
  BOOST_TEST((two.finish(id).reset == h2::cancel));
  two.close();
  p.on.join();
  BOOST_TEST(p.on.log().find("tunnel_closed cause=drain_timed_out") != std::string::npos);
  BOOST_TEST(p.on.log().find("cause=aborted") == std::string::npos);  // neither of the two
}

BOOST_AUTO_TEST_CASE(whoever_is_abandoned_with_tunnels_open_ends_at_once) {
  connect_passage p;
  auto one = p.connect();
  auto two = p.on.client();
  const auto id = two.open(p.head_of(p.target()), false);
  BOOST_REQUIRE(two.until([&] { return two.at(id).header_blocks == 1; }));
  const auto begun = steady::now();
  p.on.abandon();
  p.on.join();
  BOOST_TEST((steady::now() - begun < 2s));
  for (const auto* cause : {"client_broken", "ended"})
    BOOST_TEST(p.on.log().find(std::string("cause=") + cause + " ") == std::string::npos);
  BOOST_TEST(p.on.log().find("tunnel_closed cause=aborted") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(whoever_is_abandoned_while_a_refusal_waits_for_its_time_ends_at_once) {
  passage::options chosen;
  chosen.refusal_floor = 5s;
  connect_passage p(chosen);
  http1_client one(p.on.port());
  one.raw("CONNECT " + p.target() + " HTTP/1.1\r\nhost: " + p.target() + "\r\nproxy-authorization: Basic " + token("root", "wrong") +
          "\r\n\r\n");
  BOOST_REQUIRE(p.on.metrics_have("sallyport_auth_checks_total{result=\"refused\"} 1"));
  const auto begun = steady::now();
  p.on.drain();
  p.on.abandon();
  p.on.join();
  BOOST_TEST((steady::now() - begun < 3s));
  BOOST_TEST(p.bytes.connections() == 0U);
}

BOOST_AUTO_TEST_CASE(a_stream_whose_window_stays_shut_is_a_side_that_takes_nothing) {
  passage::options chosen;
  chosen.response_stall = 1s;
  connect_passage p(chosen);
  client_options shut;
  shut.window = 0;
  shut.credits = false;
  auto two = p.on.client(shut);
  const auto id = two.open(p.head_of(p.target()), false);
  auto far = p.bytes.accept();
  BOOST_REQUIRE(far);
  far->write("nobody takes it");
  BOOST_TEST((two.finish(id).reset == h2::cancel));
  BOOST_TEST(far->read_all() == "");
  BOOST_TEST(far->was_reset());
  BOOST_TEST(p.on.log_has("tunnel_closed cause=write_stalled"));
}

BOOST_AUTO_TEST_CASE(a_407_is_counted_as_somebody_who_is_not_known) {
  connect_passage p;
  for (const auto by : {spoken::http1, spoken::http2})
    BOOST_TEST(p.refused(by, {"CONNECT", p.target(), {{"proxy-authorization", "Basic " + token("root", "wrong")}}}).status == 407);
  BOOST_TEST(p.bytes.connections() == 0U);
  BOOST_TEST(p.on.metrics().find("sallyport_requests_total{kind=\"tunnel\",outcome=\"unauthenticated\"} 2\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_idle_tunnel_lives_unless_there_is_a_limit) {
  passage::options chosen;
  chosen.tunnel_idle = 500ms;
  chosen.http1_idle = 300ms;
  connect_passage p(chosen);
  const auto begun = steady::now();
  auto one = p.connect();
  auto two = p.on.client();
  const auto id = two.open(p.head_of(p.target()), false);
  BOOST_TEST(one->socket().read_all() == "");
  BOOST_TEST((steady::now() - begun >= 450ms));
  BOOST_TEST((two.finish(id).reset == h2::cancel));
  BOOST_TEST(p.on.log_has("tunnel_closed cause=idle"));

  passage::options without;
  without.http1_idle = without.idle = without.first_request = 1s;
  connect_passage q(without);
  auto other = q.connect();
  auto far = q.bytes.accept();
  BOOST_REQUIRE(far);
  std::this_thread::sleep_for(1500ms);  // nothing is to happen
  other->raw("alive");
  BOOST_TEST(support::read_exactly(*far, 5) == "alive");
}

BOOST_AUTO_TEST_CASE(nobody_is_asked_where_tokens_are_none) {
  passage::options chosen;
  chosen.tokens = false;
  connect_passage p(chosen);
  http1_client client(p.on.port());
  client.raw("CONNECT " + p.target() + " HTTP/1.1\r\nhost: " + p.target() + "\r\n\r\n");
  BOOST_TEST(client.answer(true).status() == 200);
}

BOOST_AUTO_TEST_CASE(tunnels_and_their_bytes_are_counted) {
  connect_passage p;
  auto client = p.connect();
  auto far = p.bytes.accept();
  BOOST_TEST(p.on.metrics().find("sallyport_tunnels_open{backend=\"milvus\"} 1\n") != std::string::npos);
  client->raw("12345");
  BOOST_TEST(support::read_exactly(*far, 5) == "12345");
  far->write("123");
  BOOST_TEST(support::read_exactly(client->socket(), 3) == "123");
  client.reset();
  far.reset();
  BOOST_TEST(p.on.log_has("tunnel_closed"));
  const auto page = p.on.metrics();
  BOOST_TEST(page.find("sallyport_tunnel_bytes_total{backend=\"milvus\",direction=\"to_backend\"} 5\n") != std::string::npos);
  BOOST_TEST(page.find("sallyport_tunnel_bytes_total{backend=\"milvus\",direction=\"to_client\"} 3\n") != std::string::npos);
  BOOST_TEST(page.find("sallyport_requests_total{kind=\"tunnel\",outcome=\"ok\"} 1\n") != std::string::npos);
}

// An end in good order was said to the client before: only a reset tells it that not all has arrived (RFC 9113 8.5).
BOOST_AUTO_TEST_CASE(a_backend_that_is_gone_after_its_end_ends_an_upload_that_goes_on) {
  connect_passage p;
  auto two = p.on.client();
  const auto id = two.open(p.head_of(p.target()), false);
  auto far = p.bytes.accept();
  BOOST_REQUIRE(far);
  far.reset();
  BOOST_REQUIRE(two.until([&] { return two.at(id).ended; }));
  const auto until = steady::now() + 10s;
  while (!two.at(id).reset && steady::now() < until) {
    two.data(id, "more", false);
    two.until([&] { return two.at(id).reset.has_value(); }, 10ms);
  }
  constexpr std::uint32_t connect_error = 10;  // RFC 9113 7
  BOOST_TEST((two.at(id).reset == connect_error));
  BOOST_TEST(p.on.log_has("tunnel_closed cause=backend_broken"));
  BOOST_TEST(p.on.metrics_have("sallyport_tunnels_open{backend=\"milvus\"} 0"));
}

// All is said on both sides, and only the backend has still to take it: the connection of the client is over, the tunnel is not.
BOOST_AUTO_TEST_CASE(what_a_backend_takes_slowly_arrives_whole_though_the_client_has_gone_and_the_worker_drains) {
  passage::options chosen;
  chosen.write_stall = 1s;
  support::byte_backend little(16 * 1024);
  connect_passage p(chosen, &little);
  auto two = p.on.client();
  const auto id = two.open(p.head_of(p.target()), false);
  auto far = little.accept();
  BOOST_REQUIRE(far);
  const auto sent = two.upload(id, std::string(64U * 1024 * 1024, 'y'), false, 500ms);  // until nobody takes any more
  BOOST_TEST(sent > 64U * 1024);
  two.data(id, "", true);
  far->half_close();
  BOOST_REQUIRE(two.until([&] { return two.at(id).ended; }));
  two.close();
  BOOST_REQUIRE(p.on.log_has("connection_closed"));
  p.on.drain();
  std::string got;
  for (int i = 0; i < 25; ++i) {
    std::this_thread::sleep_for(100ms);  // its pace: longer than write_stall in all
    if (got.size() < sent) far->read(got, steady::now() + 5s);
  }
  BOOST_TEST(!p.on.ended());
  while (got.size() < sent && far->read(got, steady::now() + 5s)) {
  }
  BOOST_TEST(got.size() == sent);
  BOOST_TEST(far->read_all() == "");
  BOOST_TEST(!far->was_reset());
  p.on.join();
  BOOST_TEST(p.on.log().find("tunnel_closed cause=ended") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::proxy::testing
