// What a conversation knows of a request that is under way, whatever becomes of it: an exchange, or a CONNECT and the tunnel that it opens.
// Made when a head is whole; lets go of its downstream when it is over. The worker's thread only.
#pragma once

#include <sallyport/core/asio.hpp>
#include <sallyport/core/result.hpp>

namespace sallyport::proxy {

struct refusal;

class request {
 public:
  virtual void request_data(core::bytes payload, bool end) = 0;
  virtual void response_sent(std::size_t bytes) = 0;  // DATA that had waited for the client's window
  virtual void client_gone() = 0;                     // reset, or the connection ended
  virtual void judge_again() = 0;                     // users have changed (docs/passage.md 13)
  virtual void end_with(const refusal& why) = 0;      // in the words of its protocol
  virtual void sweep(core::clock::time_point) {}      // a few times a second
  // The client has begun something that it has to finish before long (docs/passage.md 24).
  virtual bool inside_message() const { return false; }

 protected:
  ~request() = default;
};

}  // namespace sallyport::proxy
