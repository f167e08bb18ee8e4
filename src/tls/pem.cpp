#include "pem.hpp"

#include "certificate.hpp"

#include <sallyport/core/secret.hpp>

#include <fcntl.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <limits>

namespace sallyport::tls {

using core::fault;
using core::outcome;

namespace {

constexpr std::size_t file_max_bytes = 1 << 20;  // a bundle of all public CAs is a fifth of that
constexpr std::size_t crl_max_bytes = 32 << 20;  // a large CA's has some hundred thousand entries
constexpr int soon_days = 7;

fault system_fault(const std::string& path, int number) {
  const core::error_code code(number, boost::system::system_category());
  return {code, path + ": " + code.message()};
}

struct descriptor {
  int number;
  ~descriptor() {
    if (number >= 0) ::close(number);
  }
};

std::size_t file_size(int descriptor) {
  struct stat about{};
  // What is no file has no size: a pipe may bring as much as is allowed.
  return ::fstat(descriptor, &about) == 0 && S_ISREG(about.st_mode) ? static_cast<std::size_t>(about.st_size) : SIZE_MAX - 1;
}

outcome<core::secret> read_at_most(std::size_t most, const std::string& path) {
  const descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.number < 0) return system_fault(path, errno);
  std::string text(std::min(most, file_size(file.number)) + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const auto got = ::read(file.number, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_fault(path, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  core::secret whole(std::string_view(text).substr(0, size));
  core::wipe(text);
  if (size > most) return wrong(path, "is larger than " + std::to_string(most >> 20) + " MiB, which no such file is");
  if (size == text.size()) return wrong(path, "grew while it was read");
  return whole;
}

bio_ptr reader_of(const core::secret& text) { return bio_ptr(BIO_new_mem_buf(text.reveal().data(), static_cast<int>(text.size()))); }

int no_password(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

bool is_end_of_pem(unsigned long code) { return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE; }

// Every object of one kind in a file; one that is damaged spoils it.
template <class Handle, class Read>
outcome<std::vector<Handle>> all_of(const core::secret& text, Read read, const std::string& path, const std::string& what,
                                    const std::string& label) {
  const auto from = reader_of(text);
  std::vector<Handle> all;
  bool asked = false;
  ERR_clear_error();
  while (auto* one = read(from.get(), nullptr, no_password, &asked)) all.emplace_back(one);
  const auto code = ERR_peek_last_error();
  const auto words = take_words();
  if (!is_end_of_pem(code)) return wrong(path, what + " " + std::to_string(all.size() + 1) + " is damaged: " + words);
  if (all.empty()) return wrong(path, "holds no " + what + " in PEM (-----BEGIN " + label + "-----)");
  return all;
}

}  // namespace

fault wrong(std::string text) { return {boost::system::errc::make_error_code(boost::system::errc::invalid_argument), std::move(text)}; }

fault wrong(const std::string& path, const std::string& what) { return wrong(path + ": " + what); }

std::string date_of(const ASN1_TIME* when) {
  std::tm parts{};
  std::array<char, 32> text{};
  if (ASN1_TIME_to_tm(when, &parts) != 1) return "an unreadable date";
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts)};
}

std::int64_t seconds_of(const ASN1_TIME* when) {
  std::tm parts{};
  if (when == nullptr || ASN1_TIME_to_tm(when, &parts) != 1) return std::numeric_limits<std::int64_t>::min();
  return timegm(&parts);
}

outcome<core::secret> read_file(const std::string& path) { return read_at_most(file_max_bytes, path); }

outcome<std::vector<x509_ptr>> read_certificates(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return text.error();
  return all_of<x509_ptr>(*text, PEM_read_bio_X509, path, "certificate", "CERTIFICATE");
}

outcome<std::vector<crl_ptr>> read_crls(const std::string& path) {
  const auto text = read_at_most(crl_max_bytes, path);
  if (!text) return text.error();
  return all_of<crl_ptr>(*text, PEM_read_bio_X509_CRL, path, "CRL", "X509 CRL");
}

outcome<key_ptr> read_key(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return text.error();
  // OpenSSL's decoders call a file without any key "unsupported".
  if (text->reveal().find("PRIVATE KEY-----") == std::string_view::npos) {
    return wrong(path, "holds no private key in PEM (-----BEGIN PRIVATE KEY-----)");
  }
  const auto from = reader_of(*text);
  bool asked = false;
  ERR_clear_error();
  key_ptr key(PEM_read_bio_PrivateKey(from.get(), nullptr, no_password, &asked));
  const auto words = take_words();
  if (asked) {
    return wrong(path, "the key is encrypted, and nobody is there to type its password; write a plain one with `openssl pkey -in " + path +
                           " -out plain.key`, readable by its owner only");
  }
  if (key) return key;
  return wrong(path, "the key is damaged: " + words);
}

std::optional<own_chain> read_own(const std::string& cert, const std::string& key_file, std::string_view whose, std::vector<fault>& faults,
                                  std::vector<std::string>& warnings) {
  auto chain = read_certificates(cert);
  auto key = read_key(key_file);
  if (!chain) faults.push_back(chain.error());
  if (!key) faults.push_back(key.error());
  if (key && readable_by_others(key_file)) warnings.push_back(key_file + ": the key may be read by others than its owner; chmod 600 it");
  if (!chain || !key) return std::nullopt;
  for (const auto& one : *chain)
    if (auto warning = validity_warning(one.get(), cert); !warning.empty()) warnings.push_back(std::move(warning));
  ERR_clear_error();
  const bool is_pair = X509_check_private_key(chain->front().get(), key->get()) == 1;
  ERR_clear_error();
  if (is_pair) return own_chain{std::move(*chain), std::move(*key)};
  faults.push_back(
      wrong(key_file, "is not the key of the first certificate in " + cert + " (the " + std::string(whose) + "'s own comes first)"));
  return std::nullopt;
}

bool readable_by_others(const std::string& path) {
  struct stat about{};
  return ::stat(path.c_str(), &about) == 0 && (about.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

std::string validity_warning(const X509* certificate, const std::string& path) {
  const auto* until = X509_get0_notAfter(certificate);
  const auto* since = X509_get0_notBefore(certificate);
  const auto whose = path + ": the certificate of " + subject_of(certificate);
  if (X509_cmp_current_time(since) > 0) return whose + " is not valid before " + date_of(since);
  if (X509_cmp_current_time(until) < 0) return whose + " expired on " + date_of(until);
  int days = 0, seconds = 0;
  if (ASN1_TIME_diff(&days, &seconds, nullptr, until) == 1 && days < soon_days) return whose + " expires soon, on " + date_of(until);
  return {};
}

}  // namespace sallyport::tls
