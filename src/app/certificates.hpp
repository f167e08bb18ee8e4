// What the listeners' TLS is made of, kept current: loaded at the start, and again whenever one of its files has changed, SIGHUP came or
// `ctl reload` asked. A change is taken as a whole or not at all: with a file that is half written, missing or not the other's pair the last
// good state goes on being served, and the log and a metric say so. Owned by the running server, used on its main thread. Looking costs one
// stat for each file, five times a second; by stat, because a Kubernetes mount changes by a link two folders above the file (`..data`).
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
  static constexpr auto look_every = std::chrono::milliseconds(200);

  certificates(const config::settings& s, telemetry::logger& log, server_status& status);

  // At the start: everything that is wrong.
  std::vector<core::fault> load();

  using live_context = std::shared_ptr<tls::live<tls::context>>;
  const live_context& of(std::size_t listener) const { return doors_[listener].live; }  // nullptr: plaintext

  // Loads what has changed and has not changed any more since the last look: a copy takes some time to be whole.
  void look();

  // All, at once, whatever their dates say.
  struct outcome {
    std::size_t replaced = 0, unchanged = 0;
    std::vector<std::string> faults;
  };
  outcome reload();

 private:
  struct door {
    live_context live;
    std::vector<std::string> files;
    std::string loaded, seen;  // states of the files: when they were loaded, and at the last look
  };
  enum class result { replaced, unchanged, failed };
  result load_again(std::size_t listener, std::vector<std::string>* faults = nullptr);
  void tell();

  const config::settings& settings_;
  telemetry::logger& log_;
  server_status& status_;
  telemetry::shard& counts_;
  std::shared_ptr<tls::ticket_keys> tickets_ = std::make_shared<tls::ticket_keys>();
  std::vector<door> doors_;
};

// Adds {"op": "reload"} -> {"replaced", "unchanged", "faults"} to what `others` answers. `what` outlives it.
admin::handler with_reload(certificates& what, admin::handler others);

}  // namespace sallyport::app
