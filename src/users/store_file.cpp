#include "store_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>

namespace sallyport::users {

namespace {

core::fault refused(int reason, const std::string& text) { return {core::error_code(reason, boost::system::system_category()), text}; }

core::fault failed(const std::string& what, const std::string& path) {
  const int reason = errno;
  return refused(reason, "the users in " + path + ": " + what + ": " + std::strerror(reason));
}

std::string folder_of(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

bool exists(const std::string& path) {
  struct stat found{};
  return ::lstat(path.c_str(), &found) == 0;
}

// What root makes in the service's folder, before the service's first start perhaps, must be the service's: it could not open it else.
bool hand_to_owner_of_folder(int descriptor, const std::string& path) {
  if (::geteuid() != 0) return true;
  struct stat folder{};
  return ::stat(folder_of(path).c_str(), &folder) == 0 && ::fchown(descriptor, folder.st_uid, folder.st_gid) == 0;
}

}  // namespace

core::outcome<presence> examine_file(const std::string& path) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno != ENOENT) return failed("cannot be looked at", path);
    for (const char* rest : {"-wal", "-journal"})
      if (exists(path + rest))
        return refused(ENOENT, "the users in " + path + ": the file is gone, but " + path + rest +
                                   " is there: restore the file, or remove both to begin with root alone");
    return presence::absent;
  }
  // A link in a folder of somebody else's could lead root to any file.
  if (S_ISLNK(found.st_mode)) return refused(ELOOP, "the users in " + path + ": a symbolic link: name the file itself");
  if (!S_ISREG(found.st_mode)) return refused(EINVAL, "the users in " + path + ": not a regular file");
  if (found.st_uid != ::geteuid() && ::geteuid() != 0)
    return refused(EPERM, "the users in " + path + ": the file belongs to user id " + std::to_string(found.st_uid) + ", not to us");
  if (found.st_size == 0)
    return refused(EINVAL, "the users in " + path + ": the file is empty: restore it, or remove it to begin with root alone");
  if ((found.st_mode & 077) != 0 && ::chmod(path.c_str(), 0600) != 0) return failed("cannot be closed to other users (chmod 600)", path);
  return presence::present;
}

core::outcome<core::progress> make_folder_of(const std::string& path) {
  const std::filesystem::path folder = folder_of(path);
  std::filesystem::path made;
  for (const auto& part : folder) {
    made /= part;
    if (::mkdir(made.c_str(), 0700) != 0 && errno != EEXIST && !exists(made)) return failed("the folder cannot be made", made);
  }
  return core::progress::done;
}

core::outcome<core::progress> make_private_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return failed("the file cannot be made", path);
  const bool handed = hand_to_owner_of_folder(descriptor, path);
  ::close(descriptor);
  if (!handed) return failed("the file cannot be given to the owner of its folder", path);
  return core::progress::done;
}

core::outcome<core::progress> move_into_place(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return failed("the new file cannot be put in place", to);
  const int folder = ::open(folder_of(to).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return failed("the folder cannot be opened", to);
  const bool synced = ::fsync(folder) == 0;
  if (!synced) {
    auto fault = failed("the folder cannot be synced", to);
    ::close(folder);
    return fault;
  }
  ::close(folder);
  return core::progress::done;
}

core::outcome<lock_file> lock_file::take(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return failed("the lock cannot be opened", path);
  lock_file lock(descriptor);
  if (!hand_to_owner_of_folder(descriptor, path)) return failed("the lock cannot be given to the owner of its folder", path);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return failed("cannot be locked", path);
    char holder[24] = {};
    const auto length = ::pread(descriptor, holder, sizeof holder - 1, 0);
    const std::string_view pid(holder, length > 0 ? static_cast<std::size_t>(length) : 0);
    // The pid is what another program wrote: only digits of it are repeated.
    const auto digits = pid.substr(0, pid.find_first_not_of("0123456789"));
    return refused(EWOULDBLOCK, "the users are in use by process " + (digits.empty() ? "unknown" : std::string(digits)) + ", which holds " +
                                    path + ": stop it, or use its admin socket");
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    // The pid is for people alone; the lock holds without it, on a full disk too.
    errno = 0;
  }
  return lock;
}

// The file stays: who removed it could remove the one that another process has locked meanwhile.
lock_file::~lock_file() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace sallyport::users
