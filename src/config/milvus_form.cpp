#include "milvus_form.hpp"

#include "values.hpp"

#include <algorithm>
#include <array>

namespace sallyport::config {

namespace {

constexpr std::string_view helm_place = "Helm values carry Milvus' settings as text: extraConfigFiles: {user.yaml: |+ ...}";
constexpr std::string_view operator_place = "in a resource for the operator they stand in spec.config";

// Keys at the top of the chart's values that no milvus.yaml has.
constexpr std::array<std::string_view, 14> of_helm{
    "cluster",         "image",          "imagePullSecrets", "service",      "ingress",          "standalone",   "serviceAccount",
    "rootCoordinator", "mixCoordinator", "externalS3",       "nameOverride", "fullnameOverride", "externalEtcd", "livenessProbe"};

bool has_security(const node& tree) {
  const node* common = tree.find("common");
  return common && common->find("security");
}

// The line of an outer file in which a text's first line stands, and how far it is indented.
position position_of(const node& text_node, const std::string& outer) {
  std::size_t begin = 0;
  for (int line = 1; line < text_node.at.line && begin < outer.size(); ++line)
    begin = std::min(outer.find('\n', begin), outer.size() - 1) + 1;
  const std::size_t mark = begin + static_cast<std::size_t>(std::max(text_node.at.column - 1, 0));
  // Only a literal block keeps its lines; the lines of folded and quoted text are not those of the file.
  if (mark >= outer.size() || outer[mark] != '|') return {text_node.at.line, text_node.at.column, false};
  position where{text_node.at.line, 0, true};
  std::size_t at = std::min(outer.find('\n', mark), outer.size() - 1) + 1;
  while (at < outer.size()) {
    const std::size_t first = outer.find_first_not_of(' ', at);
    if (first == std::string::npos) break;
    if (outer[first] != '\n' && outer[first] != '\r') {
      where.column_offset = static_cast<int>(first - at);
      break;
    }
    at = std::min(outer.find('\n', first), outer.size() - 1) + 1;
  }
  return where;
}

// Near misses at the top would silently leave both doors at their defaults.
void check_top(const node& tree, std::vector<problem>& problems) {
  for (const node::entry& e : tree.entries) {
    if (e.key == "common" || e.key == "tls") continue;
    if (e.key.starts_with("common.") || e.key.starts_with("tls."))
      problems.push_back(fault_at(e.at, "'" + e.key.substr(0, 80) + "' is a path, not a key",
                                  "write it nested: " + e.key.substr(0, e.key.find('.')) + ": {...}"));
    else if (const auto near = meant(e.key, {"common", "tls", "extraConfigFiles"}); !near.empty() && e.key.size() > 2)
      problems.push_back(fault_at(e.at, "unknown key '" + e.key.substr(0, 80) + "'", "did you mean '" + std::string(near) + "'?"));
  }
  const node* common = tree.find("common");
  if (!common || common->is != node::kind::map) return;
  for (const node::entry& e : common->entries) {
    if (e.key == "security") continue;
    if (e.key.starts_with("security."))
      problems.push_back(fault_at(e.at, "'" + e.key.substr(0, 80) + "' is a path, not a key", "write it nested: security: {...}"));
    else if (!meant(e.key, {"security"}).empty())
      problems.push_back(fault_at(e.at, "unknown key '" + e.key.substr(0, 80) + "' in common", "did you mean 'security'?"));
  }
}

std::optional<node> of_operator(const node& tree, std::vector<problem>& problems) {
  const node* version = tree.find("apiVersion");
  if (version && !version->text.starts_with("milvus.io/")) {
    problems.push_back(
        fault_at(version->at, "not a resource of Milvus' operator: apiVersion " + version->text.substr(0, 80), "it must be milvus.io/..."));
    return {};
  }
  if (has_security(tree))
    problems.push_back(fault_at(tree.find_entry("common")->at, "'common.security' at the top of a resource is not read by Milvus",
                                std::string(operator_place)));
  const node* spec = tree.find("spec");
  if (!spec || spec->is != node::kind::map) {
    problems.push_back(fault_at(spec ? spec->at : tree.at, "a resource without a spec", std::string(operator_place)));
    return {};
  }
  for (const std::string_view key : {"common", "tls"})
    if (const node::entry* wrong = spec->find_entry(key))
      problems.push_back(fault_at(wrong->at, "'spec." + std::string(key) + (key == "common" ? ".security" : "") + "' is not read by Milvus",
                                  "the right place is spec.config." + std::string(key) + (key == "common" ? ".security" : "")));
  const node* config = spec->find("config");
  if (!config || config->is == node::kind::null) {
    node empty;
    empty.is = node::kind::map;
    problems.push_back(
        warning_at(spec->at, "the resource has no spec.config", "Milvus' defaults hold: no TLS; door 2 stays shut without a password"));
    return empty;
  }
  if (config->is != node::kind::map) {
    problems.push_back(fault_at(config->at, "'spec.config' must be a map", std::string(operator_place)));
    return {};
  }
  return *config;
}

std::optional<node> of_values(const node& tree, const std::string& text, const std::shared_ptr<const source>& from,
                              std::vector<problem>& problems) {
  for (const std::string_view key : {"common", "tls"})
    if (const node::entry* wrong = tree.find_entry(key); wrong && (key == "tls" || has_security(tree)))
      problems.push_back(fault_at(
          wrong->at, "'" + std::string(key) + (key == "common" ? ".security" : "") + "' at the top of Helm values is not read by Milvus",
          std::string(helm_place)));
  const node* files = tree.find("extraConfigFiles");
  node empty;
  empty.is = node::kind::map;
  if (!files || files->is == node::kind::null) {
    for (const node::entry& e : tree.entries)
      if (e.key != "extraConfigFiles" && !meant(e.key, {"extraConfigFiles"}).empty())
        problems.push_back(fault_at(e.at, "unknown key '" + e.key.substr(0, 80) + "'", "did you mean 'extraConfigFiles'?"));
    problems.push_back(warning_at(tree.at, "these Helm values hold no settings of Milvus", std::string(helm_place)));
    return empty;
  }
  const node::entry* user = files->find_entry("user.yaml");
  if (!user) {
    problems.push_back(fault_at(files->at, "'extraConfigFiles' has no user.yaml", std::string(helm_place)));
    return {};
  }
  if (user->value.is == node::kind::null) return empty;
  if (user->value.is != node::kind::scalar) {
    problems.push_back(fault_at(user->value.at, "'extraConfigFiles.user.yaml' must be a text, not a map",
                                "write user.yaml: |+ and leave what is below it as it is"));
    return {};
  }
  const std::size_t before = problems.size();
  node inner = parse_yaml(user->value.text, from, problems, position_of(user->value, text));
  if (problems.size() != before && inner.is != node::kind::map) return {};
  if (inner.is == node::kind::null) return empty;
  if (inner.is == node::kind::map) return inner;
  problems.push_back(fault_at(inner.at, "'extraConfigFiles.user.yaml' must hold a map of settings", std::string(helm_place)));
  return {};
}

}  // namespace

std::optional<node> milvus_settings(const std::string& text, const std::shared_ptr<const source>& from, std::vector<problem>& problems) {
  const std::size_t before = problems.size();
  const node tree = parse_yaml(text, from, problems);
  if (tree.is != node::kind::map) {
    if (problems.size() == before)
      problems.push_back(
          fault_at({from, 0, 0}, "holds no settings of Milvus", "name a milvus.yaml, Helm values or a resource of Milvus' operator"));
    return {};
  }
  std::optional<node> found;
  const node* spec = tree.find("spec");
  if (tree.find("apiVersion") || (spec && spec->is == node::kind::map)) {
    found = of_operator(tree, problems);
  } else if (tree.find("extraConfigFiles") ||
             std::any_of(of_helm.begin(), of_helm.end(), [&](const auto key) { return tree.find(key) != nullptr; })) {
    found = of_values(tree, text, from, problems);
  } else {
    found = tree;
  }
  if (found) check_top(*found, problems);
  return found;
}

}  // namespace sallyport::config
