#include "yaml_tree.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <sstream>
#include <unordered_map>

namespace sallyport::config {

namespace {

// Leaves yaml-cpp in the middle of a file.
struct enough {};

// `line` and `column` count from 1 in the text that was parsed.
place place_of(const std::shared_ptr<const source>& from, const position& where, int line, int column) {
  if (!where.exact) return {from, where.line_offset, where.column_offset};
  return {from, line + where.line_offset, column + where.column_offset};
}

class tree_builder final : public YAML::EventHandler {
 public:
  tree_builder(const std::shared_ptr<const source>& from, std::vector<problem>& problems, const position& where)
      : from_(from), problems_(problems), where_(where) {}

  node take() { return std::move(root_); }
  place at(const YAML::Mark& mark) const {
    return mark.is_null() ? place{from_, 0, 0} : place_of(from_, where_, mark.line + 1, mark.column + 1);
  }
  void complain(const place& where, std::string text, std::string hint) {
    problems_.push_back(fault_at(where, std::move(text), std::move(hint)));
    if (++complaints_ >= problems_max) {
      problems_.push_back(fault_at(where, "too many faults; the rest of this file was not read"));
      throw enough{};
    }
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ == 1) return;
    complain(at(mark), "several YAML documents in one file", "give each a file of its own");
    throw enough{};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    node made;
    made.at = at(mark);
    put(std::move(made));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    complain(at(mark), "YAML aliases are not supported", "write the value out where it is meant");
    node made;
    made.at = at(mark);
    put_refused(std::move(made));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    node made;
    made.is = node::kind::scalar;
    made.written = tag == "!" ? node::style::quoted : node::style::plain;
    made.text = value;
    made.at = at(mark);
    put(std::move(made));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    refuse_tag(mark, tag);
    open(node::kind::sequence, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    refuse_tag(mark, tag);
    open(node::kind::map, mark, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct level {
    node made;
    bool key_next = true;  // of a map
    bool skip_value = false;
    std::unordered_map<std::string, int> lines;  // of the keys so far
  };

  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor) complain(at(mark), "YAML anchors are not supported", "write the value out where it is meant");
  }
  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") complain(at(mark), "YAML tags are not supported", "leave the tag (!...) out");
  }

  void open(node::kind what, const YAML::Mark& mark, YAML::anchor_t anchor) {
    refuse_anchor(mark, anchor);
    if (levels_.size() >= depth_max) {
      complain(at(mark), "nested more than " + std::to_string(depth_max) + " deep", "");
      throw enough{};
    }
    level opened;
    opened.made.is = what;
    opened.made.at = at(mark);
    levels_.push_back(std::move(opened));
  }

  void close() {
    node made = std::move(levels_.back().made);
    levels_.pop_back();
    put(std::move(made));
  }

  void put_refused(node made) {
    if (!levels_.empty() && levels_.back().made.is == node::kind::map && levels_.back().key_next) {
      levels_.back().skip_value = true;
      levels_.back().key_next = false;
      return;
    }
    if (!levels_.empty() && levels_.back().made.is == node::kind::map && !levels_.back().skip_value) {
      levels_.back().made.entries.pop_back();  // its fault is told; "has no value" would be a second one for the same thing
      levels_.back().key_next = true;
      return;
    }
    if (!levels_.empty() && levels_.back().made.is == node::kind::sequence) return;
    put(std::move(made));
  }

  void put(node made) {
    if (levels_.empty()) {
      root_ = std::move(made);
      return;
    }
    level& top = levels_.back();
    if (top.made.is == node::kind::sequence) {
      top.made.items.push_back(std::move(made));
    } else if (top.key_next) {
      top.key_next = false;
      put_key(top, std::move(made));
    } else {
      top.key_next = true;
      if (!top.skip_value) top.made.entries.back().value = std::move(made);
      top.skip_value = false;
    }
  }

  void put_key(level& top, node key) {
    if (key.is != node::kind::scalar) {
      top.skip_value = true;
      complain(key.at, "a key must be a word", "write key: value");
      return;
    }
    if (key.text == "<<" && key.written == node::style::plain) {
      top.skip_value = true;
      complain(key.at, "YAML merge keys (<<) are not supported", "write the values out, or use several -c files");
      return;
    }
    const auto [known, fresh] = top.lines.emplace(key.text, key.at.line);
    if (!fresh) {
      top.skip_value = true;
      complain(key.at, "duplicate key '" + key.text + "'",
               "it stands in line " + std::to_string(known->second) + " already; keep one of them");
      return;
    }
    top.made.entries.push_back({std::move(key.text), key.at, {}});
  }

