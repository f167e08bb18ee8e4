#include <sallyport/certs/recipe.hpp>

#include "make.hpp"
#include "options.hpp"
#include "staging.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace sallyport::certs {

namespace {

// Boost's base has a destructor that is not virtual on purpose: a category is never deleted through it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
class category final : public core::error_category {
 public:
  const char* name() const noexcept override { return "certs"; }
  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::bad_option: return "not possible in a certificate";
      case errc::already_exists: return "a file of that name exists";
      case errc::cannot_write: return "cannot write";
      case errc::failed: return "the certificate could not be made";
      case errc::cannot_read: return "cannot read";
    }
    return "unknown";
  }
};
#pragma GCC diagnostic pop

struct made_file {
  core::secret contents;
  visible to;
};

// The nine, in the order of recipe_files().
using made_files = std::vector<made_file>;

core::fault not_made(std::string_view what) {
  return {errc::failed, "OpenSSL could not make " + std::string(what) + ": " + openssl_reason()};
}

struct pair {
  key_handle key;
  request_handle request;
  certificate_handle certificate;
};

core::outcome<pair> make_pair(role who, std::string_view what, const recipe& options, const pair* signer, std::uint32_t days) {
  pair made;
  made.key = make_key(options.keys);
  if (made.key) made.request = make_request(who, options, made.key.get());
  const issuer by = signer ? issuer{signer->certificate.get(), signer->key.get()} : issuer{nullptr, made.key.get()};
  if (made.request) made.certificate = make_certificate(who, options, made.request.get(), by, days);
  if (!made.certificate) return not_made(what);
  return made;
}

core::outcome<pair> make_leaf(role who, std::string_view what, const recipe& options, const pair& ca) {
  auto leaf = make_pair(who, what, options, &ca, std::min(options.leaf_days, options.ca_days));
  if (!leaf) return leaf;
  const std::string fault = fault_of_pair(ca.certificate.get(), leaf->certificate.get(), leaf->key.get(), who);
  if (!fault.empty()) return core::fault{errc::failed, std::string(what) + " does not verify: " + fault};
  return leaf;
}

core::outcome<made_files> make_all(const recipe& options) {
  const auto ca = make_pair(role::ca, "the CA", options, nullptr, options.ca_days);
  if (!ca) return ca.error();
  const auto server = make_leaf(role::server, "the server's certificate", options, *ca);
  if (!server) return server.error();
  const auto client = make_leaf(role::client, "the client's certificate", options, *ca);
  if (!client) return client.error();

  made_files files;
  files.push_back({pem_of(ca->key.get()), visible::to_owner});
  files.push_back({pem_of(ca->certificate.get()), visible::to_all});
  // The last serial that was given out; `openssl x509 -CAserial` goes on from it.
  files.push_back({serial_file_of(client->certificate.get()), visible::to_all});
  for (const pair* leaf : {&*server, &*client}) {
    files.push_back({pem_of(leaf->key.get()), visible::to_owner});
    files.push_back({pem_of(leaf->certificate.get()), visible::to_all});
    files.push_back({pem_of(leaf->request.get()), visible::to_all});
  }
  if (std::any_of(files.begin(), files.end(), [](const made_file& file) { return file.contents.empty(); })) return not_made("a file");
  return files;
}

enum class place { vacant, directory };

// What stands where the directory is to be; a fault when it is something else, or holds one of our names (a dangling link counts).
core::outcome<place> look_at(const std::string& directory) {
  struct stat seen = {};
  if (::stat(directory.c_str(), &seen) != 0) {
    if (errno == ENOENT && ::lstat(directory.c_str(), &seen) != 0) return place::vacant;
    return core::fault{errc::cannot_write, "cannot look into " + directory + ": " + std::generic_category().message(errno)};
  }
  if (!S_ISDIR(seen.st_mode)) return core::fault{errc::cannot_write, directory + " is not a directory"};
  for (const auto name : recipe_files()) {
    const std::string path = directory + "/" + std::string(name);
    if (::lstat(path.c_str(), &seen) == 0)
      return core::fault{errc::already_exists,
                         path + " exists already: nothing was changed; choose another directory, or move the old files away"};
  }
  return place::directory;
}

}  // namespace

core::error_code make_error_code(errc e) {
  static const category instance;
  return {static_cast<int>(e), instance};
}

const std::vector<std::string_view>& recipe_files() {
  static const std::vector<std::string_view> names{"ca.key",     "ca.pem",     "ca.srl",     "server.key", "server.pem",
                                                   "server.csr", "client.key", "client.pem", "client.csr"};
  return names;
}

core::outcome<std::vector<std::string>> init(const std::string& directory, const recipe& options) {
  if (const std::string fault = fault_of_options(options); !fault.empty()) return core::fault{errc::bad_option, fault};
  if (directory.empty() || directory.find('\0') != directory.npos)
    return core::fault{errc::bad_option, "a directory for the certificates must be named"};
  const std::string target = tidied(directory);
  const auto found = look_at(target);
  if (!found) return found.error();
  const auto files = make_all(options);
  if (!files) return files.error();

  staging folder(target, *found == place::directory);
  if (auto opened = folder.open(); !opened) return opened.error();
  for (std::size_t i = 0; i < files->size(); ++i)
    if (auto added = folder.add(recipe_files()[i], (*files)[i].contents, (*files)[i].to); !added) return added.error();
  return folder.publish();
}

}  // namespace sallyport::certs
