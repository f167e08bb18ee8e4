// The passage behind door 1: the same requests through TLS, by a TLS client that is not ours (`openssl s_client`; the proxy room may not
// know OpenSSL).
#include "rest.hpp"
#include "tls_client.hpp"

namespace sallyport::proxy::testing {
namespace {

struct tls_port {
  users::temporary_folder folder;
  passage::options chosen;
  tls_port() {
    chosen.cert = folder.file("cert.pem");
    chosen.key = folder.file("key.pem");
    make_certificate("localhost", chosen.cert, chosen.key);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(behind_door_1, tls_port)

BOOST_AUTO_TEST_CASE(requests_pass_and_are_refused_through_tls_as_without) {
  passage on(chosen);
  const tls_client through(on.port(), {"-alpn", "h2"});
  h2_client client(through.descriptor());
  BOOST_TEST(client.call(request(path_of("Echo"), {}), message("x")).status() == "16");
  BOOST_TEST(client.call(request(path_of("Echo"), token("root", "wrong")), message("x")).status() == "16");
  BOOST_TEST(on.backend.saw_nothing());
  const auto content = message(pattern(50'000));
  BOOST_TEST((client.call(request(path_of("Echo")), content).body == content));
  BOOST_TEST(on.backend.requests().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_client_without_alpn_is_known_by_its_first_bytes) {
  passage on(chosen);
  const tls_client through(on.port(), {});
  h2_client client(through.descriptor());
  BOOST_TEST(client.call(request(path_of("Echo")), message("x")).body == message("x"));
}

BOOST_AUTO_TEST_CASE(large_bodies_pass_through_tls_in_both_directions) {
  passage on(chosen);
  const tls_client through(on.port(), {"-alpn", "h2"});
  h2_client client(through.descriptor());
  const auto content = pattern(2 * 1024 * 1024, 3);
  const auto id = client.open(request(path_of("Echo")), false);
  BOOST_REQUIRE_EQUAL(client.upload(id, content, true), content.size());
  BOOST_TEST((client.finish(id, 20s).body == content));
}

// All of it in one read, while the body waits for door 2.
BOOST_AUTO_TEST_CASE(a_request_is_whole_though_the_clients_end_comes_with_it) {
  fake_http1 rest;
  chosen.rest_port = rest.port();
  passage on(chosen);
  tls_client through(on.port(), {"-alpn", "http/1.1"});
  support::wire socket(through.descriptor());
  BOOST_REQUIRE(on.metrics_have("sallyport_handshakes_total{result=\"ok\"} 1"));
  const auto body = pattern(100'000);
  {
    const passage::standstill still(on);
    socket.write(on_the_wire({"POST", "/v2/echo", {{"authorization", bearer}}, body}));
    socket.half_close();
    through.until_ended();
  }
  BOOST_TEST(rest.until([](const auto& all) { return all.size() == 1 && all[0].whole; }));
  BOOST_TEST((rest.last().body == body));
}

BOOST_AUTO_TEST_CASE(http1_inside_tls_is_told_what_is_spoken_there) {
  passage on(chosen);
  const tls_client through(on.port(), {});
  support::wire socket(through.descriptor());
  socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  BOOST_TEST(socket.read_all().starts_with("HTTP/1.1 415 Unsupported Media Type\r\n"));
  BOOST_TEST(on.backend.saw_nothing());
}

BOOST_AUTO_TEST_CASE(plaintext_on_a_tls_port_gets_words_in_its_own_protocol) {
  passage on(chosen);
  support::wire http1(support::wire::dial(on.port())), http2(support::wire::dial(on.port()));
  http1.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  BOOST_TEST(http1.read_all().find("this port speaks TLS") != std::string::npos);
  BOOST_TEST(!http1.was_reset());
  http2.write(std::string(h2::preface) + h2::make_settings({}) + h2::make_head(1, request(path_of("Echo")), true));
  const auto got = http2.read_all();
  BOOST_TEST(got.find("this port speaks TLS") != std::string::npos);
  BOOST_TEST(got.substr(0, 9) == std::string("\0\0\0\4\0\0\0\0\0", 9));
  BOOST_TEST(!http2.was_reset());
  BOOST_TEST(on.log_has("not TLS: http1"));
  BOOST_TEST(on.log_has("not TLS: http2"));
  BOOST_TEST(on.backend.saw_nothing());
}

BOOST_AUTO_TEST_CASE(nonsense_on_a_tls_port_is_closed_with_a_reason_in_the_log) {
  passage on(chosen);
  support::wire socket(support::wire::dial(on.port()));
  socket.write(std::string("\0\1\2\3\4\5\6\7", 8));
  BOOST_TEST(socket.read_all().empty());
  BOOST_TEST(on.log_has("not TLS: unknown"));
}

BOOST_AUTO_TEST_CASE(a_handshake_that_does_not_go_on_ends_by_its_deadline) {
  chosen.handshake = 300ms;
  passage on(chosen);
  support::wire silent(support::wire::dial(on.port())), half(support::wire::dial(on.port()));
  half.write(std::string("\x16\x03\x01\x02\x00\x01", 6));
  BOOST_TEST(silent.read_all(5s).empty());
  BOOST_TEST(half.read_all(5s).empty());
  BOOST_TEST(on.log_has("handshake timed out"));
}

BOOST_AUTO_TEST_CASE(a_drain_goes_through_tls_as_without) {
  passage on(chosen);
  const tls_client through(on.port(), {"-alpn", "h2"});
  h2_client client(through.descriptor());
  const auto id = client.open(request(path_of("Echo")), false);
  BOOST_REQUIRE(on.backend.until_count(1));
  on.drain();
  BOOST_REQUIRE(client.until([&] { return client.farewells().size() == 2; }));
  client.data(id, message("in flight"), true);
  BOOST_TEST(client.finish(id).body == message("in flight"));
  BOOST_TEST(client.closed_by_peer());
  client.close();
  on.join();
  BOOST_TEST(on.ended());
}

// They have no stream that could be waited for, and what is under way elsewhere is not their concern.
BOOST_AUTO_TEST_CASE(a_drain_ends_handshakes_that_are_under_way_and_them_alone) {
  passage on(chosen);
  support::wire silent(support::wire::dial(on.port())), half(support::wire::dial(on.port()));
  half.write(std::string("\x16\x03\x01\x02\x00\x01", 6));
  const tls_client through(on.port(), {"-alpn", "h2"});
  h2_client client(through.descriptor());  // accepted after the others
  const auto id = client.open(request(path_of("Echo")), false);
  BOOST_REQUIRE(on.backend.until_count(1));
  on.drain();
  BOOST_TEST(silent.read_all().empty());
  BOOST_TEST(half.read_all().empty());
  client.data(id, message("in flight"), true);
  BOOST_TEST(client.finish(id).body == message("in flight"));
  client.close();
  on.join();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::proxy::testing