  std::shared_ptr<const source> from_;
  std::vector<problem>& problems_;
  position where_;
  node root_;
  std::vector<level> levels_;
  std::size_t complaints_ = 0;
  int documents_ = 0;
};

// Bytes of the UTF-8 sequence that begins at `at`, 0 when it is none (RFC 3629 4).
std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) { return byte(i) >= low && byte(i) <= high; };
  const unsigned first = byte(at);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(at + 1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF)
    return follows(at + 1, first == 0xE0 ? 0xA0 : 0x80, first == 0xED ? 0x9F : 0xBF) && follows(at + 2) ? 3 : 0;
  if (first >= 0xF0 && first <= 0xF4)
    return follows(at + 1, first == 0xF0 ? 0x90 : 0x80, first == 0xF4 ? 0x8F : 0xBF) && follows(at + 2) && follows(at + 3) ? 4 : 0;
  return 0;
}

// YAML 1.2 5.1 allows no control characters; yaml-cpp would take them, and a NUL or a UTF-16 file for an early end.
bool is_text(const std::string& text, const std::shared_ptr<const source>& from, std::vector<problem>& problems, const position& where) {
  if (text.size() > file_max_bytes) {
    problems.push_back(fault_at({from, 0, 0}, "larger than 1 MiB", "is this the right file?"));
    return false;
  }
  int line = 1, column = 1;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text, i);
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool control = (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7F;
    if (length == 0 || control) {
      static constexpr char digits[] = "0123456789abcdef";
      const std::string shown = std::string("0x") + digits[byte >> 4] + digits[byte & 15];
      problems.push_back(fault_at(place_of(from, where, line, column), "byte " + shown + " does not belong in a text file",
                                  "the file must be YAML in UTF-8"));
      return false;
    }
    column = byte == '\n' ? 1 : column + static_cast<int>(length);
    if (byte == '\n') ++line;
    i += length;
  }
  return true;
}

std::string hint_for_syntax(const std::string& message) {
  using namespace YAML::ErrorMsg;
  if (message == TAB_IN_INDENTATION) return "indent with spaces, not with tabs";
  if (message == MAP_VALUE) return "is the indentation right (spaces only)? a value that holds ': ' must be quoted";
  if (message == UNKNOWN_TOKEN) return "a value that begins with such a character must be quoted";
  if (message == END_OF_MAP || message == END_OF_SEQ) return "is the indentation right?";
  if (message == END_OF_MAP_FLOW) return "a closing } is missing";
  if (message == END_OF_SEQ_FLOW) return "a closing ] is missing";
  if (message.starts_with(INVALID_ESCAPE)) return "use single quotes where no escapes are meant";
  if (message == UNKNOWN_ANCHOR || message == ALIAS_NOT_FOUND)
    return "YAML aliases are not supported; a value that begins with * must be quoted";
  return "see the line, and the one before it";
}

}  // namespace

const node::entry* node::find_entry(std::string_view key) const {
  for (const entry& e : entries)
    if (e.key == key) return &e;
  return nullptr;
}
const node* node::find(std::string_view key) const {
  const entry* found = find_entry(key);
  return found ? &found->value : nullptr;
}
node* node::find(std::string_view key) {
  for (entry& e : entries)
    if (e.key == key) return &e.value;
  return nullptr;
}

node parse_yaml(const std::string& text, const std::shared_ptr<const source>& from, std::vector<problem>& problems, position where) {
  if (!is_text(text, from, problems, where)) return {};
  tree_builder builder(from, problems, where);
  try {
    std::istringstream in(text);
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
    return builder.take();
  } catch (const enough&) {
    return {};
  } catch (const YAML::Exception& e) {
    problems.push_back(fault_at(builder.at(e.mark), "not valid YAML: " + e.msg, hint_for_syntax(e.msg)));
  } catch (const std::exception& e) {
    problems.push_back(fault_at({from, 0, 0}, std::string("cannot be read as YAML: ") + e.what()));
  }
  return {};
}

}  // namespace sallyport::config
