// Which REST paths manage users, roles and what hangs on them. Milvus' router takes the path after one round of percent-decoding; proxies
// between it and us may fold slashes, dots and cases too. So a path is ours only when it is written exactly as ours; for the refusal it is
// read in every such way, and one that falls into a family in any of them stays here.
#include <sallyport/milvus/rest.hpp>

#include "families.hpp"
#include "rest_json.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace sallyport::milvus {

namespace {

constexpr std::array answered{
    std::string_view("/v2/vectordb/users/list"),   std::string_view("/v2/vectordb/users/describe"),
    std::string_view("/v2/vectordb/users/create"), std::string_view("/v2/vectordb/users/update_password"),
    std::string_view("/v2/vectordb/users/drop"),
};

struct category {
  std::string_view begins;
  family belongs;
};
// No other category of Milvus begins so. The longer ones first.
constexpr std::array categories{
    category{"user_tag", family::tags},        category{"user", family::users},       category{"credential", family::users},
    category{"role", family::roles},           category{"grant", family::privileges}, category{"privilege_group", family::privilege_groups},
    category{"privilege", family::privileges}, category{"rbac", family::rbac_backup}, category{"row_polic", family::row_policies},
};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string percent_decoded(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
      plain.push_back(static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])));
      i += 2;
    } else {
      plain.push_back(text[i]);
    }
  }
  return plain;
}

namespace {

// Decoded until nothing is left to decode: each round is shorter, and a path that needs more than these is nobody's honest one.
constexpr int decoding_rounds_max = 4;
std::optional<std::string> fully_decoded(std::string_view path) {
  std::string now(path);
  for (int round = 0; round < decoding_rounds_max; ++round) {
    std::string next = percent_decoded(now);
    if (next == now) return now;
    now = std::move(next);
  }
  return std::nullopt;
}

char folded(char c) {
  if (c == '\\') return '/';
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    if (end > 0) segments.push_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return segments;
}

std::vector<std::string_view> without_dots(const std::vector<std::string_view>& segments) {
  std::vector<std::string_view> kept;
  for (const auto segment : segments) {
    if (segment == ".") continue;
    if (segment != "..")
      kept.push_back(segment);
    else if (!kept.empty())
      kept.pop_back();
  }
  return kept;
}

// Under whatever calls itself vectordb (v2), vector (v1) or api/v1 (the management port's).
bool may_hold_categories(const std::vector<std::string_view>& segments, std::size_t at) {
  if (segments[at].starts_with("vector")) return true;
  return at > 0 && segments[at - 1].starts_with("api") && segments[at].starts_with("v");
}

std::optional<family> family_among(const std::vector<std::string_view>& segments) {
  for (std::size_t at = 0; at + 1 < segments.size(); ++at) {
    if (!may_hold_categories(segments, at)) continue;
    const auto next = segments[at + 1];
    const auto known = std::find_if(categories.begin(), categories.end(), [&](const category& c) { return next.starts_with(c.begins); });
    if (known == categories.end()) continue;
    // A user's roles are no business of the users' calls.
    const bool grants = at + 2 < segments.size() && segments[at + 2].find("role") != std::string_view::npos;
    return known->belongs == family::users && grants ? family::roles : known->belongs;
  }
  return std::nullopt;
}

struct reading {
  bool readable = true;
  std::optional<family> belongs;
};

reading read(std::string_view path) {
  auto plain = fully_decoded(path);
  if (!plain) return {false, {}};
  std::transform(plain->begin(), plain->end(), plain->begin(), folded);
  const auto segments = segments_of(*plain);
  if (const auto found = family_among(segments)) return {true, found};
  return {true, family_among(without_dots(segments))};
}

}  // namespace

disposition classify_rest(std::string_view path) {
  if (std::find(answered.begin(), answered.end(), path) != answered.end()) return disposition::answer;
  const reading as = read(path);
  return as.readable && !as.belongs ? disposition::forward : disposition::refuse;
}

rest_reply rest_refusal(std::string_view path) {
  constexpr std::int32_t service_unimplemented = 10;
  const reading as = read(path);
  std::string_view text = "this path is not served here";
  if (!as.readable)
    text = "this path is not served here: it is percent-encoded over and over";
  else if (as.belongs == family::users)
    text = "users are managed here by POST to /v2/vectordb/users/list, describe, create, update_password and drop only, written exactly so";
  else if (as.belongs)
    text = instead_of(*as.belongs);
  return {200, json_fault(service_unimplemented, std::string(text) + ": service unimplemented")};
}

}  // namespace sallyport::milvus
