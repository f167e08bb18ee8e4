// What there is to say against a chain, in the words of those who say it.
#include "authority.hpp"
#include "judged.hpp"
#include "options.hpp"

#include <openssl/err.h>

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

  X509* leaf() const { return chain.certificates.front().get(); }
  X509* at(std::size_t i) const { return chain.certificates[i].get(); }
  std::size_t size() const { return chain.certificates.size(); }
  std::string which(std::size_t i) const { return i == 0 ? "the certificate" : "certificate " + std::to_string(i + 1) + " of the chain"; }
  void say(const char* id, weight how_much, std::string text, std::vector<std::string> said = {}) {
    found.push_back({id, how_much, std::move(text), std::move(said)});
  }

  void dates();
  void names();
  void name_of_host();
  void purposes();
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
          {"pymilvus: CERTIFICATE_VERIFY_FAILED: certificate is not yet valid", "Go: x509: certificate has expired or is not yet valid",
           "Node: CERT_NOT_YET_VALID", "Java: CertificateNotYetValidException"});
    } else if (X509_cmp_time(X509_get0_notAfter(at(i)), &now) < 0) {
      say("expired", weight::fault, which(i) + " has expired on " + facts[i].not_after,
          {"pymilvus: CERTIFICATE_VERIFY_FAILED: certificate has expired", "Go: x509: certificate has expired or is not yet valid",
           "Node: CERT_HAS_EXPIRED", "Java: CertificateExpiredException"});
    } else if (const auto left = days_to(X509_get0_notAfter(at(i)), now); left < soon_days) {
      say("expires-soon", weight::warning, which(i) + " expires in " + std::to_string(left) + " days, on " + facts[i].not_after);
    }
  }
}

void judging::names() {
  if (!options.for_server || !facts[0].dns.empty() || !facts[0].ips.empty()) return;
  say("no-san", weight::fault, "the certificate has no name in its subjectAltName: its common name is not looked at any more",
      {"Go: x509: certificate relies on legacy Common Name field, use SANs instead",
       "pymilvus over REST (urllib3 2), curl: no alternative certificate subject name matches",
       "Java: No subject alternative names present (for an IP address)",
       "Node, pymilvus over gRPC: take the common name of a host, and nothing for an IP address"});
}

