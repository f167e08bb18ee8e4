// A byte stream between us and one peer: plain TCP here, TLS in the tls room. Whoever used the one can use the other.
//
// Owned by one connection; used on its worker's thread only. A stream at rest owns no buffer: what it reads lies in the worker's
// workbench and is lent to `receiver::received` for the length of that plain call, what it could not send is the only thing kept.
// Deadlines are the caller's (core::with_deadline, or a sleeper): no call here ends by itself against a silent peer.
// Cancelling the awaiting task, or `abort`, ends every wait.
#pragma once

#include <sallyport/core/asio.hpp>
#include <sallyport/core/result.hpp>

#include <string>
#include <string_view>

namespace sallyport::net {

// Takes the bytes of one receive. The view dies when the call returns: copy what must live (ASan builds poison it).
class receiver {
 public:
  virtual void received(core::bytes) = 0;

 protected:
  ~receiver() = default;
};

class stream {
 public:
  virtual ~stream() = default;

  // Waits until the peer sent something and hands it to `to`, in one or more calls. done: something was handed over, or the protocol below
  // moved on by itself. ended: the peer closed its direction in good order. Error: the stream is dead (reset, broken TLS, EOF without
  // close_notify).
  virtual core::task<core::result<core::progress>> receive(receiver& to) = 0;

  // Takes all of `data` and sends what the socket takes at once; the rest is kept, encrypted where the stream encrypts.
  // blocked: something is kept; call `drained` before the next write (what is kept is bounded by what the caller writes in one call).
  virtual core::result<core::progress> write(core::bytes data) = 0;

  // Waits until everything that was kept has been taken by the socket.
  virtual core::task<core::result<core::progress>> drained() = 0;

  // Says that we send no more (close_notify, then shutdown of the sending side), after what is kept. The peer's bytes can still be
  // received. blocked: it is not all said; call `drained`, then this again. Nothing can be written from the first call on.
  virtual core::result<core::progress> try_close() = 0;
  // The two together, until all is said.
  core::task<core::result<core::progress>> close();

  // Ends both directions at once; every pending wait ends with operation_aborted. Never fails.
  virtual void abort() noexcept = 0;
  // The same by a TCP reset, when the stream goes: what the peer has got must not look whole (RFC 9112 9.8).
  virtual void reset() noexcept = 0;

  // Bytes that the socket has not taken yet.
  virtual std::size_t unsent() const = 0;
  // The memory that they take: more than they are, when most have gone.
  virtual std::size_t held_bytes() const { return unsent(); }
  // Those, and what the socket has taken and the peer's system has not: a reset would destroy it.
  virtual std::size_t undelivered() { return unsent(); }
  // The peer is there no more, in neither direction (a reset, keepalive without an answer): for whoever neither reads nor writes.
  virtual bool is_gone() = 0;

  // Bytes, or the end of the peer's direction, wait to be received: whoever writes first may write to a connection that is closed already.
  virtual bool has_input() { return false; }
  // Of one receive, for whoever has to keep what it is given.
  virtual void limit_receive(std::size_t) {}
  // After an error: why, where there are more words than the code's.
  virtual std::string_view reason() const { return {}; }
};

// host:port of a peer, for logs and for the limits per source.
struct peer_address {
  boost::asio::ip::tcp::endpoint endpoint;
  std::string text() const;           // 127.0.0.1:4711, [::1]:4711
  std::string source_host() const;    // the IPv4 address (of a mapped one too), or the /48 of IPv6: one host may have all of that
  std::string source_prefix() const;  // /24 of IPv4 (and of mapped IPv4), /48 of IPv6: what the limits per source count
};

}  // namespace sallyport::net
