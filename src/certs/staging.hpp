// A folder that becomes files of a directory all at once, or not at all. Files are written and synced in a staging folder, then put in
// place: by one rename of the folder when the directory did not exist, else by one link a file and one rename a folder, which never replace
// anything and are undone when a later one fails. What is left of the staging folder goes with the object. Blocking; one thread.
#pragma once

#include <sallyport/core/result.hpp>
#include <sallyport/core/secret.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::certs {

enum class visible { to_all, to_owner };  // modes 0644 (less the umask) and 0600
enum class durable { yes, no };           // no: not synced, for what can be made again at any time

std::string tidied(std::string directory);  // without the slashes at its end, so that names can be put beside it

class staging {
 public:
  // `directory` is tidied. `existed`: it is there already.
  staging(std::string directory, bool existed, durable kept = durable::yes);
  ~staging();
  staging(const staging&) = delete;
  staging& operator=(const staging&) = delete;

  core::outcome<void> open();
  core::outcome<void> open_folder(std::string_view name);  // for names that begin with `name` and a slash
  core::outcome<void> add(std::string_view name, const core::secret& contents, visible to);
  // The paths of the files, in the order in which they were added.
  core::outcome<std::vector<std::string>> publish();

 private:
  std::string staged(std::string_view name) const { return folder_ + "/" + std::string(name); }
  std::string final_path(std::string_view name) const { return directory_ + "/" + std::string(name); }
  core::outcome<void> put_all_in_place();
  bool put_in_place(const std::string& name);
  void take_back(const std::string& name);

  const std::string directory_;
  const bool existed_;
  const durable kept_;
  std::string folder_;  // empty: none is left
  std::vector<std::string> names_, folders_;
};

}  // namespace sallyport::certs
