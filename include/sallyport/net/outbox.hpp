// The sending half that plain and TLS streams share: what the socket did not take is kept, and everything leaves in order.
// Owned by one stream, used on its worker's thread only. Bounded by what the owner hands over between two drains; owns no memory when
// nothing is kept.
#pragma once

#include <sallyport/core/asio.hpp>
#include <sallyport/core/result.hpp>

#include <vector>

namespace sallyport::net {

class outbox {
 public:
  // Sends what is kept and then `data`, in one system call where nothing is kept. done: the socket took all; blocked: the rest is kept.
  core::result<core::progress> send(core::tcp_socket& socket, core::bytes data);
  void keep(core::bytes rest);  // it leaves with the next send
  void clear() noexcept;
  std::size_t size() const { return kept_.size() - kept_at_; }
  std::size_t memory() const { return kept_.capacity(); }

 private:
  std::vector<std::byte> kept_;  // from kept_at_ on
  std::size_t kept_at_ = 0;
};

// The connection is dead in both directions, though nobody has read or written since.
bool is_gone(core::tcp_socket& socket);
// Bytes on their way that the peer's system has not confirmed yet; our end is one.
std::size_t unacknowledged(core::tcp_socket& socket);
// Bytes, or the end of the peer's direction.
bool has_input(core::tcp_socket& socket);

// One system call that does not wait. 0: the peer closed its direction; would_block: nothing is there.
core::result<std::size_t> receive_some(core::tcp_socket& socket, std::span<std::byte> into);

}  // namespace sallyport::net
