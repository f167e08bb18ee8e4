#include "replace.hpp"

#include <sallyport/certs/recipe.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace sallyport::certs {

namespace {

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

core::outcome<void> replace_file(const std::string& directory, const std::string& name, std::string_view contents) {
  const std::string target = directory + "/" + name;
  std::string temporary = directory + "/.sallyport-" + name + "-XXXXXX";
  const int file = ::mkostemp(temporary.data(), O_CLOEXEC);
  bool done = file >= 0 && write_all(file, contents) && ::fchmod(file, 0644) == 0 && ::fsync(file) == 0;
  done = done && std::rename(temporary.c_str(), target.c_str()) == 0;
  const int error = errno;
  if (!done && file >= 0) ::unlink(temporary.c_str());
  if (file >= 0) ::close(file);
  if (!done) return core::fault{errc::cannot_write, "cannot write " + target + ": " + std::generic_category().message(error)};
  // The new name survives a crash only once the folder is synced; not every file system can.
  if (const int folder = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); folder >= 0) {
    (void)::fsync(folder);
    ::close(folder);
  }
  return {};
}

directory_lock::directory_lock(const std::string& directory) : descriptor_(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (descriptor_ < 0) return;
  int locked = -1;
  do locked = ::flock(descriptor_, LOCK_EX);
  while (locked != 0 && errno == EINTR);
  held_ = locked == 0;
}

directory_lock::~directory_lock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace sallyport::certs
