// The connections of one worker to the HTTP/1.1 port of one backend: Milvus' REST (passage 19). A connection carries one request at a time
// and is used again when both messages are complete; what was sent on one that dies is not sent again.
//
// A request gets in by a permit alone. Owned by its worker and used on its thread; `stop` ends it. Bounded: connections, requests that wait
// and how long; after a failed connect it fails fast until the next attempt is due.
#pragma once

#include <sallyport/http1/limits.hpp>
#include <sallyport/upstream/pool.hpp>

#include <deque>
#include <memory>
#include <vector>

namespace sallyport::upstream {

class http1_connection;
class http1_exchange;

class http1_pool final : public opener {
 public:
  http1_pool(const surroundings& around, const settings& s, const http1::limits& within);
  ~http1_pool();
  http1_pool(const http1_pool&) = delete;
  http1_pool& operator=(const http1_pool&) = delete;

  exchange* open(const auth::permit& passed, const std::vector<http2::field>& fields, bool end, responder& to, failure& why) override;
  void sweep(core::clock::time_point now);
  void stop();

 private:
  friend class http1_connection;
  friend class http1_exchange;

  http1_connection* idle();
  void dispatch();
  void connect_if_wanted();
  core::task<void> connect();
  void fail_first(failure why);
  exchange* refused(failure why);
  void count(failure why);
  void lost(http1_connection& which);
  void give_back(http1_exchange& done);
  const endpoint& where() const;

  surroundings around_;
  settings settings_;
  http1::limits limits_;
  telemetry::backend_counts& counted_;
  std::vector<std::shared_ptr<http1_connection>> connections_;
  std::deque<http1_exchange*> line_;
  std::vector<std::unique_ptr<http1_exchange>> all_;
  std::vector<http1_exchange*> spare_;
  std::unique_ptr<reconnect_pause> pause_;
  std::size_t connecting_ = 0;
  bool stopped_ = false;
};

}  // namespace sallyport::upstream
