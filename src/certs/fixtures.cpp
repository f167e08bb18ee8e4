#include <sallyport/certs/kit.hpp>

#include "manifest.hpp"
#include "mint.hpp"
#include "staging.hpp"

#include <openssl/pem.h>
#include <openssl/rand.h>

#include <cerrno>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace sallyport::certs {

namespace {

constexpr std::size_t random_seed_bytes = 32;
// So that no date of a set is before 1970 or after 9999, where RFC 5280's dates end.
constexpr std::int64_t earliest = year, latest = 253'402'300'799 - 12 * year;

// PEM of any octets: what is not a certificate must be written as if it were.
std::string pem(const char* label, const octets& contents) {
  const std::unique_ptr<BIO, freed_by<BIO_free>> out(BIO_new(BIO_s_mem()));
  char* data = nullptr;
  if (!out ||
      PEM_write_bio(out.get(), label, "", reinterpret_cast<const unsigned char*>(contents.data()), static_cast<long>(contents.size())) <= 0)
    return {};
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string certificate_pem(const octets& contents) { return pem("CERTIFICATE", contents); }

octets seed_of(const fixture_options& options) {
  if (options.seed) {
    octets seed;
    for (int shift = 0; shift < 64; shift += 8)
      seed.push_back(static_cast<char>(static_cast<unsigned char>(*options.seed >> shift & 0xFF)));
    return seed;
  }
  octets seed(random_seed_bytes, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(seed.data()), random_seed_bytes) != 1) seed.clear();
  return seed;
}

const char* name_of(sender needs) {
  switch (needs) {
    case sender::any: return "";
    case sender::level_0: return "level-0";
    case sender::raw: return "raw";
  }
  return "";
}

fixture described(const blueprint& what, family family) {
  fixture one;
  one.id = what.id;
  one.family = family;
  one.fault = what.fault;
  one.openssl_error = what.error;
  one.check = what.check;
  if (*what.error || *what.check) one.expect.optional = one.expect.required = verdict::refuse;
  one.alert = alert_of(what.error, what.check);
  one.says = what.says;
  one.versions = what.versions;
  one.needs = name_of(what.needs);
  one.cert = what.id + "/cert.pem";
  one.key = what.id + "/key.pem";
  return one;
}

// Whether there may be a kit: nothing is there, or a directory without anything in it.
core::outcome<bool> exists_and_is_empty(const std::string& directory) {
  std::error_code ec;
  const auto status = std::filesystem::status(directory, ec);
  if (status.type() == std::filesystem::file_type::not_found && !std::filesystem::is_symlink(directory, ec)) return false;
  if (status.type() == std::filesystem::file_type::none)
    return core::fault{errc::cannot_write, "cannot look into " + directory + ": " + ec.message()};
  if (!std::filesystem::is_directory(status)) return core::fault{errc::cannot_write, directory + " is not a directory"};
  const bool empty = std::filesystem::is_empty(directory, ec);
  if (ec) return core::fault{errc::cannot_write, "cannot look into " + directory + ": " + ec.message()};
  if (!empty)
    return core::fault{errc::already_exists, directory + " is not empty: nothing was changed; choose another directory, or empty it"};
  return true;
}

// Makes the sets one by one into the staging folder.
class workshop {
 public:
  workshop(staging& folder, seeded& numbers, std::int64_t at) : folder_(folder), mint_(numbers, at) {}

  core::outcome<fixtures> make_all(const fixture_options& options) {
    if (auto opened = mint_.open(); !opened) return opened.error();
    const auto chapters = catalogue();
    std::size_t done = 0, of = 0;
    for (const auto& each : chapters) of += each.sets.size();
    for (const auto& [family, sets] : chapters) {
      for (const auto& what : sets) {
        if (options.progress) options.progress(done, of, what.id);
        if (auto made = make(what); !made) return made.error();
        all_.sets.push_back(described(what, family));
        ++done;
      }
    }
    if (options.progress) options.progress(of, of, {});
    if (auto trust = make_trust(); !trust) return trust.error();
    return std::move(all_);
  }

