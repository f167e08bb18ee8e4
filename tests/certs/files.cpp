// How the nine files come into the world: whole, with the right modes, never over another's.
#include "support.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/resource.h>
#include <csignal>

using namespace sallyport;
using namespace sallyport::certs::tests;

namespace {

core::fault fault_of(const core::outcome<std::vector<std::string>>& outcome) {
  BOOST_TEST_REQUIRE(outcome.has_error());
  return outcome.error();
}

bool one_line(const std::string& text) { return !text.empty() && text.find('\n') == text.npos; }

// No file of this process may grow beyond some bytes: a disk that is full.
class full_disk {
 public:
  explicit full_disk(rlim_t bytes) {
    before_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &limit_);
    rlimit less = limit_;
    less.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &less);
  }
  ~full_disk() {
    ::setrlimit(RLIMIT_FSIZE, &limit_);
    std::signal(SIGXFSZ, before_);
  }
  full_disk(const full_disk&) = delete;
  full_disk& operator=(const full_disk&) = delete;

 private:
  rlimit limit_ = {};
  void (*before_)(int) = nullptr;
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_directory_that_does_not_exist_is_made_with_the_nine_files_and_nothing_else, temporary_folder) {
  const auto paths = certs::init(at("certs"), {});
  BOOST_TEST_REQUIRE(paths.has_value());
  BOOST_TEST(names("certs") == nine(), boost::test_tools::per_element());
  BOOST_TEST(names() == std::set<std::string>{"certs"}, boost::test_tools::per_element());
  BOOST_TEST_REQUIRE(paths->size() == certs::recipe_files().size());
  for (std::size_t i = 0; i < paths->size(); ++i) BOOST_TEST((*paths)[i] == at("certs/") + std::string(certs::recipe_files()[i]));
}

BOOST_FIXTURE_TEST_CASE(an_existing_directory_keeps_its_other_files, temporary_folder) {
  std::filesystem::create_directory(at("certs"));
  write(at("certs/notes.txt"), "mine");
  BOOST_TEST(certs::init(at("certs/"), {}).has_value());
  auto expected = nine();
  expected.insert("notes.txt");
  BOOST_TEST(names("certs") == expected, boost::test_tools::per_element());
  BOOST_TEST(text_of(at("certs/notes.txt")) == "mine");
}

BOOST_FIXTURE_TEST_CASE(keys_are_for_their_owner_and_certificates_for_all, temporary_folder) {
  const mode_t before = ::umask(022);
  std::filesystem::create_directory(at("old"));
  BOOST_TEST(certs::init(at("old"), {}).has_value());
  BOOST_TEST(certs::init(at("new"), {}).has_value());
  ::umask(before);
  for (const std::string directory : {"old/", "new/"})
    for (const auto& name : nine()) BOOST_TEST(mode_of(at(directory + name)) == (name.ends_with(".key") ? 0600u : 0644u), name);
  BOOST_TEST(mode_of(at("new")) == 0755u);
}

BOOST_FIXTURE_TEST_CASE(keys_stay_closed_under_an_open_umask, temporary_folder) {
  const mode_t before = ::umask(0);
  BOOST_TEST(certs::init(at("certs"), {}).has_value());
  ::umask(before);
  for (const char* key : {"certs/ca.key", "certs/server.key", "certs/client.key"}) BOOST_TEST(mode_of(at(key)) == 0600u);
}

BOOST_FIXTURE_TEST_CASE(any_of_the_nine_files_stops_everything_and_is_named, temporary_folder) {
  for (const auto& name : nine()) {
    const std::string directory = at("with-" + name);
    std::filesystem::create_directory(directory);
    write(directory + "/" + name, "older");
    const auto fault = fault_of(certs::init(directory, {}));
    BOOST_TEST(fault.code == make_error_code(certs::errc::already_exists));
    BOOST_TEST(fault.text.find(directory + "/" + name) == 0u, fault.text);
    BOOST_TEST(text_of(directory + "/" + name) == "older");
    BOOST_TEST(names("with-" + name) == std::set<std::string>{name}, boost::test_tools::per_element());
  }
}

