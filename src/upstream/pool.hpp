// The HTTP/2 connections of one worker to one address of a backend (docs/passage.md 14 to 18). The first request opens the first
// connection; a connect in flight is shared by its waiters, and so is its failure. After a failure it fails fast until the next attempt is
// due (100 ms to 5 s, with jitter). See endpoint_pool.hpp for who owns it. Bounded: connections, streams on each.
#pragma once

#include "endpoint_pool.hpp"
#include "pooled_exchange.hpp"

namespace sallyport::upstream {

// What the pools of a backend share.
struct shared_exchanges {
  std::size_t larges = 0;  // see kept_request
  exchange_store<pooled_exchange> exchanges;
};

class pool final : public endpoint_pool {
 public:
  pool(balancer& home, target where, std::shared_ptr<shared_exchanges> store);
  ~pool();

  exchange* open(const auth::permit& passed, const std::vector<http2::field>& fields, bool end, responder& to, failure& why) override;
  void adopt(balanced_request& who) override;
  void sweep(core::clock::time_point now, pool_figures& add_to) override;
  void retire() override;
  void stop() override;
  bool at_rest() const override { return outstanding() == 0 && connections_.empty() && !connecting_ && alive_ == 0; }
  bool may_try() const override { return !connections_.empty() || connecting_ || pause.over(); }
  balanced_request* take_waiting() override;
  void connect_failed(const dial_failure& why) override;

 private:
  friend class connection;
  friend class pooled_exchange;

  connection* with_room(std::uint64_t avoided = 0);
  void start(connection& on, pooled_exchange& request);
  void dispatch();
  bool full() const;
  void make_way();
  void connect_if_wanted();
  core::task<void> connect();
  bool send_again(pooled_exchange& request, std::uint64_t refused_by);
  bool wait_for_another(pooled_exchange& request);
  void fail(balanced_request& who, failure why) override;
  void lost(connection& which, bool young);
  pooled_exchange& take_again();
  void give_back(pooled_exchange& done);
  void forget(pooled_exchange& who);

  const std::shared_ptr<shared_exchanges> store_;
  http2::limits limits_;
  std::size_t alive_ = 0;  // connections, those included that have been lost and not ended yet
  std::vector<std::shared_ptr<connection>> connections_;
  std::deque<pooled_exchange*> again_;  // what one connection has refused, and another is to take; before the others
  std::uint64_t connections_made_ = 0;
  bool connecting_ = false;
};

}  // namespace sallyport::upstream