 private:
  core::outcome<void> make(const blueprint& what) {
    const auto set = mint_.make(what);
    if (!set) return set.error();
    std::string chain = certificate_pem(set->leaf.certificate);
    for (const auto& one : set->sent) chain += certificate_pem(one);
    for (const auto& one : set->crls) crls_ += pem("X509 CRL", one);
    if (auto made = folder_.open_folder(what.id); !made) return made;
    if (auto added = add(what.id + "/cert.pem", chain, visible::to_all); !added) return added;
    return add_key(what.id + "/key.pem", set->leaf);
  }

  core::outcome<void> make_trust() {
    const auto server = mint_.server();
    if (!server) return server.error();
    const auto anchors = mint_.anchor_crls();
    if (!anchors) return anchors.error();
    std::string crls;
    for (const auto& one : *anchors) crls += pem("X509 CRL", one);
    all_.ca = ca_name;
    all_.crl = crl_name;
    all_.server_cert = server_cert_name;
    all_.server_key = server_key_name;
    const std::string trust = certificate_pem(mint_.root().certificate) + certificate_pem(mint_.lax().certificate);
    if (auto added = add(ca_name, trust, visible::to_all); !added) return added;
    if (auto added = add(crl_name, crls + crls_, visible::to_all); !added) return added;
    if (auto added = add(server_cert_name, certificate_pem(server->certificate), visible::to_all); !added) return added;
    if (auto added = add_key(server_key_name, *server); !added) return added;
    return add(manifest_name, manifest_of(all_), visible::to_all);  // the last, so that whoever sees it sees all
  }

  core::outcome<void> add(const std::string& name, const std::string& text, visible to) {
    if (text.empty()) return core::fault{errc::failed, "OpenSSL could not write " + name + ": " + openssl_reason()};
    return folder_.add(name, core::secret(text), to);
  }

  core::outcome<void> add_key(const std::string& name, const minted& of) {
    const core::secret text = pem_of(of.key.get());
    if (text.empty()) return core::fault{errc::failed, "OpenSSL could not write " + name + ": " + openssl_reason()};
    return folder_.add(name, text, visible::to_owner);
  }

  staging& folder_;
  mint mint_;
  std::string crls_;
  fixtures all_;
};

void put_in(fixtures& made, const std::string& directory) {
  made.directory = directory;
  for (auto* path : {&made.ca, &made.crl, &made.server_cert, &made.server_key}) *path = in_directory(directory, *path);
  for (auto& one : made.sets) {
    one.cert = in_directory(directory, one.cert);
    one.key = in_directory(directory, one.key);
  }
}

}  // namespace

core::outcome<fixtures> make_fixtures(const std::string& directory, const fixture_options& options) {
  if (directory.empty() || directory.find('\0') != directory.npos)
    return core::fault{errc::bad_option, "a directory for the certificates must be named"};
  const std::int64_t at = options.at.value_or(static_cast<std::int64_t>(std::time(nullptr)));
  if (at < earliest || at > latest) return core::fault{errc::bad_option, "certificates can be made for 1971 to 9987"};
  const std::string target = tidied(directory);
  const auto existed = exists_and_is_empty(target);
  if (!existed) return existed.error();
  const octets seed = seed_of(options);
  seeded numbers(seed);
  if (seed.empty() || !numbers.usable()) return core::fault{errc::failed, "OpenSSL has no random numbers: " + openssl_reason()};

  staging folder(target, *existed, durable::no);
  if (auto opened = folder.open(); !opened) return opened.error();
  workshop makes(folder, numbers, at);
  auto made = makes.make_all(options);
  if (!made) return made;
  if (auto published = folder.publish(); !published) return published.error();
  put_in(*made, target);
  return made;
}

core::outcome<fixtures> load_fixtures(const std::string& directory) {
  const std::string path = in_directory(directory, manifest_name);
  std::ifstream file(path, std::ios::binary);
  if (!file) return core::fault{errc::failed, "cannot read " + path + ": " + std::generic_category().message(errno)};
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return fixtures_of(text, tidied(directory));
}

}  // namespace sallyport::certs
