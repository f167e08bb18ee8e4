#include "text.hpp"

#include <limits>

namespace sallyport::http1 {
namespace {

constexpr std::array<char, 256> make_name_bytes() {
  std::array<char, 256> to{};
  for (unsigned c = 'a'; c <= 'z'; ++c) to[c] = to[c - 32] = static_cast<char>(c);
  for (unsigned c = '0'; c <= '9'; ++c) to[c] = static_cast<char>(c);
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) to[static_cast<unsigned char>(c)] = c;
  return to;
}

constexpr std::array<bool, 256> make_value_bytes() {
  std::array<bool, 256> ok{};
  for (unsigned c = 0; c < 256; ++c) ok[c] = c == '\t' || (c >= 0x20 && c != 0x7f);
  return ok;
}

constexpr std::array<bool, 256> make_set(std::string_view others) {
  std::array<bool, 256> ok{};
  for (unsigned c = 'a'; c <= 'z'; ++c) ok[c] = ok[c - 32] = true;
  for (unsigned c = '0'; c <= '9'; ++c) ok[c] = true;
  for (const unsigned char c : others) ok[c] = true;
  return ok;
}

constexpr auto value_bytes = make_value_bytes();
constexpr auto target_bytes = make_set("-._~%!$&'()*+,;=:@/?[]");
constexpr auto host_bytes = make_set("-._~%");
constexpr auto literal_bytes = make_set(":.");

bool all_of(std::string_view text, const std::array<bool, 256>& allowed) {
  bool ok = true;
  for (const unsigned char c : text) ok &= allowed[c];
  return ok;
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool is_port(std::string_view text) {
  if (text.empty() || text.size() > 5) return false;
  for (const char c : text)
    if (c < '0' || c > '9') return false;
  return true;
}

}  // namespace

constinit const std::array<char, 256> name_byte = make_name_bytes();

bool is_token(std::string_view text) {
  bool ok = !text.empty();
  for (const unsigned char c : text) ok &= name_byte[c] != 0;
  return ok;
}

bool is_field_value(std::string_view text) { return all_of(text, value_bytes); }

bool is_target(std::string_view text) { return !text.empty() && all_of(text, target_bytes); }

bool is_authority(std::string_view text) {
  const bool literal = text.starts_with('[');
  const auto end = literal ? text.find(']') : text.find(':');
  const auto host = literal ? text.substr(1, end == text.npos ? 0 : end - 1) : text.substr(0, end);
  if (host.empty() || !all_of(host, literal ? literal_bytes : host_bytes)) return false;
  if (end == text.npos) return true;
  const auto rest = text.substr(literal ? end + 1 : end);
  return rest.empty() || (rest[0] == ':' && is_port(rest.substr(1)));
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool is_word(std::string_view text, std::string_view lower_case) {
  if (text.size() != lower_case.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (name_byte[static_cast<unsigned char>(text[i])] != lower_case[i]) return false;
  return true;
}

bool read_decimal(std::string_view text, std::int64_t& value) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  if (text.empty() || text.size() > 19) return false;
  std::int64_t read = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    const std::int64_t digit = c - '0';
    if (read > (most - digit) / 10) return false;
    read = read * 10 + digit;
  }
  value = read;
  return true;
}

}  // namespace sallyport::http1
