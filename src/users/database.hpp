// The SQLite file of the users: one row a user, one a role of a user, and the counter of versions. WAL, full synchronous, locked for as
// long as it is open: a row changed by another program's hand would not be noticed by whoever holds the directory in memory. Owned by the
// store; one thread at a time; every call is one transaction that happened whole or not at all. Blocks on the disk.
#pragma once

#include <sallyport/core/result.hpp>
#include <sallyport/users/store.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

struct sqlite3;

namespace sallyport::users {

class database {
 public:
  using all_users = std::map<std::string, std::shared_ptr<const record>, std::less<>>;

  // A new file, complete with its first user. Nothing may be at `path`.
  static core::outcome<core::progress> make(const std::string& path, const record& first);
  // An existing one: ours, of a version that we know, and sound.
  static core::outcome<std::unique_ptr<database>> open(const std::string& path);
  ~database();
  database(const database&) = delete;
  database& operator=(const database&) = delete;

  core::outcome<all_users> load();
  std::uint64_t last_version() const { return last_version_; }

  // Writes a user, new or changed. A failure is storage_failed in `code`, with SQLite's words.
  core::outcome<core::progress> put(const record& user);
  core::outcome<core::progress> erase(const std::string& name);

 private:
  database(sqlite3* handle, std::string path) : handle_(handle), path_(std::move(path)) {}
  core::outcome<core::progress> check();
  core::outcome<core::progress> prepare();
  core::outcome<core::progress> begin();
  core::outcome<core::progress> finish(bool good);
  bool execute(const char* sql);
  core::fault fault(const std::string& what) const;

  sqlite3* handle_;
  std::string path_;
  std::uint64_t last_version_ = 0;
};

}  // namespace sallyport::users
