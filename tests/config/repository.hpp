// Where the repository is, for the tests that compare its papers and examples with the program: above the test program (build/…), or above
// the folder in which it is started.
#pragma once

#include <filesystem>
#include <string>

namespace sallyport::config::tests {

inline std::string repository() {
  std::error_code ignored;
  for (std::filesystem::path start : {std::filesystem::read_symlink("/proc/self/exe", ignored), std::filesystem::current_path(ignored)})
    for (; start.has_relative_path(); start = start.parent_path())
      if (std::filesystem::exists(start / "docs/configuration.md") && std::filesystem::exists(start / "CMakePresets.json"))
        return start.string();
  return {};
}

}  // namespace sallyport::config::tests
