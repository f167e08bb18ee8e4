// What stands on the command line, and what it ends with.
#include "support.hpp"

using namespace sallyport;
using namespace sallyport::app;
using namespace sallyport::app::tests;

BOOST_AUTO_TEST_SUITE(command_lines)

BOOST_AUTO_TEST_CASE(a_command_line_that_is_wrong_ends_with_2_and_one_line) {
  const struct {
    std::vector<std::string> arguments;
    std::string told;
  } table[] = {
      {{}, "sallyport: no command: see sallyport --help\n"},
      {{"frobnicate"}, "sallyport: unknown command frobnicate: see sallyport --help\n"},
      {{"user", "frobnicate"}, "sallyport: unknown command user frobnicate: see sallyport --help\n"},
      {{"run", "--no-such-flag"}, "sallyport: unknown option --no-such-flag: see sallyport --help\n"},
      {{"run", "extra"}, "sallyport: an argument too many: see sallyport --help\n"},
      {{"user"}, "sallyport: A subcommand is required: see sallyport --help\n"},
      {{"user", "add"}, "sallyport: NAME is required: see sallyport --help\n"},
      {{"user", "add", "dave", "--password", "opensesame"}, "sallyport: unknown option --password: see sallyport --help\n"},
      {{"user", "add", "dave", "--password=opensesame"}, "sallyport: unknown option --password: see sallyport --help\n"},
      {{"user", "add", "dave", "opensesame"}, "sallyport: an argument too many: see sallyport --help\n"},
      {{"user", "add", "dave", "--password-stdin", "--hash-stdin"}, ""},
      {{"user", "token", "add"}, "sallyport: API tokens are not in this version: give the client a user of its own\n"},
      {{"certs", "init"}, "sallyport: DIR is required: see sallyport --help\n"},
      {{"certs", "init", "x", "--days", "0"}, ""},
      {{"certs", "init", "x", "--days", "many"}, ""},
      {{"check", "-c"}, ""},
      {{"run"}, "sallyport: error: no configuration (pass -c FILE, or --milvus-config FILE and --backend HOST:PORT)\n"},
  };
  for (const auto& row : table) {
    const outcome got = run(row.arguments);
    BOOST_TEST(got.code == bad_request);
    BOOST_TEST(got.out == "");
    BOOST_TEST(std::count(got.err.begin(), got.err.end(), '\n') == 1, got.err);
    BOOST_TEST(got.err.starts_with("sallyport: "), got.err);
    BOOST_TEST(got.err.find("opensesame") == std::string::npos, got.err);
    if (!row.told.empty()) BOOST_TEST(got.err == row.told);
  }
}

BOOST_AUTO_TEST_CASE(help_is_told_on_standard_output_with_the_exit_codes) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--help"}, {"run", "--help"}, {"check", "-h"}, {"user", "--help"}}) {
    const outcome got = run(arguments);
    BOOST_TEST(got.code == ended_well);
    BOOST_TEST(got.err == "");
    BOOST_TEST(got.out.find("Exit codes: 0 ok; 1") != std::string::npos, got.out);
    BOOST_TEST(got.out.find("sallyport") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(version_tells_the_version_and_its_libraries) {
  const outcome got = run({"version"});
  BOOST_TEST(got.code == ended_well);
  BOOST_TEST(got.out.starts_with("sallyport " SALLYPORT_VERSION "\nOpenSSL "), got.out);
  BOOST_TEST(got.out.find("\nBoost 1.") != std::string::npos, got.out);
  BOOST_TEST(got.out.find("\nbuild: ") != std::string::npos, got.out);
}

BOOST_AUTO_TEST_CASE(run_serves_what_the_configuration_says_and_returns_what_serving_returned) {
  const folder in;
  outside with;
  std::string served;
  with.serve = [&](const config::settings& s, telemetry::logger&) {
    served = s.listeners.at(0).address.name + " " + std::to_string(s.limits.drain.count());
    return 3;
  };
  const std::string one = in.write("1.yaml", good), two = in.write("2.yaml", "limits: {drain: 7s}\nlog: {level: off}\n");
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"run", "-c", one, two}, {"run", "-c", one, "-c", two}, {"run", "--config", one, "--config", two}}) {
    served.clear();
    const outcome got = with.run(arguments);
    BOOST_TEST(got.code == 3);
    BOOST_TEST(served == "a 7000", got.err);
  }
}

