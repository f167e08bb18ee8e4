// How the program ends, for scripts and service managers; docs/configuration.md has the same table.
#pragma once

namespace sallyport::app {

enum exit_code : int {
  ended_well = 0,
  refused = 1,  // check --strict: warnings; certs probe: findings; certs show: a fault; user, certs, ctl, connect: the command was refused
  bad_request = 2,  // the configuration or the command line is wrong; certs probe: it could not be played
  not_started = 3,  // a port, the store, a file of the log cannot be had; ctl, connect: no server runs
  internal = 70,    // a bug of ours (EX_SOFTWARE)
};

}  // namespace sallyport::app
