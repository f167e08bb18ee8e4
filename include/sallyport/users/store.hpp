// The users that Sallyport owns, in SQLite (WAL, full synchronous). A lock file keeps a second process out.
//
// Reading: `snapshot()` is an immutable directory of all users, from any thread; `generation()` is one atomic that is raised after each
// commit, before the change's answer is given. Whoever holds a verdict about a user compares generations and looks the record up again when
// they differ. Changing: serial, on the store's own thread, from a bounded queue: hash, commit, publish the snapshot, raise the generation,
// then answer. A full queue is errc::busy at once. What was answered ok survives kill -9. Nothing is changed by an answer that is an error.
#pragma once

#include <sallyport/core/result.hpp>
#include <sallyport/core/secret.hpp>
#include <sallyport/telemetry/log.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::users {

// Category "users".
enum class errc {
  already_exists = 1,  // create: the name is taken
  unknown_user,        // change or drop of nobody
  wrong_password,      // change of password: the old one is not right, or there is no such user (the same answer on purpose)
  busy,                // the queue of changes is full: temporary
  storage_failed,      // SQLite could not commit (disk full, I/O error); nothing changed; ours, logged as an error
  closed,              // the store is shutting down
  unknown_hash,        // import_hash: nothing that verify_password understands
  revoked,             // whoever asked for it has been changed or dropped meanwhile
};
core::error_code make_error_code(errc e);

struct record {
  std::string name;
  std::string hash;                // PHC or bcrypt
  std::vector<std::string> roles;  // sorted; root is an administrator without any
  std::string description;
  std::uint64_t version =
      0;  // never used twice in a store: changes when the credential or the roles do, and when a dropped name is created again
  std::int64_t created = 0, modified = 0;  // unix seconds
};

// All users at one moment, in byte order of their names.
class directory {
 public:
  explicit directory(std::map<std::string, std::shared_ptr<const record>, std::less<>> users) : users_(std::move(users)) {}
  std::shared_ptr<const record> find(std::string_view name) const;
  const std::map<std::string, std::shared_ptr<const record>, std::less<>>& all() const { return users_; }

 private:
  std::map<std::string, std::shared_ptr<const record>, std::less<>> users_;
};

struct settings {
  std::string path;  // of the SQLite file; its folder must exist or be creatable (mode 0700), the file gets mode 0600
  std::string default_root_password = "Milvus";  // root's, at the first start only
  std::uint32_t change_queue_max = 256;
};

class store {
 public:
  // Opens the file, or creates one with `root` in it; takes the lock. (A store whose root was dropped stays without one: a restart must not
  // bring its first password back.) Faults: locked by another process (with its pid), unreadable, not ours, corrupt: an existing file that
  // cannot be used is never replaced.
  static core::outcome<std::unique_ptr<store>> open(const settings& s, telemetry::logger& log);
  ~store();  // finishes the change under way, answers the queued ones with closed

  std::shared_ptr<const directory> snapshot() const;
  const std::atomic<std::uint64_t>& generation() const { return generation_; }

  // Called on the store's thread after each commit that changed a credential or roles, before the change's answer; must not block (post to
  // your worker).
  void on_change(std::function<void()> listener);

  // The answer is called once, on the store's thread. A queue that is full answers on the caller's thread with busy.
  using answer = std::function<void(core::error_code)>;
  // Who asks, as it was when it was let in: a change that comes to its turn when that user is not the same any more is errc::revoked.
  // Empty: the operator.
  using requester = std::shared_ptr<const record>;
  void create(std::string name, core::secret password, std::vector<std::string> roles, std::string description, answer done,
              requester by = {});
  void import_hash(std::string name, std::string hash, std::vector<std::string> roles, answer done);
  // old_password is checked unless it is absent (a super user's reset). In one step with the change: two changes cannot both start from the
  // same old password. A wrong one costs a hash: of these no more than a few for one name may wait, and half of the queue, so that who
  // guesses keeps no administrator out.
  void change_password(std::string name, std::optional<core::secret> old_password, core::secret new_password,
                       std::optional<std::string> description, answer done, requester by = {});
  void change_description(std::string name, std::string description, answer done, requester by = {});
  void change_roles(std::string name, std::vector<std::string> roles, answer done);
  void drop(std::string name, answer done, requester by = {});
  // At a login with an outdated hash: made anew, the version stays, nobody is logged out; dropped silently when busy or when the record has
  // moved on.
  void upgrade_hash(std::string name, std::uint64_t version, core::secret password);

 private:
  struct impl;
  explicit store(std::unique_ptr<impl> parts);
  std::unique_ptr<impl> impl_;
  std::atomic<std::uint64_t> generation_{1};
};

}  // namespace sallyport::users

template <>
struct boost::system::is_error_code_enum<sallyport::users::errc> : std::true_type {};
