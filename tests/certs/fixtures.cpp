// How the kit comes into the world: whole, the same from the same seed, never over another's, and readable again.
#include "support.hpp"

#include <sallyport/certs/kit.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/test/unit_test.hpp>

#include <openssl/rand.h>

#include <map>

using namespace sallyport;
using namespace sallyport::certs;
using namespace sallyport::certs::tests;

namespace {

constexpr std::int64_t some_time = 1'700'000'000;

// Path below the directory -> contents.
std::map<std::string, std::string> contents_of(const std::string& directory) {
  std::map<std::string, std::string> all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
    if (entry.is_regular_file()) all[std::filesystem::relative(entry.path(), directory).string()] = text_of(entry.path().string());
  return all;
}

bool same(const fixture& a, const fixture& b) {
  const auto all_of = [](const fixture& f) {
    return std::tie(f.id, f.family, f.fault, f.expect.none, f.expect.optional, f.expect.required, f.openssl_error, f.check, f.alert, f.says,
                    f.versions, f.needs, f.cert, f.key);
  };
  return all_of(a) == all_of(b);
}

// Two kits of the same seed and time, made once for all tests; the first under an umask that closes nothing.
struct twins {
  temporary_folder folder;
  std::vector<certs::fixtures> made;
  std::string drawn[2];            // random numbers of the process, after each
  std::vector<std::string> named;  // by the first one's progress
  std::vector<std::pair<std::size_t, std::size_t>> counted;

