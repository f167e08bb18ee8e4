#include "yaml_tree.hpp"

#include <algorithm>

namespace sallyport::config {

namespace {

problem problem_at(problem::severity weight, const origin& at, std::string text, std::string hint) {
  problem made{weight, {}, 0, 0, std::move(text), std::move(hint)};
  if (at.from == origin::layer::file || at.from == origin::layer::milvus) {
    made.file = at.name;
    made.line = at.line;
    made.column = at.column;
  } else if (!at.name.empty()) {
    made.text = at.name + ": " + made.text;
  }
  return made;
}

// A double-quoted value may hold any character; a fault stays one line, and a terminal is not told what to do.
std::string printable(std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7F)
      out += c;
    else
      out += std::string("\\x") + digits[byte >> 4] + digits[byte & 15];
  }
  return out;
}

}  // namespace

origin origin_of(const place& at, std::string shown) {
  if (!at.in) return {origin::layer::built_in, {}, 0, 0, std::move(shown)};
  return {at.in->from, at.in->name, at.line, at.column, std::move(shown)};
}

problem fault_at(const origin& at, std::string text, std::string hint) {
  return problem_at(problem::severity::error, at, std::move(text), std::move(hint));
}
problem warning_at(const origin& at, std::string text, std::string hint) {
  return problem_at(problem::severity::warning, at, std::move(text), std::move(hint));
}
problem fault_at(const place& at, std::string text, std::string hint) {
  return fault_at(origin_of(at, {}), std::move(text), std::move(hint));
}
problem warning_at(const place& at, std::string text, std::string hint) {
  return warning_at(origin_of(at, {}), std::move(text), std::move(hint));
}

std::string to_text(const problem& p) {
  std::string out;
  if (!p.file.empty()) out += printable(p.file) + ":";
  if (p.line > 0) out += std::to_string(p.line) + ":" + std::to_string(p.column) + ":";
  if (!out.empty()) out += " ";
  out += p.weight == problem::severity::error ? "error: " : "warning: ";
  out += printable(p.text);
  if (!p.hint.empty()) out += " (" + printable(p.hint) + ")";
  return out;
}

bool has_errors(const std::vector<problem>& problems) {
  return std::any_of(problems.begin(), problems.end(), [](const problem& p) { return p.weight == problem::severity::error; });
}

std::string effective(const settings& s) {
  std::string out;
  for (const auto& [name, from] : s.origins) {
    out += name + ": " + printable(from.shown) + "  # ";
    switch (from.from) {
      case origin::layer::built_in: out += "default"; break;
      case origin::layer::environment:
      case origin::layer::flag: out += printable(from.name); break;
      case origin::layer::file:
      case origin::layer::milvus: out += printable(from.name) + ":" + std::to_string(from.line) + ":" + std::to_string(from.column); break;
    }
    out += "\n";
  }
  return out;
}

}  // namespace sallyport::config
