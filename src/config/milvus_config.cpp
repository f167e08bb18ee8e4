#include "milvus_config.hpp"

#include "milvus_form.hpp"
#include "values.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>

namespace sallyport::config {

namespace {

std::string after_blanks(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

// Reads one key of a Milvus settings tree; `path` is its whole name for messages.
class reader {
 public:
  reader(milvus_values& into, std::vector<problem>& problems) : into_(into), problems_(problems) {}

  void security(const node& block) {
    using rule = std::function<void(const node::entry&)>;
    const std::vector<std::pair<std::string_view, rule>> rules{
        {"authorizationEnabled", [this](const node::entry& e) { into_.authorization_enabled = yes_no("common.security", e); }},
        {"superUsers", [this](const node::entry& e) { super_users(e); }},
        {"defaultRootPassword", [this](const node::entry& e) { into_.default_root_password = text("common.security", e); }},
        {"tlsMode",
         [this](const node::entry& e) { into_.tls_mode = amount("common.security", e, 0, 2, "0 (no TLS), 1 (TLS) or 2 (mutual TLS)"); }},
        {"tlsEnabled", [this](const node::entry& e) { old_tls(e); }},
        // Milvus' own: roles are not enforced here, and TLS between its components does not pass through us.
        {"rootShouldBindRole", [this](const node::entry& e) { not_enforced(e, true, "root is an administrator here whatever its roles"); }},
        {"enablePublicPrivilege",
         [this](const node::entry& e) { not_enforced(e, false, "a user without roles may do all here but manage users"); }},
        {"rbac", [](const node::entry&) {}},
        {"exprEnabled", [](const node::entry&) {}},
        {"internaltlsEnabled", [](const node::entry&) {}},
    };
    block_of("common.security", block, rules);
  }

  void tls(const node& block) {
    using rule = std::function<void(const node::entry&)>;
    const std::vector<std::pair<std::string_view, rule>> rules{
        {"serverPemPath", [this](const node::entry& e) { into_.server_pem = path("tls", e); }},
        {"serverKeyPath", [this](const node::entry& e) { into_.server_key = path("tls", e); }},
        {"caPemPath", [this](const node::entry& e) { into_.ca_pem = path("tls", e); }},
    };
    block_of("tls", block, rules);
  }

  void proxy(const node& block) {
    for (const node::entry& e : block.entries) {
      if (e.key == "minPasswordLength") into_.password_min = amount("proxy", e, 1, milvus_password_max, {});
      if (e.key == "maxPasswordLength") into_.password_max = amount("proxy", e, 1, milvus_password_max, {});
      if (e.key == "maxUsernameLength") into_.user_name_max = amount("proxy", e, 1, milvus_user_name_max, {});
    }
    const std::uint64_t least = into_.password_min ? into_.password_min->value : 6;
    if (into_.password_max && into_.password_max->value < least)
      complain(into_.password_max->at, "proxy.maxPasswordLength is less than proxy.minPasswordLength (" + std::to_string(least) + ")",
               "no password could be set");
    else if (into_.password_min && !into_.password_max && least > 256)
      complain(into_.password_min->at, "proxy.minPasswordLength is more than proxy.maxPasswordLength (256)", "no password could be set");
  }

  // Read so that a mistake is found now; used once users can be kept in etcd.
  void etcd(const node& block) {
    for (const node::entry& e : block.entries) {
      if (e.key == "rootPath" || e.key == "metaSubPath") text("etcd", e);
      if (e.key == "endpoints" && e.value.is == node::kind::map)
        complain(e.value.at, "'etcd.endpoints' must be a list or a text", "for example localhost:2379");
    }
  }

 private:
  void complain(const place& at, std::string what, std::string hint) {
    problems_.push_back(fault_at(at, std::move(what), std::move(hint)));
  }

  template <class Rules>
  void block_of(const std::string& name, const node& block, const Rules& rules) {
    std::vector<std::string_view> known;
    for (const auto& [word, read] : rules)
      if (word != "tlsEnabled") known.push_back(word);
    for (const node::entry& e : block.entries) {
      const auto found = std::find_if(rules.begin(), rules.end(), [&](const auto& r) { return r.first == e.key; });
      if (found != rules.end()) {
        found->second(e);
        continue;
      }
      std::string list;
      for (const auto word : known) list += (list.empty() ? "" : ", ") + std::string(word);
      const auto near = meant(e.key, known);
      complain(e.at, "unknown key '" + e.key.substr(0, 80) + "' in " + name,
               near.empty() ? "known here: " + list : "did you mean '" + std::string(near) + "'?");
    }
  }

  std::optional<placed<std::string>> text(const std::string& parent, const node::entry& e) {
    if (e.value.is == node::kind::null) return {};  // Milvus' own file has keys without a value
    const std::string name = "'" + parent + "." + e.key + "'";
    if (e.value.is != node::kind::scalar || e.value.text.find('\0') != std::string::npos) {
      complain(e.value.at, name + " must be a single text", "write it after the colon, in one line");
      return {};
    }
    if (e.value.text.empty()) return {};
    return placed<std::string>{e.value.text, e.value.at};
  }

  std::optional<placed<std::string>> path(const std::string& parent, const node::entry& e) {
    auto got = text(parent, e);
    if (got) got->value = resolved(got->value, got->at);
    return got;
  }

  // Only the very words: Milvus reads 0, f, F and False as false, and so may whoever wrote them by mistake.
  std::optional<placed<bool>> yes_no(const std::string& parent, const node::entry& e) {
    if (e.value.is == node::kind::scalar && (e.value.text == "true" || e.value.text == "false"))
      return placed<bool>{e.value.text == "true", e.value.at};
    const std::string name = "'" + parent + "." + e.key + "'";
    if (e.value.is == node::kind::null)
      complain(e.at, name + " has no value", "write true or false, or remove the key");
    else
      complain(e.value.at, name + " must be true or false", "write the word true or the word false");
    return {};
  }

  std::optional<placed<std::uint64_t>> amount(const std::string& parent, const node::entry& e, std::uint64_t least, std::uint64_t most,
                                              const std::string& words) {
    const std::string name = "'" + parent + "." + e.key + "'";
    const std::string range = words.empty() ? "a whole number from " + std::to_string(least) + " to " + std::to_string(most) : words;
    if (e.value.is == node::kind::null) {
      complain(e.at, name + " has no value", "write " + range + ", or remove the key");
      return {};
    }
    const auto got = e.value.is == node::kind::scalar ? parse_count(e.value.text) : std::nullopt;
    if (got && *got >= least && *got <= most) return placed<std::uint64_t>{*got, e.value.at};
    complain(e.value.at, name + " must be " + range, {});
    return {};
  }

  void super_users(const node::entry& e) {
    if (e.value.is == node::kind::null) return;
    std::vector<std::string> names;
    bool readable = e.value.is != node::kind::map;
    const auto add = [&](std::string_view list) {
      while (!list.empty()) {
        const auto comma = std::min(list.find(','), list.size());
        if (std::string name = after_blanks(list.substr(0, comma)); !name.empty()) names.push_back(std::move(name));
        list.remove_prefix(std::min(comma + 1, list.size()));
      }
    };
    if (e.value.is == node::kind::scalar) add(e.value.text);
    for (const node& item : e.value.items) {
      readable = readable && item.is == node::kind::scalar;
      add(item.text);
    }
    if (!readable) complain(e.value.at, "'common.security.superUsers' must be names", "write \"root, foo\" or a list of names");
    into_.super_users = std::move(names);
    into_.super_users_at = e.value.at;
  }

  void old_tls(const node::entry& e) {
    complain(e.at, "'common.security.tlsEnabled' is of Milvus 2.1 and older; no Milvus since reads it",
             "write tlsMode: 1, or tlsMode: 2 for client certificates");
  }

  void not_enforced(const node::entry& e, bool surprising, const std::string& instead) {
    if (e.value.is == node::kind::null) return;
    const auto got = yes_no("common.security", e);
    if (got && got->value == surprising)
      problems_.push_back(warning_at(e.value.at, "'common.security." + e.key + "' is not enforced here", instead));
  }

  milvus_values& into_;
  std::vector<problem>& problems_;
};

const node* map_below(const node& tree, std::string_view key, const std::string& name, std::vector<problem>& problems) {
  const node* found = tree.find(key);
  if (!found || found->is == node::kind::null) return nullptr;
  if (found->is == node::kind::map) return found;
  problems.push_back(fault_at(found->at, "'" + name + "' must be a map", "put its keys below it, indented"));
  return nullptr;
}

}  // namespace

std::string resolved(const std::string& path, const place& at) {
  if (path.empty() || path.front() == '/' || !at.in || at.in->folder.empty()) return path;
  return (std::filesystem::path(at.in->folder) / path).lexically_normal().string();
}

std::optional<milvus_values> read_milvus(const std::string& path, const place& named_at, std::vector<problem>& problems) {
  std::string text;
  if (!read_file(path, named_at, text, problems)) return {};
  const auto from = std::make_shared<source>(source{origin::layer::milvus, path, std::filesystem::path(path).parent_path().string()});
  const std::size_t before = problems.size();
  const std::optional<node> tree = milvus_settings(text, from, problems);
  if (!tree) {
    if (problems.size() == before) problems.push_back(fault_at({from, 0, 0}, "holds no settings of Milvus"));
    return {};
  }
  milvus_values values;
  reader into(values, problems);
  if (const node* common = map_below(*tree, "common", "common", problems))
    if (const node* security = map_below(*common, "security", "common.security", problems)) into.security(*security);
  if (const node* block = map_below(*tree, "tls", "tls", problems)) into.tls(*block);
  if (const node* block = map_below(*tree, "proxy", "proxy", problems)) into.proxy(*block);
  if (const node* block = map_below(*tree, "etcd", "etcd", problems)) into.etcd(*block);
  return values;
}

}  // namespace sallyport::config
