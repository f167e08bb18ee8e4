// A name of the configuration that has to be resolved, and what it stood for last.
#pragma once

#include "dial.hpp"

#include <sallyport/upstream/balancer.hpp>

namespace sallyport::upstream {

struct balancer::watched_name {
  watched_name(endpoint name, core::executor on) : at(std::move(name)), timer(on) {}

  endpoint at;
  std::vector<tcp_address> addresses{};  // the last good answer
  core::timer timer;                     // to the next time that it is asked
  core::clock::time_point asked{};
  bool asking = false;
};

}  // namespace sallyport::upstream
