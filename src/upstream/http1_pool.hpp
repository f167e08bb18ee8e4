// The connections of one worker to one address of the HTTP/1.1 port of a backend: Milvus' REST (docs/passage.md 19). A connection carries
// one request at a time and is used again when both messages are complete; what was sent on one that dies is not sent again. After a failed
// connect it fails fast until the next attempt is due. See endpoint_pool.hpp for who owns it. Bounded: connections.
#pragma once

#include "endpoint_pool.hpp"

namespace sallyport::upstream {

class http1_connection;
class http1_exchange;
using http1_store = exchange_store<http1_exchange>;

class http1_pool final : public endpoint_pool {
 public:
  http1_pool(balancer& home, target where, const http1::limits& within, std::shared_ptr<http1_store> store);
  ~http1_pool();

  exchange* open(const auth::permit& passed, const std::vector<http2::field>& fields, bool end, responder& to, failure& why) override;
  void adopt(balanced_request& who) override;
  void sweep(core::clock::time_point now, pool_figures& add_to) override;
  void retire() override;
  void stop() override;
  bool at_rest() const override { return outstanding() == 0 && connections_.empty() && connecting_ == 0 && alive_ == 0; }
  bool may_try() const override { return !connections_.empty() || connecting_ > 0 || pause.over(); }
  void connect_failed(const dial_failure& why) override;

 private:
  friend class http1_connection;
  friend class http1_exchange;

  http1_connection* idle();
  void start(http1_connection& on, http1_exchange& request);
  void dispatch();
  void connect_if_wanted();
  core::task<void> connect();
  void fail(balanced_request& who, failure why) override;
  void lost(http1_connection& which);
  void give_back(http1_exchange& done);

  const std::shared_ptr<http1_store> store_;
  const http1::limits limits_;
  std::size_t alive_ = 0;  // connections, those included that have been lost and not ended yet
  std::vector<std::shared_ptr<http1_connection>> connections_;
  std::size_t connecting_ = 0;
};

}  // namespace sallyport::upstream
