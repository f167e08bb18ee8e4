// One prepared statement of SQLite, finalized when it goes. The first error sticks, so that a row of calls is asked once, at its end.
// Lives for one transaction on the store's thread.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::users {

class statement {
 public:
  statement(sqlite3* handle, const char* sql) { code_ = sqlite3_prepare_v2(handle, sql, -1, &prepared_, nullptr); }
  statement(const statement&) = delete;
  statement& operator=(const statement&) = delete;
  ~statement() { sqlite3_finalize(prepared_); }

  // The bound bytes must live until the statement has run.
  statement& bind_bytes(int at, std::string_view value) {
    // A null pointer would bind NULL, and an empty view may have one.
    const char* data = value.empty() ? "" : value.data();
    return keep(code_ == SQLITE_OK ? sqlite3_bind_blob64(prepared_, at, data, value.size(), SQLITE_STATIC) : code_);
  }
  statement& bind_text(int at, std::string_view value) {
    return keep(code_ == SQLITE_OK ? sqlite3_bind_text64(prepared_, at, value.data(), value.size(), SQLITE_STATIC, SQLITE_UTF8) : code_);
  }
  statement& bind_number(int at, std::int64_t value) { return keep(code_ == SQLITE_OK ? sqlite3_bind_int64(prepared_, at, value) : code_); }

  // True while there is a row.
  bool step() {
    if (code_ != SQLITE_OK && code_ != SQLITE_ROW) return false;
    code_ = sqlite3_step(prepared_);
    return code_ == SQLITE_ROW;
  }
  bool run() {
    while (step()) {
    }
    return good();
  }
  bool good() const { return code_ == SQLITE_OK || code_ == SQLITE_ROW || code_ == SQLITE_DONE; }

  std::string bytes(int column) const {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(prepared_, column));
    return data ? std::string(data, static_cast<std::size_t>(sqlite3_column_bytes(prepared_, column))) : std::string();
  }
  std::int64_t number(int column) const { return sqlite3_column_int64(prepared_, column); }

 private:
  statement& keep(int code) {
    code_ = code;
    return *this;
  }

  sqlite3_stmt* prepared_ = nullptr;
  int code_ = SQLITE_OK;
};

inline std::optional<std::int64_t> read_number(sqlite3* handle, const char* sql) {
  statement one(handle, sql);
  if (!one.step()) return std::nullopt;
  return one.number(0);
}

inline std::optional<std::string> read_text(sqlite3* handle, const char* sql) {
  statement one(handle, sql);
  if (!one.step()) return std::nullopt;
  return one.bytes(0);
}

}  // namespace sallyport::users
