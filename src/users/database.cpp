#include "database.hpp"

#include "statement.hpp"
#include "store_file.hpp"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>

namespace sallyport::users {

namespace {

// "SaPo" in the header of the file says whose it is; user_version which schema.
constexpr std::int64_t application_id = 0x5361506f;
constexpr std::int64_t schema_version = 1;

// Names and what people write are bytes, not text: SQLite would end text at a NUL.
constexpr const char* schema =
    "CREATE TABLE counter(one INTEGER PRIMARY KEY CHECK(one = 1), last_version INTEGER NOT NULL);"
    "INSERT INTO counter VALUES(1, 0);"
    "CREATE TABLE users(name BLOB PRIMARY KEY, hash TEXT NOT NULL, description BLOB NOT NULL, version INTEGER NOT NULL,"
    " created INTEGER NOT NULL, modified INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE roles(name BLOB NOT NULL, role BLOB NOT NULL, PRIMARY KEY(name, role)) WITHOUT ROWID;"
    "PRAGMA application_id = 1398886511;"
    "PRAGMA user_version = 1;";
static_assert(application_id == 1398886511);

core::outcome<sqlite3*> open_handle(const std::string& path, int flags) {
  sqlite3* handle = nullptr;
  // No mutex of SQLite's own: the store's thread is the only one.
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  if (code == SQLITE_OK) return handle;
  sqlite3_close(handle);
  return core::fault{errc::storage_failed, "the users in " + path + ": cannot be opened: " + sqlite3_errstr(code)};
}

}  // namespace

core::outcome<core::progress> database::make(const std::string& path, const record& first) {
  // Under another name until it is whole, so that a crash leaves either no file or one with root in it, and an empty file is never ours.
  const std::string unfinished = path + ".new";
  for (const char* rest : {"", "-wal", "-journal"}) ::unlink((unfinished + rest).c_str());
  if (auto made = make_private_file(unfinished); !made) return made.error();
  {
    auto handle = open_handle(unfinished, SQLITE_OPEN_READWRITE);
    if (!handle) return handle.error();
    database fresh(*handle, path);
    if (!fresh.execute("PRAGMA synchronous = FULL") || !fresh.execute(schema)) return fresh.fault("cannot be written");
    if (auto written = fresh.put(first); !written) return written.error();
  }
  return move_into_place(unfinished, path);
}

core::outcome<std::unique_ptr<database>> database::open(const std::string& path) {
  auto handle = open_handle(path, SQLITE_OPEN_READWRITE);
  if (!handle) return handle.error();
  std::unique_ptr<database> opened(new database(*handle, path));
  if (auto good = opened->check(); !good) return good.error();
  if (auto ready = opened->prepare(); !ready) return ready.error();
  return opened;
}

database::~database() { sqlite3_close(handle_); }

// Before anything is written: a file of somebody else's must stay as it is.
core::outcome<core::progress> database::check() {
  sqlite3_busy_timeout(handle_, 2000);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  // Before the first read: then the index of the write-ahead log lies in our memory, and no other program gets in as long as we run.
  if (!execute("PRAGMA locking_mode = EXCLUSIVE")) return fault("cannot be locked");
  const auto id = read_number(handle_, "PRAGMA application_id");
  if (!id) return fault("cannot be read");
  const auto version = read_number(handle_, "PRAGMA user_version");
  if (!version) return fault("cannot be read");
  const std::string where = "the users in " + path_ + ": ";
  if (*id != application_id) return core::fault{errc::storage_failed, where + "an SQLite file, but not one of Sallyport's users"};
  if (*version != schema_version)
    return core::fault{errc::storage_failed, where + "schema version " + std::to_string(*version) + " is not the one this program knows (" +
                                                 std::to_string(schema_version) + "): was it written by a newer one?"};
  // A trigger or a view is none of ours, and would run at our own statements.
  const auto alien = read_number(handle_, "SELECT count(*) FROM sqlite_schema WHERE type IN ('trigger', 'view')");
  if (!alien) return fault("cannot be read");
  if (*alien != 0) return core::fault{errc::storage_failed, where + "holds triggers or views, which Sallyport never makes"};
  const auto sound = read_text(handle_, "PRAGMA quick_check(1)");
  if (!sound) return fault("cannot be checked");
  if (*sound != "ok") return core::fault{errc::storage_failed, where + "corrupt: " + *sound + ": restore a copy of it"};
  return core::progress::done;
}

core::outcome<core::progress> database::prepare() {
  const auto mode = read_text(handle_, "PRAGMA journal_mode = WAL");
  if (!mode) return fault("cannot be written");
  if (*mode != "wal") return core::fault{errc::storage_failed, "the users in " + path_ + ": no write-ahead log on this file system"};
  if (!execute("PRAGMA synchronous = FULL") || !execute("PRAGMA secure_delete = ON")) return fault("cannot be prepared");
  // Takes the lock now rather than at the first change.
  if (!execute("BEGIN EXCLUSIVE; COMMIT")) return fault("in use by another program");
  const auto last = read_number(handle_, "SELECT last_version FROM counter");
  if (!last) return fault("the counter of versions cannot be read");
  last_version_ = static_cast<std::uint64_t>(*last);
  return core::progress::done;
}

core::outcome<database::all_users> database::load() {
  all_users users;
  std::map<std::string, std::vector<std::string>, std::less<>> roles;
  statement role_rows(handle_, "SELECT name, role FROM roles ORDER BY name, role");
  while (role_rows.step()) roles[role_rows.bytes(0)].push_back(role_rows.bytes(1));
  if (!role_rows.good()) return fault("the roles cannot be read");

  statement rows(handle_, "SELECT name, hash, description, version, created, modified FROM users ORDER BY name");
  while (rows.step()) {
    auto user = std::make_shared<record>();
    user->name = rows.bytes(0);
    user->hash = rows.bytes(1);
    user->description = rows.bytes(2);
    user->version = static_cast<std::uint64_t>(rows.number(3));
    user->created = rows.number(4);
    user->modified = rows.number(5);
    if (auto of = roles.find(user->name); of != roles.end()) user->roles = std::move(of->second);
    if (user->version == 0 || user->version > last_version_)
      return core::fault{errc::storage_failed, "the users in " + path_ + ": corrupt: a version beyond the counter: restore a copy of it"};
    std::string name = user->name;
    users.emplace_hint(users.end(), std::move(name), std::move(user));
  }
  if (!rows.good()) return fault("the users cannot be read");
  return users;
}

core::outcome<core::progress> database::put(const record& user) {
  if (auto begun = begin(); !begun) return begun.error();
  statement row(
      handle_,
      "INSERT INTO users VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(name) DO UPDATE SET hash = excluded.hash,"
      " description = excluded.description, version = excluded.version, created = excluded.created, modified = excluded.modified");
  row.bind_bytes(1, user.name).bind_text(2, user.hash).bind_bytes(3, user.description);
  row.bind_number(4, static_cast<std::int64_t>(user.version)).bind_number(5, user.created).bind_number(6, user.modified);
  bool good = row.run() && statement(handle_, "DELETE FROM roles WHERE name = ?").bind_bytes(1, user.name).run();
  for (const auto& role : user.roles)
    good = good && statement(handle_, "INSERT INTO roles VALUES(?, ?)").bind_bytes(1, user.name).bind_bytes(2, role).run();
  const auto counter = std::max(last_version_, user.version);
  good = good && statement(handle_, "UPDATE counter SET last_version = ?").bind_number(1, static_cast<std::int64_t>(counter)).run();
  auto done = finish(good);
  if (done) last_version_ = counter;
  return done;
}

core::outcome<core::progress> database::erase(const std::string& name) {
  if (auto begun = begin(); !begun) return begun.error();
  const bool good = statement(handle_, "DELETE FROM users WHERE name = ?").bind_bytes(1, name).run() &&
                    statement(handle_, "DELETE FROM roles WHERE name = ?").bind_bytes(1, name).run();
  return finish(good);
}

core::outcome<core::progress> database::begin() {
  if (!execute("BEGIN IMMEDIATE")) return fault("no change can be begun");
  return core::progress::done;
}

core::outcome<core::progress> database::finish(bool good) {
  if (good && execute("COMMIT")) return core::progress::done;
  auto failure = fault("the change could not be written");
  // SQLite has rolled back by itself after some errors, and not after others.
  if (!sqlite3_get_autocommit(handle_)) execute("ROLLBACK");
  return failure;
}

bool database::execute(const char* sql) { return sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) == SQLITE_OK; }

core::fault database::fault(const std::string& what) const {
  return {errc::storage_failed, "the users in " + path_ + ": " + what + ": " + sqlite3_errmsg(handle_)};
}

}  // namespace sallyport::users
