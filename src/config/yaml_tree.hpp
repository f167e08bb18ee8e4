// One YAML file as a tree that knows the place of everything in it. Read from yaml-cpp's events, because its own nodes accept duplicate
// keys silently. Refused here, whatever the file is for: what is not text, more than 1 MiB, a depth over 32, duplicate keys, anchors,
// aliases, merge keys, tags, several documents. Plain values, any thread; never throws.
#pragma once

#include <sallyport/config/settings.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::config {

inline constexpr std::size_t file_max_bytes = 1024 * 1024;
inline constexpr std::size_t depth_max = 32;
inline constexpr std::size_t problems_max = 100;  // of one file: nobody reads more

// Where a node comes from. A file's nodes share one source.
struct source {
  origin::layer from = origin::layer::built_in;
  std::string name;    // the file as it was named, the variable, the flag
  std::string folder;  // relative paths in it start here; empty: the working directory
};

struct place {
  std::shared_ptr<const source> in;
  int line = 0, column = 0;  // from 1; 0: no place
};

struct node {
  enum class kind { null, scalar, sequence, map } is = kind::null;
  enum class style { plain, quoted, block } written = style::plain;
  std::string text;  // of a scalar
  place at;
  struct entry;
  std::vector<entry> entries;  // of a map, in the order of the file
  std::vector<node> items;     // of a sequence

  const node* find(std::string_view key) const;
  node* find(std::string_view key);
  const entry* find_entry(std::string_view key) const;
};

struct node::entry {
  std::string key;
  place at;
  node value;
};

// A problem at a place: a variable's or a flag's name goes into the text, for it has no line.
problem fault_at(const place& at, std::string text, std::string hint = {});
problem warning_at(const place& at, std::string text, std::string hint = {});
problem fault_at(const origin& at, std::string text, std::string hint = {});
problem warning_at(const origin& at, std::string text, std::string hint = {});
origin origin_of(const place& at, std::string shown);

// `text` is the whole file. When it is no YAML, the tree is null and there is one fault; what is found beyond that is appended to
// `problems`. `first_line` and `indent` say where in an outer file the text stands (Helm values hold YAML in YAML).
struct position {
  int line_offset = 0, column_offset = 0;
  bool exact = true;  // false: every place is that of line_offset and column_offset
};
node parse_yaml(const std::string& text, const std::shared_ptr<const source>& from, std::vector<problem>& problems, position where = {});

// The text of a file, or nothing and a fault that says why.
bool read_file(const std::string& path, const place& named_at, std::string& text, std::vector<problem>& problems);

}  // namespace sallyport::config
