// What a listener's TLS is: certificates, profile, client certificates. An immutable snapshot, shared by all workers and pinned by live
// connections. No OpenSSL in this header. Loading reports everything that is wrong, each with its file: unreadable, not PEM, key that does
// not match, expired (a warning).
#pragma once

#include <sallyport/core/result.hpp>

#include <memory>
#include <string>
#include <vector>

struct ssl_ctx_st;

namespace sallyport::tls {

enum class client_certificates { none, optional, required };
enum class profile { modern, intermediate };  // after Mozilla's lists: TLS 1.3 only; TLS 1.2 and 1.3

struct certificate_files {
  std::string cert;  // PEM: the leaf first, then its chain
  std::string key;   // PEM, not encrypted
};

struct server_settings {
  std::vector<certificate_files> certificates = {};  // the first is the default; one per key type for now
  profile versions = profile::intermediate;
  client_certificates clients = client_certificates::none;
  std::string client_ca = {};  // PEM, one or more; wanted unless clients is none
  bool any_protocol = false;   // bytes of any kind follow: ALPN is neither asked for nor answered (RFC 7301 3.1)
};

class context {
 public:
  // All faults at once. A certificate without SAN or EKU is accepted on the client's side: Milvus' documented recipe makes such
  // (milvus-behaviour 6.4).
  static boost::system::result<std::shared_ptr<const context>, std::vector<core::fault>> load(const server_settings& settings);
  ~context();
  context(const context&) = delete;
  context& operator=(const context&) = delete;

  ssl_ctx_st* native() const { return native_; }
  client_certificates clients() const { return clients_; }
  // What `check` and the start tell an operator without refusing: expired or soon expiring, key readable by others.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  context() = default;
  ssl_ctx_st* native_ = nullptr;
  client_certificates clients_ = client_certificates::none;
  std::vector<std::string> warnings_;
};

}  // namespace sallyport::tls
