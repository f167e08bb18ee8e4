// The requests of one connection behind door 1, in the protocol that it speaks. Owned by its connection, which reads, writes and ends; a
// conversation says what is to be written and when it is over. The worker's thread only.
#pragma once

#include "downstream.hpp"
#include "refusal.hpp"

#include <memory>
#include <string_view>

namespace sallyport::proxy {

class connection;

class conversation : public downstream {
 public:
  virtual ~conversation() = default;

  virtual void receive(core::bytes in, core::clock::time_point now) = 0;
  virtual void client_ended() = 0;  // it sends no more, in good order; what is under way may still be answered
  // False: what the client sends stays in the socket until some output has left. blocked: the socket takes none for now.
  virtual bool wants_input(bool blocked) const = 0;
  virtual void not_read() {}  // told when that begins
  virtual core::bytes output() = 0;
  virtual void output_taken() = 0;
  virtual bool has_output() const = 0;
  virtual bool requested() const { return true; }  // false: the client has asked for nothing so far, and nobody owes it anything
  virtual std::size_t output_memory() const = 0;   // of its output, and of answers that wait though their requests are done with
  virtual void shed_unowned() {}                   // gives such answers up

  virtual void users_changed() = 0;            // judges what is under way again
  virtual void begin_drain() = 0;              // no new requests; what is under way goes on
  virtual void end_drain(broken_off why) = 0;  // what is under way is refused
  virtual void end_exchanges() = 0;            // the client is gone
  virtual void sweep(core::clock::time_point now) = 0;

  // Why the connection is to end when its output has left; empty: it goes on.
  virtual std::string_view over() const = 0;
  // Likewise, but not in good order: half an answer must not look whole.
  virtual bool cut() const { return false; }
  // An answer has begun, and the client has not got all of it; the end of the connection could be taken for its own. unsent: the socket
  // has not taken all that was written.
  virtual bool unfinished(bool unsent) const {
    (void)unsent;
    return false;
  }
  // What the client did wrong, when that is why: fixed strings, for the log.
  virtual std::string_view complaint() const = 0;
  virtual std::string_view complaint_code() const = 0;
};

std::unique_ptr<conversation> speak_http2(connection& on);
std::unique_ptr<conversation> speak_http1(connection& on);

}  // namespace sallyport::proxy
