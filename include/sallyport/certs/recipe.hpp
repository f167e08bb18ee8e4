// The nine files of Milvus' certificate recipe (its documentation's gen.sh), made in one call: ca.key ca.pem ca.srl, server.{key,pem,csr},
// client.{key,pem,csr}. The names are the recipe's, so that every page about Milvus and TLS holds for them; what the recipe lacks is
// added: names of the server (subjectAltName, which Go and Java demand), the purposes, key identifiers.
//
// A blocking function for a command, any thread, some milliseconds (RSA: up to seconds). It owns nothing afterwards. Nothing is ever
// overwritten: the files are written and verified in a staging folder first, and when one of the nine names is taken nothing is changed.
// A failure leaves the directory as it was; only a crash while the files are put in place (nine links, when the directory existed) can
// leave some of them, each whole. Keys have mode 0600 from their first byte on.
#pragma once

#include <sallyport/core/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::certs {

// Category "certs". All of them are the operator's, but for failed; the client of a server is never concerned.
enum class errc {
  bad_option = 1,  // a name, an address, a number of days that cannot be in a certificate; nothing was touched
  already_exists,  // one of the nine files is there; nothing was touched
  cannot_write,    // the directory, or a file in it: permissions, a full disk; nothing is left behind
  failed,          // OpenSSL could not do it, or what it made does not verify; nothing is left behind
  cannot_read,     // a file that the command was given, or that it needs of the authority, is not there or is something else
};
core::error_code make_error_code(errc e);

enum class key_kind { ecdsa_p256, rsa_2048 };

struct recipe {
  key_kind keys = key_kind::ecdsa_p256;

  // The server's subjectAltName; to add a name, push_back. A DNS name may begin with "*.". At most names_max of both kinds together.
  std::vector<std::string> server_dns_names{"localhost"};
  std::vector<std::string> server_ip_addresses{"127.0.0.1", "::1"};
  std::string client_common_name = "client";  // 1 to 64 characters (X.520's bound of a CN)

  // The CA lives as long as the recipe's. The leaves don't: Apple's platforms refuse server certificates of more than 825 days, those of a
  // private CA too. Leaves never outlive the CA.
  std::uint32_t ca_days = 3650;
  std::uint32_t leaf_days = 825;
};

inline constexpr std::size_t names_max = 100;
inline constexpr std::uint32_t days_max = 36500;

// The nine names, in the order in which they are made.
const std::vector<std::string_view>& recipe_files();

// Makes the nine files in `directory`, which is made too when it does not exist (its parent must). Returns their paths, in the order of
// recipe_files(). The fault's text is one sentence for the operator: which file or option, and what to do.
core::outcome<std::vector<std::string>> init(const std::string& directory, const recipe& options);

}  // namespace sallyport::certs

template <>
struct boost::system::is_error_code_enum<sallyport::certs::errc> : std::true_type {};
