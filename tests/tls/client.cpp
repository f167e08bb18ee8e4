// The client's end: whom it believes, what it offers, and that what a server does wrong is never taken for an end in good order.
#include "client_room.hpp"

using namespace sallyport;
using namespace sallyport::tls;
using namespace sallyport::tls::testing;
using support::minted;
using support::usage;
using namespace std::chrono_literals;

namespace {

struct backends : material {
  std::shared_ptr<const client_trust> trusted = believe({.ca = ca.cert});
};

constexpr int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

struct verdict {
  std::string name;  // that is wanted
  const minted* certificate;
  std::string reason;  // empty: it passes
  int alert = 0;
};

void judge(const client_trust& by, const verdict& expected, server_options options = {}) {
  for (const int newest : versions) {
    BOOST_TEST_CONTEXT(expected.name << ": " << expected.reason << ", TLS " << std::hex << newest) {
      room worker;
      options.newest = newest;
      client_pair ends(worker, by, expected.name, *expected.certificate, options);
      const auto how = ends.shake();
      const auto& why = ends.client.failure();
      BOOST_TEST((how == progress::done) == expected.reason.empty(), why.reason << why.openssl);
      BOOST_TEST(why.reason == expected.reason);
      BOOST_TEST((ends.client.identity() != nullptr) == expected.reason.empty());
      if (expected.reason.empty()) continue;
      BOOST_TEST(how.error() == errc::handshake_failed);
      BOOST_TEST(why.depth.has_value());
      BOOST_TEST(ends.client.write(bytes_of("secret")).has_error());
      BOOST_TEST(ends.drive([&] { return ends.peer.alert >= 0; }));
      BOOST_TEST(ends.peer.alert == expected.alert);
      BOOST_TEST(ends.peer.received == "");
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(client_end)

BOOST_FIXTURE_TEST_CASE(a_certificate_is_believed_for_the_names_in_its_san_and_for_nothing_else, backends) {
  const std::string no_san =
      "the certificate has no subjectAltName, and a common name counts for nothing: make one that has, as `sallyport certs init` does";
  const std::string other = "the certificate is for another name: ";
  const auto bare = mint.issue({.common_name = "localhost", .purpose = usage::server}, ca);
  const auto bare_address = mint.issue({.common_name = "127.0.0.1", .purpose = usage::server}, ca);
  const auto named = mint.issue({.common_name = "localhost", .dns = {"a.example", "b.example"}, .purpose = usage::server}, ca);
  const auto many = mint.issue({.dns = {"a.example", "b.example", "c.example", "d.example", "e.example"}}, ca);
  const auto wild = mint.issue({.common_name = "x", .dns = {"*.a.example", "f*.a.test", "*"}}, ca);
  const auto numbered = mint.issue({.common_name = "127.0.0.1", .addresses = {"127.0.0.1", "::1"}}, ca);
  const auto number_as_name = mint.issue({.common_name = "127.0.0.1", .dns = {"127.0.0.1"}}, ca);
  constexpr int alert = SSL_AD_BAD_CERTIFICATE;
  for (const auto& one : {
           verdict{"localhost", &server, ""},
           verdict{"LocalHost", &server, ""},
           verdict{"localhost.", &server, ""},
           verdict{"b.example", &named, ""},
           verdict{"localhost", &named, other + "a.example, b.example", alert},
           verdict{"f.example", &many, other + "a.example, b.example, c.example, d.example, ...", alert},
           verdict{"localhost", &bare, no_san, alert},
           verdict{"127.0.0.1", &bare_address, no_san, alert},
           verdict{"one.a.example", &wild, ""},
           verdict{"two.one.a.example", &wild, other + "*.a.example, f*.a.test, *", alert},
           verdict{"foo.a.test", &wild, other + "*.a.example, f*.a.test, *", alert},
           verdict{"127.0.0.1", &numbered, ""},
           verdict{"::1", &numbered, ""},
           verdict{"127.0.0.2", &numbered, "the certificate is for another name", alert},
           verdict{"127.0.0.1", &number_as_name, other + "127.0.0.1", alert},
       })
    judge(*trusted, one);
}

BOOST_FIXTURE_TEST_CASE(what_is_wrong_with_a_certificate_refuses_it, backends) {
  const std::vector<std::string> here{"localhost"};
  const auto stranger = mint.issue({.dns = here}, other_ca);
  const auto late = mint.issue({.dns = here, .since = -48h, .until = -1h}, ca);
  const auto early = mint.issue({.dns = here, .since = 1h}, ca);
  const auto self_made = mint.self_signed({.dns = here});
  const auto clients = mint.issue({.dns = here, .purpose = usage::client}, ca);
  const auto weak = mint.issue({.dns = here, .key = support::key_kind::rsa1024}, ca);
  const auto no_usage = mint.issue({.dns = here, .purpose = usage::none, .key = support::key_kind::rsa2048}, ca);
  for (const auto& one : {
           verdict{"localhost", &no_usage, ""},
           verdict{"localhost", &stranger, "unable to get local issuer certificate", SSL_AD_UNKNOWN_CA},
           verdict{"localhost", &late, "certificate has expired", SSL_AD_CERTIFICATE_EXPIRED},
           verdict{"localhost", &early, "certificate is not yet valid", SSL_AD_BAD_CERTIFICATE},
           verdict{"localhost", &self_made, "self-signed certificate", SSL_AD_UNKNOWN_CA},
           verdict{"localhost", &clients, "unsuitable certificate purpose", SSL_AD_UNSUPPORTED_CERTIFICATE},
           verdict{"localhost", &weak, "EE certificate key too weak", SSL_AD_BAD_CERTIFICATE},
       })
    judge(*trusted, one);
  // None of ours is among the system's.
  judge(*believe({}), {"localhost", &server, "unable to get local issuer certificate", SSL_AD_UNKNOWN_CA});
}

BOOST_FIXTURE_TEST_CASE(a_refused_certificate_is_named_with_its_depth, backends) {
  const auto stale = mint.issue({.common_name = "stale", .until = -1h, .authority = true, .serial = 0x5ca1ab1e}, ca);
  const auto leaf = mint.issue({.dns = {"localhost"}}, stale);
  room worker;
  client_pair ends(worker, *trusted, "localhost", leaf, {.chain = {&stale}});
  BOOST_TEST(ends.shake().error() == errc::handshake_failed);
  const auto& why = ends.client.failure();
  BOOST_TEST(why.reason == "certificate has expired");
  BOOST_TEST(why.openssl == "certificate verify failed");
  BOOST_TEST((why.result == telemetry::handshake_result::certificate_expired));
  BOOST_TEST((why.depth == 1));
  BOOST_TEST(why.subject == "CN=stale,O=milvus");
  BOOST_TEST(why.serial == "5CA1AB1E");
}

// Milvus' recipe, with a SAN: neither key identifiers nor, in the authority, keyUsage and a critical basicConstraints.
BOOST_FIXTURE_TEST_CASE(what_the_operator_named_need_not_be_by_the_book_and_what_a_server_sends_must, backends) {
  const auto loose = mint.self_signed({.common_name = "loose", .authority = true, .strict = false});
  const auto by_loose = mint.issue({.dns = {"localhost"}, .purpose = usage::none}, loose);
  judge(*believe({.ca = loose.cert}), {"localhost", &by_loose, ""});
  const auto between = mint.issue({.common_name = "between", .authority = true, .strict = false}, ca);
  const auto by_between = mint.issue({.dns = {"localhost"}}, between);
  judge(*trusted, {"localhost", &by_between, "Basic Constraints of CA cert not marked critical", SSL_AD_CERTIFICATE_UNKNOWN},
        {.chain = {&between}});
  judge(*believe({.ca = between.cert}), {"localhost", &by_between, ""});
}

BOOST_FIXTURE_TEST_CASE(one_of_several_authorities_and_the_certificate_itself_may_be_named, backends) {
  const auto self_made = mint.self_signed({.dns = {"localhost"}});
  judge(*believe({.ca = mint.bundle({other_ca, ca})}), {"localhost", &server, ""});
  judge(*believe({.ca = self_made.cert}), {"localhost", &self_made, ""});
  judge(*believe({.ca = server.cert}), {"localhost", &server, ""});
  judge(*believe({.ca = self_made.cert}), {"localhost", &server, "unable to get local issuer certificate", SSL_AD_UNKNOWN_CA});
}

BOOST_FIXTURE_TEST_CASE(without_verification_anybody_passes_and_nobody_is_known, backends) {
  const auto late = mint.issue({.common_name = "x", .since = -48h, .until = -1h}, other_ca);
  for (const int newest : versions) {
    room worker;
    client_pair ends(worker, *believe({.verify = false}), "localhost", late, {.newest = newest});
    ends.connect();
    BOOST_TEST(ends.client.identity() == nullptr);
    BOOST_TEST(ends.client.reason() == "");
  }
}

BOOST_FIXTURE_TEST_CASE(the_server_is_told_the_name_when_it_is_one_and_offered_one_protocol_or_none, backends) {
  const auto both = mint.issue({.dns = {"localhost"}, .addresses = {"127.0.0.1"}}, ca);
  const struct {
    std::string name, told, protocol;
  } rows[] = {
      {"localhost", "localhost", "h2"}, {"localhost.", "localhost", "http/1.1"}, {"127.0.0.1", "", "h2"}, {"localhost", "localhost", ""}};
  for (const auto& row : rows) {
    room worker;
    client_pair ends(worker, *trusted, row.name, both, {}, row.protocol);
    ends.connect();
    const char* seen = SSL_get_servername(ends.peer.ssl(), TLSEXT_NAMETYPE_host_name);
    BOOST_TEST((seen ? seen : "") == row.told);
    BOOST_TEST(ends.peer.offered == (row.protocol.empty() ? std::vector<std::string>{} : std::vector{row.protocol}),
               boost::test_tools::per_element());
  }
}

BOOST_FIXTURE_TEST_CASE(a_server_may_choose_what_was_offered_or_nothing, backends) {
  for (const int newest : versions) {
    for (const std::string answer : {"h2", "", "http/1.1", "h2c"}) {
      room worker;
      client_pair ends(worker, *trusted, "localhost", server, {.newest = newest, .alpn = answer});
      const bool passes = answer == "h2" || answer.empty();
      BOOST_TEST((ends.shake() == progress::done) == passes, answer);
      if (passes) BOOST_TEST(ends.client.parameters().alpn == answer);
    }
  }
}

BOOST_FIXTURE_TEST_CASE(versions_below_tls_1_2_are_not_spoken, backends) {
  room worker;
  client_pair ends(worker, *trusted, "localhost", server, {.oldest = TLS1_VERSION, .newest = TLS1_1_VERSION});
  SSL_set_cipher_list(ends.peer.ssl(), "ALL:@SECLEVEL=0");
  BOOST_TEST(ends.shake().error() == errc::handshake_failed);
  BOOST_TEST(ends.client.failure().reason == "alert from the server: protocol version");
}

BOOST_FIXTURE_TEST_CASE(our_certificate_is_shown_when_it_is_asked_for, backends) {
  const auto mine = mint.issue({.common_name = "sallyport", .purpose = usage::client}, ca);
  const auto with = believe({.ca = ca.cert, .cert = mine.cert, .key = mine.key});
  for (const int newest : versions) {
    room worker;
    client_pair ends(worker, *with, "localhost", server, {.client_ca = &ca, .newest = newest});
    ends.connect();
    const auto* shown = SSL_get0_peer_certificate(ends.peer.ssl());
    BOOST_REQUIRE(shown != nullptr);
    BOOST_TEST(X509_cmp(shown, mine.certificate.get()) == 0);
    room another;
    client_pair unasked(another, *with, "localhost", server, {.newest = newest});
    unasked.connect();
    BOOST_TEST(SSL_get0_peer_certificate(unasked.peer.ssl()) == nullptr);
  }
}

BOOST_FIXTURE_TEST_CASE(a_server_that_refuses_our_certificate_is_heard_whenever_it_says_so, backends) {
  const auto mine = mint.issue({.common_name = "stranger", .purpose = usage::client}, other_ca);
  const auto with = believe({.ca = ca.cert, .cert = mine.cert, .key = mine.key});
  const struct {
    const client_trust& trust;
    int newest;
    std::string reason;
  } rows[] = {{*with, TLS1_2_VERSION, "unknown CA"},
              {*with, TLS1_3_VERSION, "unknown CA"},
              {*trusted, TLS1_2_VERSION, "handshake failure"},
              {*trusted, TLS1_3_VERSION, "certificate required"}};
  for (const auto& row : rows) {
    room worker;
    client_pair ends(worker, row.trust, "localhost", server, {.client_ca = &ca, .newest = row.newest});
    const auto how = ends.shake();
    BOOST_TEST((how == progress::done) == (row.newest == TLS1_3_VERSION));  // which judges after the client has finished
    if (how) {
      maybe& last = worker.fresh();
      worker.tasks.spawn(receive_all(ends.client, worker.gather(), last));
      BOOST_REQUIRE(ends.drive([&] { return last.has_value(); }));
      BOOST_TEST(last->error() == errc::broken);
    }
    BOOST_TEST(ends.client.reason() == "alert from the server: " + row.reason);
  }
}

BOOST_FIXTURE_TEST_CASE(a_server_that_speaks_something_else_is_told_apart, backends) {
  const struct {
    std::string said, reason;
    errc code;
  } rows[] = {
      {"HTTP/1.1 400 Bad Request\r\n\r\n", "the server does not speak TLS: its first bytes are no TLS record", errc::not_tls},
      {std::string(9, '\0'), "the server does not speak TLS: its first bytes are no TLS record", errc::not_tls},
      {std::string("\x15\x03\x01\x00\x02\x02\x28", 7), "alert from the server: handshake failure", errc::handshake_failed},
      {std::string("\x16\x03\x03\x00\x04\x7f\x00\x00\x00", 9), "", errc::handshake_failed},
      {"", "the server closed the connection during the handshake", errc::handshake_failed},
  };
  for (const auto& row : rows) {
    room worker;
    client_pair ends(worker, *trusted, "localhost", server);
    ends.peer.silent = true;
    if (row.said.empty())
      ends.peer.half_close();
    else
      ends.peer.raw(row.said);
    BOOST_TEST(ends.shake().error() == row.code);
    if (row.reason.empty())
      BOOST_TEST(!ends.client.reason().empty());
    else
      BOOST_TEST(ends.client.reason() == row.reason);
  }
}

BOOST_FIXTURE_TEST_CASE(a_silent_server_has_until_the_callers_deadline, backends) {
  room worker;
  client_pair ends(worker, *trusted, "localhost", server);
  ends.peer.silent = true;
  maybe& timed = worker.fresh();
  worker.spawn(core::with_deadline(ends.client.connect(), 20ms), timed);
  BOOST_REQUIRE(ends.drive([&] { return timed.has_value(); }));
  BOOST_TEST(timed->error() == asio::error::timed_out);
}

BOOST_FIXTURE_TEST_CASE(a_handshake_of_a_server_that_comes_byte_by_byte_succeeds_and_one_without_end_does_not, backends) {
  for (const int newest : versions) {
    room worker;
    client_pair ends(worker, *trusted, "localhost", server, {.newest = newest});
    ends.peer.at_once = 1;
    ends.connect();
  }
  room worker;
  client_pair ends(worker, *trusted, "localhost", server);
  ends.peer.silent = true;
  while (ends.peer.outgoing.size() < 140'000)
    ends.peer.outgoing += std::string("\x16\x03\x03\x00\x04\x02\x00\xff\xff", 9) + std::string("\x16\x03\x03\x00\x01\x00", 6);
  BOOST_TEST(ends.shake().error() == errc::handshake_failed);
}

BOOST_FIXTURE_TEST_CASE(an_end_without_close_notify_is_a_truncation_at_this_end_too, backends) {
  for (const int newest : versions) {
    for (const bool in_order : {true, false}) {
      room worker;
      client_pair ends(worker, *trusted, "localhost", server, {.newest = newest});
      ends.connect();
      collector& got = worker.gather();
      maybe& last = worker.fresh();
      worker.tasks.spawn(receive_all(ends.client, got, last));
      ends.peer.write("half of an ans");
      if (in_order) SSL_shutdown(ends.peer.ssl());
      ends.peer.flush();
      ends.peer.half_close();
      BOOST_REQUIRE(ends.drive([&] { return last.has_value(); }));
      BOOST_TEST((*last == progress::ended) == in_order);
      if (!in_order) BOOST_TEST(last->error() == errc::truncated);
      BOOST_TEST(got.all == "half of an ans");
    }
  }
}

BOOST_FIXTURE_TEST_CASE(our_own_end_is_said_in_order, backends) {
  for (const int newest : versions) {
    room worker;
    client_pair ends(worker, *trusted, "localhost", server, {.newest = newest});
    ends.connect();
    BOOST_TEST((ends.client.write(bytes_of("the request")) == progress::done));
    maybe& closed = worker.fresh();
    worker.spawn(ends.client.close(), closed);
    BOOST_REQUIRE(ends.drive([&] { return closed && ends.peer.eof; }));
    BOOST_TEST(ends.peer.received == "the request");
    BOOST_TEST(ends.peer.closed_in_order);
  }
}

// A ticket waits in the socket like any input, and whoever waits for it has to learn that it was nothing.
BOOST_FIXTURE_TEST_CASE(a_ticket_is_received_as_nothing, backends) {
  room worker;
  client_pair ends(worker, *trusted, "localhost", server);
  ends.connect();
  collector& got = worker.gather();
  BOOST_TEST(ends.client.has_input());
  for (int i = 0; i < 2 && ends.client.has_input(); ++i) {  // OpenSSL sends two
    maybe& once = worker.fresh();
    worker.spawn(ends.client.receive(got), once);
    BOOST_REQUIRE(ends.drive([&] { return once.has_value(); }));
    BOOST_TEST((*once == progress::done));
  }
  BOOST_TEST(got.all == "");
  BOOST_TEST(!ends.client.has_input());
}

BOOST_FIXTURE_TEST_CASE(a_receive_that_is_limited_never_hands_over_more, backends) {
  constexpr std::size_t most = 65'536;
  room worker;
  client_pair ends(worker, *trusted, "localhost", server);
  ends.connect();
  ends.client.limit_receive(most);
  collector& got = worker.gather();
  std::size_t largest = 0;
  got.also = [&](core::bytes some) { largest = std::max(largest, some.size()); };
  maybe& last = worker.fresh();
  const auto down = pattern(1024 * 1024, 5);
  ends.peer.at_once = 0;
  for (std::size_t at = 0; at < down.size(); at += 16'384) ends.peer.write(std::string_view(down).substr(at, 16'384));
  ends.peer.at_once = 1 << 20;
  worker.tasks.spawn(receive_all(ends.client, got, last));
  BOOST_REQUIRE(ends.drive([&] { return got.all.size() == down.size(); }));
  BOOST_TEST((got.all == down));
  BOOST_TEST(largest <= most);
  BOOST_TEST(largest > most / 2);
}

BOOST_FIXTURE_TEST_CASE(renegotiation_and_a_flood_of_key_updates_are_refused_at_this_end_too, backends) {
  room worker;
  client_pair old(worker, *trusted, "localhost", server, {.newest = TLS1_2_VERSION});
  old.connect();
  maybe& last = worker.fresh();
  worker.tasks.spawn(receive_all(old.client, worker.gather(), last));
  SSL_renegotiate(old.peer.ssl());
  SSL_do_handshake(old.peer.ssl());
  BOOST_REQUIRE(old.drive([&] { return old.peer.alert >= 0; }));
  BOOST_TEST(old.peer.alert == SSL_AD_NO_RENEGOTIATION);

  room another;
  client_pair ends(another, *trusted, "localhost", server);
  ends.connect();
  collector& got = another.gather();
  maybe& flooded = another.fresh();
  another.tasks.spawn(receive_all(ends.client, got, flooded));
  for (int i = 0; i < 20 && !flooded; ++i) {
    SSL_key_update(ends.peer.ssl(), SSL_KEY_UPDATE_NOT_REQUESTED);
    ends.peer.write("k");
    ends.drive([&] { return flooded || got.all.size() == static_cast<std::size_t>(i) + 1; });
  }
  BOOST_REQUIRE(flooded.has_value());
  BOOST_TEST(flooded->error() == errc::broken);
  BOOST_TEST(ends.client.reason() == "too many KeyUpdate or renegotiation messages");
}

BOOST_FIXTURE_TEST_CASE(both_ends_of_ours_carry_five_mib_each_way, backends) {
  room worker;
  auto [accepted, descriptor] = worker.connection(16 * 1024);
  core::tcp_socket dialled(worker.io.get_executor());
  dialled.assign(asio::ip::tcp::v4(), descriptor);
  session up(std::move(accepted), trust(), worker.bench), down(std::move(dialled), *trusted, "localhost", "h2", worker.bench);
  maybe &left = worker.fresh(), &right = worker.fresh();
  worker.spawn(up.accept(), left);
  worker.spawn(down.connect(), right);
  BOOST_REQUIRE(worker.drive([&] { return left && right; }));
  BOOST_REQUIRE((*left == progress::done && *right == progress::done));
  BOOST_TEST(up.parameters().alpn == "h2");
  BOOST_TEST(down.parameters().alpn == "h2");
  BOOST_TEST(down.identity()->dns_names == std::vector<std::string>{"localhost"}, boost::test_tools::per_element());
  const auto request = pattern(5 * 1024 * 1024, 21), reply = pattern(5 * 1024 * 1024, 22);
  collector &seen = worker.gather(), &back = worker.gather();
  maybe &s1 = worker.fresh(), &s2 = worker.fresh(), &r1 = worker.fresh(), &r2 = worker.fresh();
  worker.tasks.spawn(receive_all(up, seen, r1));
  worker.tasks.spawn(receive_all(down, back, r2));
  worker.tasks.spawn(send_all(down, request, 300'000, s1));
  worker.tasks.spawn(send_all(up, reply, 300'000, s2));
  BOOST_REQUIRE(worker.drive([&] { return s1 && s2 && seen.all.size() == request.size() && back.all.size() == reply.size(); }));
  BOOST_TEST((seen.all == request));
  BOOST_TEST((back.all == reply));
  up.abort();
  down.abort();
  worker.end();
}

BOOST_FIXTURE_TEST_CASE(all_faults_of_its_files_come_at_once, backends) {
  const auto garbage = mint.write("garbage.pem", "this is no PEM\n");
  const auto loaded = client_trust::load({.ca = garbage, .cert = mint.path("missing.pem"), .key = mint.encrypted_key(server)});
  BOOST_REQUIRE(loaded.has_error());
  const auto& faults = loaded.error();
  BOOST_REQUIRE_EQUAL(faults.size(), 3U);
  BOOST_TEST(faults[0].text.find("garbage.pem: holds no certificate") != std::string::npos);
  BOOST_TEST(faults[1].text.find("missing.pem: No such file or directory") != std::string::npos);
  BOOST_TEST(faults[2].text.find("the key is encrypted") != std::string::npos);
  const auto mixed = client_trust::load({.cert = server.cert, .key = ca.key});
  BOOST_REQUIRE(mixed.has_error());
  BOOST_TEST(mixed.error()[0].text.find(ca.key + ": is not the key of the first certificate in " + server.cert) != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(certificates_that_are_about_to_end_and_open_keys_are_warned_about, backends) {
  const auto late = mint.issue({.common_name = "late", .since = -48h, .until = -1h}, ca);
  const auto soon = mint.issue({.common_name = "soon", .until = 24h, .authority = true}, ca);
  std::filesystem::permissions(late.key, std::filesystem::perms::group_read, std::filesystem::perm_options::add);
  const auto warnings = believe({.ca = soon.cert, .cert = late.cert, .key = late.key})->warnings();
  BOOST_REQUIRE_EQUAL(warnings.size(), 3U);
  BOOST_TEST(warnings[0].find(soon.cert + ": the certificate of CN=soon,O=milvus expires soon") == 0U);
  BOOST_TEST(warnings[1].find(late.key + ": the key may be read by others") == 0U);
  BOOST_TEST(warnings[2].find(late.cert + ": the certificate of CN=late,O=milvus expired on") == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
