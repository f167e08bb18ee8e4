// The table of Sallyport's own keys: what each is, its default, its bounds. One table, so that what is accepted, what is documented, what
// the environment may set and what `check --effective` prints are the same. Milvus' keys are in milvus_config.hpp.
#pragma once

#include "yaml_tree.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace sallyport::config {

enum class kind { map, list, text, path, word, yes_no, count, duration, size, address, backend_address, host, workers, store };

struct key {
  std::string_view at;  // "listeners[].tls.profile"; "backends[].endpoints[]" is what a list of scalars holds
  kind is = kind::text;
  std::string_view initial = {};      // the default as it would be written; empty: none
  std::string_view words = {};        // of a word, separated by |
  std::string_view later_words = {};  // words of later versions
  std::uint64_t least = 0, most = 0;  // counts; durations in milliseconds; sizes in bytes
  std::string_view later = {};        // not in this version: what to do instead
};

const std::vector<key>& keys();
const key* find_key(std::string_view at);
std::vector<std::string_view> children(std::string_view of);  // the names right below a key; "" is the top
std::vector<std::string_view> split(std::string_view words, char at);

// Checks everything that one tree can be checked for by itself: unknown keys, types, values; not what is missing.
void check_shape(const node& tree, std::vector<problem>& problems);
// The same for one scalar: false and a fault when it is none of its kind.
bool check_scalar(const key& of, const node& value, std::vector<problem>& problems);

}  // namespace sallyport::config