BOOST_AUTO_TEST_CASE(run_serves_nothing_when_anything_is_wrong) {
  const folder in;
  outside with;
  bool served = false;
  with.serve = [&](const config::settings&, telemetry::logger&) {
    served = true;
    return 0;
  };
  outcome got = with.run({"run", "-c", in.write("c.yaml", good + "workers: none\nlog: {level: loud}\n")});
  BOOST_TEST(got.code == bad_request);
  BOOST_TEST(in.without(got.err) ==
             "sallyport: F/c.yaml:4:10: error: 'workers' must be auto or a whole number, not 'none' (auto: one for each core)\n"
             "sallyport: F/c.yaml:5:14: error: 'log.level' must be trace, debug, info, warning, error, off, not 'loud'\n");
  // What only examining finds: the certificate is not there.
  got =
      with.run({"run", "-c",
                in.write("d.yaml",
                         "listeners: [{name: a, address: '127.0.0.1:0', backend: b, tls: {certificates: [{cert: no.pem, key: no.key}]}}]\n"
                         "backends: [{name: b, endpoints: ['127.0.0.1:19540']}]\nusers: {store: 'sqlite:u.db'}\n")});
  BOOST_TEST(got.code == bad_request);
  BOOST_TEST(got.err.find("no.pem") != std::string::npos, got.err);
  got = with.run({"run", "-c", in.write("e.yaml", good + "log: {file: '/proc/none/x.log'}\n")});
  BOOST_TEST((got.code == bad_request || got.code == not_started), got.err);  // who is root may write everywhere, as far as examining sees
  BOOST_TEST(got.err.find("/proc/none") != std::string::npos, got.err);
  BOOST_TEST(!served);
}

BOOST_AUTO_TEST_CASE(run_writes_the_warnings_to_the_log_before_it_serves) {
  const folder in;
  outside with;
  std::string log_at_start;
  with.serve = [&](const config::settings&, telemetry::logger& log) {
    log.flush();
    log_at_start = text_of(in.at("s.log"));
    return 0;
  };
  const outcome got = with.run({"run", "--store", in.at("u.db"), "--listen", "0.0.0.0:0", "-c",
                                in.write("c.yaml", good + "unsafe_plaintext_listener: true\nlog: {file: s.log}\n")});
  BOOST_TEST(got.code == 0, got.err);
  BOOST_TEST(got.err == "");
  BOOST_TEST(log_at_start.find("configuration_warning") != std::string::npos, log_at_start);
  BOOST_TEST(log_at_start.find("default password") != std::string::npos, log_at_start);
}

BOOST_AUTO_TEST_CASE(no_exception_escapes_a_command) {
  const folder in;
  outside with;
  with.serve = [](const config::settings&, telemetry::logger&) -> int { throw std::runtime_error("a bug"); };
  outcome got = with.run({"run", "-c", in.write("c.yaml", good)});
  BOOST_TEST(got.code == internal);
  BOOST_TEST(got.err == "sallyport: internal error: a bug: this is a bug, please report it\n");
  with.serve = [](const config::settings&, telemetry::logger&) -> int { throw 1; };
  got = with.run({"run", "-c", in.at("c.yaml")});
  BOOST_TEST(got.code == internal);
}

