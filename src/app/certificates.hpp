// What TLS is made of, the listeners' and that to the backends, kept current: loaded at the start, and again whenever one of its files has
// changed, SIGHUP came or `ctl reload` asked. A change is taken as a whole or not at all: with a file that is half written, missing or not
// the other's pair the last good state goes on being served, and the log and a metric say so. Owned by the running server, used on its main
// thread. Looking costs one stat for each file, ten times a second; by stat, because a Kubernetes mount changes by a link two folders
// above the file (`..data`).
#pragma once

#include "server_status.hpp"

#include <sallyport/config/settings.hpp>
#include <sallyport/telemetry/log.hpp>
#include <sallyport/tls/context.hpp>
#include <sallyport/tls/live.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::app {

class certificates {
 public:
  static constexpr auto look_every = std::chrono::milliseconds(100);

  certificates(const config::settings& s, telemetry::logger& log, server_status& status);

  // At the start: everything that is wrong.
  std::vector<core::fault> load();

  using live_context = std::shared_ptr<tls::live<tls::context>>;
  const live_context& of(std::size_t listener) const { return doors_[listener].live; }  // nullptr: plaintext

  // Of the settings, each with what its TLS believes. A connection is made with the newest; those that stand are not judged again.
  const std::vector<upstream::settings>& backends() const { return backends_; }

  // Loads what has changed and has not changed any more since the last look: a copy takes some time to be whole.
  void look();

  // All, at once, whatever their dates say.
  struct outcome {
    std::size_t replaced = 0, unchanged = 0;
    std::vector<std::string> faults;
  };
  outcome reload();

 private:
  struct watched {
    std::vector<std::string> files;
    std::string loaded, seen;  // states of the files: when they were loaded, and at the last look
    bool has_settled();        // on something that was not loaded
    bool failed = false;       // the last load
  };
  struct door : watched {
    live_context live;
  };
  enum class result { replaced, unchanged, failed };
  void load_backend(std::size_t backend, std::vector<core::fault>& faults);
  result load_again(std::size_t listener, std::vector<std::string>* faults = nullptr);
  result load_backend_again(std::size_t backend, std::vector<std::string>* faults = nullptr);
  void warn(std::string_view kind, const std::string& name, const std::vector<std::string>& texts);
  result not_loaded(std::string_view kind, const std::string& name, const std::vector<core::fault>& why, const std::string& serving,
                    std::vector<std::string>* faults);
  void tell();

  const config::settings& settings_;
  telemetry::logger& log_;
  server_status& status_;
  telemetry::shard& counts_;
  std::shared_ptr<tls::ticket_keys> tickets_ = std::make_shared<tls::ticket_keys>();
  std::vector<door> doors_;
  std::vector<upstream::settings> backends_;
  std::vector<watched> roads_;  // one a backend
};

// Adds {"op": "reload"} -> {"replaced", "unchanged", "faults"} to what `others` answers. `what` outlives it.
admin::handler with_reload(certificates& what, admin::handler others);

}  // namespace sallyport::app
