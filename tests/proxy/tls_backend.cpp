// The passage in front of backends that speak TLS. What is not the backend that the operator named gets not a byte of a request.
#include "connect.hpp"

#include "support/openssl.hpp"
#include "support/tls_front.hpp"

namespace sallyport::proxy::testing {
namespace {

using support::make_certificate;
using support::tls_front;

std::size_t count(const std::string& in, std::string_view what) {
  std::size_t n = 0;
  for (auto at = in.find(what); at != std::string::npos; at = in.find(what, at + 1)) ++n;
  return n;
}

struct tls_backend {
  users::temporary_folder folder;
  const std::string cert = folder.file("backend.pem"), key = folder.file("backend.key");
  passage::options chosen;

  tls_backend() {
    make_certificate("backend", cert, key, "DNS:milvus.example,IP:127.0.0.1");
    believe({.ca = cert});
  }
  void believe(const tls::client_settings& files) {
    chosen.backend.tls.emplace();
    chosen.backend.tls->files = files;
    chosen.backend.trust = std::make_shared<tls::live<tls::client_trust>>(trust(files));
  }
  static std::shared_ptr<const tls::client_trust> trust(const tls::client_settings& files) {
    auto loaded = tls::client_trust::load(files);
    BOOST_REQUIRE(loaded.has_value());
    return *loaded;
  }
  tls::server_settings served(bool any_protocol = false) const {
    tls::server_settings made;
    made.certificates = {{cert, key}};
    made.any_protocol = any_protocol;
    return made;
  }
};

// gRPC behind the front.
struct grpc_backend {
  grpc_backend(tls_backend& of, const tls::server_settings& served) : front(served), on((of.chosen.bytes_port = front.port(), of.chosen)) {
    front.forward_to(on.backend.port());
  }
  explicit grpc_backend(tls_backend& of) : grpc_backend(of, of.served()) {}
  std::string call(h2_client& by) { return by.call(request(path_of("Echo")), message("x")).status(); }

