// Makes certificates for a test at run time, in a folder of its own that goes with it. Needs OpenSSL's libcrypto.
//
//   cert_mint mint;
//   auto ca = mint.authority("test CA");
//   auto server = mint.issue({.common_name = "localhost", .dns = {"localhost"}}, ca);   // server.cert, server.key: paths
#pragma once

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <stdlib.h>

namespace sallyport::support {

enum class usage { none, client, server, both };  // extendedKeyUsage; none: the extension is left out, as Milvus' recipe does
enum class key_kind { p256, rsa2048, rsa1024 };

struct recipe {
  std::string common_name = "localhost";
  std::vector<std::string> dns = {}, uris = {}, emails = {}, addresses = {};
  std::string unit = {};  // OU
  usage purpose = usage::both;
  std::chrono::seconds since = -std::chrono::hours(1);  // from now
  std::chrono::seconds until = std::chrono::hours(24 * 365);
  key_kind key = key_kind::p256;
  bool authority = false;
  bool strict = true;  // false: an authority as Milvus' recipe may make one, basicConstraints not critical and no keyUsage
  long serial = 0;     // 0: the next one
};

// Copies share the handles.
struct minted {
  std::shared_ptr<X509> certificate;
  std::shared_ptr<EVP_PKEY> private_key;
  std::string cert, key;  // PEM files
};

class cert_mint {
 public:
  cert_mint() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sallyport-mint-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = pattern;
  }
  ~cert_mint() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  cert_mint(const cert_mint&) = delete;
  cert_mint& operator=(const cert_mint&) = delete;

  const std::filesystem::path& folder() const { return folder_; }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  minted authority(const std::string& common_name) { return make({.common_name = common_name, .authority = true}, nullptr); }
  minted authority(const std::string& common_name, const minted& issuer) {
    return make({.common_name = common_name, .authority = true}, &issuer);
  }
  minted issue(const recipe& what, const minted& issuer) { return make(what, &issuer); }
  minted self_signed(const recipe& what) { return make(what, nullptr); }

  // One file with several certificates: a chain, or a bundle of authorities.
  std::string bundle(const std::vector<minted>& all) {
    const auto to = path("bundle" + std::to_string(++made_) + ".pem");
    const file out(to);
    for (const auto& one : all) must(PEM_write_X509(out.get(), one.certificate.get()));
    return to;
  }