BOOST_AUTO_TEST_CASE(check_ends_with_0_1_or_2) {
  const folder in;
  const std::string file = in.write("c.yaml", good);
  outcome got = run({"check", "-c", file});
  BOOST_TEST(got.code == ended_well);
  BOOST_TEST(got.out == "the configuration is good\n");
  BOOST_TEST(got.err == "");
  const std::string milvus = in.write("m.yaml", "common: {security: {rootShouldBindRole: true}}\n");
  got = run({"check", "-c", file, "--milvus-config", milvus});
  BOOST_TEST(got.code == ended_well);
  BOOST_TEST(got.out == "the configuration is good, with warnings\n");
  BOOST_TEST(in.without(got.err) ==
             "sallyport: F/m.yaml:1:41: warning: 'common.security.rootShouldBindRole' is not enforced here (root is an administrator here "
             "whatever its "
             "roles)\n");
  BOOST_TEST(run({"check", "--strict", "-c", file, "--milvus-config", milvus}).code == refused);
  BOOST_TEST(run({"check", "--strict", "-c", file}).code == ended_well);
  got = run({"check", "--strict", "-c", in.write("d.yaml", good + "workers: none\n")});
  BOOST_TEST(got.code == bad_request);
  BOOST_TEST(got.out == "");
}

BOOST_AUTO_TEST_CASE(check_json_is_one_object_with_every_fault) {
  const folder in;
  outcome got = run({"check", "--json", "-c", in.write("c.yaml", "workers: none\n" + good)});
  BOOST_TEST(got.code == bad_request);
  BOOST_TEST(got.err == "");
  BOOST_TEST(
      in.without(got.out) ==
      R"({"ok":false,"errors":1,"warnings":0,"problems":[{"severity":"error","file":"F/c.yaml","line":1,"column":10,"text":"'workers' must be auto or a whole number, not 'none'","hint":"auto: one for each core"}],"unsafe":[]})"
      "\n");
  got = run({"check", "--json", "--effective", "-c", in.write("d.yaml", good)});
  BOOST_TEST(got.code == ended_well);
  BOOST_TEST(
      in.without(got.out).find(R"("limits.drain":{"value":"30s","from":"default","name":"","line":0,"column":0})") != std::string::npos,
      got.out);
  BOOST_TEST(
      in.without(got.out).find(R"("users.store":{"value":"sqlite:F/users.db","from":"file","name":"F/d.yaml","line":3,"column":16})") !=
          std::string::npos,
      got.out);
}

BOOST_AUTO_TEST_CASE(check_effective_shows_values_and_origins_and_no_secret) {
  const folder in;
  const std::string milvus = in.write("m.yaml", "common: {security: {defaultRootPassword: OpenSesame1}}\n");
  for (const char* json : {"--strict", "--json"}) {
    const outcome got = run({"check", "--effective", json, "-c", in.write("c.yaml", good), "--milvus-config", milvus});
    BOOST_TEST((got.out + got.err).find("OpenSesame1") == std::string::npos);
    BOOST_TEST(got.out.find("***") != std::string::npos);
    BOOST_TEST(got.out.find("limits.idle") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(check_notes_the_unsafe_keys_without_counting_them) {
  const folder in;
  const outcome got = run({"check", "--strict", "-c", in.write("c.yaml", good + "unsafe_no_tokens: true\n")});
  BOOST_TEST(got.code == ended_well);
  BOOST_TEST(got.err == "sallyport: note: unsafe_no_tokens is set, and nothing needs it: remove it\n");
}

BOOST_AUTO_TEST_CASE(variables_of_the_environment_reach_the_configuration) {
  const folder in;
  outside with;
  with.environment["SALLYPORT_WORKERS"] = "none";
  const outcome got = with.run({"check", "-c", in.write("c.yaml", good)});
  BOOST_TEST(got.code == bad_request);
  BOOST_TEST(got.err.find("SALLYPORT_WORKERS") != std::string::npos, got.err);
}

BOOST_AUTO_TEST_SUITE_END()
