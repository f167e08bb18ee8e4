// The running server: from settings to workers, until SIGTERM.
#pragma once

#include <sallyport/config/settings.hpp>
#include <sallyport/telemetry/log.hpp>

namespace sallyport::app {

// Runs until SIGTERM or SIGINT, which drain (a second one ends at once). The exit code of the program: 0 after a drain, 2 for a
// configuration that cannot be served, 3 when something outside stands in the way (port in use, store locked); what it was is on standard
// error.
int serve(const config::settings& s, telemetry::logger& log);

}  // namespace sallyport::app
