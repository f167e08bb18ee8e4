// Revocation: CRLs (RFC 5280 5). Every CA below the server's trust has one in crl.pem, unless its absence is the fault.
#include "blueprint.hpp"

namespace sallyport::certs {

namespace {

enum reason : unsigned { key_compromise = 1, certificate_hold = 6 };

// IssuingDistributionPoint, RFC 5280 5.2.5: onlyContainsCACerts.
octets for_cas_alone() { return extension("2.5.29.28", true, der::sequence({der::context_primitive(2, "\xFF")})); }

octets nobody_knows() { return extension(oid::nobodys, true, der::octet_string("x")); }

}  // namespace

std::vector<blueprint> revocation_sets() {
  return {
      {.id = "revoked-serial-of-another-ca",
       .says = "The root has revoked this serial number, but another CA has issued it.",
       .leaf = {.serial_revoked = true},
       .via = {{}}},
      {.id = "crl-without-number",
       .says = "Its CA's CRL is of version 1, without a number: what openssl ca makes when nobody asks for more.",
       .via = {{.crl = {.first_version = true}}}},
      {.id = "revoked",
       .fault = "revoked",
       .says = "Its CA has revoked it.",
       .leaf = {.revoked = true},
       .error = "X509_V_ERR_CERT_REVOKED"},
      {.id = "revoked-for-compromise",
       .fault = "revoked, because its key was stolen",
       .says = "Its CA has revoked it, and says why.",
       .leaf = {.revoked = true, .reason = key_compromise},
       .via = {{}},
       .error = "X509_V_ERR_CERT_REVOKED"},
      {.id = "on-hold",
       .fault = "revoked for the time being",
       .says = "Its CA has put it on hold, which may end; until then it is revoked.",
       .leaf = {.revoked = true, .reason = certificate_hold},
       .error = "X509_V_ERR_CERT_REVOKED"},
      {.id = "revoked-intermediate",
       .fault = "its CA is revoked",
       .says = "The root has revoked the CA that issued it. Whoever asks for the leaf alone does not see it.",
       .via = {{.revoked = true}},
       .error = "X509_V_ERR_CERT_REVOKED"},
      {.id = "stale-crl",
       .fault = "its CA's CRL has expired",
       .says = "The CRL that could tell should have been replaced yesterday.",
       .via = {{.crl = {.since = -30 * day, .until = -day}}},
       .error = "X509_V_ERR_CRL_HAS_EXPIRED"},
      {.id = "crl-of-the-future",
       .fault = "its CA's CRL is not yet valid",
       .says = "The CRL that could tell begins in thirty days.",
       .via = {{.crl = {.since = 30 * day}}},
       .error = "X509_V_ERR_CRL_NOT_YET_VALID"},
      {.id = "no-crl",
       .fault = "its CA has no CRL",
       .says = "Nobody can tell whether it is revoked: a server that has CRLs must not take that for a no.",
       .via = {{.crl = {.made = false}}},
       .error = "X509_V_ERR_UNABLE_TO_GET_CRL"},
      {.id = "crl-by-another",
       .fault = "its CA's CRL is signed by another",
       .says = "The CRL has the CA's name and key identifier, and the signature of somebody else.",
       .via = {{.crl = {.by_another_key = true}}},
       .error = "X509_V_ERR_CRL_SIGNATURE_FAILURE"},
      {.id = "crl-for-cas-alone",
       .fault = "its CA's CRL is for CAs alone",
       .says = "The CRL says that it speaks of CAs alone, so it says nothing of a client.",
       .via = {{.crl = {.extensions = for_cas_alone()}}},
       .error = "X509_V_ERR_DIFFERENT_CRL_SCOPE"},
      {.id = "crl-with-unknown-critical",
       .fault = "a critical extension that nobody knows in its CA's CRL",
       .says = "The CRL says something that must be understood, in words that nobody understands.",
       .via = {{.crl = {.extensions = nobody_knows()}}},
       .error = "X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION"},
      {.id = "crl-entry-with-unknown-critical",
       .fault = "a critical extension that nobody knows in the CRL's line about it",
       .says = "The CRL's line about it must be understood to be believed; in doubt it is revoked.",
       .leaf = {.revoked = true},
       .via = {{.crl = {.entry_extensions = nobody_knows()}}},
       .error = "X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION"},
      {.id = "ca-may-not-sign-crls",
       .fault = "its CA may not sign CRLs",
       .says = "Its CA's keyUsage lacks cRLSign, so its CRL counts for nothing.",
       .via = {{.usage = key_usage(key_cert_sign)}},
       .error = "X509_V_ERR_KEYUSAGE_NO_CRL_SIGN"},
  };
}

}  // namespace sallyport::certs
