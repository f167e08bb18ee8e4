// What a probe makes of what a server did, how it is shown, and the command lines around certificates.
#include "probe_report.hpp"
#include "support.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <sys/stat.h>

using namespace sallyport;
using namespace sallyport::app;
using namespace sallyport::app::tests;

namespace {

tls::played did(tls::play_result how, std::string proof = "proof") {
  tls::played made;
  made.how = how;
  made.proof = std::move(proof);
  return made;
}

probe_row row(std::string id, judgement is, std::string proof) {
  return {std::move(id),
          "dates",
          "TLSv1.3",
          "why it matters",
          certs::verdict::refuse,
          "certificate_expired",
          did(tls::play_result::accepted, std::move(proof)),
          is};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(certificate_commands)

BOOST_AUTO_TEST_CASE(only_a_clear_answer_that_was_expected_is_no_finding) {
  using enum tls::play_result;
  using certs::verdict;
  struct line {
    tls::play_result how;
    judgement when_accept, when_refuse;
  };
  const line lines[] = {{accepted, judgement::good, judgement::wrong},     {refused, judgement::wrong, judgement::good},
                        {http_refused, judgement::wrong, judgement::good}, {closed, judgement::wrong, judgement::good},
                        {broken, judgement::wrong, judgement::wrong},      {timed_out, judgement::wrong, judgement::wrong},
                        {unreachable, judgement::wrong, judgement::wrong}, {unplayable, judgement::not_played, judgement::not_played}};
  for (const auto& one : lines) {
    BOOST_TEST((judge(did(one.how), verdict::accept) == one.when_accept), name_of(one.how));
    BOOST_TEST((judge(did(one.how), verdict::refuse) == one.when_refuse), name_of(one.how));
  }
}

BOOST_AUTO_TEST_CASE(what_a_stranger_says_is_escaped_in_every_report) {
  const std::string evil = "\x1b[2J<a href=\"x\">&\xff\n";
  const std::vector<probe_row> rows{row("one", judgement::wrong, evil), row("two", judgement::good, "fine"),
                                    row("three", judgement::not_played, evil)};
  std::ostringstream table, text, junit;
  print_table(rows, table);
  print_json("host:1", "required", rows, text);
  print_junit("host:1", rows, junit);
  for (const auto* out : {&table, &text, &junit})
    for (const char c : out->str()) BOOST_TEST(((c >= ' ' && c < '\x7f') || c == '\n'));
  BOOST_TEST(table.str().find("FINDING") != std::string::npos);
  BOOST_TEST(junit.str().find("tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\"") != std::string::npos);
  BOOST_TEST(junit.str().find("<a href") == std::string::npos);
  const auto read = boost::json::parse(text.str());
  BOOST_TEST(read.at("findings").as_int64() == 1);
  BOOST_TEST(read.at("played").as_int64() == 2);
  BOOST_TEST(std::string(read.at("rows").at(0).at("verdict").as_string()) == "finding");
}

BOOST_AUTO_TEST_CASE(a_probe_that_cannot_be_played_ends_with_2_and_says_what_to_do) {
  const folder in;
  const std::vector<std::string> rows[] = {
      {"certs", "probe", "127.0.0.1:1"},
      {"certs", "probe", "127.0.0.1:1", "--kit", in.at("none")},
      {"certs", "probe", "127.0.0.1:1", "--kit", in.at("none"), "--mode", "perhaps"},
      {"certs", "probe"},
      {"certs", "serve", in.at("none")},
  };
  for (const auto& one : rows) {
    const auto got = run(one);
    BOOST_TEST(got.code == bad_request, got.err);
    BOOST_TEST(got.out.empty());
    BOOST_TEST(got.err.starts_with("sallyport: "), got.err);
  }
  BOOST_TEST(run(rows[0]).err.find("certs fixtures") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(issue_revoke_and_show_go_hand_in_hand) {
  const folder in;
  BOOST_TEST_REQUIRE(run({"certs", "init", in.at("certs")}).code == ended_well);
  outcome got = run({"certs", "issue", "client", in.at("certs"), "--name", "alice", "--uri", "spiffe://corp/alice", "--days", "90"});
  BOOST_TEST(got.code == ended_well, got.err);
  BOOST_TEST(in.without(got.out) == "F/certs/alice.key\nF/certs/alice.pem\n");
  got = run({"certs", "show", in.at("certs/alice.pem"), "--ca", in.at("certs/ca.pem")});
  BOOST_TEST(got.code == ended_well, got.err);
  BOOST_TEST(got.out.find("spiffe://corp/alice") != std::string::npos);
  BOOST_TEST(got.out.find("nothing to say against it") != std::string::npos, got.out);
  got =
      run({"certs", "revoke", in.at("certs"), in.at("certs/alice.pem"), "--reason", "keyCompromise", "--ocsp", in.at("certs/server.pem")});
  BOOST_TEST(got.code == ended_well, got.err);
  BOOST_TEST(in.without(got.out).starts_with("F/certs/crl.pem: list 1, 1 revoked, to be renewed before "), got.out);
  BOOST_TEST(std::filesystem::exists(in.at("certs/server.ocsp")));
  got = run({"certs", "revoke", in.at("certs"), in.at("certs/alice.pem")});
  BOOST_TEST(got.code == ended_well);
  BOOST_TEST(got.err.find("was revoked before") != std::string::npos, got.err);
  BOOST_TEST(run({"certs", "revoke", in.at("certs"), "--reason", "boredom"}).code == bad_request);
  BOOST_TEST(run({"certs", "revoke", in.at("none")}).code == refused);
  BOOST_TEST(run({"certs", "issue", "client", in.at("certs"), "--name", "alice"}).code == refused);
  BOOST_TEST(run({"certs", "issue", "client", in.at("certs")}).code == bad_request);
  BOOST_TEST(run({"certs", "issue", "pope", in.at("certs"), "--name", "x"}).code == bad_request);
  BOOST_TEST(run({"certs", "issue", "client", in.at("certs"), "--name", "x", "--ca-cert", in.at("certs/ca.pem")}).code == bad_request);
}

BOOST_AUTO_TEST_CASE(show_ends_with_1_where_a_client_would_refuse) {
  const folder in;
  BOOST_TEST_REQUIRE(run({"certs", "init", in.at("certs")}).code == ended_well);
  const std::vector<std::string> show{"certs", "show", in.at("certs/server.pem"), "--json"};
  outcome got = run(show);
  BOOST_TEST(got.code == ended_well);
  const auto read = boost::json::parse(got.out);
  BOOST_TEST(std::string(read.at("chain").at(0).at("key").as_string()) == "EC P-256");
  BOOST_TEST(std::string(read.at("for").as_string()) == "server");
  auto elsewhere = show;
  elsewhere.insert(elsewhere.end(), {"--host", "elsewhere"});
  got = run(elsewhere);
  BOOST_TEST(got.code == refused);
  BOOST_TEST(got.out.find("wrong-name") != std::string::npos);
  BOOST_TEST(run({"certs", "show", in.at("none.pem")}).code == bad_request);
  BOOST_TEST(run({"certs", "show", in.at("certs/server.key")}).code == bad_request);
}

BOOST_AUTO_TEST_SUITE_END()
