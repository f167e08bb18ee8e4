#include "request_rules.hpp"

#include <sallyport/milvus/rest.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace sallyport::proxy {
namespace {

bool is_name(std::string_view text) {
  for (const char c : text)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) return false;
  return !text.empty();
}

// Names with a dot between them, so never the `.` and `..` that something behind us may resolve.
bool is_dotted_name(std::string_view text) {
  for (auto dot = text.find('.'); dot != std::string_view::npos; dot = text.find('.')) {
    if (!is_name(text.substr(0, dot))) return false;
    text.remove_prefix(dot + 1);
  }
  return is_name(text);
}

}  // namespace

bool is_served_content_type(std::string_view content_type) {
  constexpr std::string_view grpc = "application/grpc";
  auto rest = content_type.substr(grpc.size());
  if (rest.starts_with("+proto")) rest.remove_prefix(6);
  return rest.empty() || rest[0] == ';';
}

bool is_canonical_path(std::string_view path) {
  if (!path.starts_with('/')) return false;
  path.remove_prefix(1);
  const auto slash = path.find('/');
  return slash != std::string_view::npos && is_dotted_name(path.substr(0, slash)) && is_name(path.substr(slash + 1));
}

namespace {

// What takes a path apart, for one reader or another.
std::ptrdiff_t marks_in(std::string_view path) {
  constexpr std::string_view marks("/\\.;\0", 5);
  return std::count_if(path.begin(), path.end(), [&](char c) { return marks.find(c) != std::string_view::npos; });
}

// An escape of an escape, and so on: whoever is behind us may decode more than once, though hardly more often than this.
bool hides_something(std::string_view path) {
  std::string left(path);
  for (int rounds = 0; left.find('%') != std::string::npos; ++rounds) {
    auto plain = milvus::percent_decoded(left);
    if (rounds == 3 || marks_in(plain) != marks_in(left)) return true;
    if (plain == left) return false;
    left = std::move(plain);
  }
  return false;
}

std::string lower_first_segment(std::string_view path) {
  std::string segment;
  for (const char c : path.substr(1, path.find('/', 1) - 1)) segment += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  return segment;
}

}  // namespace

rest_path look_at_rest_path(std::string_view target) {
  if (target == "*") return rest_path::plain;  // OPTIONS
  const auto path = target.substr(0, target.find('?'));
  if (!path.starts_with('/') || target.find('#') != std::string_view::npos) return rest_path::tricky;
  if (path.find("//") != std::string_view::npos || path.find_first_of(";\\") != std::string_view::npos) return rest_path::tricky;
  if (hides_something(path)) return rest_path::tricky;
  for (std::size_t at = 0; at < path.size();) {
    const auto next = std::min(path.find('/', at + 1), path.size());
    const auto segment = path.substr(at + 1, next - at - 1);
    if (segment == "." || segment == "..") return rest_path::tricky;
    at = next;
  }
  const auto first = lower_first_segment(path);
  if (first.find('%') != std::string::npos) return rest_path::tricky;  // an encoded letter is the same letter (RFC 3986 6.2.2.2)
  for (const auto* closed : {"expr", "debug", "management", "metrics", "log", "eventlog", "api", "webui", "_cluster", "_hook"})
    if (first == closed) return rest_path::closed;
  return rest_path::plain;
}

namespace {

using http2::known;

// The pseudo-header fields, first and written by us.
void begin_fields(const http2::request_head& head, std::vector<http2::field>& into) {
  into.clear();
  into.push_back(http2::make_field(known::method, ":method", head.method));
  into.push_back(http2::make_field(known::scheme, ":scheme", "http"));
  into.push_back(http2::make_field(known::path, ":path", head.path));
  if (!head.authority.empty()) into.push_back(http2::make_field(known::authority, ":authority", head.authority));
  // What the client would have in no table stays out of ours (RFC 7541 6.2.3).
  for (const auto& f : *head.fields)
    if (f.never_index)
      for (auto& ours : into) ours.never_index = ours.never_index || ours.id == f.id;
}

// A field of the client's, if it is one that any backend may see.
void pass_on(const http2::field& f, upstream::credentials credential, std::vector<http2::field>& into) {
  switch (f.id) {
    case known::authority:
    case known::method:
    case known::path:
    case known::scheme:
    case known::host:
    case known::te:
    case known::trailer:
    case known::source_id:  // CVE-2025-64513: with it Milvus asks for no password
    case known::token:
    case known::proxy_authorization:  // a credential, and for us at most (RFC 9110 11.7.2)
    case known::identity: break;
    case known::authorization:
      if (credential == upstream::credentials::forward) {
        into.push_back(f);
        into.back().never_index = true;  // RFC 7541 7.1.3
      }
      break;
    default: into.push_back(f);
  }
}

}  // namespace

void make_forwarded_rest_fields(const http2::request_head& head, upstream::credentials credential, bool expects,
                                std::vector<http2::field>& into) {
  begin_fields(head, into);
  if (expects) into.push_back(http2::make_field(known::expect, "expect", "100-continue"));
  for (const auto& f : *head.fields) pass_on(f, credential, into);
}

void make_forwarded_fields(const http2::request_head& head, upstream::credentials credential, std::vector<http2::field>& into) {
  begin_fields(head, into);
  into.push_back(http2::make_field(known::te, "te", "trailers"));  // grpc-core servers reset a stream without it
  into.push_back(http2::make_field(known::content_type, "content-type", "application/grpc"));
  for (const auto& f : *head.fields)
    if (f.id != known::content_type && f.id != known::expect) pass_on(f, credential, into);
}

void add_identity(std::string_view user, std::string_view subject, std::vector<http2::field>& into) {
  const auto add = [&into](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    into.push_back(http2::make_field(known::identity, name, value));
    into.back().never_index = true;  // RFC 7541 7.1.3
  };
  add("x-sallyport-user", user);
  add("x-sallyport-certificate-subject", subject);
}

}  // namespace sallyport::proxy
