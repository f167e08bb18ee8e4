// The reference and the examples say what the program does.
#include "repository.hpp"
#include "support.hpp"

#include "schema.hpp"

#include <regex>
#include <set>

using namespace sallyport;
using namespace sallyport::config;
using namespace sallyport::config::tests;

namespace {

// The lines of the reference's tables that begin with a key in backquotes: key -> the cells after it.
std::map<std::string, std::string> rows_of_reference() {
  const std::string text = text_of(repository() + "/docs/configuration.md");
  std::map<std::string, std::string> rows;
  const std::regex row("\\n\\| `([^`]+)` \\|([^\\n]*)");
  for (auto at = std::sregex_iterator(text.begin(), text.end(), row); at != std::sregex_iterator(); ++at) rows[(*at)[1]] = (*at)[2];
  return rows;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(papers)

BOOST_AUTO_TEST_CASE(every_key_that_the_parser_knows_is_in_the_reference_with_its_default_and_words) {
  const auto rows = rows_of_reference();
  BOOST_TEST_REQUIRE(!rows.empty(), "docs/configuration.md was not found from here");
  for (const std::string& name : known_keys()) BOOST_TEST(rows.contains(name), name << " is not in docs/configuration.md");
  for (const key& k : keys()) {
    const auto found = rows.find(std::string(k.at));
    if (found == rows.end()) continue;
    if (!k.initial.empty())
      BOOST_TEST(found->second.find("`" + std::string(k.initial) + "`") != std::string::npos, k.at << ": the default " << k.initial);
    for (const auto word : split(k.words, '|'))
      BOOST_TEST(found->second.find("`" + std::string(word) + "`") != std::string::npos, k.at << ": " << word);
    BOOST_TEST(k.later.empty() == (found->second.find("not in this version") == std::string::npos || !k.later_words.empty()), k.at);
  }
}

BOOST_AUTO_TEST_CASE(the_reference_has_no_key_that_the_parser_does_not_know) {
  const auto known = known_keys();
  const std::set<std::string> all(known.begin(), known.end());
  for (const auto& [name, cells] : rows_of_reference()) {
    const bool elsewhere = name.starts_with("common.") || name.starts_with("tls.") || name.starts_with("proxy.") ||
                           name.starts_with("etcd.") || name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_.[]") != std::string::npos;
    BOOST_TEST((elsewhere || all.contains(name)), name);
  }
}

BOOST_AUTO_TEST_CASE(every_ready_example_loads_without_a_word) {
  const struct {
    const char* name;
    bool milvus;
    std::optional<tls::client_certificates> clients;
  } table[] = {
      {"tls-mode-0.yaml", false, std::nullopt},
      {"tls-mode-1.yaml", false, tls::client_certificates::none},
      {"tls-mode-2.yaml", false, tls::client_certificates::required},
      {"tunnel.yaml", false, tls::client_certificates::required},
      {"backend-tls.yaml", false, tls::client_certificates::none},
      {"milvus.yaml", true, tls::client_certificates::required},
      {"helm-values.yaml", true, tls::client_certificates::none},
      {"milvus-operator.yaml", true, std::nullopt},
  };
  std::set<std::string> tried;
  for (const auto& row : table) {
    const std::string file = repository() + "/config/" + row.name;
    tried.insert(row.name);
    sources from;
    from.environment = {{"HOME", "/home/nobody"}};
    if (row.milvus) {
      from.milvus_config = file;
      from.backend = "127.0.0.1:19540";
    } else {
      from.files = {file};
    }
    const loaded result = load(from);
    for (const problem& p : result.problems) BOOST_TEST(false, to_text(p));
    BOOST_TEST_REQUIRE(result.value.has_value());
    const auto& tls = result.value->listeners.at(0).tls;
    BOOST_TEST((tls.has_value() == row.clients.has_value()), row.name);
    if (tls) BOOST_TEST((tls->clients == *row.clients), row.name);
    BOOST_TEST((result.value->listeners[0].tokens == auth::tokens::required), row.name);
    BOOST_TEST(unsafe_in_force(*result.value).empty(), row.name);
  }
  for (const auto& entry : std::filesystem::directory_iterator(repository() + "/config"))
    if (entry.path().extension() == ".yaml")
      BOOST_TEST(tried.contains(entry.path().filename().string()), entry.path() << " is tested by nobody");
}

BOOST_AUTO_TEST_SUITE_END()
