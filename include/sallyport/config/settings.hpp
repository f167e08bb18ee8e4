// The whole configuration as one value, and how it is read: strict YAML, all faults at once with file:line:column and a hint, silence opens
// no door. Read once at start on the main thread. Each room owns its settings struct; this one only gathers them.
#pragma once

#include <sallyport/admin/socket.hpp>
#include <sallyport/auth/gate.hpp>
#include <sallyport/milvus/service.hpp>
#include <sallyport/proxy/settings.hpp>
#include <sallyport/telemetry/log.hpp>
#include <sallyport/upstream/settings.hpp>
#include <sallyport/users/store.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::config {

// Where a value came from, and the value as it is shown (a secret is masked). Every key of the reference has one, defaults included.
struct origin {
  enum class layer { built_in, milvus, file, environment, flag } from = layer::built_in;
  std::string name;          // the file as it was named, the variable, the flag; empty for a default
  int line = 0, column = 0;  // from 1; 0: no place
  std::string shown;
};

struct settings {
  std::vector<proxy::listener_settings> listeners;
  std::vector<upstream::settings> backends;
  std::uint32_t workers = 0;  // 0: as many as cores
  users::settings users;
  milvus::settings user_calls;
  auth::settings auth;
  proxy::limits limits;
  telemetry::log_settings log;
  admin::settings admin;
  struct {
    bool no_tokens = false, plaintext_listener = false, plaintext_backend = false, default_root = false, insecure_upstream = false,
         serve_stale = false;
  } unsafe_;
  std::map<std::string, origin> origins;  // "listeners[0].tls.profile", "limits.drain", …; from Milvus' file also "common.security.…"
};

struct problem {
  enum class severity { warning, error } weight = severity::error;
  std::string file;          // as it was named; empty: a flag or the environment
  int line = 0, column = 0;  // from 1; 0: no place
  std::string text;          // what is wrong
  std::string hint;          // what to do; may be empty
};
std::string to_text(const problem& p);  // file:line:column: error: text (hint)
bool has_errors(const std::vector<problem>& problems);

// What the command line adds; empty members were not given.
struct sources {
  std::vector<std::string> files;      // -c, later over earlier
  std::string milvus_config;           // --milvus-config
  std::string backend, listen, store;  // --backend, --listen, --store
  // SALLYPORT_…, and STATE_DIRECTORY and HOME for the default store. `load` reads no variable by itself.
  std::map<std::string, std::string> environment;
  // The `user` commands: store, socket and the rules for names are what counts, a missing listener or backend is no fault.
  bool users_only = false;
};
std::map<std::string, std::string> environment_of_process();

struct loaded {
  std::optional<settings> value;  // nothing when a problem is an error
  std::vector<problem> problems;
};
loaded load(const sources& from);  // never throws; admin.socket and the store's path are filled in

// Everything that can be validated without serving: the files of certificates and keys too. `check` prints it, `run` refuses on any error.
std::vector<problem> examine(const settings& s);

// The rule that only a started server can judge: root still has the default password and a stranger may try it. Errors, or nothing.
std::vector<problem> unsafe_default_root(const settings& s, bool root_has_default_password);

// One sentence for each unsafe key that is set: `run` warns with them at every start, and every hour.
std::vector<std::string> unsafe_in_force(const settings& s);

// Every key with its value and where that came from, one a line, no secret: `check --effective`.
std::string effective(const settings& s);

// Every key that the parser knows, those of later versions included ("listeners[].tls.profile"): what the reference is checked against.
std::vector<std::string> known_keys();

}  // namespace sallyport::config