  twins() {
    fixture_options options{.seed = 7, .at = some_time};
    options.progress = [this](std::size_t done, std::size_t of, std::string_view id) {
      named.emplace_back(id);
      counted.emplace_back(done, of);
    };
    const mode_t before = ::umask(0);
    for (const char* name : {"a", "b"}) {
      auto& numbers = drawn[made.size()];
      auto one = make_fixtures(folder.at(name), options);
      ::umask(before);
      options.progress = nullptr;
      BOOST_TEST_REQUIRE(one.has_value());
      made.push_back(std::move(*one));
      numbers.resize(32);
      BOOST_TEST_REQUIRE(RAND_bytes(reinterpret_cast<unsigned char*>(numbers.data()), 32) == 1);
    }
  }
};

const twins& the_twins() {
  static const twins both;
  return both;
}

core::fault fault_of(const core::outcome<certs::fixtures>& outcome) {
  BOOST_TEST_REQUIRE(outcome.has_error());
  BOOST_TEST(outcome.error().text.find('\n') == std::string::npos);
  return outcome.error();
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(the_manifest_is_a_list_whose_paths_are_relative_and_tells_what_was_made, temporary_folder) {
  const auto made = make_fixtures(at("kit/"), {});
  BOOST_TEST_REQUIRE(made.has_value());
  BOOST_TEST(made->directory == at("kit"));
  const auto manifest = boost::json::parse(text_of(at("kit/manifest.json"))).as_array();
  BOOST_TEST(manifest.size() == made->sets.size());
  for (const auto& each : manifest) {
    const auto& set = each.as_object();
    for (const char* text : {"id", "family", "fault", "openssl_error", "check", "alert", "says", "needs"})
      BOOST_TEST(set.at(text).is_string(), text);
    for (const char* mode : {"none", "optional", "required"}) {
      const auto& word = set.at("expect").at(mode).as_string();
      BOOST_TEST((word == "accept" || word == "refuse"));
    }
    for (const char* file : {"cert", "key", "ca", "crl", "server_cert", "server_key"}) {
      const std::string path(set.at("files").at(file).as_string());
      BOOST_TEST(std::filesystem::is_regular_file(at("kit/") + path), path);
    }
  }
  const auto read = load_fixtures(at("kit/"));
  BOOST_TEST_REQUIRE(read.has_value());
  BOOST_TEST(read->directory == made->directory);
  BOOST_TEST(read->ca == made->ca);
  BOOST_TEST(read->crl == made->crl);
  BOOST_TEST(read->server_cert == made->server_cert);
  BOOST_TEST(read->server_key == made->server_key);
  BOOST_TEST_REQUIRE(read->sets.size() == made->sets.size());
  for (std::size_t i = 0; i < read->sets.size(); ++i) BOOST_TEST(same(read->sets[i], made->sets[i]), made->sets[i].id);
}

BOOST_FIXTURE_TEST_CASE(a_manifest_that_is_none_is_said_to_be_none, temporary_folder) {
  std::filesystem::create_directory(at("kit"));
  BOOST_TEST(fault_of(load_fixtures(at("kit"))).text.find(at("kit/manifest.json")) != std::string::npos);
  for (const char* text : {"", "{}", "[]", "[1]", "[{}]", "[{\"id\":\"x\",\"family\":\"none\"}]"}) {
    write(at("kit/manifest.json"), text);
    BOOST_TEST(fault_of(load_fixtures(at("kit"))).text.starts_with("manifest.json: "), text);
  }
}

BOOST_FIXTURE_TEST_CASE(the_same_seed_and_time_make_the_same_octets_and_others_make_others, temporary_folder) {
  const auto first = contents_of(the_twins().made[0].directory);
  BOOST_TEST((first == contents_of(the_twins().made[1].directory)));
  BOOST_TEST_REQUIRE(make_fixtures(at("c"), {.seed = 8, .at = some_time}).has_value());
  BOOST_TEST_REQUIRE(make_fixtures(at("d"), {.at = some_time}).has_value());
  const std::set<std::string> known{"manifest.json", "rsa-16384/key.pem", "no-certificate/cert.pem"};
  for (const char* other : {"c", "d"})
    for (const auto& [path, text] : contents_of(at(other)))
      if (!known.contains(path)) BOOST_TEST((first.at(path) != text), other << "/" << path);
}

BOOST_AUTO_TEST_CASE(a_seed_does_not_touch_the_random_numbers_of_the_process) {
  BOOST_TEST(the_twins().drawn[0] != the_twins().drawn[1]);
  BOOST_TEST(text_of(the_twins().made[0].server_key) == text_of(the_twins().made[1].server_key));
}

BOOST_FIXTURE_TEST_CASE(an_empty_directory_is_filled_and_keeps_its_place, temporary_folder) {
  std::filesystem::create_directory(at("kit"));
  struct stat before = {}, after = {};
  BOOST_TEST(::stat(at("kit").c_str(), &before) == 0);
  const auto made = make_fixtures(at("kit"), {});
  BOOST_TEST_REQUIRE(made.has_value());
  BOOST_TEST(::stat(at("kit").c_str(), &after) == 0);
  BOOST_TEST(before.st_ino == after.st_ino);
  BOOST_TEST(names("kit").size() == made->sets.size() + 5);
  for (const auto& set : made->sets) BOOST_TEST(!text_of(set.cert).empty(), set.id);
}

BOOST_FIXTURE_TEST_CASE(a_directory_with_anything_in_it_is_left_alone, temporary_folder) {
  std::filesystem::create_directory(at("kit"));
  write(at("kit/notes.txt"), "mine");
  const auto fault = fault_of(make_fixtures(at("kit"), {}));
  BOOST_TEST(fault.code == make_error_code(errc::already_exists));
  BOOST_TEST(fault.text.find(at("kit")) != std::string::npos, fault.text);
  BOOST_TEST(names("kit") == std::set<std::string>{"notes.txt"}, boost::test_tools::per_element());
  write(at("file"), "mine");
  BOOST_TEST(fault_of(make_fixtures(at("file"), {})).code == make_error_code(errc::cannot_write));
  BOOST_TEST(text_of(at("file")) == "mine");
  BOOST_TEST(names() == (std::set<std::string>{"kit", "file"}), boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(who_comes_in_between_keeps_what_is_his_and_nothing_else_is_left, temporary_folder) {
  std::filesystem::create_directory(at("kit"));
  const auto intrude = [this](std::size_t done, std::size_t, std::string_view) {
    if (done != 1) return;
    std::filesystem::create_directory(at("kit/good"));
    write(at("kit/good/mine"), "mine");
  };
  BOOST_TEST(fault_of(make_fixtures(at("kit"), {.progress = intrude})).code == make_error_code(errc::already_exists));
  BOOST_TEST(names("kit") == std::set<std::string>{"good"}, boost::test_tools::per_element());
  BOOST_TEST(names("kit/good") == std::set<std::string>{"mine"}, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(what_cannot_be_made_leaves_nothing, temporary_folder) {
  BOOST_TEST(fault_of(make_fixtures("", {})).code == make_error_code(errc::bad_option));
  BOOST_TEST(fault_of(make_fixtures(at("a/b"), {})).code == make_error_code(errc::cannot_write));
  for (const std::int64_t time : {std::int64_t{-1}, std::int64_t{0}, std::int64_t{253'402'300'800}})
    BOOST_TEST(fault_of(make_fixtures(at("kit"), {.at = time})).code == make_error_code(errc::bad_option));
  BOOST_TEST(names().empty());
}

BOOST_AUTO_TEST_CASE(the_kits_keys_are_for_their_owner_and_the_rest_for_all) {
  const auto& made = the_twins().made[0];
  for (const auto& set : made.sets) {
    BOOST_TEST(mode_of(set.key) == 0600u, set.id);
    BOOST_TEST(mode_of(set.cert) == 0644u, set.id);
  }
  BOOST_TEST(mode_of(made.server_key) == 0600u);
}

BOOST_AUTO_TEST_CASE(progress_names_each_set_before_it_is_made_and_ends_with_all) {
  const auto& sets = the_twins().made[0].sets;
  const auto& counted = the_twins().counted;
  BOOST_TEST_REQUIRE(counted.size() == sets.size() + 1);
  for (std::size_t i = 0; i < counted.size(); ++i) {
    BOOST_TEST((counted[i] == std::pair{i, sets.size()}));
    BOOST_TEST(the_twins().named[i] == (i < sets.size() ? sets[i].id : std::string()));
  }
}
