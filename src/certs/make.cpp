#include "make.hpp"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <ctime>

namespace sallyport::certs {

namespace {

using extensions_handle =
    std::unique_ptr<STACK_OF(X509_EXTENSION),
                    decltype([](STACK_OF(X509_EXTENSION) * stack) { sk_X509_EXTENSION_pop_free(stack, X509_EXTENSION_free); })>;
using names_handle = std::unique_ptr<GENERAL_NAMES, freed_by<GENERAL_NAMES_free>>;
using name_handle = std::unique_ptr<GENERAL_NAME, freed_by<GENERAL_NAME_free>>;
using bio_handle = std::unique_ptr<BIO, freed_by<BIO_free>>;
using number_handle = std::unique_ptr<BIGNUM, freed_by<BN_free>>;

// Peers whose clock is behind by a little should not refuse a certificate that was made just now.
constexpr long backdated_seconds = 3600;
// RFC 5280 4.1.2.2: positive, and not more than 20 octets.
constexpr int serial_bits = 159;

std::string common_name_of(role who, const recipe& options) {
  switch (who) {
    // The recipe calls its CA localhost too, but a leaf with its issuer's name looks self-signed to path builders.
    case role::ca: return "milvus CA";
    case role::server: return "localhost";
    case role::client: return options.client_common_name;
  }
  return {};
}

bool add_to_subject(X509_NAME* subject, const char* field, const std::string& value) {
  const auto* text = reinterpret_cast<const unsigned char*>(value.data());
  return X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8, text, static_cast<int>(value.size()), -1, 0) == 1;
}

bool fill_subject(X509_NAME* subject, const std::string& common_name) {
  return add_to_subject(subject, "C", "CN") && add_to_subject(subject, "ST", "Shanghai") && add_to_subject(subject, "L", "Shanghai") &&
         add_to_subject(subject, "O", "milvus") && add_to_subject(subject, "OU", "milvus") && add_to_subject(subject, "CN", common_name);
}

bool add_name(GENERAL_NAMES* names, int type, ASN1_STRING* value) {
  if (!value) return false;
  name_handle name(GENERAL_NAME_new());
  if (!name) {
    ASN1_STRING_free(value);
    return false;
  }
  GENERAL_NAME_set0_value(name.get(), type, value);
  if (sk_GENERAL_NAME_push(names, name.get()) == 0) return false;
  static_cast<void>(name.release());
  return true;
}

bool add_text_names(GENERAL_NAMES* names, int type, const std::vector<std::string>& texts) {
  for (const auto& text : texts) {
    ASN1_STRING* value = ASN1_IA5STRING_new();
    if (value && ASN1_STRING_set(value, text.data(), static_cast<int>(text.size())) != 1) {
      ASN1_STRING_free(value);
      return false;
    }
    if (!add_name(names, type, value)) return false;
  }
  return true;
}

extension_handle server_names(const recipe& options) {
  return extension_of({options.server_dns_names, options.server_ip_addresses, {}, {}});
}

struct plain_extension {
  int nid;
  const char* value;
};

// RFC 5280 4.2.1.3: an EC key signs and does nothing else; RSA may also carry the key of an old handshake.
std::vector<plain_extension> purposes_of(role who, key_kind keys) {
  if (who == role::ca) return {{NID_basic_constraints, "critical,CA:TRUE,pathlen:1"}, {NID_key_usage, "critical,keyCertSign,cRLSign"}};
  return {{NID_basic_constraints, "critical,CA:FALSE"},
          {NID_key_usage, keys == key_kind::rsa_2048 ? "critical,digitalSignature,keyEncipherment" : "critical,digitalSignature"},
          {NID_ext_key_usage, who == role::server ? "serverAuth" : "clientAuth"}};
}

bool add_to(X509* certificate, const extension_handle& extension) {
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool add_extensions(X509* certificate, role who, const recipe& options, X509* signer) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, signer, certificate, nullptr, nullptr, 0);
  const auto add = [&](const plain_extension& each) {
    return add_to(certificate, extension_handle(X509V3_EXT_conf_nid(nullptr, &context, each.nid, each.value)));
  };
  for (const auto& each : purposes_of(who, options.keys))
    if (!add(each)) return false;
  // The subject's identifier goes first: a root's authority identifier is read from it.
  if (!add({NID_subject_key_identifier, "hash"}) || !add({NID_authority_key_identifier, "keyid:always"})) return false;
  return who != role::server || add_to(certificate, server_names(options));
}

core::secret contents(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? core::secret(std::string_view(data, static_cast<std::size_t>(size))) : core::secret();
}

template <class Write>
core::secret pem(Write write) {
  const bio_handle bio(BIO_new(BIO_s_mem()));  // wiped by OpenSSL when it is freed
  return bio && write(bio.get()) == 1 ? contents(bio.get()) : core::secret();
}

}  // namespace

