#include "schema.hpp"
#include "values.hpp"

#include <sallyport/core/defence.hpp>

namespace sallyport::config {

namespace {

std::string quoted(std::string_view text) {
  constexpr std::size_t shown = 80;
  return "'" + std::string(text.substr(0, shown)) + (text.size() > shown ? "...'" : "'");
}

std::string_view name_of(node::kind what) {
  switch (what) {
    case node::kind::null: return "nothing";
    case node::kind::scalar: return "a single value";
    case node::kind::sequence: return "a list";
    case node::kind::map: return "a map";
  }
  return "nothing";
}

std::string joined(const std::vector<std::string_view>& words, std::string_view between) {
  std::string out;
  for (const std::string_view word : words) out += (out.empty() ? "" : std::string(between)) + std::string(word);
  return out;
}

std::string hint_for_unknown(std::string_view parent, std::string_view name) {
  const auto siblings = children(parent);
  if (const auto near = meant(name, siblings); !near.empty()) return "did you mean '" + std::string(near) + "'?";
  for (const key& k : keys()) {
    const auto dot = k.at.rfind('.');
    if (k.later.empty() && (dot == std::string_view::npos ? k.at : k.at.substr(dot + 1)) == name)
      return dot == std::string_view::npos ? "it belongs at the top of the file" : "it belongs to " + std::string(k.at.substr(0, dot));
  }
  return "known here: " + joined(siblings, ", ");
}

std::string child_path(std::string_view parent, std::string_view name) {
  return parent.empty() ? std::string(name) : std::string(parent) + "." + std::string(name);
}

void check_map(std::string_view at, const node& tree, std::vector<problem>& problems);

void check_value(const key& of, const node& value, const place& named_at, std::vector<problem>& problems) {
  const std::string name = quoted(of.at);
  if (!of.later.empty()) {
    problems.push_back(fault_at(named_at, name + " is not in this version", std::string(of.later)));
  } else if (value.is == node::kind::null) {
    problems.push_back(fault_at(named_at, name + " has no value", "give it one, or remove the key"));
  } else if (of.is == kind::map) {
    if (value.is != node::kind::map)
      problems.push_back(fault_at(value.at, name + " must be a map, not " + std::string(name_of(value.is)),
                                  "keys below it: " + joined(children(of.at), ", ")));
    else
      check_map(of.at, value, problems);
  } else if (of.is == kind::list) {
    if (value.is != node::kind::sequence) {
      problems.push_back(fault_at(value.at, name + " must be a list, not " + std::string(name_of(value.is)),
                                  "begin each item with '- ', or write [ITEM]"));
      return;
    }
    const std::string below = std::string(of.at) + "[]";
    const key* scalars = find_key(below);
    for (const node& item : value.items) {
      if (scalars)
        check_scalar(*scalars, item, problems);
      else if (item.is != node::kind::map)
        problems.push_back(fault_at(item.at, "an item of " + name + " must be a map, not " + std::string(name_of(item.is)),
                                    "keys of an item: " + joined(children(below), ", ")));
      else
        check_map(below, item, problems);
    }
  } else {
    check_scalar(of, value, problems);
  }
}

void check_map(std::string_view at, const node& tree, std::vector<problem>& problems) {
  for (const node::entry& e : tree.entries) {
    const std::string path = child_path(at, e.key);
    const key* known = find_key(path);
    if (!core::defended("O03") && !known) continue;
    if (!known || path.ends_with("[]"))
      problems.push_back(
          fault_at(e.at, "unknown key " + quoted(e.key) + (at.empty() ? "" : " in " + std::string(at)), hint_for_unknown(at, e.key)));
    else
      check_value(*known, e.value, e.at, problems);
  }
}

bool check_word(const key& of, const node& value, std::vector<problem>& problems) {
  const auto words = split(of.words, '|'), later = split(of.later_words, '|');
  for (const auto word : words)
    if (value.text == word) return true;
  for (const auto word : later)
    if (value.text == word) {
      problems.push_back(fault_at(value.at, quoted(of.at) + ": " + value.text + " is not in this version", "use " + joined(words, " or ")));
      return false;
    }
  const auto near = meant(value.text, words);
  problems.push_back(fault_at(value.at, quoted(of.at) + " must be " + joined(words, ", ") + ", not " + quoted(value.text),
                              near.empty() ? "" : "did you mean " + std::string(near) + "?"));
  return false;
}

// What is wrong with a number, a duration or a size; empty when nothing is.
std::string fault_of_amount(const key& of, const node& value, std::string& hint) {
  const auto outside = [&](std::uint64_t got, const std::string& low, const std::string& high) {
    return got < of.least || got > of.most ? " must be from " + low + " to " + high + ", not " + value.text : std::string();
  };
  if (of.is == kind::duration) {
    const auto got = parse_duration(value.text);
    hint = "for example 500ms, 10s, 15m, 1h";
    if (!got) return " must be a duration, not " + quoted(value.text);
    return outside(static_cast<std::uint64_t>(got->count()), show_duration(std::chrono::milliseconds(of.least)),
                   show_duration(std::chrono::milliseconds(of.most)));
  }
  if (of.is == kind::size) {
    const auto got = parse_size(value.text);
    hint = "for example 4096, 16KiB, 1MiB";
    if (!got) return " must be a size, not " + quoted(value.text);
    return outside(*got, show_size(of.least), show_size(of.most));
  }
  if (of.is == kind::workers && value.text == "auto") return {};
  const auto got = value.written == node::style::plain ? parse_count(value.text) : std::nullopt;
  const std::string what = of.is == kind::workers ? "auto or a whole number" : "a whole number";
  hint = of.is == kind::workers ? "auto: one for each core" : value.written == node::style::plain ? "digits only" : "without quotes";
  if (!got) return " must be " + what + ", not " + quoted(value.text);
  return outside(*got, std::to_string(of.least), std::to_string(of.most));
}

std::string fault_of_store(const std::string& text, std::string& hint) {
  hint = "write sqlite:PATH, for example sqlite:/var/lib/sallyport/users.db";
  if (text.starts_with("etcd:") || text.starts_with("file:")) return " of this kind is not in this version";
  if (!text.starts_with("sqlite:") || text.size() == 7) return " must be sqlite:PATH, not " + quoted(text);
  return {};
}

}  // namespace

bool check_scalar(const key& of, const node& value, std::vector<problem>& problems) {
  std::string what, hint;
  if (value.is != node::kind::scalar) {
    const bool service = of.at == "backends[].credentials" && value.is == node::kind::map;
    problems.push_back(
        service ? fault_at(value.at, "'backends[].credentials' with a service credential is not in this version", "use strip or forward")
                : fault_at(value.at, quoted(of.at) + " must be a single value, not " + std::string(name_of(value.is)),
                           "write it after the colon, in one line"));
    return false;
  }
  if (value.text.find('\0') != std::string::npos) {
    problems.push_back(fault_at(value.at, quoted(of.at) + " holds a NUL", "take the \\0 out"));
    return false;
  }
  switch (of.is) {
    case kind::word: return check_word(of, value, problems);
    case kind::yes_no:
      // YAML 1.1's yes, on and y are told from true, so that nobody has to guess.
      if (value.written == node::style::plain && (value.text == "true" || value.text == "false")) return true;
      what = " must be true or false, not " + quoted(value.text);
      hint = value.written == node::style::plain ? "write the word true or the word false" : "without quotes";
      break;
    case kind::address:
    case kind::backend_address:
      if (parse_host_port(value.text, of.is == kind::address, what, hint)) return true;
      what = ": " + what;
      break;
    case kind::host:
      if (is_host(value.text)) return true;
      what = " must be a host name or an address, not " + quoted(value.text);
      hint = "without a port, for example milvus.example";
      break;
    case kind::store: what = fault_of_store(value.text, hint); break;
    case kind::text:
    case kind::path:
      if (!value.text.empty()) return true;
      what = " is empty";
      hint = "give it a value, or remove the key";
      break;
    default: what = fault_of_amount(of, value, hint); break;
  }
  if (what.empty()) return true;
  problems.push_back(fault_at(value.at, quoted(of.at) + what, hint));
  return false;
}

void check_shape(const node& tree, std::vector<problem>& problems) {
  if (tree.is == node::kind::null) return;
  if (tree.is != node::kind::map) {
    problems.push_back(fault_at(tree.at, "a configuration is a map of keys, not " + std::string(name_of(tree.is)),
                                "known here: " + joined(children(""), ", ")));
    return;
  }
  check_map("", tree, problems);
}

}  // namespace sallyport::config
