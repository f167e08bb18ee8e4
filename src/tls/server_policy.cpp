#include "server_policy.hpp"

#include "certificate.hpp"
#include "pem.hpp"
#include "policy.hpp"
#include "session_hooks.hpp"
#include "staple.hpp"

#include <sallyport/core/expect.hpp>

#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <set>

namespace sallyport::tls {

using core::fault;

namespace {

constexpr std::string_view session_id_context = "sallyport";

std::string lower_case(std::string_view name) {
  std::string made(name);
  for (char& c : made)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return made;
}

// RFC 7301 3.2: a client that offers protocols of which we speak none is refused with an alert. Going on without, as many servers do,
// is what ALPACA's cross-protocol attacks live on. A client that offers none never gets here.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered, unsigned int size,
                    void*) {
  // Ours is the order (RFC 7301 3.2): h2 for whoever can, http/1.1 for the rest.
  const bool found = choose_offered({"h2", "http/1.1"}, {offered, size}, chosen, chosen_size);
  return found ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// RFC 6066 8: the response that the operator's CA made about the certificate that is served.
int staple_response(SSL* ssl, void* of) {
  const auto& all = static_cast<const policy*>(of)->staples;
  const auto found = all.find(SSL_get_certificate(ssl));
  if (found == all.end() || found->second->until <= std::time(nullptr)) return SSL_TLSEXT_ERR_NOACK;
  const auto& der = found->second->der;
  auto* copy = static_cast<unsigned char*>(OPENSSL_memdup(der.data(), der.size()));
  if (copy == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(der.size()));
  return SSL_TLSEXT_ERR_OK;
}

// Fills a policy and gathers what is wrong.
struct loading {
  policy& into;
  bool any_protocol;
  std::vector<fault>& faults;
  std::vector<std::string>& warnings;

  void warn(std::string text) {
    if (!text.empty()) warnings.push_back(std::move(text));
  }

  void read_pair(const certificate_files& files) {
    auto own = read_own(files.cert, files.key, "server", faults, warnings);
    if (!own) return;
    X509* leaf = own->chain.front().get();
    judge_order(own->chain, files.cert);
    judge_use(leaf, files.cert);
    certificate_pair made;
    for (const auto& name : server_names_of(leaf)) made.names.push_back(lower_case(name));
    const char* type = EVP_PKEY_get0_type_name(own->key.get());
    made.key_type = type ? type : "unknown";
    if (!files.ocsp.empty()) read_staple_of(files, own->chain, made);
    made.chain = std::move(own->chain);
    made.key = std::move(own->key);
    into.pairs.push_back(std::move(made));
  }

  void read_staple_of(const certificate_files& files, const std::vector<x509_ptr>& chain, certificate_pair& made) {
    auto read = read_staple(files.ocsp, chain);
    if (!read)
      faults.push_back(read.error());
    else if (read->until <= std::time(nullptr))
      warn(files.ocsp + ": the OCSP response is over, so it is not stapled; fetch the CA's next one");
    else
      made.response = std::move(*read);
  }

  // RFC 5246 7.4.2: each certificate directly certifies the one before it. RFC 8446 lets go of that, and many clients don't.
  void judge_order(const std::vector<x509_ptr>& chain, const std::string& path) {
    for (std::size_t i = 0; i + 1 < chain.size(); ++i) {
      if (X509_check_issued(chain[i + 1].get(), chain[i].get()) == X509_V_OK) continue;
      warn(path + ": certificate " + std::to_string(i + 2) + " (" + subject_of(chain[i + 1].get()) + ") did not issue the one before it, " +
           subject_of(chain[i].get()) + "; the server's own comes first, then its issuer, and so on");
      return;
    }
    ERR_clear_error();
  }

  // What clients will say to it.
  void judge_use(X509* leaf, const std::string& path) {
    if (X509_get_ext_by_NID(leaf, NID_subject_alt_name, -1) < 0)
      warn(path + ": the certificate of " + subject_of(leaf) +
           " has no subjectAltName; Go, Python (over REST) and browsers refuse it, for they do not look at the CN, and nobody does for an "
           "address");
    if (X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0) != 1)
      warn(path + ": the certificate of " + subject_of(leaf) +
           " is not for servers (its extendedKeyUsage lacks serverAuth); clients refuse it");
    ERR_clear_error();
  }

  // Which certificates serve a name: the first of each key type among those that have it.
  std::vector<std::size_t> serving(std::string_view name) const {
    std::vector<std::size_t> found;
    std::set<std::string> types;
    for (std::size_t i = 0; i < into.pairs.size(); ++i) {
      const auto& names = into.pairs[i].names;
      if (std::find(names.begin(), names.end(), name) != names.end() && types.insert(into.pairs[i].key_type).second) found.push_back(i);
    }
    return found;
  }

  // The first, and for other key types what shares a name with it, or has none to choose by.
  std::vector<std::size_t> serving_by_default() const {
    std::vector<std::size_t> found{0};
    std::set<std::string> types{into.pairs[0].key_type};
    const auto& wanted = into.pairs[0].names;
    for (std::size_t i = 1; i < into.pairs.size(); ++i) {
      const auto& names = into.pairs[i].names;
      const bool shared = names.empty() || wanted.empty() || std::any_of(names.begin(), names.end(), [&](const auto& one) {
                            return std::find(wanted.begin(), wanted.end(), one) != wanted.end();
                          });
      if (shared && types.insert(into.pairs[i].key_type).second) found.push_back(i);
    }
    return found;
  }

  void make_contexts() {
    std::map<std::vector<std::size_t>, std::size_t> made;
    const auto context_of = [&](const std::vector<std::size_t>& set) {
      const auto [at, is_new] = made.try_emplace(set, into.contexts.size());
      if (is_new) into.contexts.push_back(make_context(set));
      return at->second;
    };
    context_of(serving_by_default());
    for (const auto& pair : into.pairs)
      for (const auto& name : pair.names) into.names.add(name, context_of(serving(name)));
    std::set<std::size_t> used;
    for (const auto& [set, index] : made) used.insert(set.begin(), set.end());
    for (std::size_t i = 0; i < into.pairs.size(); ++i)
      if (!used.contains(i))
        faults.push_back(wrong(into.settings.certificates[i].cert, "a second certificate with a key of type " + into.pairs[i].key_type +
                                                                       " for the same names; one of each type can be served"));
  }

  ssl_ctx_ptr make_context(const std::vector<std::size_t>& set) {
    ssl_ctx_ptr made(SSL_CTX_new(TLS_server_method()));
    SALLYPORT_EXPECT(made != nullptr);
    set_protocol(made.get());
    set_clients(made.get());
    for (const auto i : set) use(made.get(), i);
    return made;
  }

  void use(SSL_CTX* in, std::size_t i) {
    const auto& pair = into.pairs[i];
    std::unique_ptr<STACK_OF(X509), freed_by<only_the_stack>> chain(sk_X509_new_null());
    for (std::size_t n = 1; n < pair.chain.size(); ++n) sk_X509_push(chain.get(), pair.chain[n].get());
    ERR_clear_error();
    if (SSL_CTX_use_cert_and_key(in, pair.chain.front().get(), pair.key.get(), chain.get(), 0) != 1)
      faults.push_back(wrong(into.settings.certificates[i].cert, "OpenSSL refuses it: " + take_words()));
    if (pair.response) into.staples[pair.chain.front().get()] = &*pair.response;
  }

  void set_protocol(SSL_CTX* ctx) {
    const int oldest = into.settings.versions == profile::modern ? TLS1_3_VERSION : TLS1_2_VERSION;
    set_policy_of_both_ends(ctx, oldest);
    SALLYPORT_EXPECT(SSL_CTX_set_max_early_data(ctx, 0) == 1);
    // Our order, but ChaCha20 for whoever names it first: a client without AES in hardware.
    SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    if (!any_protocol) SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, nullptr);
    SSL_CTX_set_client_hello_cb(ctx, client_hello_seen, nullptr);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(ctx, reinterpret_cast<const unsigned char*>(session_id_context.data()), session_id_context.size());
    SSL_CTX_set_num_tickets(ctx, 1);
    install_ticket_callbacks(ctx);
    // The macros of OpenSSL's headers, without their casts.
    SSL_CTX_callback_ctrl(ctx, SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB, reinterpret_cast<void (*)()>(staple_response));
    SSL_CTX_ctrl(ctx, SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB_ARG, 0, &into);
  }

