// Endpoints that speak TLS: each is judged by its own name, and by its handshake.
#include "several.hpp"

#include "support/openssl.hpp"
#include "support/tls_front.hpp"
#include "support/user_store.hpp"

namespace sallyport::upstream {
namespace {

using support::tls_front;

struct certified {
  users::temporary_folder folder;
  const std::string cert = folder.file("cert.pem"), key = folder.file("key.pem");
  tls::server_settings served;
  settings chosen = still();

  certified() {
    support::make_certificate("backend", cert, key, "DNS:a.example");
    served.certificates = {{cert, key}};
    chosen.tls.emplace().files.ca = cert;
    const auto loaded = tls::client_trust::load(chosen.tls->files);
    BOOST_REQUIRE(loaded.has_value());
    chosen.trust = std::make_shared<tls::live<tls::client_trust>>(*loaded);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(tls_endpoints, certified)

BOOST_AUTO_TEST_CASE(two_names_of_one_address_are_two_endpoints_each_with_its_certificate) {
  fake_backend backend;
  tls_front front(served, backend.port());
  loop on;
  on.names.say("a.example", {front.port()});
  on.names.say("b.example", {front.port()});
  chosen.endpoints = {{"b.example", front.port()}, {"a.example", front.port()}};
  on.make(chosen);
  BOOST_REQUIRE(on.until_up(2));
  for (int i = 0; i < 10; ++i) {
    told who;
    BOOST_REQUIRE(on.open(who, "Echo"));
    BOOST_REQUIRE(on.until([&] { return who.over(); }));
    BOOST_TEST(who.ended);
  }
  BOOST_TEST(on.counted.connects[static_cast<std::size_t>(telemetry::connect_result::certificate)].value() >= 1U);
  BOOST_TEST(on.ejected(telemetry::ejection::connect_failed) >= 1U);
  BOOST_REQUIRE(!front.clients().empty());
  for (const auto& one : front.clients()) BOOST_TEST(one.how.sni == "a.example");
}

// A TCP connection alone would bring it back again and again.
BOOST_AUTO_TEST_CASE(a_probe_shakes_hands) {
  fake_backend backend;
  tls_front front(served, backend.port());
  loop on;
  on.names.say("a.example", {front.port()});
  on.names.say("b.example", {front.port()});
  chosen.endpoints = {{"a.example", front.port()}, {"b.example", front.port()}};
  chosen.health.interval = 20ms;
  on.make(chosen);
  BOOST_REQUIRE(on.until_up(2));
  BOOST_REQUIRE(on.until_up(1));
  BOOST_TEST(on.ejected(telemetry::ejection::probe_failed) == 1U);
  BOOST_REQUIRE(on.until([&] { return front.refused().size() >= 6; }));  // and goes on being asked
  BOOST_TEST(on.counted.endpoints_up.value() == 1);
  BOOST_TEST(backend.saw_nothing());
  BOOST_TEST(front.refused()[0] == "alert from the client: bad certificate");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::upstream
