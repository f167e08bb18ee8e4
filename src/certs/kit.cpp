#include <sallyport/certs/kit.hpp>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <stdexcept>

#include <stdlib.h>

namespace sallyport::certs {

namespace {

std::string temporary_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "sallyport-kit-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder for the certificates: " + name);
  return name;
}

void remove(const std::string& folder) {
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

}  // namespace

kit::kit(const fixture_options& options) : folder_(temporary_folder()) {
  try {
    auto made = make_fixtures(folder_ + "/kit", options);
    if (!made) throw std::runtime_error(made.error().text);
    made_ = std::move(*made);
  } catch (...) {
    remove(folder_);  // the destructor of what was never made does not run
    throw;
  }
}

kit::~kit() { remove(folder_); }

const fixture& kit::client(std::string_view id) const {
  const auto found = std::find_if(made_.sets.begin(), made_.sets.end(), [id](const fixture& one) { return one.id == id; });
  if (found == made_.sets.end()) throw std::out_of_range("the kit has no certificate " + std::string(id));
  return *found;
}

std::vector<fixture> kit::bad() const {
  std::vector<fixture> found;
  std::copy_if(made_.sets.begin(), made_.sets.end(), std::back_inserter(found),
               [](const fixture& one) { return !one.good() && one.needs.empty() && one.versions.size() == 2; });
  return found;
}

}  // namespace sallyport::certs
