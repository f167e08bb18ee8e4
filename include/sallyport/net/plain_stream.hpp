// A stream over TCP without TLS: to a backend, and for plaintext listeners. See stream.hpp for every promise.
#pragma once

#include <sallyport/net/stream.hpp>
#include <sallyport/net/workbench.hpp>

#include <vector>

namespace sallyport::net {

class plain_stream final : public stream {
 public:
  plain_stream(core::tcp_socket socket, workbench& bench);

  core::task<core::result<core::progress>> receive(receiver& to) override;
  core::result<core::progress> write(core::bytes data) override;
  core::task<core::result<core::progress>> drained() override;
  core::task<core::result<core::progress>> close() override;
  void abort() noexcept override;
  std::size_t unsent() const override { return kept_.size() - kept_at_; }

 private:
  core::tcp_socket socket_;
  workbench& bench_;
  std::vector<std::byte> kept_;  // what the socket did not take, from kept_at_ on
  std::size_t kept_at_ = 0;
};

// Resolves nothing: connects to one address; TCP_NODELAY and keepalive set. Ends by the caller's deadline or with the system's error.
core::task<core::result<core::tcp_socket>> connect(boost::asio::ip::tcp::endpoint to);

}  // namespace sallyport::net
