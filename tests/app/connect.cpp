// The command line of `sallyport connect`; its tunnels are tested end to end.
#include "support.hpp"

using namespace sallyport;
using namespace sallyport::app;
using namespace sallyport::app::tests;

BOOST_AUTO_TEST_SUITE(connects)

BOOST_AUTO_TEST_CASE(what_does_not_go_together_is_told_before_anything_is_tried) {
  const folder in;
  const auto empty = in.write("empty", "\n"), secret = in.write("secret", "opensesame\n");
  const struct {
    std::vector<std::string> arguments;
    std::string told;
  } table[] = {
      {{}, "LISTENER is required"},
      {{"nowhere"}, "'nowhere' is no HOST:PORT"},
      {{"h:0"}, "'h:0' is no HOST:PORT"},
      {{"h:1x"}, "'h:1x' is no HOST:PORT"},
      {{"h:70000"}, "'h:70000' is no HOST:PORT"},
      {{"h:1", "--cert", "c"}, "--cert and --key belong together"},
      {{"h:1", "--plaintext", "--ca", "c"}, "--plaintext has no certificates"},
      {{"h:1", "--tcp", "--user", "alice"}, "--tcp sends no CONNECT"},
      {{"h:1", "--tcp", "--target", "h:2"}, "--tcp sends no CONNECT"},
      {{"h:1", "--password-file", secret}, "a password needs --user"},
      {{"h:1", "--password-stdin"}, "a password needs --user"},
      {{"h:1", "--user", "a:b", "--password-file", secret}, "a user's name has no colon"},
      {{"h:1", "--user", "alice", "--password-file", in.at("nowhere")}, "cannot read a password from"},
      {{"h:1", "--user", "alice", "--password-file", empty}, "cannot read a password from"},
      {{"h:1", "--user", "alice", "--password-stdin"}, "there is no password on standard input"},
      {{"h:1", "--user", "alice"}, "no terminal to ask for a password"},
      {{"h:1", "--user", "alice", "--password", "opensesame"}, "unknown option --password"},
      {{"h:1", "--listen", "0.0.0.0:1"}, "--listen must be an address of the loopback"},
      {{"h:1", "--listen", "db.example:1"}, "--listen must be an address of the loopback"},
      {{"h:1", "--listen", "127.0.0.1"}, "--listen must be an address of the loopback"},
      {{"h:1", "--target", "a b:1"}, "--target must be HOST:PORT"},
      {{"h:1", "--target", "a:1\r\nx: y"}, "--target must be HOST:PORT"},
      {{"h:1", "--ca", in.at("nowhere")}, "nowhere"},
  };
  for (const auto& row : table) {
    auto arguments = row.arguments;
    arguments.insert(arguments.begin(), "connect");
    const outcome got = run(arguments);
    BOOST_TEST_CONTEXT(row.told) {
      BOOST_TEST(got.code == bad_request);
      BOOST_TEST(got.out == "");
      BOOST_TEST(got.err.starts_with("sallyport: "), got.err);
      BOOST_TEST(got.err.find(row.told) != std::string::npos, got.err);
      BOOST_TEST(std::count(got.err.begin(), got.err.end(), '\n') == 1, got.err);
      BOOST_TEST(got.err.find("opensesame") == std::string::npos, got.err);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_listener_that_is_not_there_ends_with_3) {
  const outcome got = run({"connect", "127.0.0.1:1", "--plaintext"});
  BOOST_TEST(got.code == not_started);
  BOOST_TEST(got.err.starts_with("sallyport: cannot connect to 127.0.0.1:1: "), got.err);
}

BOOST_AUTO_TEST_SUITE_END()
