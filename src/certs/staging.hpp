// A folder that becomes files of a directory all at once, or not at all. Files are written and synced in a staging folder, then put in
// place: by one rename of the folder when the directory did not exist, else by one link a file, which never replaces anything and is undone
// when a later one fails. What is left of the staging folder goes with the object. Blocking; one thread.
#pragma once

#include <sallyport/core/result.hpp>
#include <sallyport/core/secret.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::certs {

enum class visible { to_all, to_owner };  // modes 0644 (less the umask) and 0600

class staging {
 public:
  // `directory` without a slash at its end. `existed`: it is there already.
  staging(std::string directory, bool existed);
  ~staging();
  staging(const staging&) = delete;
  staging& operator=(const staging&) = delete;

  core::outcome<void> open();
  core::outcome<void> add(std::string_view name, const core::secret& contents, visible to);
  // The paths of the files, in the order in which they were added.
  core::outcome<std::vector<std::string>> publish();

 private:
  std::string staged(std::string_view name) const { return folder_ + "/" + std::string(name); }
  std::string final_path(std::string_view name) const { return directory_ + "/" + std::string(name); }
  core::outcome<void> link_all();

  const std::string directory_;
  const bool existed_;
  std::string folder_;  // empty: none is left
  std::vector<std::string> names_;
};

}  // namespace sallyport::certs
