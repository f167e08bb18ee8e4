#include "build.hpp"
#include "schema.hpp"
#include "values.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <tuple>

extern char** environ;

namespace sallyport::config {

namespace {

constexpr std::string_view prefix = "SALLYPORT_";

void merge(node& below, node above) {
  if (below.is != node::kind::map || above.is != node::kind::map) {
    below = std::move(above);
    return;
  }
  for (node::entry& e : above.entries) {
    if (node* there = below.find(e.key))
      merge(*there, std::move(e.value));
    else
      below.entries.push_back(std::move(e));
  }
}

// False when the file could not be read as YAML: then nothing can be said about what is missing.
bool add_file(const std::string& path, node& merged, std::vector<problem>& problems) {
  std::string text;
  const place named_at{std::make_shared<source>(source{origin::layer::flag, "-c", {}}), 0, 0};
  if (!read_file(path, named_at, text, problems)) return false;
  const auto from = std::make_shared<source>(source{origin::layer::file, path, std::filesystem::path(path).parent_path().string()});
  const std::size_t before = problems.size();
  node tree = parse_yaml(text, from, problems);
  const bool readable = tree.is != node::kind::null || problems.size() == before;
  check_shape(tree, problems);
  if (tree.is != node::kind::map) return readable && tree.is == node::kind::null;
  if (!merged.at.in) merged.at = tree.at;
  merge(merged, std::move(tree));
  return true;
}

std::string variable_of(std::string_view key) {
  std::string name(prefix);
  for (const char c : key) name += c == '.' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return name;
}

bool is_settable(const key& k) { return k.at.find('[') == std::string_view::npos && k.is != kind::map && k.is != kind::list; }

// Kubernetes describes every service to every pod in variables: a service called sallyport must not stop the start.
bool is_of_kubernetes(std::string_view rest) {
  return rest == "PORT" || rest.starts_with("PORT_") || rest.starts_with("SERVICE_HOST") || rest.starts_with("SERVICE_PORT");
}

void add_variable(const std::string& name, const std::string& value, node& merged, std::vector<problem>& problems) {
  if (is_of_kubernetes(std::string_view(name).substr(prefix.size()))) return;
  const place at{std::make_shared<source>(source{origin::layer::environment, name, {}}), 0, 0};
  const auto found = std::find_if(keys().begin(), keys().end(), [&](const key& k) { return is_settable(k) && variable_of(k.at) == name; });
  if (found == keys().end()) {
    std::vector<std::string> names;
    for (const key& k : keys())
      if (is_settable(k)) names.push_back(variable_of(k.at).substr(prefix.size()));
    const auto near = meant(std::string_view(name).substr(prefix.size()), {names.begin(), names.end()});
    problems.push_back(
        fault_at(at, "no key is set by this variable",
                 near.empty() ? "lists are set in a file" : "did you mean " + std::string(prefix) + std::string(near) + "?"));
    return;
  }
  node made;
  made.is = node::kind::scalar;
  made.text = value;
  made.at = at;
  if (!found->later.empty()) {
    problems.push_back(fault_at(at, "'" + std::string(found->at) + "' is not in this version", std::string(found->later)));
    return;
  }
  if (!check_scalar(*found, made, problems)) return;
  const auto words = split(found->at, '.');
  for (auto word = words.rbegin(); word != words.rend(); ++word) {
    node parent;
    parent.is = node::kind::map;
    parent.at = at;
    parent.entries.push_back({std::string(*word), at, std::move(made)});
    made = std::move(parent);
  }
  merge(merged, std::move(made));
}

// In the order of the files as they were named, each from top to bottom; what has no place comes last.
void sort(std::vector<problem>& problems, const std::vector<std::string>& files) {
  // (std::stable_sort is deprecated by its own library's buffer, as clang sees it; equal keys of a multimap keep their order.)
  std::multimap<std::tuple<std::size_t, int, int>, problem> in_order;
  for (problem& p : problems) {
    const auto file = static_cast<std::size_t>(std::find(files.begin(), files.end(), p.file) - files.begin());
    const std::tuple rank(p.file.empty() ? files.size() + 1 : file, p.line, p.column);
    in_order.emplace(rank, std::move(p));
  }
  problems.clear();
  for (auto& [rank, p] : in_order) problems.push_back(std::move(p));
}

// The flag, else the key, else nothing.
std::optional<milvus_values> milvus_of(const sources& from, const node& merged, bool& readable, std::vector<problem>& problems) {
  std::string path = from.milvus_config;
  place named_at{std::make_shared<source>(source{origin::layer::flag, "--milvus-config", {}}), 0, 0};
  const node* named = merged.find("milvus_config");
  if (path.empty() && named && named->is == node::kind::scalar && !named->text.empty()) {
    path = resolved(named->text, named->at);
    named_at = named->at;
  }
  if (path.empty()) return {};
  auto values = read_milvus(path, named_at, problems);
  readable = readable && values;
  return values;
}

loaded load_all(const sources& from) {
  loaded result;
  node merged;
  merged.is = node::kind::map;
  bool readable = true;
  for (const std::string& file : from.files) readable = add_file(file, merged, result.problems) && readable;
  for (const auto& [name, value] : from.environment)
    if (name.starts_with(prefix)) add_variable(name, value, merged, result.problems);
  const auto milvus = milvus_of(from, merged, readable, result.problems);
  const bool anything = !from.files.empty() || milvus || !from.milvus_config.empty() || !from.backend.empty() || from.users_only;
  if (!anything) {
    result.problems.push_back(
        {problem::severity::error, {}, 0, 0, "no configuration", "pass -c FILE, or --milvus-config FILE and --backend HOST:PORT"});
  } else if (readable) {
    built made = build(merged, from, milvus, result.problems);
    if (!from.milvus_config.empty())
      made.value.origins["milvus_config"] = {origin::layer::flag, "--milvus-config", 0, 0, from.milvus_config};
    else if (const node* named = merged.find("milvus_config"); named && milvus)
      made.value.origins["milvus_config"] = origin_of(named->at, resolved(named->text, named->at));
    if (!from.users_only) check_rules(made, result.problems);
    if (!has_errors(result.problems)) result.value = std::move(made.value);
  }
  sort(result.problems, from.files);
  return result;
}

}  // namespace

loaded load(const sources& from) {
  try {
    return load_all(from);
  } catch (const std::exception& e) {  // no memory, a path that the file system library does not like
    loaded failed;
    failed.problems.push_back({problem::severity::error, {}, 0, 0, std::string("the configuration cannot be read: ") + e.what(), {}});
    return failed;
  }
}

std::map<std::string, std::string> environment_of_process() {
  std::map<std::string, std::string> all;
  for (char** at = environ; at && *at; ++at) {
    const std::string_view entry = *at;
    const auto equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = entry.substr(0, equals);
    if (name.starts_with(prefix) || name == "STATE_DIRECTORY" || name == "HOME") all.emplace(name, entry.substr(equals + 1));
  }
  return all;
}

}  // namespace sallyport::config
