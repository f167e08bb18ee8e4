#include "head_rules.hpp"

#include <sallyport/core/defence.hpp>

#include <array>
#include <utility>

namespace sallyport::http2 {
namespace {

// tchar of RFC 9110 5.6.2 without the upper case that RFC 9113 8.2.1 forbids.
constexpr std::array<bool, 256> make_name_bytes() {
  std::array<bool, 256> ok{};
  for (unsigned c = 'a'; c <= 'z'; ++c) ok[c] = true;
  for (unsigned c = '0'; c <= '9'; ++c) ok[c] = true;
  for (const unsigned char c : std::string_view("!#$%&'*+-.^_`|~")) ok[c] = true;
  return ok;
}

// RFC 9113 8.2.1 forbids NUL, LF and CR; RFC 9110 5.5 the other controls but HTAB. Bytes above 0x7f pass.
constexpr std::array<bool, 256> make_value_bytes() {
  std::array<bool, 256> ok{};
  for (unsigned c = 0; c < 256; ++c) ok[c] = c == '\t' || (c >= 0x20 && c != 0x7f);
  return ok;
}

// reg-name, IP-literal and port of RFC 3986 3.2, without userinfo (RFC 9113 8.3.1).
constexpr std::array<bool, 256> make_authority_bytes() {
  std::array<bool, 256> ok{};
  for (unsigned c = 'a'; c <= 'z'; ++c) ok[c] = ok[c - 32] = true;
  for (unsigned c = '0'; c <= '9'; ++c) ok[c] = true;
  for (const unsigned char c : std::string_view("._:-[]~%")) ok[c] = true;
  return ok;
}

// A method is a token (RFC 9110 9.1), upper case included.
constexpr std::array<bool, 256> make_method_bytes() {
  auto ok = make_name_bytes();
  for (unsigned c = 'A'; c <= 'Z'; ++c) ok[c] = true;
  return ok;
}

// A path and a query have no blanks, no controls and nothing beyond ASCII (RFC 3986 3.3, 3.4).
constexpr std::array<bool, 256> make_path_bytes() {
  std::array<bool, 256> ok{};
  for (unsigned c = 0x21; c < 0x7f; ++c) ok[c] = true;
  return ok;
}

constexpr auto name_bytes = make_name_bytes();
constexpr auto method_bytes = make_method_bytes();
constexpr auto path_bytes = make_path_bytes();
constexpr auto value_bytes = make_value_bytes();
constexpr auto authority_bytes = make_authority_bytes();

bool all_of(std::string_view text, const std::array<bool, 256>& allowed) {
  bool ok = true;
  for (const unsigned char c : text) ok &= allowed[c];
  return ok;
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool name_is_valid(std::string_view name) {
  if (name.starts_with(':')) name.remove_prefix(1);
  return !name.empty() && all_of(name, name_bytes);
}

bool value_is_valid(std::string_view value) {
  if (value.empty()) return true;
  return !is_blank(value.front()) && !is_blank(value.back()) && all_of(value, value_bytes);  // RFC 9113 8.2.1
}

bool bytes_are_valid(const field& f) { return checked_bytes(f) == (field::name_checked | field::value_checked); }

bool is_pseudo(known id) { return id >= known::authority && id <= known::pseudo_unknown; }

// RFC 9113 8.2.2: a field that speaks about the connection makes the message malformed; of TE only "trailers" is left.
bool is_connection_field(const field& f) {
  if (f.id >= known::connection && f.id <= known::upgrade) return true;
  return f.id == known::te && f.value != "trailers";
}

bool read_number(std::string_view text, std::int64_t& value) {
  if (text.empty() || text.size() > 18) return false;
  value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + (c - '0');
  }
  return true;
}

// One: equal ones might be merged (RFC 9110 8.6), but whoever sends two is not to be trusted with either.
bool read_content_length(const field& f, std::int64_t& value) { return value < 0 && read_number(f.value, value); }

struct seen {
  unsigned pseudo = 0;  // bit per known::
  bool regular = false;
  std::string_view host;
  bool has_host = false, has_content_type = false;
};

bool read_pseudo(const field& f, seen& so_far, request_head& head) {
  const auto bit = 1u << static_cast<unsigned>(f.id);
  if (core::defended("H17a") && (so_far.regular || (so_far.pseudo & bit))) return false;
  so_far.pseudo |= bit;
  switch (f.id) {
    case known::method: head.method = f.value; return !f.value.empty() && all_of(f.value, method_bytes);
    case known::scheme: head.scheme = f.value; return f.value == "http" || f.value == "https";
    case known::authority: head.authority = f.value; return all_of(f.value, authority_bytes) || !core::defended("H18a");
    case known::path: head.path = f.value; return !f.value.empty() && all_of(f.value, path_bytes);
    default: return !core::defended("H17b");  // :status, :protocol (not offered) and what is unknown
  }
}

bool read_regular(const field& f, seen& so_far, request_head& head) {
  so_far.regular = true;
  if (core::defended("H19") && is_connection_field(f)) return false;
  switch (f.id) {
    case known::content_length: return read_content_length(f, head.content_length) || !core::defended("H21c");
    case known::content_type:
      if (std::exchange(so_far.has_content_type, true)) return false;
      head.content_type = f.value;
      return true;
    case known::host:
      if (core::defended("H18a") && (so_far.has_host || !all_of(f.value, authority_bytes))) return false;
      so_far.has_host = true;
      so_far.host = f.value;
      return true;
    case known::grpc_timeout: head.grpc_timeout = f.value; return true;
    case known::authorization:
      head.authorization = f.value;
      ++head.authorization_fields;
      return true;
    default: return true;
  }
}

}  // namespace

std::uint8_t checked_bytes(const field& f) {
  std::uint8_t right = f.checked;
  if (!(right & field::name_checked) && name_is_valid(f.name)) right |= field::name_checked;
  if (!(right & field::value_checked) && value_is_valid(f.value)) right |= field::value_checked;
  return right;
}

bool read_request_head(const std::vector<field>& fields, request_head& head, bool connect_allowed) {
  head.fields = &fields;
  seen so_far;
  for (const auto& f : fields) {
    if (core::defended("H20a") && !bytes_are_valid(f)) return false;
    if (!(is_pseudo(f.id) ? read_pseudo(f, so_far, head) : read_regular(f, so_far, head))) return false;
  }
  head.grpc = is_grpc(head.content_type);
  // RFC 9113 8.5: neither scheme nor path, and a target that no other field can stand in for.
  if (connect_allowed && head.method == "CONNECT")
    return head.scheme.empty() && head.path.empty() && (!so_far.has_host || head.authority.empty() || head.authority == so_far.host);
  // RFC 9113 8.3.1: one each, and CONNECT (8.5) is for listeners that say so.
  if (core::defended("H17c") && (head.method.empty() || head.scheme.empty() || head.path.empty())) return false;
  if (core::defended("H17d") && head.method == "CONNECT") return false;
  if (core::defended("H17e") && !head.path.starts_with('/') && !(head.path == "*" && head.method == "OPTIONS")) return false;
  if (!so_far.has_host) return true;
  if (head.authority.empty()) head.authority = so_far.host;
  return head.authority == so_far.host || !core::defended("H18b");
}

bool read_response_head(const std::vector<field>& fields, response_head& head) {
  head.fields = &fields;
  bool regular = false;
  for (const auto& f : fields) {
    if (!bytes_are_valid(f) || is_connection_field(f)) return false;
    if (!is_pseudo(f.id)) {
      regular = true;
      if (f.id == known::content_length && !read_content_length(f, head.content_length)) return false;
      continue;
    }
    std::int64_t status = 0;
    if (regular || f.id != known::status || head.status || f.value.size() != 3 || !read_number(f.value, status) || status < 100)
      return false;
    head.status = static_cast<std::uint32_t>(status);
  }
  return head.status != 0;
}

bool trailers_are_valid(const std::vector<field>& fields, bool from_client) {
  for (const auto& f : fields) {
    if (!bytes_are_valid(f) || (core::defended("H22b") && is_pseudo(f.id)) || is_connection_field(f)) return false;
    if (core::defended("H22a") && from_client && f.id == known::authorization) return false;
  }
  return true;
}

}  // namespace sallyport::http2
