#include "request_rules.hpp"

namespace sallyport::proxy {
namespace {

bool is_word(char c, bool dots) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (dots && c == '.');
}

bool is_run_of(std::string_view text, bool dots) {
  for (const char c : text)
    if (!is_word(c, dots)) return false;
  return !text.empty();
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
  return slash != std::string_view::npos && is_run_of(path.substr(0, slash), true) && is_run_of(path.substr(slash + 1), false);
}

void make_forwarded_fields(const http2::request_head& head, upstream::credentials credential, std::vector<http2::field>& into) {
  using http2::known;
  into.clear();
  into.push_back(http2::make_field(known::method, ":method", head.method));
  into.push_back(http2::make_field(known::scheme, ":scheme", "http"));
  into.push_back(http2::make_field(known::path, ":path", head.path));
  if (!head.authority.empty()) into.push_back(http2::make_field(known::authority, ":authority", head.authority));
  into.push_back(http2::make_field(known::te, "te", "trailers"));   // grpc-core servers reset a stream without it
  into.push_back(http2::make_field(known::content_type, "content-type", "application/grpc"));
  for (const auto& f : *head.fields) {
    switch (f.id) {
      case known::authority:
      case known::method:
      case known::path:
      case known::scheme:
      case known::host:
      case known::te:
      case known::content_type:
      case known::expect:
      case known::trailer:
      case known::source_id:   // CVE-2025-64513: with it Milvus asks for no password
      case known::token:
      case known::identity: break;
      case known::authorization:
        if (credential == upstream::credentials::forward) {
          into.push_back(f);
          into.back().never_index = true;   // RFC 7541 7.1.3
        }
        break;
      default: into.push_back(f);
    }
  }
}

}  // namespace sallyport::proxy
