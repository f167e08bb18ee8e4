// One connection to a backend: a stream, our client end of HTTP/2 on it, and the requests that are under way. Kept alive by its own
// coroutine and by the pool.
#pragma once

#include <sallyport/net/output_pump.hpp>
#include <sallyport/net/stream.hpp>

#include "pool.hpp"

namespace sallyport::upstream {

class connection final : public http2::client_events,
                         public net::receiver,
                         public net::output_source,
                         public std::enable_shared_from_this<connection> {
 public:
  connection(pool& home, std::unique_ptr<net::stream> stream, std::uint64_t number, tenure term);
  ~connection();

  core::task<void> run();  // until the connection ends
  void sweep(core::clock::time_point now);
  void abort() noexcept;
  void make_way();  // ends, with what it still carries, for its place is needed
  void retire();    // takes no new requests, and closes when it has finished those it has

  std::uint64_t number() const { return number_; }  // its pool has had no other with this
  bool has_room();
  bool reads_first();  // what has come decides whether it takes requests; it dispatches then
  bool idle() const { return session_.open_streams() == 0; }
  bool leaving() const { return retired_ || session_.retiring(); }
  void carry(pooled_exchange& request, const std::vector<http2::field>& fields, bool end);

  http2::client_session& session() { return session_; }
  void mark() { pump_.mark(); }

 private:
  // http2::client_events
  void informational(http2::stream& on, const http2::response_head& head) override;
  void response_started(http2::stream& on, const http2::response_head& head, bool end) override;
  void response_trailers(http2::stream& on, const http2::response_head& trailers) override;
  void data(http2::stream& on, core::bytes payload, bool end) override;
  void sent(http2::stream& on, std::size_t bytes) override;
  void closed(http2::stream& on, http2::code why, bool by_peer) override;
  void unprocessed(http2::stream& on) override;
  void going_away(http2::code why) override;
  void ping_answered() override { suspect_ = false; }

  void received(core::bytes in) override;
  core::bytes output() override { return session_.output(); }
  void output_taken() override { session_.output_taken(); }
  void output_drained() override;
  void output_failed(core::error_code why) override;

  bool output_is_flooded() const;
  pooled_exchange& detach(http2::stream& on);
  responder& release_answered(http2::stream& on);
  void failed(http2::stream& on, failure why);
  void lost(core::error_code why, std::string_view words = {});

  pool& home_;
  const std::uint64_t number_;
  const tenure term_;
  const std::unique_ptr<net::stream> stream_;
  http2::client_session session_;
  net::output_pump pump_;
  core::clock::time_point born_, last_received_, last_busy_, ping_sent_{};
  bool answered_since_ping_ = true;  // HEADERS or DATA came since our last PING (docs/passage.md 15)
  bool suspect_ = false, retired_ = false, deaf_ = false, useful_ = false, ended_ = false, lost_ = false;
};

}  // namespace sallyport::upstream
