#include <sallyport/tls/context.hpp>

#include <sallyport/core/expect.hpp>

#include "openssl.hpp"
#include "pem.hpp"
#include "session_hooks.hpp"

#include <algorithm>
#include <set>
#include <string_view>

namespace sallyport::tls {

using core::fault;

namespace {

// Mozilla's "intermediate" list without its DHE suites: ECDHE and AEAD only. The client's order counts, as Mozilla advises.
constexpr const char* tls12_ciphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* tls13_ciphers = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* key_groups = "X25519:P-256:P-384";
constexpr int chain_depth_max = 4;
constexpr long certificate_list_max_bytes = 64 * 1024;
constexpr int security_level = 2;  // 112 bits: no RSA below 2048, no SHA-1
constexpr std::string_view session_id_context = "sallyport";

fault wrong(std::string text) { return {boost::system::errc::make_error_code(boost::system::errc::invalid_argument), std::move(text)}; }

// RFC 7301 3.2: a client that offers protocols of which we speak none is refused with an alert. Going on without, as many servers do,
// is what ALPACA's cross-protocol attacks live on. A client that offers none never gets here.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered, unsigned int size,
                    void*) {
  // Ours is the order (RFC 7301 3.2): h2 for whoever can, http/1.1 for the rest.
  for (const std::string_view spoken : {"h2", "http/1.1"}) {
    std::string_view rest(reinterpret_cast<const char*>(offered), size);
    while (!rest.empty()) {
      const std::size_t length = static_cast<unsigned char>(rest[0]);
      if (length + 1 > rest.size()) break;
      if (rest.substr(1, length) == spoken) {
        *chosen = reinterpret_cast<const unsigned char*>(rest.data()) + 1;
        *chosen_size = static_cast<unsigned char>(length);
        return SSL_TLSEXT_ERR_OK;
      }
      rest.remove_prefix(length + 1);
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// A resumed session would outlive the client certificate it was made with: whoever shows one does a whole handshake each time.
void set_resumption(SSL_CTX* ctx, client_certificates clients) {
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  if (clients != client_certificates::none) {
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(ctx, 0);
    return;
  }
  SSL_CTX_set_num_tickets(ctx, 1);
  SSL_CTX_set_session_id_context(ctx, reinterpret_cast<const unsigned char*>(session_id_context.data()), session_id_context.size());
}

void set_policy(SSL_CTX* ctx, const server_settings& settings) {
  const int oldest = settings.versions == profile::modern ? TLS1_3_VERSION : TLS1_2_VERSION;
  SSL_CTX_set_security_level(ctx, security_level);
  const bool set = SSL_CTX_set_min_proto_version(ctx, oldest) == 1 && SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
                   SSL_CTX_set_cipher_list(ctx, tls12_ciphers) == 1 && SSL_CTX_set_ciphersuites(ctx, tls13_ciphers) == 1 &&
                   SSL_CTX_set1_groups_list(ctx, key_groups) == 1 && SSL_CTX_set_max_early_data(ctx, 0) == 1;
  SALLYPORT_EXPECT(set);
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_max_cert_list(ctx, certificate_list_max_bytes);
  if (!settings.any_protocol) SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, nullptr);
  SSL_CTX_set_client_hello_cb(ctx, client_hello_seen, nullptr);
  set_resumption(ctx, settings.clients);

  int mode = SSL_VERIFY_NONE;
  if (settings.clients == client_certificates::optional) mode = SSL_VERIFY_PEER;
  if (settings.clients == client_certificates::required) mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_CTX_set_verify(ctx, mode, nullptr);
  SSL_CTX_set_verify_depth(ctx, chain_depth_max);
  // What the operator put into client_ca is trusted, an intermediate without its root too: so does Milvus, whose TLS is Go's.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
}

std::string key_type_of(const EVP_PKEY* key) {
  const char* name = EVP_PKEY_get0_type_name(key);
  return name ? name : "unknown";
}

// Fills a context and gathers what is wrong.
struct loading {
  SSL_CTX* ctx;
  std::vector<fault> faults;
  std::vector<std::string> warnings;
  std::set<std::string> key_types;

  void warn(std::string text) {
    if (!text.empty()) warnings.push_back(std::move(text));
  }

  void add_pair(const certificate_files& files) {
    auto certificates = read_certificates(files.cert);
    auto key = read_key(files.key);
    if (!certificates) faults.push_back(certificates.error());
    if (!key) faults.push_back(key.error());
    if (key && readable_by_others(files.key)) warn(files.key + ": the key may be read by others than its owner; chmod 600 it");
    if (certificates) {
      for (const auto& one : *certificates) warn(validity_warning(one.get(), files.cert));
    }
    if (certificates && key) use(*certificates, key->get(), files);
  }

  void use(std::vector<x509_ptr>& certificates, EVP_PKEY* key, const certificate_files& files) {
    ERR_clear_error();
    if (X509_check_private_key(certificates.front().get(), key) != 1) {
      ERR_clear_error();
      faults.push_back(wrong(files.key + ": is not the key of the first certificate in " + files.cert + " (the server's own comes first)"));
      return;
    }
    if (!key_types.insert(key_type_of(key)).second) {
      faults.push_back(
          wrong(files.cert + ": a second certificate with a key of type " + key_type_of(key) + "; one of each type can be served"));
      return;
    }
    std::unique_ptr<STACK_OF(X509), freed_by<sk_free_only>> chain(sk_X509_new_null());
    for (std::size_t i = 1; i < certificates.size(); ++i) sk_X509_push(chain.get(), certificates[i].get());
    if (SSL_CTX_use_cert_and_key(ctx, certificates.front().get(), key, chain.get(), 0) != 1) {
      faults.push_back(wrong(files.cert + ": OpenSSL refuses it: " + take_words()));
    }
  }

  void add_client_ca(const std::string& path) {
    const auto certificates = read_certificates(path);
    if (!certificates) {
      faults.push_back(certificates.error());
      return;
    }
    std::set<std::string> named;
    X509_STORE* trusted = SSL_CTX_get_cert_store(ctx);
    for (const auto& one : *certificates) {
      warn(validity_warning(one.get(), path));
      ERR_clear_error();
      if (X509_STORE_add_cert(trusted, one.get()) != 1) {
        faults.push_back(wrong(path + ": OpenSSL refuses a certificate: " + take_words()));
      } else if (named.insert(name_of(one.get())).second) {
        SSL_CTX_add_client_CA(ctx, one.get());
      }
    }
  }

  static void sk_free_only(STACK_OF(X509) * chain) { sk_X509_free(chain); }
  static std::string name_of(const X509* certificate) {
    const unsigned char* encoded = nullptr;
    std::size_t size = 0;
    X509_NAME_get0_der(X509_get_subject_name(certificate), &encoded, &size);
    return {reinterpret_cast<const char*>(encoded), size};
  }
};

}  // namespace

boost::system::result<std::shared_ptr<const context>, std::vector<fault>> context::load(const server_settings& settings) {
  const std::shared_ptr<context> made(new context);
  made->native_ = SSL_CTX_new(TLS_server_method());
  made->clients_ = settings.clients;
  SALLYPORT_EXPECT(made->native_ != nullptr);
  set_policy(made->native_, settings);

  loading files{made->native_, {}, {}, {}};
  if (settings.certificates.empty()) files.faults.push_back(wrong("a TLS listener needs a certificate and its key, and none is given"));
  for (const auto& pair : settings.certificates) files.add_pair(pair);
  if (settings.clients == client_certificates::none) {
    if (!settings.client_ca.empty()) files.warn(settings.client_ca + ": is not used, because no client certificates are asked for");
  } else if (settings.client_ca.empty()) {
    files.faults.push_back(wrong("client certificates are asked for, but no client_ca is given to judge them by"));
  } else {
    files.add_client_ca(settings.client_ca);
  }
  ERR_clear_error();
  if (!files.faults.empty()) return std::move(files.faults);
  made->warnings_ = std::move(files.warnings);
  return std::shared_ptr<const context>(made);
}

context::~context() { SSL_CTX_free(native_); }

}  // namespace sallyport::tls
