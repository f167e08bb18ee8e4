// What the client's end has of its own: the name that it wants to see, and how it judges the server's certificate.
#include "session_hooks.hpp"

#include "certificate.hpp"
#include "trust.hpp"

#include <sallyport/core/expect.hpp>

#include <boost/asio/ip/address.hpp>

#include <openssl/x509v3.h>

#include <algorithm>

namespace sallyport::tls {

namespace {

// Rules of RFC 5280 that certificates break which Milvus' documented recipe makes, and which nothing depends on: a key identifier helps to
// find the issuer, and here that has been found; what an authority is good for says the operator, who named it.
bool let_pass(X509_STORE_CTX* chain) {
  const bool named_by_operator = X509_STORE_CTX_get_error_depth(chain) >= X509_STORE_CTX_get_num_untrusted(chain);
  switch (X509_STORE_CTX_get_error(chain)) {
    case X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER:
    case X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER: return true;
    case X509_V_ERR_CA_BCONS_NOT_CRITICAL:
    case X509_V_ERR_CA_CERT_MISSING_KEY_USAGE: return named_by_operator;
    default: return false;
  }
}

// "hostname mismatch" helps nobody.
std::string words_for_wrong_name(const X509* certificate) {
  constexpr std::size_t shown = 4;
  if (X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1) < 0)
    return "the certificate has no subjectAltName, and a common name counts for nothing: make one that has, as `sallyport certs init` does";
  const auto names = identity_of(certificate).dns_names;
  std::string listed;
  for (std::size_t i = 0; i < std::min(names.size(), shown); ++i) listed += (i ? ", " : "") + names[i];
  if (names.size() > shown) listed += ", ...";
  return "the certificate is for another name" + (listed.empty() ? "" : ": " + listed);
}

}  // namespace

session::session(core::tcp_socket socket, const client_trust& trust, std::string name, std::string_view protocol, net::workbench& bench)
    : session(std::move(socket), trust.native(), false, bench) {
  SSL* ssl = ssl_.get();
  SSL_set_connect_state(ssl);
  SSL_set_verify(ssl, SSL_CTX_get_verify_mode(trust.native()), hooks::server_judged);
  if (name.ends_with('.')) name.pop_back();  // RFC 6066 3: without the dot, and no certificate has it
  X509_VERIFY_PARAM* rules = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  core::error_code no_address;
  (void)core::asio::ip::make_address(name, no_address);
  // An empty name would be no check at all, and one with a dot in front any name below.
  bool set = !name.empty() && !name.starts_with('.');
  if (!no_address) {
    set = set && X509_VERIFY_PARAM_set1_ip_asc(rules, name.c_str()) == 1;
  } else {
    set = set && X509_VERIFY_PARAM_set1_host(rules, name.data(), name.size()) == 1;
    // SSL_set_tlsext_host_name is a macro with a C cast.
    set = set && SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) == 1;
  }
  if (!protocol.empty()) {
    const std::string offered = static_cast<char>(protocol.size()) + std::string(protocol);
    set =
        set && SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(offered.data()), static_cast<unsigned>(offered.size())) == 0;
  }
  SALLYPORT_EXPECT(set);
}

int session::hooks::server_judged(int good, X509_STORE_CTX* chain) {
  if (good == 1) return good;
  if (let_pass(chain)) {
    X509_STORE_CTX_set_error(chain, X509_V_OK);
    return 1;
  }
  auto& self = owner_of(static_cast<SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx())));
  if (!self.failure_.reason.empty()) return 0;
  const int why = X509_STORE_CTX_get_error(chain);
  const X509* refused = X509_STORE_CTX_get_current_cert(chain);
  const bool wrong_name = why == X509_V_ERR_HOSTNAME_MISMATCH || why == X509_V_ERR_IP_ADDRESS_MISMATCH;
  self.note(result_of_verification(why), wrong_name ? words_for_wrong_name(refused) : X509_verify_cert_error_string(why),
            X509_STORE_CTX_get_error_depth(chain), refused ? subject_of(refused) : std::string(),
            refused ? serial_of(refused) : std::string());
  return 0;
}

// What keeps a client that verifies nothing from knowing anybody.
void session::know_server() {
  const X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  const bool verified = SSL_get_verify_mode(ssl_.get()) != SSL_VERIFY_NONE && SSL_get_verify_result(ssl_.get()) == X509_V_OK;
  if (certificate != nullptr && verified) who_ = std::make_shared<peer_identity>(identity_of(certificate));
}

}  // namespace sallyport::tls