bool set_serial(X509* certificate) {
  number_handle number(BN_new());
  return number && BN_rand(number.get(), serial_bits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 && !BN_is_zero(number.get()) &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_dates(X509* certificate, std::uint32_t days) {
  std::time_t now = std::time(nullptr);
  // Both ends belong to the validity (RFC 5280 4.1.2.5), hence a second less.
  return X509_time_adj_ex(X509_getm_notBefore(certificate), 0, -backdated_seconds, &now) != nullptr &&
         X509_time_adj_ex(X509_getm_notAfter(certificate), static_cast<int>(days), -backdated_seconds - 1, &now) != nullptr;
}

// Built from values, never from a line of configuration text, in which a name could smuggle further names.
extension_handle extension_of(const certificate_names& from) {
  names_handle names(sk_GENERAL_NAME_new_null());
  if (!names || !add_text_names(names.get(), GEN_DNS, from.dns)) return {};
  for (const auto& address : from.ips)
    if (!add_name(names.get(), GEN_IPADD, a2i_IPADDRESS(address.c_str()))) return {};
  if (!add_text_names(names.get(), GEN_URI, from.uris) || !add_text_names(names.get(), GEN_EMAIL, from.emails)) return {};
  return extension_handle(X509V3_EXT_i2d(NID_subject_alt_name, 0, names.get()));
}

key_handle make_key(key_kind kind) {
  ERR_clear_error();
  return key_handle(kind == key_kind::rsa_2048 ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"));
}

request_handle make_request(role who, const recipe& options, EVP_PKEY* key) {
  ERR_clear_error();
  request_handle request(X509_REQ_new());
  if (!request || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 || X509_REQ_set_pubkey(request.get(), key) != 1 ||
      !fill_subject(X509_REQ_get_subject_name(request.get()), common_name_of(who, options)))
    return {};
  if (who == role::server) {
    extensions_handle asked(sk_X509_EXTENSION_new_null());
    extension_handle names = server_names(options);
    if (!asked || !names || sk_X509_EXTENSION_push(asked.get(), names.get()) == 0) return {};
    static_cast<void>(names.release());
    if (X509_REQ_add_extensions(request.get(), asked.get()) != 1) return {};
  }
  if (X509_REQ_sign(request.get(), key, EVP_sha256()) <= 0) return {};
  return request;
}

certificate_handle make_certificate(role who, const recipe& options, X509_REQ* request, const issuer& signer, std::uint32_t days) {
  ERR_clear_error();
  certificate_handle made(X509_new());
  if (!made || X509_set_version(made.get(), X509_VERSION_3) != 1 || !set_serial(made.get()) || !set_dates(made.get(), days)) return {};
  X509* const signed_by = signer.certificate ? signer.certificate : made.get();
  if (X509_set_subject_name(made.get(), X509_REQ_get_subject_name(request)) != 1 ||
      X509_set_pubkey(made.get(), X509_REQ_get0_pubkey(request)) != 1 ||
      X509_set_issuer_name(made.get(), X509_get_subject_name(signed_by)) != 1 || !add_extensions(made.get(), who, options, signed_by) ||
      X509_sign(made.get(), signer.key, EVP_sha256()) <= 0)
    return {};
  return made;
}

std::string fault_of_pair(X509* root, X509* leaf, EVP_PKEY* key, role who) {
  using store_handle = std::unique_ptr<X509_STORE, freed_by<X509_STORE_free>>;
  using context_handle = std::unique_ptr<X509_STORE_CTX, freed_by<X509_STORE_CTX_free>>;
  ERR_clear_error();
  const store_handle trusted(X509_STORE_new());
  const context_handle context(X509_STORE_CTX_new());
  if (!trusted || !context || X509_STORE_add_cert(trusted.get(), root) != 1 ||
      X509_STORE_CTX_init(context.get(), trusted.get(), leaf, nullptr) != 1)
    return openssl_reason();
  const bool is_server = who == role::server;
  if (X509_STORE_CTX_set_purpose(context.get(), is_server ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT) != 1)
    return openssl_reason();
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_X509_STRICT);
  if (X509_verify_cert(context.get()) != 1) return X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
  return X509_check_private_key(leaf, key) == 1 ? std::string() : openssl_reason();
}

core::secret pem_of(EVP_PKEY* key) {
  ERR_clear_error();
  return pem([key](BIO* bio) { return PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr); });
}

core::secret pem_of(X509* certificate) {
  ERR_clear_error();
  return pem([certificate](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

core::secret pem_of(X509_REQ* request) {
  ERR_clear_error();
  return pem([request](BIO* bio) { return PEM_write_bio_X509_REQ(bio, request); });
}

core::secret serial_file_of(X509* certificate) {
  ERR_clear_error();
  return pem([certificate](BIO* bio) {
    return i2a_ASN1_INTEGER(bio, X509_get_serialNumber(certificate)) > 0 && BIO_puts(bio, "\n") == 1 ? 1 : 0;
  });
}

std::string openssl_reason() {
  const unsigned long code = ERR_get_error();
  const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  ERR_clear_error();
  return reason ? reason : "no reason given";
}

}  // namespace sallyport::certs
