// What a conversation knows of a request that is under way, whatever becomes of it: an exchange, or a CONNECT and the tunnel that it opens.
// Made when a head is whole; lets go of its downstream when it is over. The worker's thread only.
#pragma once

#include <sallyport/auth/gate.hpp>
#include <sallyport/core/asio.hpp>
#include <sallyport/core/result.hpp>

#include <string_view>

namespace sallyport::proxy {

class connection;
struct refusal;

class request {
 public:
  virtual void request_data(core::bytes payload, bool end) = 0;
  virtual void response_sent(std::size_t bytes) = 0;  // DATA that had waited for the client's window
  virtual void client_gone() = 0;                     // reset, or the connection ended
  virtual void stalled() { client_gone(); }           // reset by us: the client opens no window
  virtual void judge_again() = 0;                     // users have changed (docs/passage.md 13)
  virtual void end_with(const refusal& why) = 0;      // in the words of its protocol
  virtual void sweep(core::clock::time_point) {}      // a few times a second
  // The client has begun something that it has to finish before long (docs/passage.md 24).
  virtual bool inside_message() const { return false; }

 protected:
  ~request() = default;
};

// In whose name bytes are kept: the user's, or the client's address while none is known.
inline std::string_view holder_of(const auth::permit& passed, std::string_view source) {
  return passed.user_name().empty() ? source : passed.user_name();
}

// Whoever keeps bytes that wait, and may have to give them up (docs/passage.md 23): an exchange, or a tunnel.
class keeper {
 public:
  virtual bool in_use() const = 0;                         // false: it is over, and keeps nothing
  virtual connection* on() const = 0;                      // nullptr: it has left its connection, or is one
  virtual std::string_view holder() const = 0;             // its user, or its client's address while that is not known
  virtual std::size_t held_bytes() const = 0;              // memory of bytes that wait, in both directions
  virtual std::size_t outside_bytes() const { return 0; }  // of those: in streams, where the worker's pool of buffers does not see them
  virtual core::clock::time_point moved() const = 0;       // when some of them last went on
  virtual void shed() = 0;                                 // buffers are short, and this is the one to go

 protected:
  ~keeper() = default;
};

}  // namespace sallyport::proxy
