// The words, as they have been heard. See the tests before changing one.
#include "sayings.hpp"

#include "options.hpp"

#include <openssl/x509v3.h>

namespace sallyport::certs {

namespace {

constexpr std::size_t listed = 64;  // of each kind of name; the facts have no more

std::string joined(const std::vector<std::string>& names) {
  std::string all;
  for (const auto& one : names) all += (all.empty() ? "" : ", ") + one;
  return all;
}

std::string valid_for(const std::vector<std::string>& names, const std::string& host) {
  if (names.size() >= listed) return "Go: x509: certificate is valid for ";  // from 100 on Go gives their number alone
  return "Go: x509: certificate is valid for " + joined(names) + ", not " + host;
}

// Who asks for a host by its name looks at the common name where the subjectAltName has no DNS name; Go and Python's ssl do not.
bool has_common_name(X509* leaf, const shown_certificate& facts, const std::string& host) {
  return facts.dns.empty() && X509_check_host(leaf, host.c_str(), host.size(), 0, nullptr) == 1;
}

}  // namespace

sayings sayings_of_names(X509* leaf, const shown_certificate& facts, const std::string& host) {
  const bool bare = X509_get_ext_by_NID(leaf, NID_subject_alt_name, -1) < 0;
  const std::string legacy = "Go: x509: certificate relies on legacy Common Name field, use SANs instead";
  const std::string ours = bare ? "Sallyport: the certificate has no subjectAltName" : "Sallyport: the certificate is for another name";
  if (host.empty()) return {"pymilvus over REST: mismatch, certificate is not valid for", legacy, ours};

  const bool common = has_common_name(leaf, facts, host);
  const std::string boring = common ? "pymilvus: call host does not match SSL server name"  // good in the handshake, bad for the call
                                    : "pymilvus: Hostname Verification Check failed";
  if (is_address(host)) {
    std::string go = valid_for(facts.ips, host), java = "No subject alternative names matching IP address " + host + " found";
    if (facts.ips.empty()) go = "Go: x509: cannot validate certificate for " + host + " because it doesn't contain any IP SANs";
    if (bare) java = "No subject alternative names present";
    return {boring,
            "pymilvus over REST: IP address mismatch, certificate is not valid for '" + host + "'",
            bare && common ? legacy : go,
            "Node: ERR_TLS_CERT_ALTNAME_INVALID",
            "Java: " + java,
            ours};
  }
  std::string go = valid_for(facts.dns, host);
  if (facts.dns.empty()) go = "Go: x509: certificate is not valid for any names, but wanted to match " + host;
  sayings all{"pymilvus over REST: Hostname mismatch, certificate is not valid for '" + host + "'", bare && common ? legacy : go, ours};
  if (!bare || !common) all.emplace_back(boring);
  if (common) return all;
  all.emplace_back("Node: ERR_TLS_CERT_ALTNAME_INVALID");
  all.emplace_back(facts.dns.empty() ? "Java: No name matching " + host + " found"
                                     : "Java: No subject alternative DNS name matching " + host + " found");
  return all;
}

sayings sayings_of_trust(int why, int length) {
  const std::string open_ssl = X509_verify_cert_error_string(why);
  std::string boring = open_ssl, node = open_ssl, go = "x509: certificate signed by unknown authority", java = "PKIX path building failed";
  switch (why) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
      if (length == 1) node = "unable to verify the first certificate";  // Node goes on after an error, and says the last one
      break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: boring = "self signed certificate"; break;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN: boring = "self signed certificate in certificate chain"; break;
    case X509_V_ERR_INVALID_CA:
      node = "unsuitable certificate purpose";
      java = "this is not a CA certificate";
      break;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE: java = "signature check failed"; break;
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
      go = "x509: too many intermediates for path length constraint";
      java = "pathLenConstraint violated";
      break;
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
      go = "x509: a root or intermediate certificate is not authorized to sign for this name";
      java = "name constraints check failed";
      break;
    case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
      go = "x509: unhandled critical extension";
      java = "unrecognized critical extension(s)";
      break;
    default: return {"Sallyport: " + open_ssl, "pymilvus over REST: " + open_ssl};  // nobody else has been heard
  }
  return {"pymilvus: " + boring, "pymilvus over REST: " + open_ssl, "Go: " + go, "Node: " + node,
          "Java: " + java,       "Sallyport: " + open_ssl};
}

sayings sayings_of_handshake(refusing who) {
  sayings all{"pymilvus: SSLV3_ALERT_HANDSHAKE_FAILURE", "Java: SSLV3_ALERT_HANDSHAKE_FAILURE"};
  if (who != refusing::boring_ssl) all.emplace_back("Go: remote error: tls: handshake failure");
  if (who != refusing::everybody) return all;
  all.emplace_back("pymilvus over REST: SSLV3_ALERT_HANDSHAKE_FAILURE");
  all.emplace_back("Node: alert handshake failure");
  all.emplace_back("Sallyport: alert from the server: handshake failure");
  return all;
}

}  // namespace sallyport::certs
