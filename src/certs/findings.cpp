// What there is to say against a chain, in the words of those who say it.
#include "authority.hpp"
#include "judged.hpp"
#include "options.hpp"
#include "sayings.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <iterator>

namespace sallyport::certs {

namespace {

constexpr int soon_days = 30, apple_days = 825;
using time_handle = std::unique_ptr<ASN1_TIME, freed_by<ASN1_TIME_free>>;

struct judging {
  const judged_chain& chain;
  const std::vector<shown_certificate>& facts;
  const show_options& options;
  std::vector<finding> found;
  bool reaches_ca = false;

  X509* leaf() const { return chain.certificates.front().get(); }
  X509* at(std::size_t i) const { return chain.certificates[i].get(); }
  std::size_t size() const { return chain.certificates.size(); }
  std::string which(std::size_t i) const { return i == 0 ? "the certificate" : "certificate " + std::to_string(i + 1) + " of the chain"; }
  // A client's certificate is judged by Sallyport alone.
  void say(const char* id, weight how_much, std::string text, sayings said = {}) {
    if (!options.for_server) std::erase_if(said, [](const std::string& one) { return !one.starts_with("Sallyport: "); });
    found.push_back({id, how_much, std::move(text), std::move(said)});
  }

  void dates();
  void names();
  void purposes();
  void usages();
  void keys();
  void signatures();
  void order();
  void trust();
  void life();
};

// Days from `now` to `then`, whole ones; negative when it is past.
long days_to(const ASN1_TIME* then, std::time_t now) {
  const time_handle here(ASN1_TIME_set(nullptr, now));
  int days = 0, seconds = 0;
  if (!here || ASN1_TIME_diff(&days, &seconds, here.get(), then) != 1) return 0;
  return seconds < 0 ? days - 1L : days;
}

void judging::dates() {
  for (std::size_t i = 0; i < size(); ++i) {
    std::time_t now = chain.now;
    if (X509_cmp_time(X509_get0_notBefore(at(i)), &now) > 0) {
      say("not-yet-valid", weight::fault, which(i) + " is not valid before " + facts[i].not_before,
          {"pymilvus: CERTIFICATE_VERIFY_FAILED: certificate is not yet valid", "pymilvus over REST: certificate is not yet valid",
           "Go: x509: certificate has expired or is not yet valid", "Node: certificate is not yet valid",
           "Java: CertificateNotYetValidException", "Sallyport: certificate is not yet valid"});
    } else if (X509_cmp_time(X509_get0_notAfter(at(i)), &now) < 0) {
      say("expired", weight::fault, which(i) + " has expired on " + facts[i].not_after,
          {"pymilvus: CERTIFICATE_VERIFY_FAILED: certificate has expired", "pymilvus over REST: certificate has expired",
           "Go: x509: certificate has expired or is not yet valid", "Node: certificate has expired", "Java: CertificateExpiredException",
           "Sallyport: certificate has expired"});
    } else if (const auto left = days_to(X509_get0_notAfter(at(i)), now); left < soon_days) {
      say("expires-soon", weight::warning, which(i) + " expires in " + std::to_string(left) + " days, on " + facts[i].not_after);
    }
  }
}

void judging::names() {
  if (!options.for_server) return;
  const auto& host = options.host;
  if (facts[0].dns.empty() && facts[0].ips.empty())
    return say("no-san", weight::fault,
               "the certificate has no name in its subjectAltName: not every client looks at its common name any more, and none does for "
               "an address",
               sayings_of_names(leaf(), facts[0], host));
  if (host.empty()) return;
  const bool good = is_address(host)
                        ? X509_check_ip_asc(leaf(), host.c_str(), 0) == 1
                        : X509_check_host(leaf(), host.c_str(), host.size(), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1;
  if (!good) say("wrong-name", weight::fault, "the certificate is not for " + host, sayings_of_names(leaf(), facts[0], host));
}

void judging::purposes() {
  const auto& has = facts[0].purposes;
  const auto* wanted = options.for_server ? "serverAuth" : "clientAuth";
  const auto named = [&](const char* one) { return std::find(has.begin(), has.end(), one) != has.end(); };
  if (has.empty()) {
    if (options.for_server)
      say("no-eku", weight::note, "the certificate has no extendedKeyUsage: the clients of Milvus take it, Apple's platforms do not");
  } else if (!named(wanted)) {
    sayings said{"pymilvus: unsupported certificate purpose", "pymilvus over REST: unsuitable certificate purpose",
                 "Node: unsuitable certificate purpose", "Sallyport: unsuitable certificate purpose"};
    if (!named("anyExtendedKeyUsage"))  // that is enough for Go and Java
      said.insert(said.end(), {"Go: x509: certificate specifies an incompatible key usage",
                               "Java: Extended key usage does not permit use for TLS server authentication"});
    say("wrong-eku", weight::fault, std::string("the extendedKeyUsage of the certificate has no ") + wanted, std::move(said));
  }
  if (facts[0].authority)
    say("leaf-is-authority", weight::warning, "the certificate may sign others: whoever has its key can make certificates for any name");
}

// All suites of TLS 1.3 want a signature, and so do those of TLS 1.2 that clients still have. BoringSSL insists that the key may make one.
void judging::usages() {
  const auto may = X509_get_key_usage(leaf());  // all bits where there is no such extension
  if (!options.for_server || (may & KU_DIGITAL_SIGNATURE) != 0) return;
  sayings said{"pymilvus: KEY_USAGE_BIT_INCORRECT", "Java: KEY_USAGE_BIT_INCORRECT"};
  if ((may & (KU_KEY_ENCIPHERMENT | KU_KEY_AGREEMENT)) == 0)
    said.insert(said.end(), {"pymilvus over REST: unsuitable certificate purpose", "Node: unsuitable certificate purpose",
                             "Sallyport: unsuitable certificate purpose"});
  say("wrong-usage", weight::fault, "the keyUsage of the certificate has no digitalSignature", std::move(said));
}

void judging::keys() {
  for (std::size_t i = 0; i < size(); ++i) {
    const EVP_PKEY* key = X509_get0_pubkey(at(i));
    if (key == nullptr) {
      say("unknown-key", weight::fault, which(i) + " has a key that OpenSSL cannot read");
    } else if (EVP_PKEY_is_a(key, "RSA") == 1 && EVP_PKEY_get_bits(key) < 2048) {
      const std::string words = i == 0 ? "EE certificate key too weak" : "CA certificate key too weak";
      // Debian and Node 24 ask for OpenSSL's security level 2. Level 1 takes 1024 bits, as Node 20 does.
      sayings said{"pymilvus over REST: " + words, "Node: " + words, "Sallyport: " + words};
      if (EVP_PKEY_get_bits(key) < 1024) said.emplace_back("Java: Algorithm constraints check failed on keysize limits");
      say("weak-key", weight::fault, which(i) + " has an RSA key of " + std::to_string(EVP_PKEY_get_bits(key)) + " bits: 2048 is the least",
          std::move(said));
    } else if (EVP_PKEY_is_a(key, "EC") == 1 && !facts[i].key.starts_with("EC P-")) {
      say("rare-curve", weight::fault,
          which(i) + " has a key on the curve " + facts[i].key.substr(3) + ": only P-256 and P-384 are known to all",
          i == 0 ? sayings_of_handshake(refusing::everybody) : sayings{});
    } else if (EVP_PKEY_is_a(key, "ED25519") == 1 || EVP_PKEY_is_a(key, "ED448") == 1 || EVP_PKEY_is_a(key, "RSA-PSS") == 1 ||
               facts[i].key == "EC P-521") {
      const bool go_too = EVP_PKEY_is_a(key, "ED448") == 1 || EVP_PKEY_is_a(key, "RSA-PSS") == 1;
      say("rare-key", weight::warning, which(i) + " has a key of kind " + facts[i].key + ", which BoringSSL does not take",
          i == 0 ? sayings_of_handshake(go_too ? refusing::boring_ssl_and_go : refusing::boring_ssl) : sayings{});
    } else if (EVP_PKEY_is_a(key, "DSA") == 1) {
      say("dsa", weight::fault, which(i) + " has a DSA key: TLS 1.3 has none, and nobody speaks it any more",
          i == 0 ? sayings_of_handshake(refusing::everybody) : sayings{});
    }
  }
}

void judging::signatures() {
  const std::string words = "CA signature digest algorithm too weak";
  for (std::size_t i = 0; i < size(); ++i) {
    int hash = NID_undef;
    if (X509_get_signature_info(at(i), &hash, nullptr, nullptr, nullptr) != 1) continue;
    if ((hash != NID_sha1 && hash != NID_md5) || facts[i].self_signed) continue;  // of a root nobody checks the signature
    sayings said{"pymilvus over REST: " + words, "Go: x509: cannot verify signature: insecure algorithm", "Node: " + words,
                 "Sallyport: " + words};
    // BoringSSL takes SHA-1, and so does Java where the CA is not one of the JDK's own.
    if (hash == NID_md5)
      said.insert(said.end(),
                  {"pymilvus: certificate signature failure", "Java: Algorithm constraints check failed on signature algorithm"});
    say("weak-signature", weight::fault, which(i) + " is signed with " + facts[i].signature, std::move(said));
  }
}

void judging::order() {
  const auto issued_by = [&](std::size_t of, std::size_t by) {
    return X509_NAME_cmp(X509_get_issuer_name(at(of)), X509_get_subject_name(at(by))) == 0;
  };
  bool in_order = true;
  for (std::size_t i = 0; i + 1 < size() && in_order; ++i) in_order = issued_by(i, i + 1);
  if (size() > 1 && !in_order) {
    // Is there a way up from the leaf in another order?
    std::size_t here = 0, steps = 0;
    for (bool further = true; further && steps < size(); ++steps) {
      further = false;
      for (std::size_t next = 1; next < size() && !further; ++next)
        if (next != here && !facts[here].self_signed && issued_by(here, next)) here = next, further = true;
    }
    if (here != 0 && steps >= size() - 1)
      say("wrong-order", weight::warning,
          "the chain is not in order: each certificate must be followed by the one that signed it (RFC 5246 7.4.2), or older clients "
          "refuse it");
    else if (reaches_ca)
      return say("stray-certificate", weight::warning, "the chain has certificates that lead nowhere: they only make the handshake longer");
    else
      say("broken-chain", weight::fault, "the chain does not hold together: a certificate in it is not signed by the next one",
          sayings_of_trust(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, issued_by(0, 1) ? 2 : 1));
  }
  if (size() > 1 && facts.back().self_signed)
    say("root-sent", weight::note, "the root is in the chain: clients have their own, it only makes the handshake longer");
}

void judging::trust() {
  if (facts[0].self_signed && options.ca.empty())
    return say("self-signed", weight::warning, "the certificate has signed itself: clients must be given this very one as their CA",
               sayings_of_trust(X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, 1));
  if (options.ca.empty()) {
    if (!facts.back().self_signed)
      say("needs-issuer", weight::note, "clients need " + facts.back().issuer + " as their CA, or as a further certificate of this chain");
    return;
  }
  using store_handle = std::unique_ptr<X509_STORE, freed_by<X509_STORE_free>>;
  using context_handle = std::unique_ptr<X509_STORE_CTX, freed_by<X509_STORE_CTX_free>>;
  const auto trusted = read_certificates(options.ca);
  if (!trusted) return say("no-ca", weight::fault, trusted.error().text);
  const store_handle store(X509_STORE_new());
  const context_handle context(X509_STORE_CTX_new());
  const std::unique_ptr<STACK_OF(X509), decltype([](STACK_OF(X509) * stack) { sk_X509_free(stack); })> others(sk_X509_new_null());
  for (const auto& one : *trusted) X509_STORE_add_cert(store.get(), one.get());
  for (std::size_t i = 1; i < size(); ++i) sk_X509_push(others.get(), at(i));
  X509_STORE_CTX_init(context.get(), store.get(), leaf(), others.get());
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_NO_CHECK_TIME);  // told above
  reaches_ca = X509_verify_cert(context.get()) == 1;
  if (reaches_ca) return;
  const int why = X509_STORE_CTX_get_error(context.get());
  const bool alone = why == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY && size() == 1;
  say(alone ? "missing-intermediate" : "untrusted", weight::fault,
      alone ? "the chain does not reach the CA: an intermediate is missing, or the CA is another one"
            : std::string("the chain does not reach the CA: ") + X509_verify_cert_error_string(why),
      sayings_of_trust(why, sk_X509_num(X509_STORE_CTX_get0_chain(context.get()))));
}

void judging::life() {
  int days = 0, seconds = 0;
  if (!options.for_server || ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(leaf()), X509_get0_notAfter(leaf())) != 1) return;
  // Both ends count (RFC 5280 4.1.2.5), so that 825 days are a second less between the two.
  if (days >= apple_days) say("long-life", weight::note, "the certificate is valid for more than 825 days: Apple's platforms refuse it");
}

}  // namespace

std::vector<finding> findings_of(const judged_chain& chain, const std::vector<shown_certificate>& facts, const show_options& options) {
  judging all{chain, facts, options, {}};
  all.dates();
  all.names();
  all.purposes();
  all.usages();
  all.keys();
  all.signatures();
  all.trust();
  all.order();
  all.life();
  std::vector<finding> sorted;  // the heaviest first
  for (const auto which : {weight::fault, weight::warning, weight::note})
    std::copy_if(all.found.begin(), all.found.end(), std::back_inserter(sorted),
                 [which](const finding& one) { return one.weight == which; });
  return sorted;
}

}  // namespace sallyport::certs
