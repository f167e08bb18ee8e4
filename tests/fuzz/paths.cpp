// A path of a request, as a stranger may write it. Input: the path.
//
// Invariants: a path of gRPC that is canonical is two words and nothing else; an RPC or a REST path goes to the backend only if it stays
// outside the closed families however leniently it is read on its way: percent-decoded, backslashes for slashes, slashes collapsed, dot
// segments resolved, parameters cut off, in any case. What is answered here is written exactly as ours.
#include "target.hpp"

#include <sallyport/milvus/rest.hpp>

#include <proxy/request_rules.hpp>

#include <boost/json/parse.hpp>

#include <array>
#include <set>

namespace {

using namespace sallyport;
using namespace sallyport::fuzz;
using milvus::disposition;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

std::string decoded(const std::string& text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool encoded = text[at] == '%' && at + 2 < text.size() && is_hex(text[at + 1]) && is_hex(text[at + 2]);
    plain += encoded ? static_cast<char>(std::stoi(text.substr(at + 1, 2), nullptr, 16)) : text[at];
    if (encoded) at += 2;
  }
  return plain;
}

using segments = std::vector<std::string>;

// How somebody may take a path apart: the bits of `how` say what is done.
segments read_leniently(std::string path, unsigned how) {
  for (unsigned rounds = how & 3; rounds > 0; --rounds) path = decoded(path);
  path = path.substr(0, path.find_first_of(std::string_view("?#\0", 3)));
  for (auto& c : path) {
    if ((how & 4) && c == '\\') c = '/';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  segments all;
  while (!path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    auto segment = path.substr(0, end);
    path.erase(0, end + 1);
    if (how & 8) segment = segment.substr(0, segment.find(';'));
    if (segment.empty() || ((how & 16) && segment == ".")) continue;
    if ((how & 16) && segment == "..") {
      if (!all.empty()) all.pop_back();
      continue;
    }
    all.push_back(std::move(segment));
  }
  return all;
}
constexpr unsigned ways = 32;

// The names that Milvus' own router has, not the prefixes that ours is wary of.
bool is_of_a_closed_family(const segments& path) {
  static const std::set<std::string> categories{"users", "roles", "privilege_groups", "privileges", "grants", "user_tags", "rbac"};
  for (std::size_t at = 0; at + 1 < path.size(); ++at)
    if (path[at] == "vectordb" && categories.contains(path[at + 1])) return true;
  return false;
}

bool is_a_back_door(const segments& path) {
  static const std::set<std::string> closed{"expr", "debug", "management", "metrics", "log", "eventlog", "webui", "_cluster", "_hook"};
  return !path.empty() && closed.contains(path[0]);
}

void check_rest(std::string_view path) {
  const auto target = path.substr(0, path.find('?'));
  const auto look = proxy::look_at_rest_path(path);
  const auto what = milvus::classify_rest(target);
  demand(look == proxy::look_at_rest_path(std::string(path)) && what == milvus::classify_rest(std::string(target)), "another answer");

  core::error_code ec;
  const auto refusal = boost::json::parse(milvus::rest_refusal(target).body, ec);
  demand(!ec && refusal.is_object() && refusal.as_object().at("code").as_int64() == 10, "a refusal that is none");

  static constexpr std::array<std::string_view, 5> ours{"list", "describe", "create", "update_password", "drop"};
  constexpr std::string_view below = "/v2/vectordb/users/";
  const bool exact = target.starts_with(below) && std::find(ours.begin(), ours.end(), target.substr(below.size())) != ours.end();
  demand((what == disposition::answer) == exact, "answered here, and not written as ours");

  if (look != proxy::rest_path::plain) return;
  demand(path == "*" || path.starts_with('/'), "a path that is none");
  for (const auto* trick : {"//", "/./", "/../", ";", "\\", "#"})
    demand(target.find(trick) == target.npos, "a path that is read in two ways");
  for (unsigned how = 0; how < ways; ++how) {
    const auto read = read_leniently(std::string(path), how);
    demand(what != disposition::forward || !is_of_a_closed_family(read), "a closed family goes to the backend");
    demand(!is_a_back_door(read), "a back door stands open");
  }
}

void check_grpc(std::string_view path) {
  if (!proxy::is_canonical_path(path)) return;
  const auto slash = path.rfind('/');
  demand(path.starts_with('/') && slash > 1 && slash + 1 < path.size() && path.find('/', 1) == slash, "not two words");
  for (const char c : path) demand(c == '/' || c == '.' || c == '_' || std::isalnum(static_cast<unsigned char>(c)), "a byte of no word");
  demand(path.find('.', slash) == path.npos, "a method with a dot");
  const auto what = milvus::classify(path);
  if (what != disposition::forward) demand(!milvus::refusal_text(path).empty(), "a refusal without words");
  // Names of RPCs are compared by their bytes everywhere; only the package may be another one.
  static const std::set<std::string_view> closed{"CreateCredential",
                                                 "UpdateCredential",
                                                 "DeleteCredential",
                                                 "ListCredUsers",
                                                 "SelectUser",
                                                 "CreateRole",
                                                 "DropRole",
                                                 "OperateUserRole",
                                                 "SelectRole",
                                                 "OperatePrivilege",
                                                 "OperatePrivilegeV2",
                                                 "SelectGrant",
                                                 "CreatePrivilegeGroup",
                                                 "DropPrivilegeGroup",
                                                 "ListPrivilegeGroups",
                                                 "OperatePrivilegeGroup",
                                                 "BackupRBAC",
                                                 "RestoreRBAC"};
  const bool of_milvus = path.substr(0, slash).ends_with("MilvusService") && closed.contains(path.substr(slash + 1));
  demand(!of_milvus || what != disposition::forward, "a closed family goes to the backend");
  demand(what != disposition::answer || path.starts_with("/milvus.proto.milvus.MilvusService/"), "answered for another service");
}

// Heads let no other bytes in a path (RFC 3986 3.3); what they keep out is made one of those that they let in.
std::string as_in_a_head(std::string_view text) {
  std::string path(text);
  for (auto& c : path)
    if (c <= 0x20 || c >= 0x7f) c = static_cast<char>(0x21 + static_cast<unsigned char>(c) % 94);
  return path;
}

void check(core::bytes input) {
  const auto path = as_in_a_head(text_of(input));
  check_rest(path);
  check_grpc(path);
}

}  // namespace

SALLYPORT_FUZZ_TARGET(paths, check)
