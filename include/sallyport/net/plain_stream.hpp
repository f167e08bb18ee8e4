// A stream over TCP without TLS: to a backend, and for plaintext listeners. See stream.hpp for every promise.
#pragma once

#include <sallyport/net/outbox.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/net/workbench.hpp>

namespace sallyport::net {

class plain_stream final : public stream {
 public:
  plain_stream(core::tcp_socket socket, workbench& bench);

  core::task<core::result<core::progress>> receive(receiver& to) override;
  core::result<core::progress> write(core::bytes data) override;
  core::task<core::result<core::progress>> drained() override;
  core::result<core::progress> try_close() override;
  void abort() noexcept override;
  void reset() noexcept override;
  std::size_t unsent() const override { return outbox_.size(); }
  std::size_t held_bytes() const override { return outbox_.memory(); }
  std::size_t undelivered() override { return outbox_.size() + net::unacknowledged(socket_); }
  bool is_gone() override { return net::is_gone(socket_); }
  bool has_input() override { return net::has_input(socket_); }
  void limit_receive(std::size_t bytes) override { receive_max_ = bytes; }

 private:
  core::result<core::progress> take_in(receiver& to);
  core::result<core::progress> send(core::bytes data);
  core::tcp_socket socket_;
  workbench& bench_;
  outbox outbox_;
  core::error_code dead_, cannot_send_;  // a failed send leaves what the peer has already sent readable
  std::size_t receive_max_ = workbench::ciphertext_max_bytes;
  bool closed_ = false;
  bool filled_ = false;  // the last receive filled the workbench: more is probably there
  unsigned burst_ = 0;   // receives since the last wait
};

// Resolves nothing: connects to one address; TCP_NODELAY and keepalive set. Ends by the caller's deadline or with the system's error.
core::task<core::result<core::tcp_socket>> connect(boost::asio::ip::tcp::endpoint to);

}  // namespace sallyport::net
