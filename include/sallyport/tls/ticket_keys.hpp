// The keys of session tickets (RFC 5077, RFC 8446 4.6.1): shared by all listeners and workers, so that a ticket of one is good at the
// other. One key seals; it and the two before it open. Made at random and changed every 12 hours, or read from a file that several nodes
// share. What a ticket still permits is not decided here: see session_tickets.hpp. Any thread. Keys are wiped when they go, and are never
// written anywhere.
#pragma once

#include <sallyport/core/asio.hpp>
#include <sallyport/core/result.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace sallyport::tls {

struct ticket_key {
  std::array<unsigned char, 16> name;    // in the clear in each ticket, to find the key
  std::array<unsigned char, 32> cipher;  // AES-256-CBC
  std::array<unsigned char, 32> mac;     // HMAC-SHA-256
  ~ticket_key();
};

class ticket_keys {
 public:
  using clock = core::clock;
  static constexpr auto rotation = std::chrono::hours(12);
  static constexpr std::size_t kept_max = 3;

  ticket_keys();
  ~ticket_keys();
  ticket_keys(const ticket_keys&) = delete;
  ticket_keys& operator=(const ticket_keys&) = delete;

  // A text file of up to three lines, each the base64 of 80 random octets (`openssl rand 80 | base64 -w 0`), newest first: the first
  // seals, all open.
  using list = std::vector<std::shared_ptr<const ticket_key>>;
  static core::outcome<list> in_file(const std::string& path);
  // From then on keys change by this alone.
  void use(list of_file);

  struct chosen {
    std::shared_ptr<const ticket_key> key;  // nullptr: none of that name
    bool newest = false;
  };
  chosen sealing(clock::time_point now = clock::now());
  chosen opening(const unsigned char* name, clock::time_point now = clock::now());

 private:
  void rotate(clock::time_point now);

  std::mutex mutex_;
  list keys_;  // newest first
  clock::time_point made_;
  bool from_file_ = false;
};

}  // namespace sallyport::tls
