// manifest.json: a list of objects, one a line, whose paths are relative to it. Pure, any thread.
#pragma once

#include <sallyport/certs/kit.hpp>

namespace sallyport::certs {

// The names in the directory; the paths of what is made and of what is read back are these.
inline constexpr const char *manifest_name = "manifest.json", *ca_name = "ca.pem", *crl_name = "crl.pem", *server_cert_name = "server.pem",
                            *server_key_name = "server.key";

// As if in `directory`; with an empty one the paths are relative.
std::string in_directory(const std::string& directory, std::string_view name);

// `what` with relative paths.
std::string manifest_of(const fixtures& what);

// The paths get `directory` in front. The fault says what is not as make_fixtures writes it.
core::outcome<fixtures> fixtures_of(const std::string& manifest, const std::string& directory);

}  // namespace sallyport::certs
