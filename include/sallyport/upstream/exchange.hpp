// One request on its way to whoever answers it: a stream on a pooled connection to a backend, or a call that Sallyport answers itself. Both
// look the same from here. Used on one worker's thread. No call waits; what cannot go at once is kept, 64 KiB at most, because credit for
// it is withheld (docs/passage.md 20).
#pragma once

#include <sallyport/auth/gate.hpp>
#include <sallyport/core/result.hpp>
#include <sallyport/http2/codes.hpp>
#include <sallyport/http2/field.hpp>
#include <sallyport/http2/session.hpp>

#include <cstddef>
#include <vector>

namespace sallyport::upstream {

// Why an exchange ended without a response's end. The client learns what grpc_status_of says; texts to clients name no internals.
enum class failure {
  unreachable,     // no connection could be made, or the last attempts failed and it is too early for the next
  no_slot,         // waited `wait` for a free stream, or too many wait already
  unprocessed,     // the backend certainly did not look at it: REFUSED_STREAM towards the client
  cancelled,       // the backend reset the stream with CANCEL
  broken,          // the connection died, the backend reset the stream, or broke a rule of the protocol
  timed_out,       // REST: no head within `head` (docs/passage.md 24)
  cannot_be_said,  // REST over HTTP/1.1: the request has bytes that this cannot carry, so it is the client's doing
};

// Who gets the answer. Views live for the length of the call. After the end (`end`, trailers, failed) the exchange is gone, whether the
// request was whole or not.
class responder {
 public:
  virtual void informational(const http2::response_head&) {}  // 1xx, to REST; nothing of it is told to gRPC
  virtual void response_head(const http2::response_head& head, bool end) = 0;
  virtual void response_data(core::bytes payload, bool end) = 0;  // give it back with credit() when it is passed on
  virtual void response_trailers(const http2::response_head& trailers) = 0;
  virtual void request_taken(std::size_t bytes) = 0;  // request bytes that had waited are on their way
  virtual void failed(failure why) = 0;
  // What the window of the response grows from; nullptr: it does not. It outlives the exchange.
  virtual http2::window_allowance* response_growth() { return nullptr; }

 protected:
  ~responder() = default;
};

class exchange {
 public:
  virtual std::size_t send(core::bytes payload, bool end) = 0;  // how much of it went at once; request_taken tells of the rest
  virtual void credit(std::size_t bytes) = 0;                   // so much of the response has been passed on
  virtual void cancel() = 0;                            // the client is gone; the responder is not called again; gone after this call
  virtual std::size_t held_bytes() const { return 0; }  // memory of the request's bytes that wait

 protected:
  ~exchange() = default;
};

// Where a request is handed in, with the permit that lets it: a pool of connections to a backend.
class opener {
 public:
  // Takes a request whose head is `fields`; `end`: it has no body. nullptr: it cannot be taken, `why` says why, and `to` is not called.
  virtual exchange* open(const auth::permit& passed, const std::vector<http2::field>& fields, bool end, responder& to, failure& why) = 0;

 protected:
  ~opener() = default;
};

}  // namespace sallyport::upstream