  void set_clients(SSL_CTX* ctx) {
    SSL_CTX_set_verify(ctx, verify_mode_of(into.settings.clients), nullptr);
    if (!into.trust) return;
    SSL_CTX_set_cert_verify_callback(ctx, client_chain_shown, nullptr);
    // The names tell a client which of its certificates to send.
    std::set<std::string> named;
    for (const auto& one : into.trust->authorities())
      if (named.insert(encoded_subject(one.get())).second) SSL_CTX_add_client_CA(ctx, one.get());
  }

  static void only_the_stack(STACK_OF(X509) * chain) { sk_X509_free(chain); }
  static std::string encoded_subject(const X509* certificate) {
    const unsigned char* encoded = nullptr;
    std::size_t size = 0;
    X509_NAME_get0_der(X509_get_subject_name(certificate), &encoded, &size);
    return {reinterpret_cast<const char*>(encoded), size};
  }
};

// A ticket says under which policy it was made: what is not the same policy to the octet does not take it.
digest id_of(const policy& of) {
  std::string all(1, static_cast<char>(of.settings.versions));
  all += static_cast<char>(of.settings.clients);
  if (of.trust) all.append(reinterpret_cast<const char*>(of.trust->id().data()), of.trust->id().size());
  digest made{};
  SALLYPORT_EXPECT(EVP_Digest(all.data(), all.size(), made.data(), nullptr, EVP_sha256(), nullptr) == 1);
  return made;
}

}  // namespace

