// The three forms in which Milvus' settings come, and the wrong places in which they are put. A milvus.yaml holds them at its top, Helm
// values as a text in extraConfigFiles.user.yaml, a resource for Milvus' operator in spec.config.
#pragma once

#include "yaml_tree.hpp"

#include <optional>
#include <string>

namespace sallyport::config {

// The tree that has `common` and `tls` at its top; nothing when there is none to be had (the fault is appended).
std::optional<node> milvus_settings(const std::string& text, const std::shared_ptr<const source>& from, std::vector<problem>& problems);

}  // namespace sallyport::config
