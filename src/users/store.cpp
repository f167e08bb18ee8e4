#include <sallyport/users/store.hpp>

#include "store_thread.hpp"

#include <sallyport/users/password.hpp>

#include <ctime>

namespace sallyport::users {

std::shared_ptr<const record> directory::find(std::string_view name) const {
  const auto at = users_.find(name);
  return at == users_.end() ? nullptr : at->second;
}

core::outcome<std::unique_ptr<store>> store::open(const settings& s, telemetry::logger& log) {
  if (auto folder = make_folder_of(s.path); !folder) return folder.error();
  auto lock = lock_file::take(s.path + ".lock");
  if (!lock) return lock.error();
  const auto found = examine_file(s.path);
  if (!found) return found.error();
  if (*found == presence::absent) {
    record root{"root", hash_password(s.default_root_password), {}, {}};
    root.version = 1;
    root.created = root.modified = std::time(nullptr);
    if (auto made = database::make(s.path, root); !made) return made.error();
    log.info("users_created", {{"path", s.path}});
  }
  auto file = database::open(s.path);
  if (!file) return file.error();
  auto users = (*file)->load();
  if (!users) return users.error();
  for (const auto& [name, user] : *users)
    if (!is_known_hash(user->hash)) log.warning("user_hash_unknown", {{"user", name}, {"effect", "this user cannot log in"}});
  auto parts = std::make_unique<impl>(s, std::move(*lock), std::move(*file), std::move(*users), log);
  return std::unique_ptr<store>(new store(std::move(parts)));
}

store::store(std::unique_ptr<impl> parts) : impl_(std::move(parts)) { impl_->start(generation_); }

// The thread is joined while generation_ still stands.
store::~store() { impl_->stop(); }

std::shared_ptr<const directory> store::snapshot() const { return impl_->snapshot(); }

void store::on_change(std::function<void()> listener) { impl_->on_change(std::move(listener)); }

void store::create(std::string name, core::secret password, std::vector<std::string> roles, std::string description, answer done,
                   requester by) {
  creation wanted{std::move(name), std::move(password), std::nullopt, std::move(roles), std::move(description)};
  impl_->enqueue({std::move(wanted), std::move(done), std::move(by)}, impl_->queue_max());
}

void store::import_hash(std::string name, std::string hash, std::vector<std::string> roles, answer done) {
  creation wanted{std::move(name), {}, std::move(hash), std::move(roles), {}};
  impl_->enqueue({std::move(wanted), std::move(done)}, impl_->queue_max());
}

void store::change_password(std::string name, std::optional<core::secret> old_password, core::secret new_password,
                            std::optional<std::string> description, answer done, requester by) {
  const auto queue_max = old_password ? impl_->queue_max() / 2 : impl_->queue_max();
  password_change wanted{std::move(name), std::move(old_password), std::move(new_password), std::move(description)};
  impl_->enqueue({std::move(wanted), std::move(done), std::move(by)}, queue_max);
}

void store::change_description(std::string name, std::string description, answer done, requester by) {
  impl_->enqueue({description_change{std::move(name), std::move(description)}, std::move(done), std::move(by)}, impl_->queue_max());
}

void store::change_roles(std::string name, std::vector<std::string> roles, answer done) {
  impl_->enqueue({roles_change{std::move(name), std::move(roles)}, std::move(done)}, impl_->queue_max());
}

void store::drop(std::string name, answer done, requester by) {
  impl_->enqueue({removal{std::move(name)}, std::move(done), std::move(by)}, impl_->queue_max());
}

void store::upgrade_hash(std::string name, std::uint64_t version, core::secret password) {
  // Half of the queue at most: a crowd that logs in for the first time must not keep an administrator out.
  impl_->enqueue({hash_upgrade{std::move(name), version, std::move(password)}, {}}, impl_->queue_max() / 2);
}

}  // namespace sallyport::users