BOOST_FIXTURE_TEST_CASE(a_second_init_changes_nothing, temporary_folder) {
  BOOST_TEST(certs::init(at("certs"), {}).has_value());
  const std::string key = text_of(at("certs/ca.key"));
  BOOST_TEST(fault_of(certs::init(at("certs"), {})).code == make_error_code(certs::errc::already_exists));
  BOOST_TEST(text_of(at("certs/ca.key")) == key);
  BOOST_TEST(names("certs") == nine(), boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_dangling_link_is_not_written_through, temporary_folder) {
  std::filesystem::create_directory(at("certs"));
  std::filesystem::create_symlink(at("elsewhere"), at("certs/server.key"));
  BOOST_TEST(fault_of(certs::init(at("certs"), {})).code == make_error_code(certs::errc::already_exists));
  BOOST_TEST(!std::filesystem::exists(at("elsewhere")));
}

BOOST_FIXTURE_TEST_CASE(a_full_disk_leaves_nothing_behind, temporary_folder) {
  std::filesystem::create_directory(at("old"));
  for (const std::string directory : {"old", "new"}) {
    // Keys fit into 400 bytes, certificates don't: the second file fails, after a first that was written.
    core::fault fault;
    {
      const full_disk full(400);
      fault = fault_of(certs::init(at(directory), {}));
    }
    BOOST_TEST(fault.code == make_error_code(certs::errc::cannot_write));
    BOOST_TEST(fault.text.find(at(directory) + "/ca.pem") != fault.text.npos, fault.text);
  }
  BOOST_TEST(names() == std::set<std::string>{"old"}, boost::test_tools::per_element());
  BOOST_TEST(names("old").empty());
}

BOOST_FIXTURE_TEST_CASE(a_directory_that_cannot_be_written_is_one_sentence, temporary_folder) {
  write(at("file"), "");
  // /proc takes no new folder, not even root's.
  for (const std::string& directory : {at("file"), at("file/certs"), at("no/such/parent"), std::string("/proc")}) {
    const auto fault = fault_of(certs::init(directory, {}));
    BOOST_TEST(fault.code == make_error_code(certs::errc::cannot_write), directory);
    BOOST_TEST(one_line(fault.text));
    BOOST_TEST(fault.text.find(directory.starts_with("/proc") ? "/proc" : at("")) != fault.text.npos, fault.text);
  }
  BOOST_TEST(names() == std::set<std::string>{"file"}, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(an_option_that_no_certificate_can_hold_is_refused_before_anything_is_touched, temporary_folder) {
  const auto refused = [this](const char* what, auto change) {
    certs::recipe options;
    change(options);
    const auto fault = fault_of(certs::init(at("certs"), options));
    BOOST_TEST(fault.code == make_error_code(certs::errc::bad_option), what);
    BOOST_TEST(one_line(fault.text), what);
  };
  refused("no days", [](auto& o) { o.leaf_days = 0; });
  refused("too many days", [](auto& o) { o.ca_days = certs::days_max + 1; });
  refused("no common name", [](auto& o) { o.client_common_name.clear(); });
  refused("a long common name", [](auto& o) { o.client_common_name.assign(65, 'a'); });
  refused("a line end in a name", [](auto& o) { o.client_common_name = "a\nb"; });
  refused("no names", [](auto& o) { o.server_dns_names.clear(), o.server_ip_addresses.clear(); });
  refused("too many names", [](auto& o) { o.server_dns_names.assign(certs::names_max + 1, "a"); });
  refused("not an address", [](auto& o) { o.server_ip_addresses = {"1.2.3"}; });
  refused("an address with a NUL", [](auto& o) { o.server_ip_addresses = {std::string("::1\0x", 5)}; });
  for (const std::string name :
       {"", ".", "a.", ".a", "a..b", "-a", "a-", "*", "*.", "a.*.b", "a*.b", "a b", "a,DNS:b", "a\n", "10.0.0.1", "::1", "xn--\xc3\xa4"})
    refused(name.c_str(), [&](auto& o) { o.server_dns_names = {name}; });
  refused("a label of 64", [](auto& o) { o.server_dns_names = {std::string(64, 'a')}; });
  refused("a NUL in a name", [](auto& o) { o.server_dns_names = {std::string("a\0b", 3)}; });
  BOOST_TEST(fault_of(certs::init("", {})).code == make_error_code(certs::errc::bad_option));
  BOOST_TEST(names().empty());
}

BOOST_FIXTURE_TEST_CASE(names_at_their_bounds_are_taken, temporary_folder) {
  certs::recipe options;
  options.client_common_name.assign(64, 'c');
  options.server_dns_names = {std::string(63, 'a'), "a_b.example", "*.a", "A-1"};
  BOOST_TEST(certs::init(at("certs"), options).has_value());
}
