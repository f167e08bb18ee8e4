// What the tests of this room share: a folder that goes with the test, and faults as text in which the folder is called F.
#pragma once

#include <sallyport/config/settings.hpp>

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <stdlib.h>

namespace sallyport::config::tests {

class folder {
 public:
  folder() {
    std::string name = (std::filesystem::temp_directory_path() / "sallyport-config-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;

  const std::string& path() const { return path_; }
  std::string at(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(at(name)).parent_path());
    std::ofstream(at(name), std::ios::binary) << text;
    return at(name);
  }
  // The folder's name in a text becomes F.
  std::string without(std::string text) const {
    for (auto at = text.find(path_); at != std::string::npos; at = text.find(path_, at)) text.replace(at, path_.size(), "F");
    return text;
  }

 private:
  std::string path_;
};

inline std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// One fault a line, as a person sees it.
inline std::string told(const folder& in, const std::vector<problem>& problems) {
  std::string all;
  for (const problem& p : problems) all += in.without(to_text(p)) + "\n";
  return all;
}

inline sources one_file(const std::string& file) {
  sources from;
  from.files = {file};
  from.environment = {{"HOME", "/home/nobody"}};
  return from;
}

// What load says about one file called F/c.yaml.
inline std::string told_about(const std::string& text) {
  const folder in;
  return told(in, load(one_file(in.write("c.yaml", text))).problems);
}

// A listener and a backend, to which a test adds what it is about.
inline const std::string good =
    "listeners: [{name: a, address: '127.0.0.1:19530', backend: b}]\n"
    "backends: [{name: b, endpoints: ['127.0.0.1:19540']}]\n";

inline settings loaded_from(const std::string& text) {
  const folder in;
  loaded result = load(one_file(in.write("c.yaml", text)));
  BOOST_TEST_REQUIRE(result.value.has_value(), told(in, result.problems));
  return std::move(*result.value);
}

}  // namespace sallyport::config::tests
