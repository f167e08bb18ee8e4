// From trees to settings: the merged tree of files and environment, the flags, and what Milvus' file says.
#pragma once

#include "milvus_config.hpp"
#include "yaml_tree.hpp"

#include <optional>
#include <vector>

namespace sallyport::config {

struct built {
  settings value;
  std::vector<bool> sound;  // of each listener: nothing in it was skipped, so that the rules may judge it
};

// Reports what is missing or does not fit together; what check_shape has told is skipped silently.
built build(const node& merged, const sources& from, const std::optional<milvus_values>& milvus, std::vector<problem>& problems);

// The rules that need the whole: unsafe set-ups without their key, a backend that is the listener.
void check_rules(const built& b, std::vector<problem>& problems);

}  // namespace sallyport::config
