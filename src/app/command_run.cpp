#include "command_line.hpp"
#include "exit_codes.hpp"

namespace sallyport::app {

int command_run(const config::sources& from, surroundings& around) {
  config::loaded loaded = config::load(from);
  if (loaded.value) {
    auto more = config::examine(*loaded.value);
    loaded.problems.insert(loaded.problems.end(), more.begin(), more.end());
  }
  if (config::has_errors(loaded.problems)) {
    for (const config::problem& p : loaded.problems) complain(around, config::to_text(p));
    return bad_request;
  }
  telemetry::logger log(loaded.value->log);
  if (!log.fault().empty()) {
    complain(around, log.fault(), "set log.file to a file that can be written");
    return not_started;
  }
  for (const config::problem& p : loaded.problems) log.warning("configuration_warning", {{"text", config::to_text(p)}});
  return around.serve(*loaded.value, log);
}

}  // namespace sallyport::app
