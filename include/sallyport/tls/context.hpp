// What a listener's TLS is: certificates, profiles, client certificates, for each server name. An immutable snapshot, shared by all
// workers; a reload makes a new one (live.hpp), and a connection needs the old one until its handshake is done. No OpenSSL in this
// header. Loading reports everything that is wrong, each with its file: unreadable, not PEM, key that does not match, a chain in the wrong
// order; and as warnings what still serves: dates, permissions, missing names.
#pragma once

#include <sallyport/core/result.hpp>
#include <sallyport/tls/allow.hpp>
#include <sallyport/tls/ticket_keys.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::tls {

enum class client_certificates { none, optional, required };
enum class profile { modern, intermediate };  // after Mozilla's lists: TLS 1.3 only; TLS 1.2 and 1.3

struct certificate_files {
  std::string cert;       // PEM: the leaf first, then its chain
  std::string key;        // PEM, not encrypted
  std::string ocsp = {};  // DER: the CA's OCSP response about the leaf, which is stapled while it is fresh; empty: none
};

// What holds for a set of server names.
struct policy_settings {
  // Several: chosen by the name that the client asks for, exact before wildcard, then by key type. The first is the default. Their names
  // are their SANs, or the CN where there is none.
  std::vector<certificate_files> certificates = {};
  profile versions = profile::intermediate;
  client_certificates clients = client_certificates::none;
  std::string client_ca = {};  // PEM, one or more; wanted unless clients is none
  std::vector<std::string> crls = {};
  enum class crl_scope { leaf, chain };  // the leaf's issuer needs a CRL, or every CA of the chain
  crl_scope crl_for = crl_scope::leaf;
  enum class stale_crl { refuse, accept };
  stale_crl stale = stale_crl::refuse;
  std::vector<allow_rule> allow = {};
  bool require_client_eku = false;  // refuses client certificates without extendedKeyUsage; Milvus' documented recipe makes such
};

// Some names with a policy of their own.
struct name_settings {
  std::vector<std::string> names;  // exact, or "*.example.org" for one label
  policy_settings policy;
};

// Of a whole listener.
struct server_settings : policy_settings {
  std::vector<name_settings> by_name = {};
  enum class unknown_name { serve_default, refuse };
  unknown_name unknown = unknown_name::serve_default;  // also for clients that name none
  std::string ticket_keys_file = {};                   // see ticket_keys.hpp; empty: random ones
  bool any_protocol = false;                           // bytes of any kind follow: ALPN is neither asked for nor answered (RFC 7301 3.1)
};

// By all its names: a client chooses the name.
bool always_requires_certificates(const server_settings& s);

// Every file that a context is made of.
std::vector<std::string> files_of(const server_settings& settings);

class context {
 public:
  // All faults at once. A client certificate without SAN or EKU is accepted: Milvus' documentation (adminGuide/tls.md) makes such.
  // `keys`: shared by all contexts of a process, before and after a reload; nullptr: of its own.
  static boost::system::result<std::shared_ptr<const context>, std::vector<core::fault>> load(const server_settings& settings,
                                                                                              std::shared_ptr<ticket_keys> keys = nullptr);
  ~context();
  context(const context&) = delete;
  context& operator=(const context&) = delete;

  // What `check` and the start tell an operator without refusing: expired or soon expiring, key readable by others.
  const std::vector<std::string>& warnings() const;
  // Equal for equal content of all files: what a reload need not replace.
  const std::string& fingerprint() const;
  // Of each certificate that is served, of each CA and each CRL: when it ends.
  struct dated {
    enum class kind { server, client_ca, crl };
    kind is;
    std::string path, subject;
    std::string sha256;  // hex, of the certificate or the CRL
    std::int64_t until;  // seconds since 1970
  };
  const std::vector<dated>& dates() const;
  // Which policy serves a name: 0 is the default. Names are compared without regard to case.
  std::size_t policy_for(std::string_view name) const;
  std::size_t policies() const;

  struct parts;
  const parts& inside() const { return *parts_; }  // for the room tls

 private:
  context();
  std::unique_ptr<parts> parts_;
};

}  // namespace sallyport::tls
