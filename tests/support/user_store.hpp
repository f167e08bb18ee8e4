// A store of users in a folder of its own, for tests: changes wait for their answer. One thread, but for `store()`.
#pragma once

#include <sallyport/users/password.hpp>
#include <sallyport/users/store.hpp>

#include <stdlib.h>

#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace sallyport::users {

// Boost.Test prints with these.
inline std::ostream& operator<<(std::ostream& out, errc e) { return out << make_error_code(e).message(); }
inline std::ostream& operator<<(std::ostream& out, match m) {
  return out << (m == match::no ? "no" : m == match::yes ? "yes" : "yes_outdated");
}

class temporary_folder {
 public:
  temporary_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "sallyport-users-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline telemetry::log_settings quiet() {
  telemetry::log_settings settings;
  settings.threshold = telemetry::level::off;
  return settings;
}

// What a change answered.
inline core::error_code answer_of(const std::function<void(store::answer)>& change) {
  std::promise<core::error_code> answered;
  change([&answered](core::error_code outcome) { answered.set_value(outcome); });
  return answered.get_future().get();
}

class user_store {
 public:
  user_store() : log_(quiet()) { open(); }

  void open() { store_ = store::open(settings(), log_).value(); }
  void close() { store_.reset(); }
  store& operator*() { return *store_; }
  store* operator->() { return store_.get(); }
  users::settings settings() const {
    users::settings made;
    made.path = folder_.file("users.db");
    return made;
  }
  telemetry::logger& log() { return log_; }
  const temporary_folder& folder() const { return folder_; }

  std::shared_ptr<const record> find(const std::string& name) const { return store_->snapshot()->find(name); }

  core::error_code create(const std::string& name, const std::string& password, std::vector<std::string> roles = {}) {
    return answer_of([&](auto done) { store_->create(name, core::secret(password), roles, "", done); });
  }
  core::error_code import_hash(const std::string& name, const std::string& hash, std::vector<std::string> roles = {}) {
    return answer_of([&](auto done) { store_->import_hash(name, hash, roles, done); });
  }
  core::error_code change_password(const std::string& name, const std::string& from, const std::string& to) {
    return answer_of([&](auto done) { store_->change_password(name, core::secret(from), core::secret(to), std::nullopt, done); });
  }
  core::error_code reset_password(const std::string& name, const std::string& to) {
    return answer_of([&](auto done) { store_->change_password(name, std::nullopt, core::secret(to), std::nullopt, done); });
  }
  core::error_code describe(const std::string& name, const std::string& text) {
    return answer_of([&](auto done) { store_->change_description(name, text, done); });
  }
  core::error_code change_roles(const std::string& name, std::vector<std::string> roles) {
    return answer_of([&](auto done) { store_->change_roles(name, roles, done); });
  }
  core::error_code drop(const std::string& name) {
    return answer_of([&](auto done) { store_->drop(name, done); });
  }

 private:
  temporary_folder folder_;
  telemetry::logger log_;
  std::unique_ptr<store> store_;
};

}  // namespace sallyport::users