void judging::name_of_host() {
  if (!options.for_server || options.host.empty() || (facts[0].dns.empty() && facts[0].ips.empty())) return;
  const bool good = is_address(options.host) ? X509_check_ip_asc(leaf(), options.host.c_str(), 0) == 1
                                             : X509_check_host(leaf(), options.host.c_str(), options.host.size(),
                                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1;
  if (good) return;
  say("wrong-name", weight::fault, "the certificate is not for " + options.host,
      {"pymilvus: Hostname Verification Check failed", "Go: x509: certificate is valid for other names, not " + options.host,
       "Node: ERR_TLS_CERT_ALTNAME_INVALID", "Java: No subject alternative DNS name matching " + options.host + " found"});
}

void judging::purposes() {
  const auto& has = facts[0].purposes;
  const auto* wanted = options.for_server ? "serverAuth" : "clientAuth";
  const auto named = [&](const char* one) { return std::find(has.begin(), has.end(), one) != has.end(); };
  if (has.empty()) {
    if (options.for_server)
      say("no-eku", weight::note, "the certificate has no extendedKeyUsage: the clients of Milvus take it, Apple's platforms do not");
  } else if (!named(wanted) && !named("anyExtendedKeyUsage")) {
    say("wrong-eku", weight::fault, std::string("the extendedKeyUsage of the certificate has no ") + wanted,
        {"pymilvus over gRPC: unsupported certificate purpose", "Sallyport, Python: unsuitable certificate purpose",
         "Go: x509: certificate specifies an incompatible key usage", "Node: INVALID_PURPOSE",
         std::string("Java: Extended key usage does not permit use for TLS ") + (options.for_server ? "server" : "client") +
             " authentication"});
  }
  if (facts[0].authority)
    say("leaf-is-authority", weight::warning, "the certificate may sign others: whoever has its key can make certificates for any name");
}

void judging::keys() {
  for (std::size_t i = 0; i < size(); ++i) {
    const EVP_PKEY* key = X509_get0_pubkey(at(i));
    if (key == nullptr) {
      say("unknown-key", weight::fault, which(i) + " has a key that OpenSSL cannot read");
    } else if (EVP_PKEY_is_a(key, "RSA") == 1 && EVP_PKEY_get_bits(key) < 2048) {
      say("weak-key", weight::fault, which(i) + " has an RSA key of " + std::to_string(EVP_PKEY_get_bits(key)) + " bits: 2048 is the least",
          {"Sallyport, Python on Debian: EE certificate key too weak, or CA certificate key too weak", "Go: refuses below 1024 bits",
           "Java: Algorithm constraints check failed, below 1024 bits", "pymilvus over gRPC (BoringSSL): takes it"});
    } else if (EVP_PKEY_is_a(key, "EC") == 1 && !facts[i].key.starts_with("EC P-")) {
      say("rare-curve", weight::fault,
          which(i) + " has a key on the curve " + facts[i].key.substr(3) + ": only P-256 and P-384 are known to all",
          {"pymilvus, Node: the server ends the handshake with handshake_failure, for want of a common signature algorithm",
           "Go: x509: unsupported elliptic curve"});
    } else if (EVP_PKEY_is_a(key, "ED25519") == 1 || EVP_PKEY_is_a(key, "ED448") == 1 || EVP_PKEY_is_a(key, "RSA-PSS") == 1 ||
               facts[i].key == "EC P-521") {
      say("rare-key", weight::warning,
          which(i) + " has a key of kind " + facts[i].key + ", which pymilvus over gRPC (BoringSSL) does not take: handshake_failure");
    } else if (EVP_PKEY_is_a(key, "DSA") == 1) {
      say("dsa", weight::fault, which(i) + " has a DSA key: TLS 1.3 has none, and nobody speaks it any more");
    }
  }
}

void judging::signatures() {
  for (std::size_t i = 0; i < size(); ++i) {
    int hash = NID_undef;
    if (X509_get_signature_info(at(i), &hash, nullptr, nullptr, nullptr) != 1) continue;
    if ((hash != NID_sha1 && hash != NID_md5) || facts[i].self_signed) continue;  // of a root nobody checks the signature
    say("weak-signature", weight::fault, which(i) + " is signed with " + facts[i].signature,
        {"Sallyport, Python on Debian: CA signature digest algorithm too weak", "Go: x509: cannot verify signature: insecure algorithm",
         "Java: Algorithm constraints check failed on signature algorithm", "pymilvus over gRPC (BoringSSL): takes it"});
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
          "the chain is not in order: each certificate must be followed by the one that signed it (RFC 5246 7.4.2)",
          {"older clients: unable to get local issuer certificate"});
    else
      say("broken-chain", weight::fault, "the chain does not hold together: a certificate in it is not signed by the next one",
          {"pymilvus: unable to get local issuer certificate", "Go: x509: certificate signed by unknown authority",
           "Node: UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "Java: PKIX path building failed"});
  }
  if (size() > 1 && facts.back().self_signed)
    say("root-sent", weight::note, "the root is in the chain: clients have their own, it only makes the handshake longer");
}

void judging::trust() {
  if (facts[0].self_signed && options.ca.empty())
    return say("self-signed", weight::warning, "the certificate has signed itself: clients must be given this very one as their CA",
               {"pymilvus, Sallyport: self-signed certificate", "Go: x509: certificate signed by unknown authority",
                "Node: DEPTH_ZERO_SELF_SIGNED_CERT", "Java: PKIX path building failed"});
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
  if (X509_verify_cert(context.get()) == 1) return;
  const int why = X509_STORE_CTX_get_error(context.get());
  const bool alone = why == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY && size() == 1;
  say(alone ? "missing-intermediate" : "untrusted", weight::fault,
      alone ? "the chain does not reach the CA: an intermediate is missing, or the CA is another one"
            : std::string("the chain does not reach the CA: ") + X509_verify_cert_error_string(why),
      {std::string("pymilvus, Sallyport: ") + X509_verify_cert_error_string(why), "Go: x509: certificate signed by unknown authority",
       "Node: UNABLE_TO_VERIFY_LEAF_SIGNATURE or UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "Java: PKIX path building failed"});
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
  all.name_of_host();
  all.purposes();
  all.keys();
  all.signatures();
  all.order();
  all.trust();
  all.life();
  std::vector<finding> sorted;  // the heaviest first
  for (const auto which : {weight::fault, weight::warning, weight::note})
    std::copy_if(all.found.begin(), all.found.end(), std::back_inserter(sorted),
                 [which](const finding& one) { return one.weight == which; });
  return sorted;
}

}  // namespace sallyport::certs
