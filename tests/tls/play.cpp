#include "play_house.hpp"

#include <support/base64.hpp>

using namespace sallyport;
using namespace sallyport::tls;
using namespace sallyport::tls::testing;
using support::minted;
using support::usage;
using namespace std::chrono_literals;

namespace sallyport::tls {
std::ostream& operator<<(std::ostream& to, play_result how) { return to << name_of(how); }
}  // namespace sallyport::tls

namespace {

struct stage : material {
  play_attempt attempt(const house& at, const std::string& version, const minted* with) const {
    play_attempt made{.to = at.at(), .version = version, .cert = {}, .key = {}, .sni = "localhost", .host = "localhost"};
    if (with != nullptr) {
      made.cert = with->cert;
      made.key = with->key;
    }
    return made;
  }

  // A client's certificate with a key of any kind, signed by `hash`.
  minted of_key(EVP_PKEY* key, const EVP_MD* hash = EVP_sha256()) {
    auto made = mint.issue({.common_name = "any key", .purpose = usage::client}, ca);
    X509_set_pubkey(made.certificate.get(), key);
    BOOST_REQUIRE(X509_sign(made.certificate.get(), ca.private_key.get(), hash) > 0);
    made.private_key.reset(key, EVP_PKEY_free);
    made.cert = mint.bundle({made});
    std::FILE* file = std::fopen(made.key.c_str(), "w");
    BOOST_REQUIRE(PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
    std::fclose(file);
    return made;
  }
};

const std::string both[] = {"TLSv1.2", "TLSv1.3"};

std::string pem_of(const std::string& bytes) {
  return "-----BEGIN CERTIFICATE-----\n" + support::base64(bytes) + "\n-----END CERTIFICATE-----\n";
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_play_tells_in_every_mode_and_version_whether_the_server_let_it_in, stage) {
  const auto good = mint.issue({.common_name = "good", .purpose = usage::client}, ca);
  const auto rsa = mint.issue({.common_name = "rsa", .purpose = usage::client, .key = support::key_kind::rsa2048}, ca);
  const auto late = mint.issue({.common_name = "late", .purpose = usage::client, .since = -48h, .until = -1h}, ca);
  const auto stranger = mint.issue({.common_name = "stranger", .purpose = usage::client}, other_ca);
  const auto weak = mint.issue({.common_name = "weak", .purpose = usage::client, .key = support::key_kind::rsa1024}, ca);
  struct row {
    const minted* with;
    const char* alert;  // nullptr: it is let in
  };
  const row rows[] = {
      {&good, nullptr}, {&rsa, nullptr}, {&late, "certificate_expired"}, {&stranger, "unknown_ca"}, {&weak, "bad_certificate"}};
  for (const auto mode : {client_certificates::none, client_certificates::optional, client_certificates::required}) {
    house door(trust(mode));
    int let_in = 0;
    for (const auto& version : both)
      for (const auto& [with, alert] : rows) {
        const auto got = play(attempt(door, version, with));
        BOOST_TEST_CONTEXT(static_cast<int>(mode) << " " << version << " " << (alert ? alert : "good") << ": " << got.proof) {
          BOOST_TEST(got.asked == (mode != client_certificates::none));
          BOOST_TEST(got.version == version);
          BOOST_TEST(got.alpn == "h2");
          if (mode == client_certificates::none || alert == nullptr) {
            BOOST_TEST(got.how == play_result::accepted);
            BOOST_TEST(got.status == 200);
            ++let_in;
          } else {
            BOOST_TEST(got.how == play_result::refused);
            BOOST_TEST(got.alert_name == alert);
            BOOST_TEST(got.shaken == (version == "TLSv1.3"));
          }
        }
        BOOST_TEST(door.served() == let_in);
      }
  }
}

BOOST_FIXTURE_TEST_CASE(a_play_without_a_certificate_is_refused_where_one_is_required, stage) {
  for (const auto mode : {client_certificates::none, client_certificates::optional, client_certificates::required}) {
    house door(trust(mode));
    for (const auto& version : both) {
      const auto got = play(attempt(door, version, nullptr));
      const bool refused = mode == client_certificates::required;
      BOOST_TEST(got.how == (refused ? play_result::refused : play_result::accepted));
      if (refused) BOOST_TEST(got.alert_name == (version == "TLSv1.3" ? "certificate_required" : "handshake_failure"));
    }
    BOOST_TEST(door.served() == (mode == client_certificates::required ? 0 : 2));
  }
}

BOOST_FIXTURE_TEST_CASE(a_key_that_is_not_the_certificates_is_played_and_refused, stage) {
  auto thief = mint.issue({.common_name = "good", .purpose = usage::client}, ca);
  for (const auto kind : {support::key_kind::p256, support::key_kind::rsa2048}) {
    thief.key = mint.issue({.common_name = "other", .key = kind}, ca).key;
    house door(trust(client_certificates::required));
    for (const auto& version : both) {
      const auto got = play(attempt(door, version, &thief));
      BOOST_TEST(got.how == play_result::refused, got.proof);
      // Not what it says to whoever sends none.
      BOOST_TEST(got.alert_name != "certificate_required");
      BOOST_TEST(got.alert_name != "handshake_failure");
    }
    BOOST_TEST(door.served() == 0);
  }
}

BOOST_FIXTURE_TEST_CASE(a_certificate_that_nobody_can_read_is_sent_as_it_is, stage) {
  auto noise = mint.issue({.common_name = "good", .purpose = usage::client}, ca);
  noise.cert = mint.write("noise.pem", pem_of("no certificate at all"));
  house door(trust(client_certificates::required));
  for (const auto& version : both) {
    const auto got = play(attempt(door, version, &noise));
    BOOST_TEST(got.how == play_result::refused, got.proof);
    // Not what it says to whoever sends none.
    BOOST_TEST(got.alert_name != "certificate_required");
    BOOST_TEST(got.alert_name != "handshake_failure");
  }
  BOOST_TEST(door.served() == 0);
}

BOOST_FIXTURE_TEST_CASE(keys_that_openssl_would_not_sign_with_are_played, stage) {
  struct row {
    const char* name;
    minted made;
    bool let_in;
  };
  const row rows[] = {
      {"Ed25519", of_key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")), true},
      {"P-384", of_key(EVP_EC_gen("P-384")), true},
      {"secp256k1", of_key(EVP_EC_gen("secp256k1")), false},
      {"RSA of 512 bits", of_key(EVP_RSA_gen(512)), false},
      {"SHA-1", of_key(EVP_EC_gen("P-256"), EVP_sha1()), false},
  };
  house door(trust(client_certificates::required));
  int let_in = 0;
  for (const auto& one : rows)
    for (const auto& version : both) {
      const auto got = play(attempt(door, version, &one.made));
      BOOST_TEST_CONTEXT(one.name << " " << version << ": " << got.proof) {
        BOOST_TEST(got.how == (one.let_in ? play_result::accepted : play_result::refused));
        BOOST_TEST(got.alert_name != "certificate_required");
        BOOST_TEST(got.alert_name != "handshake_failure");
      }
      BOOST_TEST(door.served() == (let_in += one.let_in));
    }
}

BOOST_FIXTURE_TEST_CASE(the_chain_is_sent_as_it_stands_in_the_file, stage) {
  const auto intermediate = mint.authority("intermediate", ca);
  auto leaf = mint.issue({.common_name = "leaf", .purpose = usage::client}, intermediate);
  const auto alone = leaf.cert, whole = mint.bundle({leaf, intermediate});
  house door(trust(client_certificates::required));
  for (const auto& version : both) {
    leaf.cert = alone;
    BOOST_TEST(play(attempt(door, version, &leaf)).alert_name == "unknown_ca");
    leaf.cert = whole;
    BOOST_TEST(play(attempt(door, version, &leaf)).how == play_result::accepted);
  }
}

BOOST_FIXTURE_TEST_CASE(a_list_that_fills_several_records_is_let_in, stage) {
  std::vector<std::string> names;
  for (int i = 0; i < 400; ++i) names.push_back(std::string(120, 'a') + std::to_string(i) + ".example");
  const auto large = mint.issue({.common_name = "large", .dns = names, .purpose = usage::client}, ca);
  house door(trust(client_certificates::required));
  for (const auto& version : both) {
    const auto got = play(attempt(door, version, &large));
    BOOST_TEST(got.how == play_result::accepted, got.proof);
  }
  BOOST_TEST(door.served() == 2);
}

BOOST_FIXTURE_TEST_CASE(a_list_that_is_too_large_is_refused_and_the_alert_is_read, stage) {
  std::vector<std::string> names;
  for (int i = 0; i < 900; ++i) names.push_back(std::string(120, 'a') + std::to_string(i) + ".example");
  const auto huge = mint.issue({.common_name = "huge", .dns = names, .purpose = usage::client}, ca);
  house door(trust(client_certificates::required));
  for (const auto& version : both) {
    const auto got = play(attempt(door, version, &huge));
    BOOST_TEST(got.how == play_result::refused, got.proof);
    BOOST_TEST(got.alert_name == "illegal_parameter");
  }
}

BOOST_FIXTURE_TEST_CASE(http_statuses_are_told_and_some_of_them_are_refusals, stage) {
  struct row {
    std::string block;
    int status;
    play_result how;
  };
  const row rows[] = {{"\x8c", 400, play_result::http_refused},
                      {std::string("\x48\3", 2) + "403", 403, play_result::http_refused},
                      {std::string("\x08\3", 2) + "496", 496, play_result::http_refused},
                      {std::string("\x48\3", 2) + "401", 401, play_result::accepted}};
  for (const auto& one : rows) {
    house door(trust(), http2_answer(one.block));
    const auto got = play(attempt(door, "TLSv1.3", nullptr));
    BOOST_TEST(got.how == one.how);
    BOOST_TEST(got.status == one.status);
  }
}

BOOST_FIXTURE_TEST_CASE(the_servers_chain_is_handed_over_as_it_was_sent, stage) {
  const auto settings = policy_settings{.certificates = {{mint.bundle({server, ca}), server.key}}};
  house of(load(settings));
  for (const auto& version : both) {
    const auto got = play(attempt(of, version, nullptr));
    BOOST_REQUIRE_EQUAL(got.chain.size(), 2U);
    for (const auto& [der, expected] : {std::pair(got.chain[0], server), std::pair(got.chain[1], ca)}) {
      unsigned char* encoded = nullptr;
      const int size = i2d_X509(expected.certificate.get(), &encoded);
      BOOST_TEST(der == std::string(reinterpret_cast<char*>(encoded), static_cast<std::size_t>(size)));
      OPENSSL_free(encoded);
    }
  }
}

BOOST_FIXTURE_TEST_CASE(a_version_that_the_server_does_not_have_is_refused_with_that_alert, stage) {
  house door(trust(client_certificates::none, profile::modern));
  BOOST_TEST(play(attempt(door, "TLSv1.2", nullptr)).alert_name == "protocol_version");
  BOOST_TEST(play(attempt(door, "", nullptr)).version == "TLSv1.3");
}

// Strangers: each play must end by itself, with words.
namespace {

played at(const stranger& server, std::chrono::milliseconds limit = 5s) {
  return play(
      {.to = server.at(), .version = "TLSv1.3", .cert = {}, .key = {}, .sni = {}, .host = "localhost", .alpn = true, .limit = limit});
}

void say(int descriptor, const std::string& text) {
  (void)::send(descriptor, text.data(), text.size(), MSG_NOSIGNAL);
  stranger::wait_for_the_end(descriptor);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_silent_server_ends_the_play_at_its_limit) {
  stranger silent(stranger::wait_for_the_end);
  const auto began = std::chrono::steady_clock::now();
  const auto got = at(silent, 300ms);
  BOOST_TEST(got.how == play_result::timed_out);
  BOOST_TEST((std::chrono::steady_clock::now() - began >= 300ms));
}

BOOST_AUTO_TEST_CASE(a_server_that_speaks_no_tls_is_told_apart_from_one_that_refuses) {
  for (const std::string text : {"HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-x\r\n", "\x16\x03\x03\xff\xff garbage"}) {
    stranger server([&](int descriptor) { say(descriptor, text); });
    const auto got = at(server, 2s);
    BOOST_TEST(got.how == play_result::broken, got.proof);
    BOOST_TEST(got.version.empty());
    BOOST_TEST(!got.proof.empty());
  }
}

BOOST_AUTO_TEST_CASE(a_server_that_closes_without_a_word_is_told_apart) {
  for (const bool reset : {false, true}) {
    stranger server([&](int descriptor) {
      char room[1];
      (void)::recv(descriptor, room, 1, 0);
      const linger now{1, 0};
      if (reset) ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    });
    BOOST_TEST(at(server).how == play_result::closed);
  }
}

BOOST_AUTO_TEST_CASE(endless_bytes_of_a_server_end_the_play_early) {
  for (const bool records : {false, true}) {
    stranger server([&](int descriptor) {
      // Handshake records that hold a piece of one endless message, or zeros.
      std::string piece =
          records ? std::string("\x16\3\3\x40\0\x0b\xff\xff\xff", 9) + std::string(0x4000 - 4, 'x') : std::string(16'389, '\0');
      while (::send(descriptor, piece.data(), piece.size(), MSG_NOSIGNAL) > 0) {
      }
    });
    const auto began = std::chrono::steady_clock::now();
    const auto got = at(server, 20s);
    BOOST_TEST(got.how == play_result::broken, got.proof);
    BOOST_TEST((std::chrono::steady_clock::now() - began < 10s));
  }
}

BOOST_FIXTURE_TEST_CASE(endless_bytes_after_the_handshake_end_the_play_early, stage) {
  house door(trust(), std::string(4 << 20, 'x'));
  for (const auto& version : both) {
    const auto got = play(attempt(door, version, nullptr));
    BOOST_TEST(got.how == play_result::accepted);
    BOOST_TEST(got.proof == "application data that is no HTTP/2 without an end");
  }
}

BOOST_AUTO_TEST_CASE(nobody_there_is_unreachable_and_nothing_readable_is_unplayable) {
  asio::ip::tcp::endpoint gone;
  {
    asio::io_context io;
    core::tcp_acceptor once(io.get_executor(), {asio::ip::address_v4::loopback(), 0});
    gone = once.local_endpoint();
  }
  BOOST_TEST(play({.to = gone, .version = {}, .cert = {}, .key = {}, .sni = {}, .host = {}}).how == play_result::unreachable);
  const auto got = play({.to = gone, .version = {}, .cert = "/nonexistent", .key = "/nonexistent", .sni = {}, .host = {}});
  BOOST_TEST(got.how == play_result::unplayable);
  BOOST_TEST(got.proof.find("/nonexistent") != std::string::npos);
}

// The server of a play, with our own client in front.
BOOST_FIXTURE_TEST_CASE(a_play_server_shows_its_certificate_answers_once_and_says_what_the_client_did, stage) {
  const auto late = mint.issue({.common_name = "late", .dns = {"localhost"}, .purpose = usage::server, .since = -48h, .until = -1h}, ca);
  const auto bad = play_server::load(late.cert, late.key);
  BOOST_REQUIRE(bad.has_value());
  for (const auto& version : both)
    for (const bool alpn : {false, true}) {
      std::string said;
      {
        stranger door([&](int descriptor) { said = (*bad)->answer(::dup(descriptor), 5s); });
        const auto got = play({.to = door.at(), .version = version, .sni = "localhost", .host = "localhost", .alpn = alpn});
        BOOST_TEST(got.how == play_result::accepted, got.proof);
        BOOST_TEST(got.status == 200);
        BOOST_TEST(got.alpn == (alpn ? "http/1.1" : ""));
        BOOST_TEST(got.chain.size() == 1U);
      }
      BOOST_TEST(said == "handshake finished, a request came and was answered");
    }
}

BOOST_FIXTURE_TEST_CASE(a_play_server_ends_with_the_clients_that_say_nothing_or_nonsense, stage) {
  const auto one = play_server::load(server.cert, server.key);
  BOOST_REQUIRE(one.has_value());
  for (const std::string text : {"", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\xff"}) {
    int ends[2];
    BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    (void)::send(ends[1], text.data(), text.size(), MSG_NOSIGNAL);
    const auto said = (*one)->answer(ends[0], 200ms);
    BOOST_TEST((said.starts_with("failed: ") || said.find("silent") != std::string::npos), said);
    ::close(ends[1]);
  }
  BOOST_TEST(play_server::load(server.cert, ca.key).has_error());
}
