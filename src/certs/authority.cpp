#include "authority.hpp"

#include "staging.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace sallyport::certs {

namespace {

using bio_handle = std::unique_ptr<BIO, freed_by<BIO_free>>;
constexpr std::size_t file_max_bytes = 1 << 20;

core::fault cannot_read(const std::string& path, const std::string& why) { return {errc::cannot_read, path + ": " + why}; }

bio_handle reader_of(const core::secret& text) { return bio_handle(BIO_new_mem_buf(text.reveal().data(), static_cast<int>(text.size()))); }

int no_password(char*, int, int, void*) { return -1; }

}  // namespace

core::outcome<core::secret> read_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return cannot_read(path, std::generic_category().message(errno));
  std::string text(file_max_bytes + 1, '\0');
  std::size_t size = 0;
  int error = 0;
  while (size < text.size()) {
    const auto got = ::read(file, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) error = errno;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  ::close(file);
  core::secret whole(std::string_view(text).substr(0, size));
  core::wipe(text);
  if (error != 0) return cannot_read(path, std::generic_category().message(error));
  if (size > file_max_bytes) return cannot_read(path, "is larger than 1 MiB, so it is no certificate or key");
  return whole;
}

core::outcome<std::vector<certificate_handle>> read_certificates(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return text.error();
  const auto from = reader_of(*text);
  std::vector<certificate_handle> all;
  ERR_clear_error();
  while (X509* one = PEM_read_bio_X509(from.get(), nullptr, no_password, nullptr)) all.emplace_back(one);
  const auto code = ERR_peek_last_error();
  ERR_clear_error();
  if (ERR_GET_LIB(code) != ERR_LIB_PEM || ERR_GET_REASON(code) != PEM_R_NO_START_LINE)
    return cannot_read(path, "certificate " + std::to_string(all.size() + 1) + " in it is damaged");
  if (all.empty()) return cannot_read(path, "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)");
  return all;
}

core::outcome<authority> load_authority(const std::string& cert, const std::string& key) {
  authority made;
  auto chain = read_certificates(cert);
  if (!chain) return chain.error();
  made.chain = std::move(*chain);
  const auto text = read_file(key);
  if (!text) return text.error();
  ERR_clear_error();
  made.key.reset(PEM_read_bio_PrivateKey(reader_of(*text).get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  if (!made.key) return cannot_read(key, "holds no private key that can be read without a password");
  X509* own = made.certificate();
  if (X509_check_private_key(own, made.key.get()) != 1) {
    ERR_clear_error();
    return cannot_read(key, "is not the key of " + cert);
  }
  if (X509_check_ca(own) != 1) return cannot_read(cert, "is no authority: it may sign nothing");
  if (X509_cmp_current_time(X509_get0_notAfter(own)) < 0) return cannot_read(cert, "has expired: nobody believes what it signs");
  if (X509_cmp_current_time(X509_get0_notBefore(own)) > 0) return cannot_read(cert, "is not valid yet");
  return made;
}

std::string subject_of(const X509* certificate) {
  const bio_handle out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace sallyport::certs