  // A PEM file with the CRL of one authority. `onto`: another such file, which comes first in it.
  std::string crl(const minted& issuer, const std::vector<const minted*>& revoked, std::chrono::seconds since = -std::chrono::hours(1),
                  std::chrono::seconds until = std::chrono::hours(24), const std::string& onto = {}) {
    const std::unique_ptr<X509_CRL, void (*)(X509_CRL*)> made(X509_CRL_new(), X509_CRL_free);
    const std::unique_ptr<ASN1_TIME, void (*)(ASN1_TIME*)> from(X509_gmtime_adj(nullptr, since.count()), ASN1_TIME_free);
    const std::unique_ptr<ASN1_TIME, void (*)(ASN1_TIME*)> to(X509_gmtime_adj(nullptr, until.count()), ASN1_TIME_free);
    must(X509_CRL_set_version(made.get(), X509_CRL_VERSION_2) && X509_CRL_set1_lastUpdate(made.get(), from.get()) &&
         X509_CRL_set1_nextUpdate(made.get(), to.get()) &&
         X509_CRL_set_issuer_name(made.get(), X509_get_subject_name(issuer.certificate.get())));
    for (const auto* one : revoked) {
      X509_REVOKED* entry = X509_REVOKED_new();
      must(X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(one->certificate.get())) &&
           X509_REVOKED_set_revocationDate(entry, from.get()) && X509_CRL_add0_revoked(made.get(), entry));
    }
    const std::unique_ptr<ASN1_INTEGER, void (*)(ASN1_INTEGER*)> number(ASN1_INTEGER_new(), ASN1_INTEGER_free);
    must(ASN1_INTEGER_set(number.get(), ++serial_) && X509_CRL_add1_ext_i2d(made.get(), NID_crl_number, number.get(), 0, 0));
    must(X509_CRL_sort(made.get()) && X509_CRL_sign(made.get(), issuer.private_key.get(), EVP_sha256()));
    const auto written = path("crl" + std::to_string(++made_) + ".pem");
    const file out(written);
    if (!onto.empty()) {
      std::ifstream first(onto);
      const std::string text((std::istreambuf_iterator<char>(first)), {});
      must(std::fwrite(text.data(), 1, text.size(), out.get()) == text.size());
    }
    must(PEM_write_X509_CRL(out.get(), made.get()));
    return written;
  }

  std::string encrypted_key(const minted& of) {
    const auto to = path("encrypted" + std::to_string(++made_) + ".key");
    const file out(to);
    must(PEM_write_PKCS8PrivateKey(out.get(), of.private_key.get(), EVP_aes_256_cbc(), "secret", 6, nullptr, nullptr));
    return to;
  }

  std::string write(const std::string& name, const std::string& text) {
    const file out(path(name));
    must(std::fwrite(text.data(), 1, text.size(), out.get()) == text.size());
    return path(name);
  }

 private:
  class file {
   public:
    explicit file(const std::string& path) : handle_(std::fopen(path.c_str(), "w")) { must(handle_ != nullptr); }
    ~file() { std::fclose(handle_); }
    file(const file&) = delete;
    file& operator=(const file&) = delete;
    std::FILE* get() const { return handle_; }

   private:
    std::FILE* handle_;
  };

  static void must(int worked) {
    if (worked == 0) throw std::runtime_error("cert_mint: OpenSSL or the file system refused");
  }

  static std::shared_ptr<EVP_PKEY> make_key(key_kind kind) {
    EVP_PKEY* key = kind == key_kind::p256 ? EVP_EC_gen("P-256") : EVP_RSA_gen(kind == key_kind::rsa1024 ? 1024U : 2048U);
    must(key != nullptr);
    return {key, EVP_PKEY_free};
  }

  static void extend(X509* what, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, what, nullptr, nullptr, 0);
    const std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()),
                                                                               X509_EXTENSION_free);
    must(extension != nullptr);
    must(X509_add_ext(what, extension.get(), -1));
  }

  static void add_extensions(X509* made, X509* issuer, const recipe& what) {
    extend(made, issuer, NID_basic_constraints, !what.authority ? "CA:FALSE" : what.strict ? "critical,CA:TRUE" : "CA:TRUE");
    if (what.strict)
      extend(made, issuer, NID_key_usage,
             what.authority ? "critical,keyCertSign,cRLSign" : "nonRepudiation,digitalSignature,keyEncipherment");
    // Whoever judges strictly wants to know the keys (RFC 5280 4.2.1.1, 4.2.1.2).
    extend(made, issuer, NID_subject_key_identifier, "hash");
    extend(made, issuer, NID_authority_key_identifier, "keyid:always");
    if (what.authority) return;
    if (what.purpose == usage::client) extend(made, issuer, NID_ext_key_usage, "clientAuth");
    if (what.purpose == usage::server) extend(made, issuer, NID_ext_key_usage, "serverAuth");
    if (what.purpose == usage::both) extend(made, issuer, NID_ext_key_usage, "serverAuth,clientAuth");
    std::string names;
    for (const auto& dns : what.dns) names += (names.empty() ? "DNS:" : ",DNS:") + dns;
    for (const auto& uri : what.uris) names += (names.empty() ? "URI:" : ",URI:") + uri;
    for (const auto& email : what.emails) names += (names.empty() ? "email:" : ",email:") + email;
    for (const auto& address : what.addresses) names += (names.empty() ? "IP:" : ",IP:") + address;
    if (!names.empty()) extend(made, issuer, NID_subject_alt_name, names);
  }

  static void name(X509* what, const std::string& common_name, const std::string& unit) {
    X509_NAME* subject = X509_get_subject_name(what);
    const auto add = [subject](const char* field, const std::string& value) {
      must(X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()),
                                      static_cast<int>(value.size()), -1, 0));
    };
    add("O", "milvus");
    if (!unit.empty()) add("OU", unit);
    add("CN", common_name);
  }

  minted make(const recipe& what, const minted* issuer) {
    minted made{{X509_new(), X509_free}, make_key(what.key), {}, {}};
    X509* x = made.certificate.get();
    must(X509_set_version(x, X509_VERSION_3));
    must(ASN1_INTEGER_set(X509_get_serialNumber(x), what.serial != 0 ? what.serial : ++serial_));
    must(X509_gmtime_adj(X509_getm_notBefore(x), what.since.count()) != nullptr);
    must(X509_gmtime_adj(X509_getm_notAfter(x), what.until.count()) != nullptr);
    name(x, what.common_name, what.unit);
    X509* signer = issuer != nullptr ? issuer->certificate.get() : x;
    must(X509_set_issuer_name(x, X509_get_subject_name(signer)));
    must(X509_set_pubkey(x, made.private_key.get()));
    add_extensions(x, signer, what);
    must(X509_sign(x, issuer != nullptr ? issuer->private_key.get() : made.private_key.get(), EVP_sha256()));

    const auto number = std::to_string(++made_);
    made.cert = path("certificate" + number + ".pem");
    made.key = path("certificate" + number + ".key");
    const file cert(made.cert);
    must(PEM_write_X509(cert.get(), x));
    const file key(made.key);
    must(PEM_write_PrivateKey(key.get(), made.private_key.get(), nullptr, nullptr, 0, nullptr, nullptr));
    std::filesystem::permissions(made.key, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    return made;
  }

  std::filesystem::path folder_;
  long serial_ = 0x1000;
  int made_ = 0;
};

}  // namespace sallyport::support
