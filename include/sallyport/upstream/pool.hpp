// The connections of one worker to one backend, and the line of requests that wait for a place on one (passage 14 to 18, 25).
//
// A request gets in by a permit alone. Owned by its worker and used on its thread; `stop` ends it. Bounded: connections, streams on each,
// requests that wait and how long. The first permit opens the first connection; a connect in flight is shared by its waiters, and so is its
// failure. After a failure it fails fast until the next attempt is due (100 ms to 5 s, with jitter).
#pragma once

#include <sallyport/auth/gate.hpp>
#include <sallyport/core/task_group.hpp>
#include <sallyport/http2/session.hpp>
#include <sallyport/net/turn.hpp>
#include <sallyport/net/workbench.hpp>
#include <sallyport/telemetry/log.hpp>
#include <sallyport/telemetry/metrics.hpp>
#include <sallyport/upstream/exchange.hpp>
#include <sallyport/upstream/settings.hpp>

#include <deque>
#include <memory>
#include <random>
#include <vector>

namespace sallyport::upstream {

// What a pool borrows from its worker; all of it outlives the pool.
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

class connection;
class pooled_exchange;
class reconnect_pause;

class pool final : public opener {
 public:
  pool(const surroundings& around, const settings& s);
  ~pool();
  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;

  exchange* open(const auth::permit& passed, const std::vector<http2::field>& fields, bool end, responder& to, failure& why) override;

  // Once in a while, from the worker's sweep: waiting times, idle connections, PINGs to backends that are silent.
  void sweep(core::clock::time_point now);
  void stop();  // ends every connection; open exchanges have been cancelled before

 private:
  friend class connection;
  friend class pooled_exchange;

  connection* with_room();
  void dispatch();
  void connect_if_wanted();
  core::task<void> connect();
  void connect_failed(core::error_code why);
  void fail_first(failure why);
  exchange* refused(failure why);
  void count(failure why);
  void back_off();
  void lost(connection& which, bool young);
  pooled_exchange& take_exchange();
  void give_back(pooled_exchange& done);
  void leave_line(pooled_exchange& who);

  surroundings around_;
  settings settings_;
  http2::limits limits_;
  std::vector<std::shared_ptr<connection>> connections_;
  std::deque<pooled_exchange*> line_;  // requests without a connection, first come first
  std::vector<std::unique_ptr<pooled_exchange>> all_;
  std::vector<pooled_exchange*> spare_;
  bool connecting_ = false, stopped_ = false;
  telemetry::backend_counts& counted_;
  std::unique_ptr<reconnect_pause> pause_;
  std::minstd_rand jitter_{std::random_device{}()};  // of the connections' lifetimes
};

}  // namespace sallyport::upstream
