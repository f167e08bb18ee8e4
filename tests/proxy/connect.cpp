// CONNECT: bytes both ways, in both versions of HTTP.
#include "connect.hpp"

#include <thread>

namespace sallyport::proxy::testing {

BOOST_AUTO_TEST_SUITE(connect_http1)

BOOST_AUTO_TEST_CASE(bytes_pass_both_ways_behind_a_200_without_a_body) {
  connect_passage p;
  http1_client client(p.on.port());
  client.raw(p.head(p.target()) + "\r\n");
  const auto got = client.answer(true);
  BOOST_TEST(got.head == "HTTP/1.1 200 OK\r\n\r\n");
  auto far = p.bytes.accept();
  BOOST_REQUIRE(far);
  client.raw("to the backend");
  BOOST_TEST(support::read_exactly(*far, 14) == "to the backend");
  far->write("and back");
  BOOST_TEST(support::read_exactly(client.socket(), 8) == "and back");
  BOOST_TEST(p.on.log_has("tunnel_opened user=root protocol=connect"));
}

BOOST_AUTO_TEST_CASE(every_way_to_name_the_backend_leads_there_and_none_elsewhere) {
  connect_passage p;
  for (const auto& target : {p.target(), std::string("backend.invalid:1"), std::string("BACKEND.invalid:1")}) {
    BOOST_TEST_CONTEXT(target) {
      http1_client client(p.on.port());
      client.raw(p.head(target) + "\r\n");
      BOOST_TEST(client.answer(true).status() == 200);
      BOOST_TEST(p.bytes.accept() != nullptr);
    }
  }
}

// OpenBSD's nc, which ssh is used with.
BOOST_AUTO_TEST_CASE(http_1_0_needs_no_host) {
  connect_passage p;
  http1_client client(p.on.port());
  client.raw("CONNECT " + p.target() + " HTTP/1.0\r\nProxy-Authorization: Basic " + root + "\r\n\r\n");
  BOOST_TEST(client.answer(true).status() == 200);
  BOOST_TEST(p.bytes.accept() != nullptr);
}

BOOST_AUTO_TEST_CASE(what_comes_with_the_head_is_the_backends_and_so_is_every_byte_after_it) {
  connect_passage p;
  const auto request = p.head(p.target()) + "\r\n";
  {
    http1_client client(p.on.port());
    client.raw(request + request + "GET / HTTP/1.1\r\n\r\n");  // looks like requests, and is none
    BOOST_TEST(client.answer(true).status() == 200);
    auto far = p.bytes.accept();
    BOOST_REQUIRE(far);
    client.socket().half_close();
    BOOST_TEST(far->read_all() == request + "GET / HTTP/1.1\r\n\r\n");
  }
  http1_client client(p.on.port());
  for (const char c : request + "tail") client.raw(std::string(1, c));
  BOOST_TEST(client.answer(true).status() == 200);
  auto far = p.bytes.accept();
  BOOST_REQUIRE(far);
  BOOST_TEST(support::read_exactly(*far, 4) == "tail");
}

BOOST_AUTO_TEST_CASE(more_than_a_window_may_come_before_the_200) {
  connect_passage p;
  http1_client client(p.on.port());
  const auto early = pattern(400'000);
  std::thread sender([&] { client.raw(p.head(p.target()) + "\r\n" + early); });
  auto far = p.bytes.accept();
  BOOST_REQUIRE(far);
  BOOST_TEST((support::read_exactly(*far, early.size()) == early));
  sender.join();
  BOOST_TEST(client.answer(true).status() == 200);
}

BOOST_AUTO_TEST_CASE(each_direction_has_an_end_of_its_own) {
  connect_passage p;
  {
    auto client = p.connect();
    auto far = p.bytes.accept();
    client->raw("asked");
    client->socket().half_close();
    BOOST_TEST(far->read_all() == "asked");
    far->write("answered");
    BOOST_TEST(support::read_exactly(client->socket(), 8) == "answered");
    far.reset();
    BOOST_TEST(client->ended());
    BOOST_TEST(!client->socket().was_reset());
    BOOST_TEST(p.on.log_has("tunnel_closed cause=ended to_backend=5 to_client=8"));
  }
  auto client = p.connect();
  auto far = p.bytes.accept();
  far->write("hello");
  far->half_close();
  BOOST_TEST(client->socket().read_all() == "hello");
  client->raw("late");
  BOOST_TEST(support::read_exactly(*far, 4) == "late");
  client->socket().half_close();
  BOOST_TEST(far->read_all() == "");
  BOOST_TEST(!far->was_reset());
  BOOST_TEST(p.on.log_has("tunnel_closed cause=ended to_backend=4 to_client=5"));
}

BOOST_AUTO_TEST_CASE(a_side_that_breaks_is_a_reset_for_the_other_one) {
  connect_passage p;
  {
    auto client = p.connect();
    auto far = p.bytes.accept();
    far->reset_on_close();
    far.reset();
    BOOST_TEST(client->socket().read_all() == "");
    BOOST_TEST(client->socket().was_reset());
    BOOST_TEST(p.on.log_has("cause=backend_broken"));
  }
  auto client = p.connect();
  auto far = p.bytes.accept();
  client->socket().reset_on_close();
  client.reset();
  BOOST_TEST(far->read_all() == "");
  BOOST_TEST(far->was_reset());
  BOOST_TEST(p.on.log_has("cause=client_broken"));
}

BOOST_AUTO_TEST_CASE(the_last_words_of_a_backend_that_takes_no_more_arrive) {
  connect_passage p;
  auto client = p.connect();
  auto far = p.bytes.accept();
  far->write("no more, please");
  far->half_close();
  client->raw("x");
  BOOST_TEST(support::read_exactly(*far, 1) == "x");
  far.reset();  // closed: the next byte is answered by a reset
  for (int i = 0; i < 50; ++i) client->raw(std::string(1'000, 'x'));
  BOOST_TEST(client->socket().read_all() == "no more, please");
}

BOOST_AUTO_TEST_CASE(large_amounts_pass_whole_in_both_directions_at_once) {
  connect_passage p;
  auto client = p.connect();
  auto far = p.bytes.accept();
  const auto up = pattern(24 * 1024 * 1024, 1), down = pattern(24 * 1024 * 1024, 2);
  std::string got_up, got_down;
  std::thread client_writes([&] { client->raw(up); }), far_writes([&] { far->write(down); });
  std::thread far_reads([&] { got_up = support::read_exactly(*far, up.size()); });
  got_down = support::read_exactly(client->socket(), down.size());
  for (auto* t : {&client_writes, &far_writes, &far_reads}) t->join();
  BOOST_TEST((got_up == up));
  BOOST_TEST((got_down == down));
}

BOOST_AUTO_TEST_CASE(a_side_that_does_not_read_is_not_read_for) {
  passage::options chosen;
  support::byte_backend little(16 * 1024);
  connect_passage p(chosen, &little);
  auto client = p.connect();
  auto far = little.accept();
  BOOST_REQUIRE(far);
  // What the kernels and one receive hold; 64 MiB would go through a proxy that keeps all.
  const std::string piece(64 * 1024, 'x');
  std::size_t sent = 0;
  auto stuck_since = steady::now();
  while (sent < 64U * 1024 * 1024 && steady::now() - stuck_since < 500ms) {
    const auto n = client->socket().write_some(piece);
    sent += n;
    if (n) stuck_since = steady::now();
  }
  BOOST_TEST(sent < 32U * 1024 * 1024);
  BOOST_TEST((support::read_exactly(*far, sent) == std::string(sent, 'x')));
}

BOOST_AUTO_TEST_CASE(a_side_that_takes_nothing_for_too_long_ends_the_tunnel) {
  passage::options chosen;
  chosen.write_stall = 400ms;
  support::byte_backend little(16 * 1024);
  connect_passage p(chosen, &little);
  auto client = p.connect();
  auto far = little.accept();
  const std::string piece(64 * 1024, 'x');
  const auto until = steady::now() + 10s;
  while (steady::now() < until && p.on.log().find("write_stalled") == std::string::npos) client->socket().write_some(piece);
  BOOST_TEST(p.on.log_has("tunnel_closed cause=write_stalled"));
}

BOOST_AUTO_TEST_CASE(a_half_closed_tunnel_whose_client_has_gone_ends) {
  connect_passage p;
  auto client = p.connect();
  auto far = p.bytes.accept();
  client->socket().half_close();
  BOOST_TEST(far->read_all() == "");
  client->socket().reset_on_close();
  client.reset();
  BOOST_TEST(p.on.log_has("tunnel_closed cause=client_broken"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(connect_http2)

BOOST_AUTO_TEST_CASE(each_stream_is_a_tunnel_and_is_judged_by_itself) {
  connect_passage p;
  auto two = p.on.client();
  const auto first = two.open(p.head_of(p.target()), false);
  BOOST_REQUIRE(two.until([&] { return two.at(first).header_blocks == 1; }));
  BOOST_TEST((two.at(first).head == headers{{":status", "200"}}));
  const auto refused = two.open(with(p.head_of(p.target()), "proxy-authorization", "Basic " + token("root", "wrong")), false);
  BOOST_TEST(find(two.finish(refused).head, ":status") == "407");
  BOOST_TEST(p.bytes.connections() == 1U);
  const auto second = two.open(p.head_of(p.target()), false);
  BOOST_REQUIRE(two.until([&] { return two.at(second).header_blocks == 1; }));
  auto one_far = p.bytes.accept(), other_far = p.bytes.accept();
  BOOST_REQUIRE((one_far && other_far));
  two.data(second, "to the second", false);
  two.data(first, "to the first", false);
  BOOST_TEST(support::read_exactly(*one_far, 12) == "to the first");
  BOOST_TEST(support::read_exactly(*other_far, 13) == "to the second");
  other_far->write("b");
  one_far->write("a");
  BOOST_REQUIRE(two.until([&] { return two.at(first).body == "a" && two.at(second).body == "b"; }));
}

BOOST_AUTO_TEST_CASE(data_that_comes_before_the_200_is_the_backends) {
  connect_passage p;
  auto two = p.on.client();
  const auto id = two.open(p.head_of(p.target()), false);
  two.data(id, "early", true);
  auto far = p.bytes.accept();
  BOOST_REQUIRE(far);
  BOOST_TEST(far->read_all() == "early");
  far->write("late");
  far.reset();
  const auto& got = two.finish(id);
  BOOST_TEST(find(got.head, ":status") == "200");
  BOOST_TEST(got.body == "late");
  BOOST_TEST(got.ended);
  BOOST_TEST(p.on.log_has("tunnel_closed cause=ended to_backend=5 to_client=4"));
}

BOOST_AUTO_TEST_CASE(each_direction_of_a_stream_has_an_end_of_its_own) {
  connect_passage p;
  auto two = p.on.client();
  const auto id = two.open(p.head_of(p.target()), false);
  auto far = p.bytes.accept();
  BOOST_REQUIRE(far);
  far->write("hello");
  far->half_close();
  const auto& got = two.finish(id);
  BOOST_TEST(got.body == "hello");
  BOOST_TEST(!got.reset.has_value());
  two.data(id, "after that", true);
  BOOST_TEST(far->read_all() == "after that");
  BOOST_TEST(p.on.log_has("tunnel_closed cause=ended to_backend=10 to_client=5"));
  BOOST_TEST(!two.at(id).reset.has_value());
}

BOOST_AUTO_TEST_CASE(a_broken_backend_is_a_connect_error_and_a_reset_stream_a_reset_connection) {
  connect_passage p;
  auto two = p.on.client();
  constexpr std::uint32_t connect_error = 10;
  const auto id = two.open(p.head_of(p.target()), false);
  auto far = p.bytes.accept();
  BOOST_REQUIRE(far);
  BOOST_REQUIRE(two.until([&] { return two.at(id).header_blocks == 1; }));  // before that it would be a failed connect
  far->reset_on_close();
  far.reset();
  BOOST_TEST((two.finish(id).reset == connect_error));
  const auto other = two.open(p.head_of(p.target()), false);
  far = p.bytes.accept();
  BOOST_REQUIRE(far);
  BOOST_REQUIRE(two.until([&] { return two.at(other).header_blocks == 1; }));
  two.reset(other);
  BOOST_TEST(far->read_all() == "");
  BOOST_TEST(far->was_reset());
  const auto last = two.open(p.head_of(p.target()), false);
  far = p.bytes.accept();
  BOOST_REQUIRE(two.until([&] { return two.at(last).header_blocks == 1; }));
  two.close();
  BOOST_TEST(far->read_all() == "");
  BOOST_TEST(far->was_reset());
}

// RFC 9113 8.5: there is DATA, and nothing that would be its end in good order but END_STREAM on that.
BOOST_AUTO_TEST_CASE(a_second_head_breaks_its_tunnel_and_no_other) {
  connect_passage p;
  auto two = p.on.client();
  const auto other = two.open(p.head_of(p.target()), false);
  auto other_far = p.bytes.accept();
  const auto id = two.open(p.head_of(p.target()), false);
  auto far = p.bytes.accept();
  BOOST_REQUIRE((other_far && far));
  BOOST_REQUIRE(two.until([&] { return two.at(id).header_blocks == 1; }));
  two.data(id, "half", false);
  BOOST_TEST(support::read_exactly(*far, 4) == "half");
  two.raw(h2::make_head(id, {{"grpc-status", "0"}}, true));
  BOOST_TEST((two.finish(id).reset == h2::protocol_error));
  BOOST_TEST(far->read_all() == "");
  BOOST_TEST(far->was_reset());
  two.data(other, "lives", true);
  BOOST_TEST(other_far->read_all() == "lives");
}

BOOST_AUTO_TEST_CASE(large_amounts_pass_whole_through_a_stream) {
  connect_passage p;
  auto two = p.on.client();
  const auto id = two.open(p.head_of(p.target()), false);
  auto far = p.bytes.accept();
  const auto up = pattern(4 * 1024 * 1024, 1), down = pattern(4 * 1024 * 1024, 2);
  std::string got_up;
  std::thread far_reads([&] { got_up = support::read_exactly(*far, up.size()); }), far_writes([&] { far->write(down); });
  BOOST_TEST(two.upload(id, up, false) == up.size());
  BOOST_TEST(two.until([&] { return two.at(id).body.size() == down.size(); }, 20s));
  far_reads.join();
  far_writes.join();
  BOOST_TEST((got_up == up));
  BOOST_TEST((two.at(id).body == down));
}

BOOST_AUTO_TEST_CASE(a_window_that_is_not_opened_holds_the_backend_back_and_credit_waits_for_the_backend) {
  support::byte_backend little(16 * 1024);
  connect_passage p({}, &little);
  client_options narrow;
  narrow.window = 10'000;
  narrow.credits = false;
  auto two = p.on.client(narrow);
  const auto id = two.open(p.head_of(p.target()), false);
  auto far = little.accept();
  BOOST_REQUIRE(far);
  BOOST_REQUIRE(two.until([&] { return two.at(id).header_blocks == 1; }));
  std::size_t sent = 0;
  const std::string piece(64 * 1024, 'x');
  for (auto stuck_since = steady::now(); steady::now() - stuck_since < 300ms && sent < 64U * 1024 * 1024;) {
    const auto n = far->write_some(piece);
    sent += n;
    if (n) stuck_since = steady::now();
  }
  BOOST_TEST(sent < 32U * 1024 * 1024);
  two.settle();
  BOOST_TEST(two.at(id).data_bytes == 10'000U);
  // The other way round: what the backend does not take is not credited.
  const auto went = two.upload(id, std::string(64U * 1024 * 1024, 'y'), false, 1s);
  BOOST_TEST(went < 32U * 1024 * 1024);
  two.credit(id, 5'000);
  BOOST_TEST(two.until([&] { return two.at(id).data_bytes == 15'000; }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::proxy::testing
