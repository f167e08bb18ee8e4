// certs init and fixtures, and the ready examples with certificates in place.
#include "support.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <sys/stat.h>

#include <algorithm>

using namespace sallyport;
using namespace sallyport::app;
using namespace sallyport::app::tests;

namespace {

std::string examples() {
  std::error_code ignored;
  for (std::filesystem::path start : {std::filesystem::read_symlink("/proc/self/exe", ignored), std::filesystem::current_path(ignored)})
    for (; start.has_relative_path(); start = start.parent_path())
      if (std::filesystem::exists(start / "config/tls-mode-2.yaml")) return (start / "config").string();
  return {};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(certificates)

BOOST_AUTO_TEST_CASE(init_makes_nine_files_and_overwrites_nothing) {
  const folder in;
  outcome got = run({"certs", "init", in.at("certs"), "--dns", "milvus.example", "--ip", "10.0.0.1", "--client", "app", "--days", "30"});
  BOOST_TEST(got.code == ended_well);
  BOOST_TEST(std::count(got.out.begin(), got.out.end(), '\n') == 9, got.out);
  const std::string before = text_of(in.at("certs/server.pem"));
  BOOST_TEST(before.find("BEGIN CERTIFICATE") != std::string::npos);
  got = run({"certs", "init", in.at("certs")});
  BOOST_TEST(got.code == refused);
  BOOST_TEST(got.err.starts_with("sallyport: "), got.err);
  BOOST_TEST(text_of(in.at("certs/server.pem")) == before);
  got = run({"certs", "init", in.at("other"), "--ip", "no address"});
  BOOST_TEST(got.code == bad_request);
  BOOST_TEST(!std::filesystem::exists(in.at("other")));
}

BOOST_AUTO_TEST_CASE(fixtures_are_made_once_and_printed_as_json_when_asked) {
  const folder in;
  outcome got = run({"certs", "fixtures", in.at("kit"), "--seed", "7", "--at", "1700000000"});
  BOOST_TEST(got.code == ended_well);
  BOOST_TEST(in.without(got.out).starts_with("F/kit/manifest.json: "), got.out);
  BOOST_TEST(std::count(got.out.begin(), got.out.end(), '\n') == 1, got.out);
  BOOST_TEST(got.err.empty(), got.err);
  const std::string manifest = text_of(in.at("kit/manifest.json")), key = text_of(in.at("kit/good/key.pem"));
  got = run({"certs", "fixtures", in.at("kit")});
  BOOST_TEST(got.code == refused);
  BOOST_TEST(got.err.starts_with("sallyport: "), got.err);
  BOOST_TEST(text_of(in.at("kit/good/key.pem")) == key);
  got = run({"certs", "fixtures", in.at("again"), "--json", "--seed", "7", "--at", "1700000000"});
  BOOST_TEST(got.code == ended_well);
  BOOST_TEST(got.out == manifest);
  BOOST_TEST(boost::json::parse(got.out).as_array().size() >= 60u);
  BOOST_TEST(text_of(in.at("again/good/key.pem")) == key);
}

BOOST_AUTO_TEST_CASE(fixtures_for_an_impossible_time_are_a_bad_request_and_make_nothing) {
  const folder in;
  for (const char* time : {"0", "-1", "253402300800", "noon"}) {
    const outcome got = run({"certs", "fixtures", in.at("kit"), "--at", time});
    BOOST_TEST(got.code == bad_request, time);
    BOOST_TEST(std::count(got.err.begin(), got.err.end(), '\n') == 1, got.err);
  }
  BOOST_TEST(!std::filesystem::exists(in.at("kit")));
}

BOOST_AUTO_TEST_CASE(fixtures_show_their_progress_on_a_terminal_alone) {
  const folder in;
  outside with;
  with.err_is_terminal = true;
  const outcome got = with.run({"certs", "fixtures", in.at("kit")});
  BOOST_TEST(got.code == ended_well);
  BOOST_TEST(got.err.find("\r\x1B[K1/") != std::string::npos, got.err);
  BOOST_TEST(got.err.find(" good") != std::string::npos);
  BOOST_TEST(got.err.ends_with("\r\x1B[K"));
}

BOOST_AUTO_TEST_CASE(every_ready_example_is_good_with_its_files_in_place) {
  BOOST_TEST_REQUIRE(!examples().empty());
  const folder in;
  BOOST_TEST_REQUIRE(run({"certs", "init", in.at("certs")}).code == ended_well);
  int tried = 0;
  for (const auto& entry : std::filesystem::directory_iterator(examples())) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != ".yaml") continue;
    const std::string file = in.write(name, text_of(entry.path().string()));
    std::vector<std::string> arguments{"check", "--store", in.at("users.db")};
    if (name.starts_with("tls-mode-") || name == "tunnel.yaml" || name == "backend-tls.yaml")
      arguments.insert(arguments.end(), {"-c", file});
    else
      arguments.insert(arguments.end(), {"--milvus-config", file, "--backend", "127.0.0.1:19540"});
    const outcome got = run(arguments);
    BOOST_TEST(got.code == ended_well, name << got.err);
    // The one that serves the network without client certificates says what to do before the first start.
    BOOST_TEST((got.err.find("at the first start user root still has Milvus' default password") != std::string::npos) ==
                   (name == "tls-mode-1.yaml"),
               name << got.err);
    ++tried;
  }
  BOOST_TEST(tried == 8);
}

BOOST_AUTO_TEST_CASE(a_key_that_others_may_read_is_a_warning_and_fatal_under_strict) {
  const folder in;
  BOOST_TEST_REQUIRE(run({"certs", "init", in.at("certs")}).code == ended_well);
  const std::string file =
      in.write("c.yaml",
               "listeners:\n- name: a\n  address: 127.0.0.1:0\n  backend: b\n  tls:\n    certificates: [{cert: certs/server.pem, key: "
               "certs/server.key}]\nbackends: [{name: b, endpoints: ['127.0.0.1:1']}]\nusers: {store: 'sqlite:u.db'}\n");
  BOOST_TEST(run({"check", "--strict", "-c", file}).code == ended_well);
  ::chmod(in.at("certs/server.key").c_str(), 0644);
  const outcome got = run({"check", "-c", file});
  BOOST_TEST(got.code == ended_well);
  BOOST_TEST(in.without(got.err).starts_with("sallyport: F/c.yaml:6:50: warning: "), got.err);
  BOOST_TEST(got.err.find("server.key") != std::string::npos, got.err);
  BOOST_TEST(run({"check", "--strict", "-c", file}).code == refused);
  ::unlink(in.at("certs/server.key").c_str());
  BOOST_TEST(run({"check", "-c", file}).code == bad_request);
}

BOOST_AUTO_TEST_SUITE_END()
