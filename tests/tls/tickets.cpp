// What a saved session still opens.
#include "room.hpp"

#include <fstream>

using namespace sallyport;
using namespace sallyport::tls;
using namespace sallyport::tls::testing;
using support::minted;
using support::usage;
using namespace std::chrono_literals;

namespace {

struct again {
  bool through, resumed;
  std::string reason;
  std::shared_ptr<const peer_identity> who;
};

again use(const std::shared_ptr<const context>& by, client_options how, const saved& ticket) {
  room worker;
  how.resume = ticket.get();
  pair ends(worker, by, how);
  if (!ends.shake()) return {false, false, ends.server.failure().reason, nullptr};
  return {true, ends.server.parameters().resumed, "", ends.server.identity()};
}

struct tickets : material {
  minted good = mint.issue({.common_name = "good", .dns = {"good.example"}, .purpose = usage::client}, ca);
  policy_settings policy(client_certificates clients, std::vector<std::string> crls = {}) {
    return {.certificates = {{server.cert, server.key}},
            .clients = clients,
            .client_ca = clients == client_certificates::none ? std::string() : ca.cert,
            .crls = std::move(crls)};
  }
  std::shared_ptr<ticket_keys> keys = std::make_shared<ticket_keys>();
  std::shared_ptr<const context> made(const policy_settings& of) { return *context::load({of}, keys); }
};

constexpr int both[] = {TLS1_2_VERSION, TLS1_3_VERSION};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_session_is_resumed_with_its_client_whatever_the_mode_and_after_a_reload, tickets) {
  for (const auto mode : {client_certificates::none, client_certificates::optional, client_certificates::required}) {
    for (const int newest : both) {
      const client_options how{.certificate = &good, .newest = newest};
      const auto ticket = session_from(made(policy(mode)), how);
      const auto second = use(made(policy(mode)), how, ticket);  // of the same files
      BOOST_TEST(second.through);
      BOOST_TEST(second.resumed);
      BOOST_TEST((second.who != nullptr) == (mode != client_certificates::none));
      if (second.who) BOOST_TEST(second.who->dns_names == std::vector<std::string>{"good.example"}, boost::test_tools::per_element());
    }
  }
}

// RFC 8446 C.4: each is used once.
BOOST_FIXTURE_TEST_CASE(in_tls_1_3_a_resumed_connection_brings_the_next_ticket, tickets) {
  const auto by = made(policy(client_certificates::required));
  client_options how{.certificate = &good};
  auto ticket = session_from(by, how);
  for (int turn = 0; turn < 3; ++turn) {
    how.resume = ticket.get();
    auto next = session_from(by, how);
    ticket = std::move(next);
    const auto seen = use(by, how, ticket);
    BOOST_TEST(seen.resumed);
    BOOST_TEST(seen.who->dns_names == std::vector<std::string>{"good.example"}, boost::test_tools::per_element());
  }
}

BOOST_FIXTURE_TEST_CASE(a_ticket_does_not_outlive_the_trust_it_was_made_under, tickets) {
  const auto required = policy(client_certificates::required, {mint.crl(ca, {})});
  auto other_authority = required, other_rules = required, other_mode = required, revoked = required;
  other_authority.client_ca = mint.bundle({ca, other_ca});
  other_rules.allow = {{.dns = "good.example"}};
  other_mode.clients = client_certificates::optional;
  revoked.crls = {mint.crl(ca, {&good})};
  for (const int newest : both) {
    const client_options how{.certificate = &good, .newest = newest};
    const auto ticket = session_from(made(required), how);
    BOOST_TEST(use(made(required), how, ticket).resumed);
    for (const auto& changed : {other_authority, other_rules, other_mode}) {
      const auto second = use(made(changed), how, ticket);
      BOOST_TEST(second.through);
      BOOST_TEST(!second.resumed);
    }
    BOOST_TEST(use(made(revoked), how, ticket).reason == "certificate revoked");
    // And without the certificate nothing is left to stand on.
    BOOST_TEST(use(made(other_authority), {.newest = newest}, ticket).reason == "peer did not return a certificate");
  }
}

BOOST_FIXTURE_TEST_CASE(a_ticket_from_where_nobody_asked_for_a_certificate_opens_nothing_that_asks, tickets) {
  for (const int newest : both) {
    const auto open = session_from(made(policy(client_certificates::none)), {.newest = newest});
    BOOST_TEST(use(made(policy(client_certificates::required)), {.newest = newest}, open).reason == "peer did not return a certificate");
    const auto anonymous = session_from(made(policy(client_certificates::optional)), {.newest = newest});
    BOOST_TEST(use(made(policy(client_certificates::required)), {.newest = newest}, anonymous).reason ==
               "peer did not return a certificate");
  }
}

// One listener, two names, one of them guarded.
BOOST_FIXTURE_TEST_CASE(a_ticket_of_one_server_name_opens_no_other_with_another_policy, tickets) {
  auto settings = server_settings{policy(client_certificates::none)};
  settings.by_name.push_back({{"guarded.example"}, policy(client_certificates::required)});
  const auto by = *context::load(settings, keys);
  for (const int newest : both) {
    const auto open = session_from(by, {.newest = newest, .sni = "open.example"});
    BOOST_TEST(use(by, {.newest = newest, .sni = "guarded.example"}, open).reason == "peer did not return a certificate");
    const auto guarded = session_from(by, {.certificate = &good, .newest = newest, .sni = "guarded.example"});
    BOOST_TEST(use(by, {.newest = newest, .sni = "guarded.example"}, guarded).resumed);
    BOOST_TEST(!use(by, {.newest = newest, .sni = "open.example"}, guarded).resumed);
  }
}

