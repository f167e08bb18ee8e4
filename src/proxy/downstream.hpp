// Who an answer goes to: a stream of an HTTP/2 connection, or an HTTP/1.1 connection, which has one request at a time. An exchange speaks
// to this alone, so that it need not know which. Implemented by the two conversations; outlives its exchanges; the worker's thread only.
#pragma once

#include <sallyport/http2/field.hpp>
#include <sallyport/http2/session.hpp>
#include <sallyport/upstream/tunnels.hpp>

#include <memory>
#include <vector>

namespace sallyport::proxy {

class tunnel_record;

class downstream {
 public:
  using handle = http2::stream*;  // nullptr in HTTP/1.1

  virtual void send_informational(handle on, const http2::response_head& head) = 0;  // 1xx
  virtual void send_head(handle on, const std::vector<http2::field>& fields, bool end) = 0;
  virtual std::size_t send_data(handle on, core::bytes payload, bool end) = 0;  // how much left at once; response_sent tells of the rest
  virtual void send_trailers(handle on, const std::vector<http2::field>& fields) = 0;  // the end
  virtual void credit(handle on, std::size_t bytes) = 0;                               // of the request: so much has been passed on
  virtual void let_go(handle on) = 0;                                                  // its exchange hears no more of it
  // The answer is whole, and the request is not: the client is told to stop (docs/passage.md 12). gently: after the answer has left.
  virtual void stop_request(handle on, bool gently) = 0;
  // The backend certainly did not look at it. True: the client has been told so and may send it again. False: this protocol has no word for
  // that.
  virtual bool refuse_unprocessed(handle on) = 0;
  // Half an answer: an end that no client takes for the end of the answer (docs/passage.md 17); `why` is for HTTP/2.
  virtual void break_off(handle on, http2::code why) = 0;
  virtual void close_after() {}                            // HTTP/1.1: this answer is the connection's last (docs/defences.md P10)
  virtual void permitted() = 0;                            // the connection has passed door 2 once (docs/passage.md 20)
  virtual bool expects_continue() const { return false; }  // HTTP/1.1: the client waits for a 100; in HTTP/2 the head has a field for it
  virtual http2::window_allowance* response_growth() { return nullptr; }
  virtual std::size_t held_bytes(handle on) const = 0;  // memory of the answer's bytes that wait
  virtual bool takes_trailers() const = 0;              // and so gRPC
  // CONNECT has passed. HTTP/1.1: says 200 and gives the whole connection to the tunnel. False, HTTP/2: the tunnel is this stream.
  virtual bool hand_over(std::unique_ptr<upstream::tunnels::connection>&, const auth::permit&, tunnel_record&) { return false; }
  virtual std::string_view name() const = 0;  // for the log: h2, http/1.1

 protected:
  ~downstream() = default;
};

}  // namespace sallyport::proxy
