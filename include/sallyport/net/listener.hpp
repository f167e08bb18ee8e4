// Accepts connections on one address, for one worker. An admission slot is taken before anything is read from a connection, so that what is
// beyond the limits costs an accept and a close. Every worker has an acceptor of its own on the same port (SO_REUSEPORT). When file
// descriptors run out, accepting pauses 50 to 500 ms and goes on; nothing else suffers.
#pragma once

#include <sallyport/core/asio.hpp>
#include <sallyport/core/result.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/telemetry/log.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace sallyport::net {

struct admission_limits {
  std::uint32_t connections = 20'000;             // limits.connections
  std::uint32_t connections_per_source = 10'000;  // limits.connections_per_source
  std::uint32_t handshakes = 1'024;               // limits.handshakes: TLS handshakes in flight
  std::uint32_t handshakes_per_source = 256;      // limits.handshakes_per_source: the same from one /24 or /48
};

// Counts connections and handshakes of the whole process; one object, shared by all workers (a mutex at accept and at close, never on the
// data path).
class admission {
 public:
  explicit admission(const admission_limits& limits) : limits_(limits) {}

  // Gives its place back when it goes.
  class slot {
   public:
    slot() = default;
    slot(slot&& other) noexcept;
    slot& operator=(slot&& other) noexcept;
    ~slot() { release(); }
    void handshake_done() noexcept;  // frees the handshake's place, keeps the connection's
    void release() noexcept;
    explicit operator bool() const { return from_ != nullptr; }

   private:
    friend class admission;
    std::shared_ptr<admission> from_;
    std::string source_;
    bool handshaking_ = false;
  };

  enum class verdict { admitted, too_many_connections, too_many_from_source, too_many_handshakes, too_many_handshakes_from_source };
  struct answer {
    verdict why = verdict::admitted;
    slot place;
  };
  static answer enter(const std::shared_ptr<admission>& self, const peer_address& peer, bool handshake);
  std::uint32_t connections() const;

 private:
  struct counts {
    std::uint32_t connections = 0, handshakes = 0;
  };
  void leave(const std::string& source, bool connection, bool handshake) noexcept;
  const admission_limits limits_;
  mutable std::mutex mutex_;
  counts total_;
  std::unordered_map<std::string, counts> sources_;
};
std::string_view name_of(admission::verdict why);  // limits_connections, …: the reason in the log

struct accepted {
  core::tcp_socket socket;
  peer_address peer;
  admission::slot place;
};

struct listener_settings {
  std::string name;
  std::string host;        // an address, or a name that resolves to one
  std::uint16_t port = 0;  // 0: the system chooses; `local` tells
  // The first listener of this process on the port: no other program may listen there, not even one that shares its ports (SO_REUSEPORT).
  bool alone = false;
};

class listener {
 public:
  // Binds and listens, or says why not: address in use, no permission, no such address.
  static core::outcome<std::unique_ptr<listener>> open(core::executor on, const listener_settings& settings,
                                                       std::shared_ptr<admission> gatekeeper, bool handshakes, telemetry::logger& log);

  // Accepts until `close`; `take` is called on this thread for each connection that was admitted. A refused one is logged
  // (connection_refused), told to `refused`, and closed.
  core::task<void> run(std::function<void(accepted)> take, std::function<void(admission::verdict)> refused = {});
  void close() noexcept;
  boost::asio::ip::tcp::endpoint local() const;

 private:
  listener(core::tcp_acceptor acceptor, std::string name, std::shared_ptr<admission> gatekeeper, bool handshakes, telemetry::logger& log);
  void admit(core::tcp_socket socket, const peer_address& peer, const std::function<void(accepted)>& take,
             const std::function<void(admission::verdict)>& refused);
  core::tcp_acceptor acceptor_;
  core::timer pause_;
  std::string name_;
  std::shared_ptr<admission> gatekeeper_;
  bool handshakes_;
  telemetry::logger& log_;
};

}  // namespace sallyport::net
