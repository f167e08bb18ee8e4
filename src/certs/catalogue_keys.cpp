// Keys and signatures. The server's security level is 2: 112 bits, so no RSA below 2048 and no SHA-1.
#include "blueprint.hpp"

namespace sallyport::certs {

namespace {

octets changed_at(octets certificate, std::size_t at) {
  certificate.at(at) = static_cast<char>(certificate.at(at) ^ 1);
  return certificate;
}

// The signature is at the end.
octets with_broken_signature(const octets& certificate) { return changed_at(certificate, certificate.size() - 1); }

// One letter of the subject, which stands behind the issuer.
octets with_another_subject(const octets& certificate) { return changed_at(certificate, certificate.find("tampered") + 1); }

}  // namespace

std::vector<blueprint> keys_sets() {
  return {
      {.id = "rsa-2048", .says = "An RSA key of 2048 bits.", .leaf = {.key = key_type::rsa_2048}},
      {.id = "rsa-16384",
       .says = "An RSA key of 16384 bits, the largest that OpenSSL takes. Its factors are known to everybody: it is for judging alone.",
       .leaf = {.key = key_type::rsa_16384},
       .versions = {"TLSv1.3"}},
      {.id = "p-384", .says = "An ECDSA key on P-384.", .leaf = {.key = key_type::p384}},
      {.id = "p-521",
       .says = "An ECDSA key on P-521. TLS 1.2 asks for a curve of the server's list, TLS 1.3 for a signature scheme of it.",
       .leaf = {.key = key_type::p521},
       .versions = {"TLSv1.3"}},
      {.id = "ed25519", .says = "An Ed25519 key.", .leaf = {.key = key_type::ed25519}},
      {.id = "rsa-1024",
       .fault = "an RSA key of 1024 bits",
       .says = "Its key can be broken by who has money.",
       .leaf = {.key = key_type::rsa_1024},
       .error = "X509_V_ERR_EE_KEY_TOO_SMALL",
       .needs = sender::level_0},
      {.id = "rsa-1024-ca",
       .fault = "of a CA with an RSA key of 1024 bits",
       .says = "Its CA's key can be broken by who has money.",
       .via = {{.key = key_type::rsa_1024}},
       .error = "X509_V_ERR_CA_KEY_TOO_SMALL",
       .needs = sender::level_0},
      {.id = "p-192",
       .fault = "an ECDSA key on P-192",
       .says = "Its key has 96 bits of security. TLS 1.3 has no signature scheme for it.",
       .leaf = {.key = key_type::p192},
       .error = "X509_V_ERR_EE_KEY_TOO_SMALL",
       .needs = sender::level_0,
       .versions = {"TLSv1.2"}},
      {.id = "secp256k1",
       .fault = "an ECDSA key on secp256k1",
       .says = "A curve that is not on the server's list. TLS 1.3 has no signature scheme for it.",
       .leaf = {.key = key_type::secp256k1},
       .check = "curve",
       .versions = {"TLSv1.2"}},
      {.id = "explicit-curve",
       .fault = "the numbers of a curve in place of its name",
       .says = "Who may choose the numbers of a curve can make a key that fits another's signature (CVE-2020-0601).",
       .leaf = {.key = key_type::p256_explicit},
       .error = "X509_V_ERR_EC_KEY_EXPLICIT_PARAMS"},
      {.id = "point-off-the-curve",
       .fault = "a public key that is no point of its curve",
       .says = "Its public key is a pair of numbers that does not lie on the curve.",
       .leaf = {.key = key_type::p256_off_curve},
       .error = "X509_V_ERR_EE_KEY_TOO_SMALL",
       .needs = sender::raw},
      {.id = "sha1-signature",
       .fault = "signed with SHA-1",
       .says = "Two certificates with the same SHA-1 can be made.",
       .leaf = {.sha1 = true},
       .error = "X509_V_ERR_CA_MD_TOO_WEAK",
       .needs = sender::level_0},
      {.id = "sha1-intermediate",
       .fault = "of a CA that is signed with SHA-1",
       .says = "Two CA certificates with the same SHA-1 can be made.",
       .via = {{.sha1 = true}},
       .error = "X509_V_ERR_CA_MD_TOO_WEAK",
       .needs = sender::level_0},
      {.id = "broken-signature",
       .fault = "a signature that does not fit",
       .says = "A bit of its signature is another.",
       .leaf = {.after_signing = with_broken_signature},
       .error = "X509_V_ERR_CERT_SIGNATURE_FAILURE"},
      {.id = "broken-intermediate-signature",
       .fault = "of a CA whose signature does not fit",
       .says = "A bit of its CA's signature is another.",
       .via = {{.after_signing = with_broken_signature}},
       .error = "X509_V_ERR_CERT_SIGNATURE_FAILURE"},
      {.id = "tampered",
       .fault = "another name than was signed",
       .says = "A letter of its name was changed after it was signed.",
       .leaf = {.after_signing = with_another_subject},
       .error = "X509_V_ERR_CERT_SIGNATURE_FAILURE"},
      {.id = "two-algorithms",
       .fault = "another signature algorithm outside than inside",
       .says = "The algorithm that is beside the signature is not the one that was signed.",
       .leaf = {.says_another_algorithm = true},
       .error = "X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY"},
  };
}

}  // namespace sallyport::certs
