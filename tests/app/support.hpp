// What the tests of the commands share: a folder, and the command line with streams in place of the outside.
#pragma once

#include "command_line.hpp"
#include "exit_codes.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <stdlib.h>

namespace sallyport::app::tests {

class folder {
 public:
  folder() {
    std::string name = (std::filesystem::temp_directory_path() / "sallyport-app-XXXXXX").string();
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
    std::ofstream(at(name), std::ios::binary) << text;
    return at(name);
  }
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

struct outcome {
  int code = -1;
  std::string out, err;
};

// The outside of a command, and what was asked of it.
struct outside {
  std::string input;
  std::map<std::string, std::string> environment = {{"HOME", "/nonexistent"}};
  std::vector<std::string> typed;  // answers to prompts; empty: no terminal
  std::vector<std::string> prompts = {};
  bool err_is_terminal = false;
  std::function<int(const config::settings&, telemetry::logger&)> serve = [](const config::settings&, telemetry::logger&) { return 70; };

  outcome run(const std::vector<std::string>& arguments) {
    std::istringstream in(input);
    std::ostringstream out, err;
    surroundings around{in, out, err, environment, {}, serve, err_is_terminal};
    std::size_t next = 0;
    if (!typed.empty())
      around.ask_password = [&](const std::string& prompt) -> core::outcome<core::secret> {
        prompts.push_back(prompt);
        if (next >= typed.size())
          return core::fault{boost::system::errc::make_error_code(boost::system::errc::operation_canceled), "no password was given"};
        return core::secret(typed[next++]);
      };
    outcome result;
    result.code = run_command_line(arguments, around);
    result.out = out.str();
    result.err = err.str();
    return result;
  }
};

inline outcome run(const std::vector<std::string>& arguments, const std::string& input = {}) {
  outside with;
  with.input = input;
  return with.run(arguments);
}

inline const std::string good =
    "listeners: [{name: a, address: '127.0.0.1:19530', backend: b}]\n"
    "backends: [{name: b, endpoints: ['127.0.0.1:19540']}]\n"
    "users: {store: 'sqlite:users.db'}\n";

}  // namespace sallyport::app::tests
