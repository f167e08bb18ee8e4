#include "store_thread.hpp"

#include "hash_form.hpp"

#include <sallyport/users/password.hpp>

#include <algorithm>
#include <ctime>

namespace sallyport::users {

namespace {

std::vector<std::string> in_order(std::vector<std::string> roles) {
  std::sort(roles.begin(), roles.end());
  roles.erase(std::unique(roles.begin(), roles.end()), roles.end());
  return roles;
}

}  // namespace

store::impl::impl(const settings& s, lock_file lock, std::unique_ptr<database> file, database::all_users users, telemetry::logger& log)
    : queue_max_(s.change_queue_max),
      lock_(std::move(lock)),
      file_(std::move(file)),
      log_(log),
      current_(std::make_shared<const directory>(std::move(users))),
      published_(current_) {}

void store::impl::start(std::atomic<std::uint64_t>& generation) {
  generation_ = &generation;
  decoy_hash();  // made now, so that the first unknown user is not told apart by the time it takes
  thread_ = std::thread([this] { run(); });
}

void store::impl::stop() {
  {
    const std::lock_guard held(queue_mutex_);
    closing_ = true;
  }
  queue_moved_.notify_all();
  if (thread_.joinable()) thread_.join();
}

// Of guesses at one old password. More than a few at once are no accident.
bool store::impl::is_full_for(const change& wanted) const {
  const auto guessed = [](const change& one) {
    const auto* c = std::get_if<password_change>(&one);
    return c && c->old_password ? c : nullptr;
  };
  const auto* const asked = guessed(wanted);
  if (!asked) return false;
  const auto waiting = std::count_if(queue_.begin(), queue_.end(), [&](const queued& q) {
    const auto* const one = guessed(q.wanted);
    return one && one->name == asked->name;
  });
  return static_cast<std::size_t>(waiting) >= std::max<std::size_t>(queue_max_ / 32, 1);
}

void store::impl::enqueue(queued one, std::size_t queue_max) {
  core::error_code refused;
  {
    const std::lock_guard held(queue_mutex_);
    if (closing_)
      refused = errc::closed;
    else if (queue_.size() >= queue_max || is_full_for(one.wanted))
      refused = errc::busy;
    else
      queue_.push_back(std::move(one));
  }
  if (!refused) return queue_moved_.notify_one();
  if (one.done) one.done(refused);
}

void store::impl::on_change(std::function<void()> listener) {
  const std::lock_guard held(queue_mutex_);
  listeners_.push_back(std::move(listener));
}

std::shared_ptr<const directory> store::impl::snapshot() const {
  const std::lock_guard held(published_mutex_);
  return published_;
}

void store::impl::run() {
  for (;;) {
    std::unique_lock held(queue_mutex_);
    queue_moved_.wait(held, [this] { return closing_ || !queue_.empty(); });
    if (queue_.empty()) return;
    queued next = std::move(queue_.front());
    queue_.pop_front();
    const bool closed = closing_;
    held.unlock();
    const core::error_code outcome = closed                  ? make_error_code(errc::closed)
                                     : !is_the_same(next.by) ? make_error_code(errc::revoked)
                                                             : std::visit([this](auto& c) { return apply(c); }, next.wanted);
    if (next.done) next.done(outcome);
  }
}

// A dropped user's word counts no more from the answer on, wherever it waits.
bool store::impl::is_the_same(const requester& by) const {
  if (!by) return true;
  const auto now = find(by->name);
  return now && now->version == by->version;
}

core::error_code store::impl::apply(creation& wanted) {
  if (find(wanted.name)) return errc::already_exists;
  if (wanted.hash && !is_known_hash(*wanted.hash)) return errc::unknown_hash;
  auto hash = wanted.hash ? std::move(*wanted.hash) : hash_password(wanted.password.reveal());
  record user{std::move(wanted.name), std::move(hash), in_order(std::move(wanted.roles)), std::move(wanted.description)};
  user.created = std::time(nullptr);
  return commit(std::move(user), kind::noticed);
}

core::error_code store::impl::apply(password_change& wanted) {
  const auto user = find(wanted.name);
  if (wanted.old_password) {
    // A name that nobody has costs what a wrong password costs.
    const auto verdict = verify_password(wanted.old_password->reveal(), user ? user->hash : decoy_hash());
    if (!user || verdict == match::no) return errc::wrong_password;
  }
  if (!user) return errc::unknown_user;
  record changed = *user;
  changed.hash = hash_password(wanted.new_password.reveal());
  if (wanted.description) changed.description = std::move(*wanted.description);
  return commit(std::move(changed), kind::noticed);
}

core::error_code store::impl::apply(description_change& wanted) {
  const auto user = find(wanted.name);
  if (!user) return errc::unknown_user;
  record changed = *user;
  changed.description = std::move(wanted.description);
  return commit(std::move(changed), kind::unnoticed);
}

core::error_code store::impl::apply(roles_change& wanted) {
  const auto user = find(wanted.name);
  if (!user) return errc::unknown_user;
  record changed = *user;
  changed.roles = in_order(std::move(wanted.roles));
  return commit(std::move(changed), kind::noticed);
}

core::error_code store::impl::apply(removal& wanted) {
  if (!find(wanted.name)) return errc::unknown_user;
  if (auto erased = file_->erase(wanted.name); !erased) return report(erased.error());
  auto users = current_->all();
  users.erase(wanted.name);
  publish(std::move(users), kind::noticed);
  return {};
}

core::error_code store::impl::apply(hash_upgrade& wanted) {
  const auto user = find(wanted.name);
  // The version vouches for the password: it was right for this very record. Another worker may have upgraded it meanwhile.
  if (!user || user->version != wanted.version || !is_outdated(user->hash)) return {};
  record changed = *user;
  changed.hash = hash_password(wanted.password.reveal());
  return commit(std::move(changed), kind::unnoticed);
}

core::error_code store::impl::commit(record changed, kind of_change) {
  if (of_change == kind::noticed) changed.version = file_->last_version() + 1;
  changed.modified = std::time(nullptr);
  if (auto written = file_->put(changed); !written) return report(written.error());
  auto users = current_->all();
  std::string name = changed.name;
  users[std::move(name)] = std::make_shared<const record>(std::move(changed));
  publish(std::move(users), of_change);
  return {};
}

// Snapshot, then generation, then listeners: whoever sees the new generation finds at least this snapshot.
void store::impl::publish(database::all_users users, kind of_change) {
  retired_.push_back(std::exchange(current_, std::make_shared<const directory>(std::move(users))));
  {
    const std::lock_guard held(published_mutex_);
    published_ = current_;
  }
  generation_->fetch_add(1, std::memory_order_release);
  if (of_change == kind::noticed) {
    std::unique_lock held(queue_mutex_);
    const auto listeners = listeners_;
    held.unlock();
    for (const auto& listener : listeners) listener();
  }
  // No longer published and held by us alone: nobody can take hold of it again.
  std::erase_if(retired_, [](const auto& old) { return old.use_count() == 1; });
}

core::error_code store::impl::report(const core::fault& failure) {
  log_.error("users_storage_failed", {{"reason", failure.text}});
  return errc::storage_failed;
}

}  // namespace sallyport::users
