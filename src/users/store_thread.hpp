// What lies behind users::store: the queue of changes, the thread that makes them, and the directory that it publishes.
// Owned by the store. `enqueue`, `snapshot` and `on_change` from any thread; everything else happens on the thread of its own, which alone
// touches the database. Bounded by change_queue_max; nothing but the end of the store cancels a change.
#pragma once

#include "database.hpp"
#include "store_file.hpp"

#include <sallyport/users/store.hpp>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>

namespace sallyport::users {

struct creation {
  std::string name;
  core::secret password;
  std::optional<std::string> hash;  // an import: instead of the password
  std::vector<std::string> roles;
  std::string description;
};
struct password_change {
  std::string name;
  std::optional<core::secret> old_password;
  core::secret new_password;
  std::optional<std::string> description;
};
struct description_change {
  std::string name, description;
};
struct roles_change {
  std::string name;
  std::vector<std::string> roles;
};
struct removal {
  std::string name;
};
struct hash_upgrade {
  std::string name;
  std::uint64_t version = 0;
  core::secret password;
};
using change = std::variant<creation, password_change, description_change, roles_change, removal, hash_upgrade>;

struct store::impl {
 public:
  impl(const settings& s, lock_file lock, std::unique_ptr<database> file, database::all_users users, telemetry::logger& log);
  ~impl() { stop(); }

  void start(std::atomic<std::uint64_t>& generation);
  void stop();

  struct queued {
    change wanted;
    answer done;
    requester by = {};
  };
  void enqueue(queued one, std::size_t queue_max);
  void on_change(std::function<void()> listener);
  std::shared_ptr<const directory> snapshot() const;
  std::size_t queue_max() const { return queue_max_; }

 private:
  enum class kind { unnoticed, noticed };  // does the change concern a credential or roles?

  void run();
  core::error_code apply(creation& wanted);
  core::error_code apply(password_change& wanted);
  core::error_code apply(description_change& wanted);
  core::error_code apply(roles_change& wanted);
  core::error_code apply(removal& wanted);
  core::error_code apply(hash_upgrade& wanted);
  core::error_code commit(record changed, kind of_change);
  void publish(database::all_users users, kind of_change);
  std::shared_ptr<const record> find(std::string_view name) const { return current_->find(name); }
  bool is_the_same(const requester& by) const;
  bool is_full_for(const change& wanted) const;  // queue_mutex_ is held
  core::error_code report(const core::fault& failure);

  const std::size_t queue_max_;
  lock_file lock_;
  std::unique_ptr<database> file_;
  telemetry::logger& log_;
  std::atomic<std::uint64_t>* generation_ = nullptr;

  std::shared_ptr<const directory> current_;               // the thread's own; equal to published_
  std::vector<std::shared_ptr<const directory>> retired_;  // freed on this thread: a hundred thousand nodes would hold up a worker

  mutable std::mutex published_mutex_;  // held for the copy of a pointer
  std::shared_ptr<const directory> published_;

  std::mutex queue_mutex_;
  std::condition_variable queue_moved_;
  std::deque<queued> queue_;
  bool closing_ = false;
  std::vector<std::function<void()>> listeners_;
  std::thread thread_;
};

}  // namespace sallyport::users
