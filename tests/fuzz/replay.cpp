// Every target over its corpus in tests/fuzz/corpus: one case a target, named like it. What a fuzzer once found, or needed long to reach,
// is tried in each build.
#include "target.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

namespace sallyport::fuzz {
namespace {

namespace files = std::filesystem;

std::map<std::string, void (*)(core::bytes)>& targets() {
  static std::map<std::string, void (*)(core::bytes)> all;
  return all;
}

std::vector<std::byte> content_of(const files::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return loan(bytes_of(text));
}

std::string what_breaks(void (*run)(core::bytes), core::bytes input) {
  try {
    run(input);
  } catch (const std::exception& broken) {
    return broken.what();
  }
  return {};
}

void replay(const std::string& name, void (*run)(core::bytes)) {
  const files::path folder = files::path(SALLYPORT_FUZZ_CORPUS) / name;
  BOOST_TEST_REQUIRE(files::is_directory(folder), folder << " is missing");
  std::size_t inputs = 0;
  for (const auto& entry : files::directory_iterator(folder)) {
    const auto path = entry.path().string();
    BOOST_TEST_CHECKPOINT(path);
    BOOST_TEST_CONTEXT(path) BOOST_TEST(what_breaks(run, content_of(path)) == "");
    ++inputs;
  }
  BOOST_TEST(inputs > 0u, folder << " is empty");
}

// A corpus of a target that has gone, or has another name now, would be fed to nobody.
void every_corpus_has_its_target() {
  for (const auto& entry : files::directory_iterator(SALLYPORT_FUZZ_CORPUS))
    if (entry.is_directory()) BOOST_TEST(targets().contains(entry.path().filename().string()), entry.path());
}

bool list_cases() {
  auto& suite = boost::unit_test::framework::master_test_suite();
  for (const auto& target : targets()) {
    const auto go = [name = target.first, run = target.second] { replay(name, run); };
    suite.add(boost::unit_test::make_test_case(go, target.first, __FILE__, __LINE__));
  }
  suite.add(boost::unit_test::make_test_case(every_corpus_has_its_target, "every_corpus_has_its_target", __FILE__, __LINE__));
  return true;
}

}  // namespace

registration::registration(const char* name, void (*run)(core::bytes)) { targets().emplace(name, run); }

}  // namespace sallyport::fuzz

int main(int count, char** words) { return boost::unit_test::unit_test_main(sallyport::fuzz::list_cases, count, words); }
