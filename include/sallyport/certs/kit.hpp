// The kit of good and bad certificates: a catalogue of sets in 8 families, each with one fault or none, and what a correct TLS server does
// with it when a client shows it. All of them belong to ONE configuration of the server under test: its client CAs are ca.pem, its CRLs are
// crl.pem, its own certificate server.pem with server.key. Made at run time, relative to now; nothing of it is ever committed. It is good
// for thirty days: then what is not yet valid becomes so.
//
//   sallyport::certs::kit kit;                                   // in a temporary folder that goes with it
//   auto server = kit.server();                                  // server.cert, server.key; kit.ca(), kit.crl()
//   auto good = kit.client("good");                              // good.cert, good.key
//   for (const auto& bad : kit.bad()) ...                        // bad.cert, bad.key, bad.expect, bad.says
//
// The server that the verdicts are about: security level 2, TLS 1.2 and 1.3, groups X25519, P-256 and P-384, at most 4 CAs between leaf and
// root, a list of certificates of at most 64 KiB; CRLs looked up for the WHOLE chain (crl.pem has one for every CA, unless its absence is
// the fault); purpose sslclient; X509_V_FLAG_X509_STRICT, of whose findings three are let pass, because Milvus' documented recipe makes
// such: a CA of ca.pem whose basicConstraints are not critical, one without keyUsage, and a leaf without authorityKeyIdentifier straight
// below one. Beyond OpenSSL's verification it makes the checks that a set's `check` names; docs/certificates.md has their rules.
//
// Blocking, any thread; a failure throws std::runtime_error from the constructor and is a fault of `make_fixtures`. The files belong to
// whoever had them made; the kit's own go with it.
#pragma once

#include <sallyport/core/result.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::certs {

enum class family { dates, names, chain, extensions, keys, revocation, encoding, size };
std::string_view name_of(family which);

enum class verdict { accept, refuse };

// What a correct server does when the client offers the set, by what the server asks for. With `none` it does not ask, and no
// certificate is sent.
struct expectation {
  verdict none = verdict::accept, optional = verdict::accept, required = verdict::accept;
};

struct fixture {
  std::string id;  // unique, [a-z0-9-]+; also the name of its folder
  certs::family family = family::dates;
  std::string fault;  // in some words; empty: it is good
  expectation expect;
  // The first error that OpenSSL's verification reports: X509_V_ERR_CERT_HAS_EXPIRED. Empty: it has nothing to say against it.
  std::string openssl_error;
  // Empty: OpenSSL's verification finds it. `parse`, `size` and `curve`: the TLS layer does. Else the check that has to be added to it.
  std::string check;
  std::string alert;                                        // its name in RFC 8446 6.2 when it is refused: certificate_expired
  std::string says;                                         // one sentence for people
  std::vector<std::string> versions{"TLSv1.2", "TLSv1.3"};  // in which it can be judged
  // What a client needs to show it. Empty: nothing. `level-0`: OpenSSL must be told, as it refuses to load it at its usual security level
  // ("DEFAULT:@SECLEVEL=0"). `raw`: a client that sends octets without reading them; OpenSSL cannot.
  std::string needs;
  std::string cert, key;  // PEM files: the leaf with its chain as it is sent; its key

  bool good() const { return expect.required == verdict::accept; }
};

struct fixtures {
  std::string directory, ca, crl, server_cert, server_key;
  std::vector<fixture> sets;
};

struct fixture_options {
  // The same seed and the same time make the same octets, with the same version of OpenSSL. Whoever knows the seed has the keys.
  std::optional<std::uint64_t> seed = {};
  std::optional<std::int64_t> at = {};                                                       // seconds since 1970; nothing: now
  std::function<void(std::size_t done, std::size_t of, std::string_view id)> progress = {};  // before each set and once at the end
};

// Makes DIRECTORY, which must not exist or be empty, with all sets, the trust and manifest.json. All of it or nothing.
core::outcome<fixtures> make_fixtures(const std::string& directory, const fixture_options& options);

// Reads back what make_fixtures has written, from its manifest.
core::outcome<fixtures> load_fixtures(const std::string& directory);

// The sets in a temporary folder, which is removed with the object.
class kit {
 public:
  struct pair {
    std::string cert, key;
  };

  explicit kit(const fixture_options& options = {});
  ~kit();
  kit(const kit&) = delete;
  kit& operator=(const kit&) = delete;

  const std::string& directory() const { return made_.directory; }
  const std::string& ca() const { return made_.ca; }
  const std::string& crl() const { return made_.crl; }
  pair server() const { return {made_.server_cert, made_.server_key}; }

  const fixture& client(std::string_view id) const;  // throws std::out_of_range where there is none
  const std::vector<fixture>& all() const { return made_.sets; }
  std::vector<fixture> bad() const;  // those that must be refused and any client can show, in TLS 1.2 and in 1.3

 private:
  std::string folder_;
  fixtures made_;
};

}  // namespace sallyport::certs