std::unique_ptr<policy> load_policy(const policy_settings& settings, bool any_protocol, std::vector<fault>& faults,
                                    std::vector<std::string>& warnings) {
  auto made = std::make_unique<policy>();
  made->settings = settings;
  loading files{*made, any_protocol, faults, warnings};
  if (settings.certificates.empty()) faults.push_back(wrong("a TLS listener needs a certificate and its key, and none is given"));
  for (const auto& pair : settings.certificates) files.read_pair(pair);
  if (settings.clients == client_certificates::none) {
    if (!settings.client_ca.empty()) files.warn(settings.client_ca + ": is not used, because no client certificates are asked for");
  } else if (settings.client_ca.empty()) {
    faults.push_back(wrong("client certificates are asked for, but no client_ca is given to judge them by"));
  } else {
    made->trust = trust::load(settings, faults, warnings);
  }
  made->id = id_of(*made);
  // An index of a pair is that of its files from here on.
  if (faults.empty()) files.make_contexts();
  return made;
}

std::size_t name_table::add(std::string_view name, std::size_t index) {
  const auto lower = lower_case(name);
  const auto [at, added] = lower.starts_with("*.") ? below_.emplace(lower.substr(2), index) : exact_.emplace(lower, index);
  return at->second;
}

std::optional<std::size_t> name_table::find(std::string_view name) const {
  if (exact_.empty() && below_.empty()) return std::nullopt;
  const auto lower = lower_case(name);
  if (const auto at = exact_.find(lower); at != exact_.end()) return at->second;
  const auto dot = lower.find('.');
  if (dot == std::string::npos || dot == 0) return std::nullopt;
  const auto at = below_.find(lower.substr(dot + 1));
  return at == below_.end() ? std::nullopt : std::optional(at->second);
}

}  // namespace sallyport::tls
