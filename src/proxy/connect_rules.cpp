#include "connect_rules.hpp"

#include <algorithm>

namespace sallyport::proxy {

using http2::known;
using http2::make_field;

namespace {

struct host_and_port {
  std::string_view host;
  std::uint32_t port = 0;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool equal(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

bool is_host(std::string_view host, bool bracketed) {
  if (host.empty() || host.size() > 255) return false;
  return std::all_of(host.begin(), host.end(), [bracketed](char c) {
    const char l = lower(c);
    if (is_digit(c) || c == '.') return true;
    return bracketed ? c == ':' || (l >= 'a' && l <= 'f') : c == '-' || c == '_' || (l >= 'a' && l <= 'z');
  });
}

// host:port and nothing else; a port has one spelling, and CONNECT has no default for it (RFC 9112 3.2.3).
std::optional<host_and_port> read_authority(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == text.npos) return {};
  host_and_port read{text.substr(0, colon), 0};
  const auto digits = text.substr(colon + 1);
  if (digits.empty() || digits.size() > 5 || digits[0] == '0' || !std::all_of(digits.begin(), digits.end(), is_digit)) return {};
  for (const char c : digits) read.port = read.port * 10 + static_cast<std::uint32_t>(c - '0');
  if (read.port > 65'535) return {};
  const bool bracketed = read.host.size() > 2 && read.host.front() == '[' && read.host.back() == ']';
  if (bracketed) read.host = read.host.substr(1, read.host.size() - 2);
  if (!is_host(read.host, bracketed) || (bracketed && read.host.find(':') == text.npos)) return {};
  return read;
}

refusal refused(std::uint32_t http, std::string_view reason, std::string message) {
  refusal made;
  made.http = http;
  made.reason = reason;
  made.message = std::move(message);
  return made;
}

}  // namespace

connect_target look_at_target(std::string_view authority, const std::vector<upstream::endpoint>& endpoints) {
  const auto asked = read_authority(authority);
  if (!asked) return connect_target::malformed;
  if (equal(authority, any_backend)) return connect_target::backend;
  return named_endpoint(authority, endpoints) ? connect_target::backend : connect_target::another;
}

std::optional<upstream::endpoint> named_endpoint(std::string_view authority, const std::vector<upstream::endpoint>& endpoints) {
  const auto asked = read_authority(authority);
  if (!asked) return {};
  for (const auto& e : endpoints)
    if (asked->port == e.port && equal(asked->host, e.host)) return e;
  return {};
}

proxy_credential find_proxy_credential(const std::vector<http2::field>& fields) {
  proxy_credential found;
  for (const auto& f : fields)
    if (f.id == known::proxy_authorization) {
      found.value = f.value;
      ++found.fields;
    }
  return found;
}

std::optional<refusal> fault_of_connect(const http2::request_head& head) {
  if (head.too_large) return refusal_of(broken_off::header_list_too_large);
  if (head.method != "CONNECT") return refused(405, "method_not_served", "this port serves CONNECT alone");
  if (head.content_length > 0) return refused(400, "connect_with_body", "CONNECT has no body");  // RFC 9110 9.3.6
  if (look_at_target(head.authority, {}) == connect_target::malformed)
    return refused(400, "bad_target", "the target of CONNECT is HOST:PORT");
  return {};
}

refusal connect_refusal_of(auth::denial why) {
  if (why == auth::denial::overloaded) return refusal_of(why);
  return refused(407, auth::name_of(why), "a user's name and password are needed (Proxy-Authorization: Basic)");
}

refusal wrong_target() { return refused(403, "wrong_target", "this port does not lead there"); }

void make_refusal_fields(const refusal& why, std::string_view status, std::string_view length, std::vector<http2::field>& into) {
  into = {make_field(known::status, ":status", status), make_field(known::content_type, "content-type", "text/plain; charset=utf-8"),
          make_field(known::content_length, "content-length", length)};
  if (why.http == 407) into.push_back(make_field(known::other, "proxy-authenticate", "Basic realm=\"sallyport\", charset=\"UTF-8\""));
  if (why.http == 405) into.push_back(make_field(known::other, "allow", "CONNECT"));
}

}  // namespace sallyport::proxy
