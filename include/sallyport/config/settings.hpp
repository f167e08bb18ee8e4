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
#include <optional>
#include <string>
#include <vector>

namespace sallyport::config {

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
};

struct problem {
  enum class severity { warning, error } weight = severity::error;
  std::string file;          // as it was named; empty: a flag or the environment
  int line = 0, column = 0;  // from 1; 0: no place
  std::string text;          // what is wrong
  std::string hint;          // what to do; may be empty
};
std::string to_text(const problem& p);  // file:line:column: error: text (hint)

// What the command line adds; empty members were not given.
struct sources {
  std::vector<std::string> files;      // -c, later over earlier
  std::string milvus_config;           // --milvus-config
  std::string backend, listen, store;  // --backend, --listen, --store
};

struct loaded {
  std::optional<settings> value;  // nothing when a problem is an error
  std::vector<problem> problems;
};
loaded load(const sources& from);

// Everything that can be validated without serving: the files of certificates and keys too. `check` prints it, `run` refuses on any error.
std::vector<problem> examine(const settings& s);

}  // namespace sallyport::config
