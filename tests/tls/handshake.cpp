#include "room.hpp"

#include <sys/wait.h>

using namespace sallyport;
using namespace sallyport::tls;
using namespace sallyport::tls::testing;
using support::minted;
using support::usage;
using namespace std::chrono_literals;

namespace {

struct verdict {
  const char* name;
  const minted* certificate;
  bool passes;
  const char* reason;  // of the operator's log, when it does not
  int alert;           // what the client sees then
};

void judge(material& of, client_certificates mode, const verdict& expected, int newest) {
  BOOST_TEST_CONTEXT(expected.name << " with mode " << static_cast<int>(mode) << " and TLS " << std::hex << newest) {
    room worker;
    pair ends(worker, of.trust(mode), {.certificate = expected.certificate, .newest = newest});
    const auto how = ends.shake();
    BOOST_TEST((how == progress::done) == expected.passes);
    if (expected.passes) {
      const auto who = ends.server.identity();
      BOOST_TEST((who != nullptr) == (mode != client_certificates::none && expected.certificate != nullptr));
      BOOST_TEST(ends.server.failure().reason == "");
      BOOST_TEST(ends.drive([&] { return ends.peer.done; }));
      return;
    }
    BOOST_TEST(how.error() == errc::handshake_failed);
    BOOST_TEST(ends.server.failure().reason == expected.reason);
    BOOST_TEST(ends.server.identity() == nullptr);
    BOOST_TEST(ends.drive([&] { return ends.peer.alert >= 0; }));
    BOOST_TEST(ends.peer.alert == expected.alert);
  }
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(every_mode_of_client_certificates_judges_every_certificate_as_it_must, material) {
  const auto good = mint.issue({.common_name = "good", .purpose = usage::client}, ca);
  const auto recipes = mint.issue({.common_name = "as Milvus' recipe", .purpose = usage::none, .key = support::key_kind::rsa2048}, ca);
  const auto wrong_usage = mint.issue({.common_name = "a server's", .purpose = usage::server}, ca);
  const auto stranger = mint.issue({.common_name = "stranger", .purpose = usage::client}, other_ca);
  const auto late = mint.issue({.common_name = "late", .purpose = usage::client, .since = -48h, .until = -1h}, ca);
  const auto early = mint.issue({.common_name = "early", .purpose = usage::client, .since = 1h}, ca);
  const auto self_made = mint.self_signed({.common_name = "self", .purpose = usage::client});
  const auto weak = mint.issue({.common_name = "weak", .purpose = usage::client, .key = support::key_kind::rsa1024}, ca);
  const verdict with_certificate[] = {
      {"good", &good, true, "", 0},
      {"no EKU and no SAN", &recipes, true, "", 0},
      {"server EKU", &wrong_usage, false, "unsuitable certificate purpose", SSL_AD_UNSUPPORTED_CERTIFICATE},
      {"wrong CA", &stranger, false, "unable to get local issuer certificate", SSL_AD_UNKNOWN_CA},
      {"expired", &late, false, "certificate has expired", SSL_AD_CERTIFICATE_EXPIRED},
      {"not yet valid", &early, false, "certificate is not yet valid", SSL_AD_BAD_CERTIFICATE},
      {"self-signed", &self_made, false, "self-signed certificate", SSL_AD_UNKNOWN_CA},
      {"RSA of 1024 bits", &weak, false, "EE certificate key too weak", SSL_AD_BAD_CERTIFICATE},
  };
  for (const int newest : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    judge(*this, client_certificates::none, {"none", nullptr, true, "", 0}, newest);
    judge(*this, client_certificates::optional, {"none", nullptr, true, "", 0}, newest);
    judge(*this, client_certificates::required,
          {"none", nullptr, false, "peer did not return a certificate",
           newest == TLS1_3_VERSION ? TLS13_AD_CERTIFICATE_REQUIRED : SSL_AD_HANDSHAKE_FAILURE},
          newest);
    for (const auto& one : with_certificate) {
      judge(*this, client_certificates::none, {one.name, one.certificate, true, "", 0}, newest);
      judge(*this, client_certificates::optional, one, newest);
      judge(*this, client_certificates::required, one, newest);
    }
  }
}

BOOST_FIXTURE_TEST_CASE(a_refused_certificate_is_named_for_the_operator, material) {
  const auto late =
      mint.issue({.common_name = "late\ncomer", .purpose = usage::client, .since = -48h, .until = -1h, .serial = 0x0badcafe}, ca);
  room worker;
  pair ends(worker, trust(client_certificates::required), {.certificate = &late, .sni = "milvus.example"});
  BOOST_TEST(ends.shake().error() == errc::handshake_failed);
  const auto& why = ends.server.failure();
  BOOST_TEST(why.reason == "certificate has expired");
  BOOST_TEST(why.openssl == "certificate verify failed");
  BOOST_TEST((why.depth == 0));
  BOOST_TEST(why.serial == "0BADCAFE");
  BOOST_TEST(why.subject == "CN=late\\0Acomer,O=milvus");
  BOOST_TEST(why.sni == "milvus.example");
  BOOST_TEST(why.version == "TLSv1.3");
}

BOOST_FIXTURE_TEST_CASE(a_refused_authority_is_told_with_its_depth, material) {
  const auto stale = mint.issue({.common_name = "stale", .until = -1h, .authority = true}, ca);
  const auto leaf = mint.issue({.common_name = "leaf", .purpose = usage::client}, stale);
  room worker;
  pair ends(worker, trust(client_certificates::required), {.certificate = &leaf, .chain = {&stale}});
  BOOST_TEST(ends.shake().error() == errc::handshake_failed);
  BOOST_TEST(ends.server.failure().reason == "certificate has expired");
  BOOST_TEST((ends.server.failure().depth == 1));
  BOOST_TEST(ends.server.failure().subject == "CN=stale,O=milvus");
}

BOOST_FIXTURE_TEST_CASE(a_chain_of_intermediates_passes_up_to_depth_four, material) {
  std::vector<minted> authorities{ca};
  for (int i = 1; i <= 5; ++i) authorities.push_back(mint.authority("intermediate " + std::to_string(i), authorities.back()));
  for (const std::size_t intermediates : {1U, 4U, 5U}) {
    const auto leaf = mint.issue({.common_name = "leaf", .purpose = usage::client}, authorities[intermediates]);
    client_options options{.certificate = &leaf};
    for (std::size_t i = intermediates; i >= 1; --i) options.chain.push_back(&authorities[i]);
    room worker;
    pair ends(worker, trust(client_certificates::required), options);
    BOOST_TEST((ends.shake() == progress::done) == (intermediates <= 4));
    if (intermediates > 4) BOOST_TEST(ends.server.failure().reason == "certificate chain too long");
  }
}

BOOST_FIXTURE_TEST_CASE(an_intermediate_alone_in_client_ca_is_trusted_as_milvus_does, material) {
  const auto intermediate = mint.authority("intermediate", ca);
  const auto leaf = mint.issue({.common_name = "leaf", .purpose = usage::client}, intermediate);
  const auto settings = policy_settings{
      .certificates = {{server.cert, server.key}}, .clients = client_certificates::required, .client_ca = intermediate.cert};
  room worker;
  pair ends(worker, load(settings), {.certificate = &leaf});
  ends.connect();
  BOOST_TEST(ends.server.identity()->common_name == "leaf");
}

BOOST_FIXTURE_TEST_CASE(several_authorities_are_trusted_and_named_to_the_client, material) {
  const auto leaf = mint.issue({.common_name = "leaf", .purpose = usage::client}, other_ca);
  const auto settings = policy_settings{
      .certificates = {{server.cert, server.key}}, .clients = client_certificates::required, .client_ca = mint.bundle({ca, other_ca, ca})};
  room worker;
  pair ends(worker, load(settings), {.certificate = &leaf});
  ends.connect();
  const auto* named = SSL_get0_peer_CA_list(ends.peer.ssl());
  BOOST_TEST(sk_X509_NAME_num(named) == 2);
}

BOOST_FIXTURE_TEST_CASE(a_certificate_list_above_64_kib_is_refused, material) {
  std::vector<std::string> names;
  for (int i = 0; i < 600; ++i) names.push_back(std::string(120, 'a') + std::to_string(i) + ".example");
  const auto huge = mint.issue({.common_name = "huge", .dns = names, .purpose = usage::client}, ca);
  room worker;
  pair ends(worker, trust(client_certificates::required), {.certificate = &huge});
  BOOST_TEST(ends.shake().error() == errc::handshake_failed);
  BOOST_TEST(ends.server.failure().reason == "excessive message size");
}

BOOST_FIXTURE_TEST_CASE(the_identity_has_the_names_of_the_certificate, material) {
  const auto who = mint.issue({.common_name = "Jürgen, \"Müller\"",
                               .dns = {"one.example", "two.example"},
                               .uris = {"spiffe://example/ns/a"},
                               .purpose = usage::client,
                               .serial = 0x1234abcd},
                              ca);
  room worker;
  pair ends(worker, trust(client_certificates::optional), {.certificate = &who});
  ends.connect();
  const auto seen = ends.server.identity();
  BOOST_REQUIRE(seen != nullptr);
  BOOST_TEST(seen->subject == "CN=Jürgen\\, \\\"Müller\\\",O=milvus");
  BOOST_TEST(seen->common_name == "Jürgen, \"Müller\"");
  BOOST_TEST(seen->dns_names == (std::vector<std::string>{"one.example", "two.example"}), boost::test_tools::per_element());
  BOOST_TEST(seen->uris == std::vector<std::string>{"spiffe://example/ns/a"}, boost::test_tools::per_element());
  BOOST_TEST(seen->serial == "1234ABCD");
}

BOOST_FIXTURE_TEST_CASE(no_more_than_64_alternative_names_are_looked_at, material) {
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i) names.push_back(std::to_string(i) + ".example");
  const auto many = mint.issue({.common_name = "many", .dns = names, .purpose = usage::client}, ca);
  room worker;
  pair ends(worker, trust(client_certificates::required), {.certificate = &many});
  ends.connect();
  BOOST_TEST(ends.server.identity()->dns_names.size() == 64U);
}

BOOST_FIXTURE_TEST_CASE(a_client_that_offers_h2_gets_h2_and_one_without_alpn_goes_on, material) {
  struct row {
    std::vector<std::string> offered;
    std::string chosen;
  };
  for (const auto& one : {row{{"h2"}, "h2"}, row{{"http/1.1", "h2"}, "h2"}, row{{"grpc-exp", "h2"}, "h2"}, row{{"h2", "http/1.1"}, "h2"},
                          row{{"http/1.1"}, "http/1.1"}, row{{"http/1.0", "http/1.1"}, "http/1.1"}, row{{}, ""}}) {
    room worker;
    pair ends(worker, trust(), {.alpn = one.offered});
    ends.connect();
    BOOST_TEST(ends.server.parameters().alpn == one.chosen);
  }
}

BOOST_FIXTURE_TEST_CASE(a_client_that_offers_protocols_without_h2_is_refused_with_the_alert, material) {
  for (const auto& offered : {std::vector<std::string>{"http/1.0"}, {"h2c", "ftp"}, {"h", "h22", "xh2"}}) {
    room worker;
    pair ends(worker, trust(), {.alpn = offered});
    BOOST_TEST(ends.shake().error() == errc::handshake_failed);
    BOOST_TEST(ends.server.failure().reason == "no suitable application protocol");
    BOOST_TEST(ends.server.failure().version == "TLSv1.3");
    BOOST_TEST(ends.drive([&] { return ends.peer.alert >= 0; }));
    BOOST_TEST(ends.peer.alert == SSL_AD_NO_APPLICATION_PROTOCOL);
  }
}

BOOST_FIXTURE_TEST_CASE(versions_below_the_profile_are_refused_and_told_apart_in_the_log, material) {
  struct row {
    profile versions;
    int newest;
    bool passes;
    std::string name;
  };
  const row rows[] = {
      {profile::intermediate, TLS1_1_VERSION, false, "TLSv1.1"}, {profile::intermediate, TLS1_2_VERSION, true, "TLSv1.2"},
      {profile::intermediate, TLS1_3_VERSION, true, "TLSv1.3"},  {profile::modern, TLS1_2_VERSION, false, "TLSv1.2"},
      {profile::modern, TLS1_3_VERSION, true, "TLSv1.3"},
  };
  for (const auto& one : rows) {
    room worker;
    pair ends(worker, trust(client_certificates::none, one.versions), {.oldest = TLS1_VERSION, .newest = one.newest});
    const auto how = ends.shake();
    BOOST_TEST((how == progress::done) == one.passes);
    if (one.passes) {
      BOOST_TEST(ends.server.parameters().version == one.name);
      continue;
    }
    BOOST_TEST(ends.server.failure().reason == "unsupported protocol");
    BOOST_TEST(ends.server.failure().version == one.name);
    BOOST_TEST(ends.server.failure().sni == "localhost");
    BOOST_TEST(ends.drive([&] { return ends.peer.alert >= 0; }));
    BOOST_TEST(ends.peer.alert == SSL_AD_PROTOCOL_VERSION);
  }
}

BOOST_FIXTURE_TEST_CASE(tls_1_2_speaks_only_ephemeral_keys_and_authenticated_ciphers, material) {
  const auto rsa = mint.issue({.common_name = "localhost", .key = support::key_kind::rsa2048}, ca);
  const auto both = load({.certificates = {{server.cert, server.key}, {rsa.cert, rsa.key}}});
  for (const char* cipher : {"AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA", "DHE-RSA-AES128-GCM-SHA256",
                             "ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305"}) {
    room worker;
    pair ends(worker, both, {.newest = TLS1_2_VERSION});
    BOOST_REQUIRE_EQUAL(SSL_set_cipher_list(ends.peer.ssl(), (std::string(cipher) + "@SECLEVEL=0").c_str()), 1);
    const std::string name = cipher;
    const bool wanted = name == "ECDHE-ECDSA-AES128-GCM-SHA256" || name == "ECDHE-RSA-CHACHA20-POLY1305";
    BOOST_TEST_CONTEXT(cipher) {
      BOOST_TEST((ends.shake() == progress::done) == wanted);
      if (!wanted) BOOST_TEST(ends.server.failure().reason == "no shared cipher");
    }
  }
}

BOOST_FIXTURE_TEST_CASE(the_name_that_the_client_asks_for_is_known, material) {
  room worker;
  pair ends(worker, trust(), {.sni = "proxy.example"});
  ends.connect();
  BOOST_TEST(ends.server.parameters().sni == "proxy.example");
  BOOST_TEST(!ends.server.parameters().resumed);
}

BOOST_FIXTURE_TEST_CASE(a_handshake_that_comes_byte_by_byte_succeeds, material) {
  const auto good = mint.issue({.common_name = "good", .purpose = usage::client}, ca);
  for (const int newest : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    room worker;
    pair ends(worker, trust(client_certificates::required), {.certificate = &good, .newest = newest});
    ends.peer.at_once = 1;
    ends.connect();
    BOOST_TEST(ends.server.identity()->common_name == "good");
  }
}

BOOST_FIXTURE_TEST_CASE(what_follows_the_last_handshake_message_in_one_segment_is_received, material) {
  room worker;
  pair ends(worker, trust());
  ends.where.spawn(ends.server.accept(), ends.accepted);
  // Finished and a request in one piece, as every client of TLS 1.3 sends it.
  ends.peer.at_once = 0;
  ends.peer.step();
  ends.peer.at_once = 1 << 20;
  BOOST_REQUIRE(worker.drive([&] { return ends.peer.done; },
                             [&] {
                               ends.peer.fetch();
                               if (!ends.peer.done && SSL_do_handshake(ends.peer.ssl()) == 1) {
                                 ends.peer.done = true;
                                 SSL_write(ends.peer.ssl(), "early bird", 10);
                               }
                               ends.peer.flush();
                             }));
  BOOST_REQUIRE(ends.drive([&] { return ends.accepted.has_value(); }));
  BOOST_REQUIRE((*ends.accepted == progress::done));
  // Another connection of the worker uses the same buffers before the request is read.
  pair other(worker, trust());
  other.connect();
  collector& got = worker.gather();
  maybe& received = worker.fresh();
  worker.spawn(ends.server.receive(got), received);
  BOOST_REQUIRE(ends.drive([&] { return received.has_value(); }));
  BOOST_TEST(got.all == "early bird");
}

BOOST_FIXTURE_TEST_CASE(bytes_that_are_no_tls_are_told_apart_before_anything_is_sent, material) {
  for (const std::string& opening :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), std::string("\0", 1),
        std::string("PROXY TCP4 1.2.3.4 "), std::string(4000, 'x'), std::string("\x15\x03\x01", 3)}) {
    room worker;
    pair ends(worker, trust());
    ends.peer.reading = false;
    ends.where.spawn(ends.server.accept(), ends.accepted);
    ends.peer.raw(opening);
    BOOST_REQUIRE(worker.drive([&] { return ends.accepted.has_value(); }, [&] { ends.peer.fetch(); }));
    BOOST_TEST(ends.accepted->error() == errc::not_tls);
    BOOST_TEST(text_of(ends.server.opening()) == opening.substr(0, 512));
    BOOST_TEST(ends.peer.raw_received == "");

    // An answer in the client's own words, then a close that does not lose it to a reset although more is on its way.
    BOOST_TEST((ends.server.write_raw(bytes_of("HTTP/1.1 400 Bad Request\r\n\r\n")) == progress::done));
    maybe &closed = worker.fresh(), &drained = worker.fresh();
    collector& nothing = worker.gather();
    worker.spawn(ends.server.close(), closed);
    worker.tasks.spawn(receive_all(ends.server, nothing, drained));
    ends.peer.raw("and more");
    BOOST_REQUIRE(worker.drive([&] { return closed && ends.peer.eof; }, [&] { ends.peer.fetch(); }));
    BOOST_TEST(ends.peer.raw_received == "HTTP/1.1 400 Bad Request\r\n\r\n");
    ends.peer.half_close();
    BOOST_REQUIRE(worker.drive([&] { return drained.has_value(); }));
    BOOST_TEST((*drained == progress::ended));
    BOOST_TEST(nothing.all == "");
  }
}

