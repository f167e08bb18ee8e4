// What the connections of one worker share. Owned by the worker, outlives them, used on its thread only.
#pragma once

#include <sallyport/auth/gate.hpp>
#include <sallyport/core/task_group.hpp>
#include <sallyport/http2/session.hpp>
#include <sallyport/milvus/service.hpp>
#include <sallyport/net/turn.hpp>
#include <sallyport/net/workbench.hpp>
#include <sallyport/proxy/settings.hpp>
#include <sallyport/telemetry/log.hpp>
#include <sallyport/telemetry/metrics.hpp>
#include <sallyport/upstream/exchange.hpp>

#include <memory>
#include <unordered_set>
#include <vector>

namespace sallyport::proxy {

class exchange;
class connect_request;
class health_call;
class buffer_budget;

struct context {
  core::executor executor;
  core::task_group& tasks;
  net::turn& turn;
  net::workbench& bench;
  http2::buffer_pool& buffers;
  http2::decoded_block& scratch;
  auth::gate& gate;
  milvus::service& service;
  telemetry::logger& log;
  telemetry::shard& counts;
  const limits& within;

  std::vector<http2::field> fields{};                  // of the head that is being written
  std::vector<std::unique_ptr<exchange>> exchanges{};  // owns all, in use or spare
  std::vector<exchange*> spare{};
  std::unordered_set<connect_request*> tunnels{};  // of HTTP/2: those that are under way
  buffer_budget* budget = nullptr;
  bool short_of_buffers = false;         // windows stop growing (docs/passage.md 23)
  bool serving = true;                   // false: draining
  std::vector<health_call*> watchers{};  // to be told when that changes
};

}  // namespace sallyport::proxy
