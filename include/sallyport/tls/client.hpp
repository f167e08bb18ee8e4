// What the client's ends of TLS towards one server have in common: whom they believe, and the certificate that they show. An immutable
// snapshot like `context`, shared by all workers; a session holds what it needs of it for itself. No OpenSSL in this header. Loading
// reports everything that is wrong, each with its file: unreadable, not PEM, key that does not match, expired (a warning).
#pragma once

#include <sallyport/core/result.hpp>

#include <memory>
#include <string>
#include <vector>

struct ssl_ctx_st;

namespace sallyport::tls {

struct client_settings {
  std::string ca = {};              // PEM, one or more; empty: the system's roots
  std::string cert = {}, key = {};  // PEM, the leaf first, then its chain; empty: no client certificate
  bool verify = true;               // false: whoever answers is taken for the server
};

class client_trust {
 public:
  static boost::system::result<std::shared_ptr<const client_trust>, std::vector<core::fault>> load(const client_settings& settings);
  ~client_trust();
  client_trust(const client_trust&) = delete;
  client_trust& operator=(const client_trust&) = delete;

  ssl_ctx_st* native() const { return native_; }
  // What `check` and the start tell an operator without refusing: expired or soon expiring, key readable by others.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  client_trust() = default;
  ssl_ctx_st* native_ = nullptr;
  std::vector<std::string> warnings_;
};

}  // namespace sallyport::tls
