// protocol: tcp: bytes after door 1, and the certificate's user as door 2.
#include "connect.hpp"
#include "tls_client.hpp"

#include <thread>

namespace sallyport::proxy::testing {
namespace {

passage::options open_port() {
  passage::options chosen;
  chosen.tcp = true;
  chosen.tokens = false;
  return chosen;
}

// TLS, and alice's certificate is the one that its authority has signed.
struct mutual_port {
  users::temporary_folder folder;
  passage::options chosen;
  std::string cert = folder.file("alice.pem"), key = folder.file("alice.key");
  mutual_port() {
    chosen.tcp = true;
    chosen.certificate_user = true;
    chosen.cert = folder.file("cert.pem");
    chosen.key = folder.file("key.pem");
    chosen.client_ca = cert;
    make_certificate("localhost", chosen.cert, chosen.key);
    make_certificate("alice", cert, key);
  }
  std::vector<std::string> shown(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all{"-cert", cert, "-key", key};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(tcp_tunnels)

BOOST_AUTO_TEST_CASE(bytes_pass_as_they_come_and_each_direction_has_an_end_of_its_own) {
  connect_passage p(open_port());
  {
    support::wire near(support::wire::dial(p.on.port()));
    auto far = p.bytes.accept();  // before a byte has come: the backend may speak first
    BOOST_REQUIRE(far);
    far->write("220 ready");
    BOOST_TEST(support::read_exactly(near, 9) == "220 ready");
    near.write(std::string("\0\r\n\xff", 4));
    BOOST_TEST(support::read_exactly(*far, 4) == std::string("\0\r\n\xff", 4));
    near.half_close();
    BOOST_TEST(far->read_all() == "");
    far->write("and more");
    far.reset();
    BOOST_TEST(near.read_all() == "and more");
    BOOST_TEST(!near.was_reset());
  }
  BOOST_TEST(p.on.log_has("tunnel_closed cause=ended to_backend=4 to_client=17"));
  BOOST_TEST(p.on.log_has("cause=tunnel_ended"));
}

BOOST_AUTO_TEST_CASE(what_looks_like_http_or_like_tls_is_bytes) {
  connect_passage p(open_port());
  for (const auto* text : {"GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x02", "PROXY TCP4"}) {
    support::wire near(support::wire::dial(p.on.port()));
    near.write(text);
    auto far = p.bytes.accept();
    BOOST_REQUIRE(far);
    near.half_close();
    BOOST_TEST(far->read_all() == text);
  }
}

BOOST_AUTO_TEST_CASE(a_backend_that_is_away_is_a_reset_and_a_line) {
  connect_passage p(open_port());
  p.bytes.stop();
  support::wire near(support::wire::dial(p.on.port()));
  BOOST_TEST(near.read_all() == "");
  BOOST_TEST(near.was_reset());
  BOOST_TEST(p.on.log_has("request_refused reason=backend_unreachable"));
}

BOOST_AUTO_TEST_CASE(tokens_that_nobody_can_show_let_nobody_in) {
  auto chosen = open_port();
  chosen.tokens = true;  // the configuration refuses this; so does the gate
  connect_passage p(chosen);
  support::wire near(support::wire::dial(p.on.port()));
  BOOST_TEST(near.read_all() == "");
  BOOST_TEST(p.bytes.connections() == 0U);
  BOOST_TEST(p.on.log_has("request_refused reason=missing_token"));
}

BOOST_AUTO_TEST_CASE(much_passes_whole) {
  connect_passage p(open_port());
  support::wire near(support::wire::dial(p.on.port()));
  auto far = p.bytes.accept();
  const auto much = pattern(64 * 1024 * 1024);
  std::thread sender([&] {
    near.write(much);
    near.half_close();
  });
  BOOST_TEST((far->read_all(20s) == much));
  sender.join();
}

BOOST_AUTO_TEST_CASE(a_drain_lets_it_go_on_and_then_cuts_it) {
  auto chosen = open_port();
  chosen.drain = 700ms;
  connect_passage p(chosen);
  support::wire near(support::wire::dial(p.on.port()));
  auto far = p.bytes.accept();
  BOOST_REQUIRE(p.on.log_has("tunnel_opened"));
  p.on.drain();
  BOOST_REQUIRE(!p.on.ended());
  near.write("go on");
  BOOST_TEST(support::read_exactly(*far, 5) == "go on");
  BOOST_TEST(near.read_all() == "");
  BOOST_TEST(near.was_reset());
  p.on.join();
  BOOST_TEST(p.on.log().find("tunnel_closed cause=drain_timed_out") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(the_name_in_the_certificate_must_be_a_users, mutual_port) {
  connect_passage p(chosen);
  {
    const tls_client through(p.on.port(), shown());
    support::wire near(through.descriptor());
    BOOST_TEST(near.read_all() == "");
    BOOST_TEST(p.bytes.connections() == 0U);
    BOOST_TEST(p.on.log_has("request_refused reason=certificate_user"));
  }
  BOOST_REQUIRE(!p.on.users.create("alice", "secret1"));
  for (const std::vector<std::string>& offered :
       {std::vector<std::string>{}, {"-alpn", "h2"}, {"-alpn", "postgresql"}, {"-tls1_2"}, {"-tls1_2", "-alpn", "http/1.1"}}) {
    const tls_client through(p.on.port(), shown(offered));
    support::wire near(through.descriptor());
    near.write("select 1");
    auto far = p.bytes.accept();
    BOOST_REQUIRE(far);
    BOOST_TEST(support::read_exactly(*far, 8) == "select 1");
    far->write("1");
    BOOST_TEST(support::read_exactly(near, 1) == "1");
  }
  BOOST_TEST(p.on.log_has("tunnel_opened user=alice protocol=tcp"));
}

BOOST_FIXTURE_TEST_CASE(without_a_certificate_or_with_another_ones_nobody_gets_to_the_backend, mutual_port) {
  connect_passage p(chosen);
  BOOST_REQUIRE(!p.on.users.create("alice", "secret1"));
  const auto other_cert = folder.file("other.pem"), other_key = folder.file("other.key");
  make_certificate("alice", other_cert, other_key);
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"-cert", other_cert, "-key", other_key}}) {
    const tls_client through(p.on.port(), more);
    support::wire near(through.descriptor());
    BOOST_TEST(near.read_all() == "");
    BOOST_TEST(p.bytes.connections() == 0U);
  }
  BOOST_TEST(p.on.log_has("handshake_failed"));
}

BOOST_FIXTURE_TEST_CASE(a_users_tunnel_ends_when_the_user_is_dropped, mutual_port) {
  connect_passage p(chosen);
  BOOST_REQUIRE(!p.on.users.create("alice", "secret1"));
  const tls_client through(p.on.port(), shown());
  support::wire near(through.descriptor());
  auto far = p.bytes.accept();
  BOOST_REQUIRE(far);
  BOOST_REQUIRE(p.on.log_has("tunnel_opened"));
  BOOST_REQUIRE(!p.on.users.drop("alice"));
  BOOST_TEST(far->read_all(3s) == "");
  BOOST_TEST(near.read_all(3s) == "");
  BOOST_TEST(p.on.log_has("tunnel_closed cause=revoked"));
}

BOOST_FIXTURE_TEST_CASE(a_client_that_is_cut_off_in_tls_is_no_clean_end_for_the_backend, mutual_port) {
  connect_passage p(chosen);
  BOOST_REQUIRE(!p.on.users.create("alice", "secret1"));
  auto through = std::make_unique<tls_client>(p.on.port(), shown());
  support::wire near(through->descriptor());
  near.write("half of a stat");
  auto far = p.bytes.accept();
  BOOST_REQUIRE(far);
  BOOST_TEST(support::read_exactly(*far, 14) == "half of a stat");
  through->kill();  // its kernel sends a FIN, and nobody has said close_notify
  BOOST_TEST(far->read_all() == "");
  BOOST_TEST(far->was_reset());
  BOOST_TEST(p.on.log_has("tunnel_closed cause=client_broken"));
}

BOOST_FIXTURE_TEST_CASE(large_amounts_pass_through_tls_in_both_directions_at_once, mutual_port) {
  connect_passage p(chosen);
  BOOST_REQUIRE(!p.on.users.create("alice", "secret1"));
  const tls_client through(p.on.port(), shown());
  support::wire near(through.descriptor());
  auto far = p.bytes.accept();
  BOOST_REQUIRE(far);
  const auto up = pattern(16 * 1024 * 1024, 1), down = pattern(16 * 1024 * 1024, 2);
  std::string got_up;
  std::thread near_writes([&] { near.write(up); }), far_writes([&] { far->write(down); });
  std::thread far_reads([&] { got_up = support::read_exactly(*far, up.size()); });
  const auto got_down = support::read_exactly(near, down.size());
  for (auto* t : {&near_writes, &far_writes, &far_reads}) t->join();
  BOOST_TEST((got_up == up));
  BOOST_TEST((got_down == down));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::proxy::testing
