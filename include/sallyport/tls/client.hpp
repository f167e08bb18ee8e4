// The client's end of TLS on one connection, for our own commands: certificate and name of the server are always verified. A net::stream
// once `handshake` has succeeded. Owned by its connection, used on one thread. Bounded by one read of 16 KiB and by what `write` is given;
// it owns its buffers, for there are few of them.
#pragma once

#include <sallyport/core/result.hpp>
#include <sallyport/net/outbox.hpp>
#include <sallyport/net/stream.hpp>

#include <memory>
#include <string>

namespace sallyport::tls {

struct client_settings {
  std::string ca;         // PEM; empty: the system's roots
  std::string cert, key;  // PEM; empty: no client certificate
  std::string alpn;       // the one protocol that is offered; empty: none
};

// What all connections to one server share: the files, read once. Faults name the file.
class client_trust {
 public:
  static core::outcome<std::shared_ptr<const client_trust>> load(const client_settings& settings);
  ~client_trust();
  client_trust(const client_trust&) = delete;
  client_trust& operator=(const client_trust&) = delete;

 private:
  friend class client_session;
  client_trust() = default;
  struct native;
  std::unique_ptr<native> native_;
};

class client_session final : public net::stream {
 public:
  // `host`: the name or address that the server's certificate must be for.
  client_session(core::tcp_socket socket, std::shared_ptr<const client_trust> trust, const std::string& host);
  ~client_session() override;

  core::task<core::result<core::progress>> handshake();  // the deadline is the caller's
  // After an error of any call: why, in words, X.509's where there are some. With TLS 1.3 a server refuses our certificate after the
  // handshake.
  const std::string& reason() const { return reason_; }

  core::task<core::result<core::progress>> receive(net::receiver& to) override;
  core::result<core::progress> write(core::bytes data) override;
  core::task<core::result<core::progress>> drained() override;
  core::task<core::result<core::progress>> close() override;
  void abort() noexcept override;
  void reset() noexcept override;
  std::size_t unsent() const override { return outbox_.size(); }
  bool is_gone() override { return net::is_gone(socket_); }

 private:
  struct native;
  core::error_code failed(int returned);
  core::result<core::progress> push();
  core::task<core::result<core::progress>> pull();

  core::tcp_socket socket_;
  std::shared_ptr<const client_trust> trust_;
  std::unique_ptr<native> native_;
  net::outbox outbox_;
  std::string reason_;
  core::error_code dead_;
  bool closed_ = false;
};

}  // namespace sallyport::tls
