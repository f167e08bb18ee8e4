// What the tests of this room share: a folder that goes with the test, files read back, certificates judged by libcrypto.
#pragma once

#include <sallyport/certs/recipe.hpp>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <string>

#include <stdlib.h>
#include <sys/stat.h>

namespace sallyport::certs::tests {

class temporary_folder {
 public:
  temporary_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "sallyport-certs-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~temporary_folder() { std::filesystem::remove_all(path_); }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;

  std::string at(const std::string& name) const { return path_ + "/" + name; }
  std::set<std::string> names(const std::string& below = ".") const {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path_ + "/" + below)) found.insert(entry.path().filename().string());
    return found;
  }

 private:
  std::string path_;
};

inline std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void write(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

inline unsigned mode_of(const std::string& path) {
  struct stat seen = {};
  return ::lstat(path.c_str(), &seen) == 0 ? seen.st_mode & 07777 : 0;
}

using certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using request = std::unique_ptr<X509_REQ, decltype(&X509_REQ_free)>;
using private_key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

template <class T>
T* read_pem(const std::string& path, T* (*reader)(BIO*, T**, pem_password_cb*, void*)) {
  BIO* file = BIO_new_file(path.c_str(), "r");
  T* object = file ? reader(file, nullptr, nullptr, nullptr) : nullptr;
  BIO_free(file);
  return object;
}
inline certificate certificate_in(const std::string& path) { return {read_pem<X509>(path, PEM_read_bio_X509), X509_free}; }
inline request request_in(const std::string& path) { return {read_pem<X509_REQ>(path, PEM_read_bio_X509_REQ), X509_REQ_free}; }
inline private_key key_in(const std::string& path) { return {read_pem<EVP_PKEY>(path, PEM_read_bio_PrivateKey), EVP_PKEY_free}; }

inline std::string subject_of(const X509_NAME* name) {
  BIO* out = BIO_new(BIO_s_mem());
  X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(out);
  return text;
}

// X509_V_OK, or what the strictest judgement says.
inline int verdict(X509* root, X509* leaf, int purpose) {
  X509_STORE* store = X509_STORE_new();
  X509_STORE_add_cert(store, root);
  X509_STORE_CTX* context = X509_STORE_CTX_new();
  X509_STORE_CTX_init(context, store, leaf, nullptr);
  X509_STORE_CTX_set_purpose(context, purpose);
  X509_STORE_CTX_set_flags(context, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
  X509_verify_cert(context);
  const int answer = X509_STORE_CTX_get_error(context);
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  return answer;
}

inline std::string serial_of(X509* leaf) {
  BIGNUM* number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(leaf), nullptr);
  char* hex = BN_bn2hex(number);
  std::string text = hex;
  OPENSSL_free(hex);
  BN_free(number);
  return text;
}

inline std::set<std::string> names_of(const GENERAL_NAMES* names) {
  std::set<std::string> found;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    int type = 0;
    const auto* value = static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type));
    const std::string bytes(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                            static_cast<std::size_t>(ASN1_STRING_length(value)));
    if (type == GEN_DNS) found.insert("DNS:" + bytes);
    if (type == GEN_IPADD) {
      std::string shown = "IP";
      for (const char byte : bytes) shown += ":" + std::to_string(static_cast<unsigned char>(byte));
      found.insert(shown);
    }
  }
  return found;
}

inline const std::set<std::string>& nine() {
  static const std::set<std::string> names{"ca.key",     "ca.pem",     "ca.srl",     "server.key", "server.pem",
                                           "server.csr", "client.key", "client.pem", "client.csr"};
  return names;
}

}  // namespace sallyport::certs::tests
