#include "staging.hpp"

#include <sallyport/certs/recipe.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/rand.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <iterator>
#include <system_error>

namespace sallyport::certs {

namespace {

core::fault cannot(const std::string& what, const std::string& path, int error) {
  return {errc::cannot_write, "cannot " + what + " " + path + ": " + std::generic_category().message(error)};
}

std::string random_letters() {
  unsigned char bytes[8] = {};
  RAND_bytes(bytes, sizeof bytes);
  std::string text;
  for (const unsigned char byte : bytes) text.push_back(static_cast<char>('a' + byte % 26));
  return text;
}

class open_file {
 public:
  open_file(const std::string& path, int flags, mode_t mode) : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  ~open_file() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;

  bool is_open() const { return descriptor_ >= 0; }
  bool write_all(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = ::write(descriptor_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  }
  bool sync() { return ::fsync(descriptor_) == 0; }

 private:
  int descriptor_;
};

// The names in a folder survive a crash only once the folder itself is synced. Not every file system can; then nothing is lost by trying.
void sync_folder(const std::string& path) {
  open_file folder(path, O_RDONLY | O_DIRECTORY, 0);
  if (folder.is_open()) folder.sync();
}

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == path.npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

std::string tidied(std::string directory) {
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  return directory;
}

staging::staging(std::string directory, bool existed, durable kept) : directory_(std::move(directory)), existed_(existed), kept_(kept) {}

staging::~staging() {
  if (folder_.empty()) return;
  for (const auto& name : names_) ::unlink(staged(name).c_str());
  for (const auto& name : folders_) ::rmdir(staged(name).c_str());
  ::rmdir(folder_.c_str());
}

core::outcome<void> staging::open() {
  std::string folder = directory_ + (existed_ ? "/.sallyport-certs-" : ".sallyport-certs-") + random_letters();
  // Beside a directory that is to be made, the folder becomes that directory, and its mode stays.
  if (::mkdir(folder.c_str(), existed_ ? 0700 : 0755) != 0)
    return cannot("make a folder in", existed_ ? directory_ : parent_of(directory_), errno);
  folder_ = std::move(folder);
  return {};
}

core::outcome<void> staging::open_folder(std::string_view name) {
  if (::mkdir(staged(name).c_str(), 0755) != 0) return cannot("make", final_path(name), errno);
  folders_.emplace_back(name);
  return {};
}

core::outcome<void> staging::add(std::string_view name, const core::secret& contents, visible to) {
  open_file file(staged(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, to == visible::to_owner ? 0600 : 0644);
  if (!file.is_open()) return cannot("write", final_path(name), errno);
  names_.emplace_back(name);
  if (!file.write_all(contents.reveal()) || (kept_ == durable::yes && !file.sync())) return cannot("write", final_path(name), errno);
  return {};
}

// A folder cannot be linked; renaming one replaces an empty folder at most, in which nobody has anything.
bool staging::put_in_place(const std::string& name) {
  const bool is_folder = std::find(folders_.begin(), folders_.end(), name) != folders_.end();
  return (is_folder ? std::rename(staged(name).c_str(), final_path(name).c_str())
                    : ::link(staged(name).c_str(), final_path(name).c_str())) == 0;
}

void staging::take_back(const std::string& name) {
  if (std::find(folders_.begin(), folders_.end(), name) != folders_.end())
    std::rename(final_path(name).c_str(), staged(name).c_str());
  else
    ::unlink(final_path(name).c_str());
}

core::outcome<void> staging::put_all_in_place() {
  std::vector<std::string> tops = folders_;
  std::copy_if(names_.begin(), names_.end(), std::back_inserter(tops), [](const std::string& name) { return name.find('/') == name.npos; });
  for (std::size_t i = 0; i < tops.size(); ++i) {
    if (put_in_place(tops[i])) continue;
    const int error = errno;
    for (std::size_t made = 0; made < i; ++made) take_back(tops[made]);
    if (error == EEXIST || error == ENOTEMPTY || error == ENOTDIR)
      return core::fault{errc::already_exists, final_path(tops[i]) + " exists already: nothing was changed"};
    return cannot("write", final_path(tops[i]), error);
  }
  return {};
}

core::outcome<std::vector<std::string>> staging::publish() {
  if (kept_ == durable::yes) sync_folder(folder_);
  if (existed_) {
    if (auto placed = put_all_in_place(); !placed) return placed.error();
    if (kept_ == durable::yes) sync_folder(directory_);
  } else {
    // rename replaces an empty directory and nothing else: somebody's files are safe.
    if (std::rename(folder_.c_str(), directory_.c_str()) != 0) return cannot("make", directory_, errno);
    folder_.clear();
    if (kept_ == durable::yes) sync_folder(parent_of(directory_));
  }
  std::vector<std::string> paths;
  for (const auto& name : names_) paths.push_back(final_path(name));
  return paths;
}

}  // namespace sallyport::certs
