#include <sallyport/tls/allow.hpp>

#include <algorithm>
#include <string_view>

namespace sallyport::tls {

namespace {

constexpr std::string_view pin_prefix = "sha256//";
constexpr std::size_t pin_size = pin_prefix.size() + 44;  // 32 octets in base64

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_without_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::vector<std::string_view> segments_of(std::string_view uri) {
  std::vector<std::string_view> all;
  for (;;) {
    const auto end = uri.find('/');
    all.push_back(uri.substr(0, end));
    if (end == std::string_view::npos) return all;
    uri.remove_prefix(end + 1);
  }
}

// RFC 1123 2.1, with the underscore that real names have: labels that are not empty, and nothing that a reader could take for another.
bool is_plain_host(std::string_view name) {
  if (name.empty() || name.size() > 253 || name.front() == '.' || name.back() == '.') return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = lower(name[i]);
    const bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    if (!fits || (c == '.' && name[i - 1] == '.')) return false;
  }
  return true;
}

bool dns_matches(std::string_view name, std::string_view pattern) {
  if (!is_plain_host(name)) return false;
  if (!pattern.starts_with("*.")) return same_without_case(name, pattern);
  const auto dot = name.find('.');
  return dot != std::string_view::npos && same_without_case(name.substr(dot), pattern.substr(1));
}

bool email_matches(std::string_view name, std::string_view pattern) {
  const auto at = name.rfind('@'), wanted_at = pattern.rfind('@');
  if (at == std::string_view::npos || at == 0 || !is_plain_host(name.substr(at + 1))) return false;
  if (name.find('\0') != std::string_view::npos || !same_without_case(name.substr(at), pattern.substr(wanted_at))) return false;
  const auto mailbox = pattern.substr(0, wanted_at);
  return mailbox == "*" || mailbox == name.substr(0, at);
}

bool is_plain_segment(std::string_view segment) { return !segment.empty() && segment != "." && segment != ".."; }

bool uri_matches(std::string_view name, std::string_view pattern) {
  if (name.find('\0') != std::string_view::npos) return false;
  auto wanted = segments_of(pattern);
  const auto given = segments_of(name);
  const bool open_end = wanted.back() == "**";
  if (open_end) wanted.pop_back();
  if (open_end ? given.size() <= wanted.size() : given.size() != wanted.size()) return false;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const bool is_free = i >= wanted.size() || wanted[i] == "*";
    if (is_free ? !is_plain_segment(given[i]) : given[i] != wanted[i]) return false;
  }
  return true;
}

template <class Matches>
bool any(const std::vector<std::string>& names, const std::string& pattern, Matches matches) {
  return pattern.empty() || std::any_of(names.begin(), names.end(), [&](const auto& one) { return matches(one, pattern); });
}

bool matches(const peer_identity& who, const allow_rule& rule) {
  const auto same = [](std::string_view a, std::string_view b) { return a == b; };
  return (rule.common_name.empty() || who.common_name == rule.common_name) &&
         any(who.organizational_units, rule.organizational_unit, same) && any(who.dns_names, rule.dns, dns_matches) &&
         any(who.uris, rule.uri, uri_matches) && any(who.emails, rule.email, email_matches) &&
         (rule.key.empty() || who.key_pin == rule.key);
}

}  // namespace

std::string fault_of(const allow_rule& rule) {
  if (rule.common_name.empty() && rule.organizational_unit.empty() && rule.dns.empty() && rule.uri.empty() && rule.email.empty() &&
      rule.key.empty())
    return "an allow rule that asks for nothing would let everybody in";
  std::string_view dns = rule.dns;
  if (dns.starts_with("*.")) dns.remove_prefix(2);
  if (!rule.dns.empty() && !is_plain_host(dns)) return "'" + rule.dns + "' is no DNS name; a wildcard may only be its whole first label";
  if (!rule.email.empty()) {
    const auto at = rule.email.rfind('@');
    if (at == std::string::npos || at == 0 || !is_plain_host(std::string_view(rule.email).substr(at + 1)))
      return "'" + rule.email + "' is no e-mail address; *@example.org stands for every mailbox there";
    if (const auto mailbox = rule.email.substr(0, at); mailbox != "*" && mailbox.find('*') != std::string::npos)
      return "'" + rule.email + "': a wildcard may only be the whole mailbox";
  }
  const auto segments = segments_of(rule.uri);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (segments[i] == "*" || (segments[i] == "**" && i + 1 == segments.size())) continue;
    if (segments[i].find('*') != std::string_view::npos)
      return "'" + rule.uri + "': * stands for one whole segment, and ** only for the last ones";
  }
  if (!rule.uri.empty() && rule.uri.find(':') == std::string::npos) return "'" + rule.uri + "' is no URI: it has no scheme, as spiffe://";
  if (!rule.key.empty() && (rule.key.size() != pin_size || !rule.key.starts_with(pin_prefix) || rule.key.back() != '='))
    return "'" + rule.key + "' is no key pin; it is sha256// and the base64 of the SHA-256 of the public key";
  return {};
}

bool is_allowed(const peer_identity& who, const std::vector<allow_rule>& rules) {
  return rules.empty() || std::any_of(rules.begin(), rules.end(), [&](const auto& rule) { return matches(who, rule); });
}

}  // namespace sallyport::tls