// Every common server lets such a session go on.
BOOST_FIXTURE_TEST_CASE(a_ticket_ends_with_the_client_certificate, tickets) {
  const auto by = made(policy(client_certificates::required));
  const auto brief = mint.issue({.common_name = "brief", .purpose = usage::client, .until = 4s}, ca);
  const client_options older{.certificate = &brief, .newest = both[0]}, newer{.certificate = &brief, .newest = both[1]};
  const auto of_older = session_from(by, older), of_newer = session_from(by, newer);
  BOOST_TEST(use(by, older, of_older).resumed);
  BOOST_TEST(use(by, newer, of_newer).resumed);
  const auto over = X509_get0_notAfter(brief.certificate.get());
  room clock;
  BOOST_REQUIRE(clock.drive([&] { return X509_cmp_current_time(over) < 0; }, [] {}));
  BOOST_TEST(use(by, older, of_older).reason == "certificate has expired");
  BOOST_TEST(use(by, newer, of_newer).reason == "certificate has expired");
}

BOOST_FIXTURE_TEST_CASE(a_ticket_of_one_version_is_none_in_the_other, tickets) {
  const auto by = made(policy(client_certificates::none));
  const auto newer = session_from(by, {.newest = TLS1_3_VERSION});
  BOOST_TEST(!use(by, {.newest = TLS1_2_VERSION}, newer).resumed);
  const auto older = session_from(by, {.newest = TLS1_2_VERSION});
  BOOST_TEST(!use(by, {.oldest = TLS1_3_VERSION}, older).resumed);
}

// RFC 8446 8: what comes with the hello may have been sent before. We promise to take none of it, and skip what comes all the same.
BOOST_FIXTURE_TEST_CASE(nothing_is_heard_that_came_before_the_handshake, tickets) {
  const auto by = made(policy(client_certificates::required));
  client_options how{.certificate = &good};
  const auto ticket = session_from(by, how);
  BOOST_TEST(SSL_SESSION_get_max_early_data(ticket.get()) == 0U);
  SSL_SESSION_set_max_early_data(ticket.get(), 100);
  how.resume = ticket.get();
  room worker;
  pair ends(worker, by, how);
  std::size_t written = 0;
  BOOST_REQUIRE_EQUAL(SSL_write_early_data(ends.peer.ssl(), "early", 5, &written), 1);
  ends.connect();
  BOOST_TEST(SSL_get_early_data_status(ends.peer.ssl()) == SSL_EARLY_DATA_REJECTED);
  auto& got = worker.gather();
  auto& last = worker.fresh();
  worker.tasks.spawn(support::receive_all(ends.server, got, last));
  ends.peer.write("late");
  BOOST_TEST(ends.drive([&] { return !got.all.empty(); }));
  BOOST_TEST(got.all == "late");
}

BOOST_AUTO_TEST_CASE(keys_change_after_twelve_hours_and_two_old_ones_still_open) {
  ticket_keys keys;
  const auto start = ticket_keys::clock::now();
  const auto first = keys.sealing(start).key;
  BOOST_TEST(keys.sealing(start + 11h).key == first);
  const auto second = keys.sealing(start + 13h).key;
  BOOST_TEST(second != first);
  BOOST_TEST(keys.opening(first->name.data(), start + 13h).key == first);
  BOOST_TEST(!keys.opening(first->name.data(), start + 13h).newest);
  BOOST_TEST(keys.opening(second->name.data(), start + 13h).newest);
  const auto third = keys.sealing(start + 26h).key;
  BOOST_TEST(keys.opening(first->name.data(), start + 26h).key == first);
  const auto fourth = keys.sealing(start + 39h).key;
  BOOST_TEST(keys.opening(first->name.data(), start + 39h).key == nullptr);
  BOOST_TEST(keys.opening(second->name.data(), start + 39h).key == second);
  // A process that slept keeps none.
  BOOST_TEST(keys.opening(fourth->name.data(), start + 200h).key == nullptr);
}

BOOST_FIXTURE_TEST_CASE(keys_from_a_file_are_shared_between_processes, tickets) {
  const std::string newest(106, 'A'), oldest(106, 'B');
  const auto file = mint.write("tickets", newest + "A=\n" + oldest + "A=\n");
  ticket_keys one, other;
  one.use(*ticket_keys::in_file(file));
  other.use(*ticket_keys::in_file(file));
  const auto sealed = one.sealing();
  BOOST_TEST(other.opening(sealed.key->name.data()).newest);
  BOOST_TEST(one.sealing(ticket_keys::clock::now() + 1000h).key == sealed.key);
  for (const std::string text : {"", "AAAA\n", "not base64 at all\n"}) BOOST_TEST(!ticket_keys::in_file(mint.write("wrong", text)));
  const auto four = mint.write("four", newest + "A=\n" + newest + "A=\n" + newest + "A=\n" + newest + "A=\n");
  BOOST_TEST(!ticket_keys::in_file(four));
}

BOOST_FIXTURE_TEST_CASE(keys_from_a_file_are_in_force_only_with_all_else_that_is_loaded, tickets) {
  auto settings = server_settings{policy(client_certificates::none)};
  settings.ticket_keys_file = mint.write("tickets", std::string(106, 'A') + "A=\n");
  const auto before = keys->sealing().key;
  auto broken = settings;
  broken.certificates[0].key = mint.write("key", "no key\n");
  BOOST_TEST(!context::load(broken, keys));
  BOOST_TEST(keys->sealing().key == before);
  BOOST_TEST(context::load(settings, keys).has_value());
  BOOST_TEST(keys->sealing().key != before);
}