BOOST_FIXTURE_TEST_CASE(a_hello_in_the_form_of_ssl_2_is_refused_with_the_alert_of_old_versions, material) {
  room worker;
  pair ends(worker, trust());
  ends.where.spawn(ends.server.accept(), ends.accepted);
  ends.peer.raw(std::string("\x80\x2e\x01\x03\x03\x00\x15\x00\x00\x00\x10", 11) + std::string(37, '\0'));
  BOOST_REQUIRE(worker.drive([&] { return ends.accepted && ends.peer.raw_received.size() == 7; }, [&] { ends.peer.fetch(); }));
  BOOST_TEST(ends.accepted->error() == errc::handshake_failed);
  BOOST_TEST(ends.server.failure().reason.starts_with("unsupported protocol"));
  BOOST_TEST(ends.peer.raw_received == std::string("\x15\x03\x01\x00\x02\x02\x46", 7));
}

BOOST_FIXTURE_TEST_CASE(garbage_after_a_first_byte_of_tls_is_a_failed_handshake, material) {
  for (const std::string& opening : {std::string("\x16GET / HTTP/1.1\r\n"), std::string("\x16\x03\x01\x00\x04\x7f\x00\x00\x00", 9),
                                     std::string("\x16\x03\x01\xff\xff", 5) + std::string(2000, '\1')}) {
    room worker;
    pair ends(worker, trust());
    ends.where.spawn(ends.server.accept(), ends.accepted);
    ends.peer.raw(opening);
    BOOST_REQUIRE(worker.drive([&] { return ends.accepted.has_value(); }, [&] { ends.peer.fetch(); }));
    BOOST_TEST(ends.accepted->error() == errc::handshake_failed);
    BOOST_TEST(ends.server.failure().reason != "");
    BOOST_TEST(ends.server.failure().openssl != "");
  }
}

