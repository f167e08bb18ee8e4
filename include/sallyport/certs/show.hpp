// What is in a chain of certificates, and what the clients of Milvus will say to it: pymilvus (grpcio with BoringSSL; over REST requests
// with OpenSSL), Go, Node, Java, and Sallyport itself. Each finding is a fault with the words of those who complain, so that a search for
// an error message ends here. A client's certificate is judged by Sallyport alone.
//
// Pure but for the clock and the file; any thread. The chain may be a stranger's: what is read of it is bounded, and its texts are as they
// are in the certificates, to be escaped by whoever prints them.
#pragma once

#include <sallyport/certs/recipe.hpp>

#include <optional>

namespace sallyport::certs {

struct shown_certificate {
  std::string subject, issuer, serial;  // RFC 2253; upper-case hex
  std::string not_before, not_after;    // 2026-01-31 12:00:00 UTC
  std::int64_t days_left = 0;           // whole days; below 0: it has expired
  std::string key, signature;           // EC P-256; ecdsa-with-SHA256
  bool authority = false, self_signed = false;
  std::vector<std::string> dns, ips, uris, emails;  // the subjectAltName, the first 64 of each
  std::vector<std::string> purposes;                // extendedKeyUsage; empty: there is none
  std::string sha256;                               // fingerprint, hex
};

enum class weight { note, warning, fault };
std::string_view name_of(weight how_much);

struct finding {
  std::string id;  // stable: expired, no-san
  certs::weight weight = weight::note;
  std::string text;               // what is wrong
  std::vector<std::string> said;  // client: what it says; who is not named takes it
};

struct shown {
  std::vector<shown_certificate> chain;  // in the order of the file, or as the server sent it
  std::vector<finding> findings;
};

struct show_options {
  std::string host = {};                // the name or address that clients ask for; empty: no name is compared
  std::string ca = {};                  // PEM: what clients trust; empty: whether the chain ends in it is not judged
  bool for_server = true;               // what it is judged for: a server's certificate, or a client's
  std::optional<std::int64_t> at = {};  // seconds since 1970; nothing: now
};

// `chain`: DER, the leaf first.
core::outcome<shown> show(const std::vector<std::string>& chain, const show_options& options);

// All certificates of a PEM file, each in DER.
core::outcome<std::vector<std::string>> read_chain(const std::string& path);

// Of the first certificate: its extendedKeyUsage names clients, and no servers.
bool is_clients_only(const shown_certificate& leaf);

}  // namespace sallyport::certs
