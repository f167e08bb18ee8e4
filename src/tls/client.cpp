#include <sallyport/tls/client.hpp>

#include <sallyport/core/expect.hpp>

#include "openssl.hpp"
#include "pem.hpp"
#include "policy.hpp"

namespace sallyport::tls {

using core::fault;

namespace {

void set_policy(SSL_CTX* ctx, bool verify) {
  set_policy_of_both_ends(ctx, TLS1_2_VERSION);
  SSL_CTX_set_verify(ctx, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_X509_STRICT);
  // Connections are few and live long: a session that is kept would save nothing, and could outlive what it was trusted for.
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
}

// Fills a context and gathers what is wrong.
struct loading {
  SSL_CTX* ctx;
  std::vector<fault> faults;
  std::vector<std::string> warnings;

  void warn(std::string text) {
    if (!text.empty()) warnings.push_back(std::move(text));
  }

  void add_authorities(const std::string& path) {
    const auto certificates = read_certificates(path);
    if (!certificates) {
      faults.push_back(certificates.error());
      return;
    }
    for (const auto& one : *certificates) {
      warn(validity_warning(one.get(), path));
      if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), one.get()) != 1)
        faults.push_back(wrong(path, "OpenSSL refuses a certificate: " + take_words()));
    }
  }

  void add_own(const std::string& cert, const std::string& key_file) {
    const auto own = read_own(cert, key_file, "client", faults, warnings);
    if (!own) return;
    bool used = SSL_CTX_use_certificate(ctx, own->chain.front().get()) == 1 && SSL_CTX_use_PrivateKey(ctx, own->key.get()) == 1;
    for (std::size_t i = 1; used && i < own->chain.size(); ++i) used = SSL_CTX_add1_chain_cert(ctx, own->chain[i].get()) == 1;
    if (!used) faults.push_back(wrong(cert, "OpenSSL refuses it: " + take_words()));
  }
};

}  // namespace

boost::system::result<std::shared_ptr<const client_trust>, std::vector<fault>> client_trust::load(const client_settings& settings) {
  const std::shared_ptr<client_trust> made(new client_trust);
  made->native_ = SSL_CTX_new(TLS_client_method());
  SALLYPORT_EXPECT(made->native_ != nullptr);
  set_policy(made->native_, settings.verify);

  ERR_clear_error();
  loading files{made->native_, {}, {}};
  if (!settings.ca.empty())
    files.add_authorities(settings.ca);
  else if (settings.verify && SSL_CTX_set_default_verify_paths(made->native_) != 1)
    files.faults.push_back(wrong("the system's certificate authorities cannot be read: " + take_words()));
  if (!settings.cert.empty()) files.add_own(settings.cert, settings.key);
  ERR_clear_error();
  if (!files.faults.empty()) return std::move(files.faults);
  made->warnings_ = std::move(files.warnings);
  return std::shared_ptr<const client_trust>(made);
}

client_trust::~client_trust() { SSL_CTX_free(native_); }

}  // namespace sallyport::tls
