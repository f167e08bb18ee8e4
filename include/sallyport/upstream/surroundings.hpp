// What a backend's connections borrow from their worker; all of it outlives them, and is used on its thread.
#pragma once

#include <sallyport/core/task_group.hpp>
#include <sallyport/http2/session.hpp>
#include <sallyport/net/turn.hpp>
#include <sallyport/net/workbench.hpp>
#include <sallyport/telemetry/log.hpp>
#include <sallyport/telemetry/metrics.hpp>

namespace sallyport::upstream {

struct surroundings {
  core::executor executor;
  core::task_group& tasks;
  net::turn& turn;
  net::workbench& bench;
  http2::buffer_pool& buffers;
  http2::decoded_block& scratch;
  telemetry::logger& log;
  telemetry::shard& counts;
};

}  // namespace sallyport::upstream