  tls_front front;
  passage on;
};

struct rest_backend {
  rest_backend(tls_backend& of, bool abrupt = false)
      : front(of.served(), rest.port(), abrupt), on((of.chosen.rest_port = front.port(), of.chosen)) {}
  fake_http1 rest;
  tls_front front;
  passage on;
};

// CONNECT to bytes behind the front.
struct bytes_backend {
  explicit bytes_backend(tls_backend& of) : front(of.served(true), bytes.port()), on(through(of.chosen, front.port())) {}
  static passage::options through(passage::options chosen, std::uint16_t port) {
    chosen.bytes_port = port;
    chosen.connect = true;
    return chosen;
  }
  int open(http1_client& client) {
    const auto target = "127.0.0.1:" + std::to_string(front.port());
    client.raw("CONNECT " + target + " HTTP/1.1\r\nhost: " + target + "\r\nproxy-authorization: " + shown + "\r\n\r\n");
    return client.answer(true).status();
  }
  support::byte_backend bytes;
  tls_front front;
  passage on;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(backends_with_tls, tls_backend)

BOOST_AUTO_TEST_CASE(grpc_passes_and_offers_h2) {
  grpc_backend b(*this);
  auto client = b.on.client();
  const auto content = message(pattern(3 * 1024 * 1024));
  const auto id = client.open(request(path_of("Echo")), false);
  BOOST_REQUIRE_EQUAL(client.upload(id, content, true), content.size());
  BOOST_TEST((client.finish(id, 20s).body == content));
  for (int i = 0; i < 20; ++i) BOOST_TEST(b.call(client) == "0");
  const auto seen = b.front.clients();
  BOOST_REQUIRE_EQUAL(seen.size(), 1U);  // one connection for all
  BOOST_TEST(seen[0].how.alpn == "h2");
  BOOST_TEST(seen[0].how.version == "TLSv1.3");
  BOOST_TEST(seen[0].how.sni == "");  // an address
  BOOST_TEST(seen[0].subject == "");
}

BOOST_AUTO_TEST_CASE(rest_passes_and_offers_http1) {
  rest_backend b(*this);
  const auto content = pattern(50'000);
  for (const auto by : both) {
    const auto got = ask(b.on, by, {.path = "/v2/vectordb/echo", .body = content});
    BOOST_TEST(got.status == 200);
    BOOST_TEST((got.whole && got.body == content));
  }
  // One connection for both, and its second request waits for nothing.
  const auto seen = b.front.clients();
  BOOST_REQUIRE_EQUAL(seen.size(), 1U);
  BOOST_TEST(seen[0].how.alpn == "http/1.1");
}

BOOST_AUTO_TEST_CASE(a_connection_takes_no_new_requests_when_what_it_was_believed_by_has_changed) {
  grpc_backend grpc(*this);
  auto client = grpc.on.client();
  const auto under_way = client.open(request(path_of("Echo")), false);
  BOOST_TEST(grpc.call(client) == "0");
  rest_backend rest(*this);
  BOOST_TEST(ask(rest.on, both[0], {.path = "/v2/vectordb/echo", .body = "x"}).status == 200);
  chosen.backend.trust->replace(trust(chosen.backend.tls->files));
  const auto until = support::steady::now() + 5s;
  while (grpc.front.clients().size() < 2) {
    BOOST_TEST(grpc.call(client) == "0");
    BOOST_REQUIRE(support::steady::now() < until);
  }
  while (rest.front.clients().size() < 2) {
    BOOST_TEST(ask(rest.on, both[0], {.path = "/v2/vectordb/echo", .body = "x"}).status == 200);
    BOOST_REQUIRE(support::steady::now() < until);
  }
  // What the old one carries goes on.
  const auto content = message("still here");
  BOOST_REQUIRE_EQUAL(client.upload(under_way, content, true), content.size());
  BOOST_TEST((client.finish(under_way).body == content));
}

BOOST_AUTO_TEST_CASE(tunnels_carry_bytes_inside_tls_and_offer_nothing) {
  bytes_backend b(*this);
  http1_client client(b.on.port());
  BOOST_REQUIRE_EQUAL(b.open(client), 200);
  auto far = b.bytes.accept();
  BOOST_REQUIRE(far);
  const auto up = pattern(1024 * 1024, 3), down = pattern(1024 * 1024, 4);
  std::thread sender([&] {
    client.raw(up);
    client.socket().half_close();
  });
  BOOST_TEST((far->read_all() == up));
  sender.join();
  far->write(down);
  far->half_close();
  BOOST_TEST((client.socket().read_all() == down));
  BOOST_REQUIRE_EQUAL(b.front.clients().size(), 1U);
  BOOST_TEST(b.front.clients()[0].how.alpn == "");
  BOOST_TEST(b.on.log_has("tunnel_closed cause=ended"));
}

BOOST_AUTO_TEST_CASE(tunnels_of_http2_keep_to_the_streams_window) {
  bytes_backend b(*this);
  auto client = b.on.client();
  const auto target = "127.0.0.1:" + std::to_string(b.front.port());
  const auto id = client.open({{":method", "CONNECT"}, {":authority", target}, {"proxy-authorization", shown}}, false);
  auto far = b.bytes.accept();
  BOOST_REQUIRE(far);
  const auto down = pattern(1024 * 1024, 5);
  far->write(down);
  far->half_close();
  client.data(id, {}, true);
  const auto got = client.finish(id, 20s);
  BOOST_TEST((got.body == down));
  BOOST_TEST(!got.reset.has_value());
}

BOOST_AUTO_TEST_CASE(a_backend_that_is_not_the_one_that_was_named_gets_no_request) {
  const auto other = folder.file("other.pem");
  make_certificate("other", other, folder.file("other.key"), "IP:127.0.0.1");
  const struct {
    std::string ca, name, reason;
  } rows[] = {{other, "", "TLS: self-signed certificate"}, {cert, "localhost", "TLS: the certificate is for another name: milvus.example"}};
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.reason) {
      believe({.ca = row.ca});
      chosen.backend.tls->server_name = row.name;
      const auto said = "backend_unreachable backend=milvus endpoint=127.0.0.1:";
      {
        grpc_backend b(*this);
        auto client = b.on.client();
        BOOST_TEST(b.call(client) == "14");
        BOOST_TEST(b.on.backend.saw_nothing());
        BOOST_TEST(b.on.backend.connections() == 0U);
        BOOST_TEST(b.front.clients().size() == 0U);
        BOOST_TEST(b.on.log_has(said + std::to_string(b.front.port()) + " reason=\"" + row.reason + "\" depth=0 subject=\"CN=backend\""));
        BOOST_TEST(b.on.metrics().find("sallyport_upstream_connects_total{backend=\"milvus\",result=\"certificate\"} 1\n") !=
                   std::string::npos);
      }
      {
        rest_backend b(*this);
        BOOST_TEST(ask(b.on, spoken::http1, to("/v2/vectordb/echo")).status == 503);
        BOOST_TEST((b.rest.saw_nothing() && b.rest.connections() == 0));
        chosen.rest_port = 0;
      }
      bytes_backend b(*this);
      http1_client client(b.on.port());
      BOOST_TEST(b.open(client) == 503);
      BOOST_TEST(b.bytes.connections() == 0U);
      BOOST_TEST(b.on.log_has(row.reason));
    }
  }
}

BOOST_AUTO_TEST_CASE(many_requests_to_a_backend_that_is_refused_are_few_attempts_and_as_many_lines) {
  believe({});
  grpc_backend b(*this);
  auto client = b.on.client();
  std::vector<std::uint32_t> all;
  for (int i = 0; i < 50; ++i) all.push_back(client.open(request(path_of("Echo")), true));
  for (const auto id : all) BOOST_TEST(client.finish(id).status() == "14");
  const auto lines = count(b.on.log(), "backend_unreachable backend=milvus");
  BOOST_TEST(lines >= 1U);
  BOOST_TEST(lines <= 3U);
}

BOOST_AUTO_TEST_CASE(a_name_that_is_configured_is_asked_for_and_verified) {
  chosen.backend.tls->server_name = "milvus.example";
  grpc_backend b(*this);
  auto client = b.on.client();
  BOOST_TEST(b.call(client) == "0");
  BOOST_TEST(b.front.clients().at(0).how.sni == "milvus.example");
}

BOOST_AUTO_TEST_CASE(our_certificate_is_shown_and_without_one_a_backend_that_wants_it_gets_no_request) {
  const auto mine = folder.file("mine.pem"), mine_key = folder.file("mine.key");
  make_certificate("sallyport", mine, mine_key);
  auto mutual = served();
  mutual.clients = tls::client_certificates::required;
  mutual.client_ca = mine;
  {
    grpc_backend b(*this, mutual);
    auto client = b.on.client();
    BOOST_TEST(b.call(client) == "14");
    BOOST_TEST(b.on.backend.connections() == 0U);
    BOOST_TEST(b.on.log_has("reason=\"the peer broke the TLS protocol: alert from the server: certificate required\""));
  }
  believe({.ca = cert, .cert = mine, .key = mine_key});
  grpc_backend b(*this, mutual);
  auto client = b.on.client();
  BOOST_TEST(b.call(client) == "0");
  BOOST_TEST(b.front.clients().at(0).subject == "CN=sallyport");
}

BOOST_AUTO_TEST_CASE(a_backend_in_plaintext_is_told_from_one_with_tls) {
  passage on(chosen);  // its own backend speaks h2c, and first
  auto client = on.client();
  BOOST_TEST(client.call(request(path_of("Echo")), message("x")).status() == "14");
  BOOST_TEST(on.log_has("reason=\"TLS: the server does not speak TLS: its first bytes are no TLS record\""));
  BOOST_TEST(on.backend.saw_nothing());
  BOOST_TEST(on.metrics().find("result=\"handshake\"} 1\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_silent_backend_has_the_time_of_a_connect_for_its_handshake) {
  support::byte_backend silent;
  chosen.bytes_port = silent.port();
  chosen.backend.connect = 100ms;
  passage on(chosen);
  auto client = on.client();
  BOOST_TEST(client.call(request(path_of("Echo")), message("x")).status() == "14");
  BOOST_TEST(on.log_has("reason=\"TLS: Connection timed out\""));
  BOOST_TEST(on.metrics().find("result=\"timed_out\"} 1\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_answer_that_ends_without_close_notify_is_never_whole) {
  for (const bool abrupt : {false, true}) {
    rest_backend b(*this, abrupt);
    for (const auto by : both) {
      const auto got = ask(b.on, by, {.path = "/v2/vectordb/close", .body = "ends with the connection"});
      BOOST_TEST(got.whole == !abrupt);
      if (!abrupt) BOOST_TEST(got.body == "ends with the connection");
    }
    if (abrupt) BOOST_TEST(b.on.log_has("reason=\"the peer closed the connection without close_notify\""));
    chosen.rest_port = 0;
  }
}

BOOST_AUTO_TEST_CASE(what_is_believed_may_change_while_it_runs) {
  const auto other = folder.file("other.pem");
  make_certificate("other", other, folder.file("other.key"));
  const auto live = chosen.backend.trust;
  grpc_backend b(*this);
  auto client = b.on.client();
  BOOST_TEST(b.call(client) == "0");
  live->replace(trust({.ca = other}));
  BOOST_TEST(b.call(client) == "0");  // on the connection that there is
  BOOST_TEST(b.front.clients().size() == 1U);
  const auto seen = b.on.backend.requests().size();
  b.on.backend.hang_up();
  BOOST_TEST(b.on.log_has("backend_connection_closed"));
  BOOST_TEST(b.call(client) == "14");
  BOOST_TEST(b.on.backend.requests().size() == seen);
  live->replace(trust({.ca = cert}));
  const auto until = support::steady::now() + 10s;
  while (b.call(client) != "0" && support::steady::now() < until) std::this_thread::sleep_for(10ms);  // the pause after the failure
  BOOST_TEST(b.call(client) == "0");
}

BOOST_AUTO_TEST_CASE(without_verification_anybody_is_the_backend) {
  believe({.verify = false});
  chosen.backend.tls->server_name = "somebody.else";
  grpc_backend b(*this);
  auto client = b.on.client();
  BOOST_TEST(b.call(client) == "0");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::proxy::testing
