// What Milvus users have already: its own settings, as a milvus.yaml, as Helm values that carry one as text, or in an operator's resource;
// told apart by their content. Only what concerns the two doors is taken. Inside common.security and tls nothing unknown passes: a misspelt
// authorizationEnabled must not go unnoticed. Elsewhere Milvus' hundreds of other keys do. Plain values, any thread, never throws.
#pragma once

#include "yaml_tree.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::config {

template <class T>
struct placed {
  T value;
  place at;
};

struct milvus_values {
  std::optional<placed<bool>> authorization_enabled;  // false: door 2 off
  std::vector<std::string> super_users;
  std::optional<place> super_users_at;
  std::optional<placed<std::string>> default_root_password;
  std::optional<placed<std::uint64_t>> tls_mode;
  std::optional<placed<std::string>> server_pem, server_key, ca_pem;  // resolved paths
  std::optional<placed<std::uint64_t>> password_min, password_max, user_name_max;
};

inline constexpr std::uint64_t milvus_password_max = 512;  // a token is at most 1 KiB in base64, name and colon included
inline constexpr std::uint64_t milvus_user_name_max = 256;

// Nothing when the file could not be read; its faults are appended either way. `named_at` is where the file was named.
std::optional<milvus_values> read_milvus(const std::string& path, const place& named_at, std::vector<problem>& problems);

// A path as it stands in a file: relative to that file's folder.
std::string resolved(const std::string& path, const place& at);

}  // namespace sallyport::config
