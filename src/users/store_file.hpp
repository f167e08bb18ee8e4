// What lies around the database on disk: the folder, the lock that keeps a second process out, and the checks a file must pass before
// SQLite may touch it. Used by the thread that opens the store; the lock is held until the object goes, or the process does.
#pragma once

#include <sallyport/core/result.hpp>

#include <string>
#include <utility>

namespace sallyport::users {

// Of the file at `path` itself: is there one that may be opened? `absent` only when nothing of a store is there: a write-ahead log without
// its database is the remains of a store, and a new one in its place would reset root's password.
enum class presence { absent, present };
core::outcome<presence> examine_file(const std::string& path);

// Makes the folders that are missing above `path`, for this user alone.
core::outcome<core::progress> make_folder_of(const std::string& path);

// An empty file that only this user may read: SQLite would make it as the umask says.
core::outcome<core::progress> make_private_file(const std::string& path);

// Moves a finished file to its name, for good: the folder is synced.
core::outcome<core::progress> move_into_place(const std::string& from, const std::string& to);

class lock_file {
 public:
  // Of `path`; the fault names the process that has it.
  static core::outcome<lock_file> take(const std::string& path);
  lock_file(lock_file&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  lock_file& operator=(lock_file&&) = delete;
  ~lock_file();

 private:
  explicit lock_file(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace sallyport::users