BOOST_FIXTURE_TEST_CASE(a_handshake_ends_after_128_kib, material) {
  room worker;
  pair ends(worker, trust());
  ends.where.spawn(ends.server.accept(), ends.accepted);
  // A hello of one byte a record, of which each is legal by itself and the message never whole.
  std::string hello("\x16\x03\x01\x00\x04\x01\x00\xff\xff", 9);
  while (hello.size() < 140'000) hello += std::string("\x16\x03\x01\x00\x01\x00", 6);
  ends.peer.outgoing = hello;
  BOOST_REQUIRE(worker.drive([&] { return ends.accepted.has_value(); }, [&] { ends.peer.flush(); }));
  BOOST_TEST(ends.accepted->error() == errc::handshake_failed);
  BOOST_TEST(ends.server.failure().reason == "more than 128 KiB came before the handshake was done");
}

BOOST_FIXTURE_TEST_CASE(a_client_that_leaves_during_the_handshake_is_told_so, material) {
  for (const bool after_hello : {false, true}) {
    room worker;
    pair ends(worker, trust());
    ends.where.spawn(ends.server.accept(), ends.accepted);
    if (after_hello) ends.peer.step();
    ends.peer.half_close();
    BOOST_REQUIRE(worker.drive([&] { return ends.accepted.has_value(); }));
    BOOST_TEST(ends.accepted->error() == errc::handshake_failed);
    BOOST_TEST(ends.server.failure().reason == "the client closed the connection during the handshake");
    BOOST_TEST(ends.server.failure().sni == (after_hello ? "localhost" : ""));
  }
}

BOOST_FIXTURE_TEST_CASE(a_client_that_does_not_trust_us_is_named_by_its_alert, material) {
  room worker;
  pair ends(worker, trust());
  SSL_set_verify(ends.peer.ssl(), SSL_VERIFY_PEER, nullptr);
  BOOST_TEST(ends.shake().error() == errc::handshake_failed);
  BOOST_TEST(ends.server.failure().reason == "alert from the client: unknown CA");
}

BOOST_FIXTURE_TEST_CASE(a_handshake_waits_for_ever_until_it_is_cancelled_or_aborted, material) {
  room worker;
  {
    pair ends(worker, trust());
    maybe& timed = worker.fresh();
    worker.spawn(core::with_deadline(ends.server.accept(), 20ms), timed);
    BOOST_REQUIRE(worker.drive([&] { return timed.has_value(); }));
    BOOST_TEST(timed->error() == asio::error::timed_out);
  }
  room another;
  pair ends(another, trust());
  another.spawn(ends.server.accept(), ends.accepted);
  another.drive([&] { return true; });
  ends.server.abort();
  BOOST_REQUIRE(another.drive([&] { return ends.accepted.has_value(); }));
  BOOST_TEST(ends.accepted->error() == asio::error::operation_aborted);
}

BOOST_FIXTURE_TEST_CASE(what_ends_the_handshake_waits_for_our_first_words_where_it_is_told_to, material) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const std::string_view first : {"x", ""}) {
      BOOST_TEST_CONTEXT("version " << version << ", first words \"" << first << '"') {
        room worker;
        pair ends(worker, trust(), {.oldest = version, .newest = version});
        worker.spawn(ends.server.accept(session::last_words::kept), ends.accepted);
        BOOST_REQUIRE(ends.drive([&] { return ends.accepted.has_value(); }));
        BOOST_REQUIRE(ends.accepted->has_value());
        for (int i = 0; i < 3; ++i) ends.peer.step();
        BOOST_TEST(ends.server.unsent() > 0U);
        BOOST_TEST(ends.peer.tickets == 0);
        BOOST_TEST(ends.peer.done == (version == TLS1_3_VERSION));
        BOOST_TEST((ends.server.write(bytes_of(first)) == core::progress::done));
        BOOST_TEST(ends.server.unsent() == 0U);
        BOOST_TEST(ends.drive([&] { return ends.peer.tickets == 1 && ends.peer.done && ends.peer.received == first; }));
      }
    }
  }
}

BOOST_FIXTURE_TEST_CASE(a_server_name_that_holds_anything_reaches_the_log_as_it_is, material) {
  room worker;
  pair ends(worker, trust(), {.alpn = {"ftp"}, .sni = "evil\n\x1b[31m.example"});
  BOOST_TEST(ends.shake().error() == errc::handshake_failed);
  BOOST_TEST(ends.server.failure().sni == "evil\n\x1b[31m.example");
}
