#include <sallyport/net/listener.hpp>

#include <boost/test/unit_test.hpp>

#include <vector>

using namespace sallyport;
using net::admission;
using verdict = net::admission::verdict;

namespace {

net::peer_address from(const char* address, std::uint16_t port = 4711) { return {{core::asio::ip::make_address(address), port}}; }

verdict enter(const std::shared_ptr<admission>& gate, const char* address, bool handshake, std::vector<admission::slot>& keep) {
  auto answer = admission::enter(gate, from(address), handshake);
  BOOST_TEST(static_cast<bool>(answer.place) == (answer.why == verdict::admitted));
  if (answer.place) keep.push_back(std::move(answer.place));
  return answer.why;
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_address_is_written_as_operators_write_it) {
  BOOST_TEST(from("127.0.0.1").text() == "127.0.0.1:4711");
  BOOST_TEST(from("::1").text() == "[::1]:4711");
  BOOST_TEST(from("::ffff:10.1.2.3").text() == "10.1.2.3:4711");
}

BOOST_AUTO_TEST_CASE(a_source_is_a_24_of_ipv4_or_a_48_of_ipv6) {
  BOOST_TEST(from("192.0.2.255").source_prefix() == "192.0.2.0/24");
  BOOST_TEST(from("192.0.3.0").source_prefix() == "192.0.3.0/24");
  BOOST_TEST(from("::ffff:192.0.2.7").source_prefix() == "192.0.2.0/24");
  BOOST_TEST(from("2001:db8:1:2:3:4:5:6").source_prefix() == "2001:db8:1::/48");
  BOOST_TEST(from("2001:db8:2::1").source_prefix() == "2001:db8:2::/48");
  BOOST_TEST(from("192.0.2.7").source_host() == "192.0.2.7");
  BOOST_TEST(from("::ffff:192.0.2.7").source_host() == "192.0.2.7");
  BOOST_TEST(from("2001:db8:1:2:3:4:5:6").source_host() == "2001:db8:1::/48");
}

BOOST_AUTO_TEST_CASE(each_limit_refuses_what_is_above_it_and_says_which_it_was) {
  const auto gate = std::make_shared<admission>(
      net::admission_limits{.connections = 5, .connections_per_source = 3, .handshakes = 3, .handshakes_per_source = 2});
  std::vector<admission::slot> keep;
  BOOST_CHECK(enter(gate, "10.0.0.1", true, keep) == verdict::admitted);
  BOOST_CHECK(enter(gate, "10.0.0.2", true, keep) == verdict::admitted);
  BOOST_CHECK(enter(gate, "10.0.0.3", true, keep) == verdict::too_many_handshakes_from_source);
  BOOST_CHECK(enter(gate, "10.0.0.3", false, keep) == verdict::admitted);
  BOOST_CHECK(enter(gate, "10.0.0.4", false, keep) == verdict::too_many_from_source);
  BOOST_CHECK(enter(gate, "10.0.1.1", true, keep) == verdict::admitted);
  BOOST_CHECK(enter(gate, "10.0.2.1", true, keep) == verdict::too_many_handshakes);
  BOOST_CHECK(enter(gate, "10.0.2.1", false, keep) == verdict::admitted);
  BOOST_CHECK(enter(gate, "10.0.3.1", false, keep) == verdict::too_many_connections);
  BOOST_TEST(gate->connections() == 5U);
}

BOOST_AUTO_TEST_CASE(a_place_is_given_back_when_its_slot_goes) {
  const auto gate = std::make_shared<admission>(
      net::admission_limits{.connections = 1, .connections_per_source = 1, .handshakes = 1, .handshakes_per_source = 1});
  for (int round = 0; round < 3; ++round) {
    std::vector<admission::slot> keep;
    BOOST_CHECK(enter(gate, "10.0.0.1", true, keep) == verdict::admitted);
    BOOST_CHECK(enter(gate, "10.0.0.1", true, keep) == verdict::too_many_connections);
    BOOST_TEST(gate->connections() == 1U);
  }
  BOOST_TEST(gate->connections() == 0U);
}

BOOST_AUTO_TEST_CASE(a_handshake_that_is_done_frees_its_place_and_keeps_the_connections) {
  const auto gate = std::make_shared<admission>(
      net::admission_limits{.connections = 2, .connections_per_source = 2, .handshakes = 1, .handshakes_per_source = 1});
  std::vector<admission::slot> keep;
  BOOST_CHECK(enter(gate, "10.0.0.1", true, keep) == verdict::admitted);
  BOOST_CHECK(enter(gate, "10.0.0.1", true, keep) == verdict::too_many_handshakes);
  keep[0].handshake_done();
  keep[0].handshake_done();  // once more changes nothing
  BOOST_TEST(gate->connections() == 1U);
  BOOST_CHECK(enter(gate, "10.0.0.1", true, keep) == verdict::admitted);
  BOOST_CHECK(enter(gate, "10.0.0.1", false, keep) == verdict::too_many_connections);
  keep[0].release();
  keep[0].release();
  BOOST_TEST(gate->connections() == 1U);
  BOOST_CHECK(enter(gate, "10.0.0.1", true, keep) == verdict::too_many_handshakes);
}

BOOST_AUTO_TEST_CASE(a_slot_that_moves_takes_its_place_along) {
  const auto gate = std::make_shared<admission>(net::admission_limits{});
  auto first = admission::enter(gate, from("10.0.0.1"), true).place;
  auto second = std::move(first);
  BOOST_TEST(!first);
  BOOST_TEST(gate->connections() == 1U);
  second = admission::enter(gate, from("10.0.0.2"), true).place;
  BOOST_TEST(gate->connections() == 1U);
  second = {};
  BOOST_TEST(gate->connections() == 0U);
}

BOOST_AUTO_TEST_CASE(every_verdict_has_the_name_of_its_limit) {
  BOOST_TEST(net::name_of(verdict::too_many_connections) == "limits_connections");
  BOOST_TEST(net::name_of(verdict::too_many_from_source) == "limits_connections_per_source");
  BOOST_TEST(net::name_of(verdict::too_many_handshakes) == "limits_handshakes");
  BOOST_TEST(net::name_of(verdict::too_many_handshakes_from_source) == "limits_handshakes_per_source");
}
