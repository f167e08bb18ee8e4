#include "head_rules.hpp"

#include "text.hpp"

#include <sallyport/core/defence.hpp>
#include <sallyport/http2/media_type.hpp>

#include <algorithm>

namespace sallyport::http1 {

using http2::field;
using http2::known;
using http2::make_field;

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// HTTP-version of RFC 9112 2.3: case-sensitive, one digit each.
bool is_version(std::string_view text) {
  return text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) && text[6] == '.' && is_digit(text[7]);
}

// RFC 9112 3.2.2: `scheme://authority/path`. Both its scheme and its authority must be what the connection and Host say
// (docs/defences.md P07).
refusal read_absolute_form(std::string_view target, std::string_view scheme, const request_line& line, std::string_view host,
                           std::string_view& path) {
  const auto colon = target.find("://");
  if (colon == target.npos || !is_word(target.substr(0, colon), scheme)) return {400, "bad_target"};
  const auto rest = target.substr(colon + 3);
  const auto slash = rest.find('/');
  if (core::defended("P07c") && rest.substr(0, slash) != host) return {400, "target_is_not_host"};
  path = slash == rest.npos ? (line.method == "OPTIONS" ? "*" : "/") : rest.substr(slash);
  return {};
}

refusal read_target(const request_line& line, std::string_view scheme, std::string_view host, std::string_view& path) {
  if (line.method == "CONNECT") return line.target == host ? refusal{} : refusal{400, "target_is_not_host"};
  path = line.target;
  if (path[0] == '/') return {};
  if (path == "*") return line.method == "OPTIONS" ? refusal{} : refusal{400, "bad_target"};
  return read_absolute_form(line.target, scheme, line, host, path);
}

refusal judge_host(const connection_facts& facts, bool http_1_1) {
  if (facts.hosts == 0) return http_1_1 && core::defended("P07a") ? refusal{400, "no_host"} : refusal{};
  return is_authority(facts.host) || !core::defended("P07d") ? refusal{} : refusal{400, "bad_host"};
}

refusal judge_framing(const read_request& request) {
  if (core::defended("P02c") && !request.line.http_1_1 && request.facts.transfer_encodings) return {400, "transfer_encoding_in_http_1_0"};
  if (request.line.method == "CONNECT" && (request.facts.chunked || request.facts.content_length > 0)) return {400, "connect_with_body"};
  return {};
}

// A tunnel is asked for by CONNECT alone. RFC 9113 3.1 has given h2c up, and clients that still offer it (Java's, curl --http2) are content
// to be answered in HTTP/1.1. RFC 9110 7.8: in HTTP/1.0 it says nothing.
refusal judge_upgrade(const read_request& request) {
  return core::defended("P11c") && request.facts.upgrade && request.line.http_1_1 ? refusal{501, "upgrade"} : refusal{};
}

// What the head's own members say, and Host and Expect taken out: Host is :authority now.
void fill_head(std::vector<field>& fields, std::size_t pseudo, read_request& into) {
  auto& head = into.head;
  const auto first = fields.begin() + static_cast<std::ptrdiff_t>(pseudo);
  for (auto f = first; f != fields.end(); ++f) {
    if (f->id == known::content_type) head.content_type = f->value;
    if (f->id == known::expect) into.expects_continue = into.expects_continue || is_word(f->value, "100-continue");
    if (f->id == known::authorization) {
      head.authorization = f->value;
      ++head.authorization_fields;
    }
  }
  fields.erase(std::remove_if(first, fields.end(), [](const field& f) { return f.id == known::host || f.id == known::expect; }),
               fields.end());
  head.fields = &fields;
  head.content_length = into.facts.content_length;
  head.grpc = http2::is_grpc(head.content_type);
}

}  // namespace

refusal read_request_line(std::string_view line, const request_rules& rules, request_line& into) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == line.npos || first == last) return {400, "bad_request_line"};
  into.method = line.substr(0, first);
  into.target = line.substr(first + 1, last - first - 1);
  const auto version = line.substr(last + 1);
  if (!is_token(into.method)) return {400, "bad_method"};
  if (core::defended("P13c") && into.target.size() > rules.target_bytes) return {414, "target_too_long"};
  if (!is_target(into.target)) return {400, "bad_target"};
  if (core::defended("P15") && !is_version(version)) return {400, "bad_version"};
  if (core::defended("H28b") && into.method == "PRI") return {400, "http_2_preface"};  // RFC 9113 3.4: never a request
  if (core::defended("P15") && version != "HTTP/1.1" && version != "HTTP/1.0") return {505, "version"};
  into.http_1_1 = version.back() == '1';
  if (core::defended("P11a") && (into.method == "TRACE" || (into.method == "CONNECT" && !rules.connect_allowed))) return {405, "method"};
  return {};
}

refusal read_request_head(std::string_view line, std::span<char> lines, const request_rules& rules, std::string_view scheme,
                          std::vector<field>& fields, read_request& into) {
  if (const auto why = read_request_line(line, rules, into.line)) return why;
  auto& head = into.head;
  head.method = into.line.method;
  const bool connect = head.method == "CONNECT";  // RFC 9113 8.5: neither scheme nor path
  if (!connect) head.scheme = scheme;
  fields.clear();
  fields.push_back(make_field(known::method, ":method", head.method));
  if (!connect) fields.push_back(make_field(known::scheme, ":scheme", scheme));
  if (!connect) fields.push_back(make_field(known::path, ":path", {}));
  fields.push_back(make_field(known::authority, ":authority", {}));
  auto pseudo = fields.size();
  if (const auto why = read_fields(lines, fields, into.facts)) return why;
  if (const auto why = judge_host(into.facts, into.line.http_1_1)) return why;
  // HTTP/1.0 asks for no Host, and OpenBSD's nc, which ssh is used with, sends none.
  head.authority = connect && into.facts.hosts == 0 ? into.line.target : into.facts.host;
  if (const auto why = read_target(into.line, scheme, head.authority, head.path)) return why;
  if (const auto why = judge_framing(into)) return why;
  if (const auto why = judge_upgrade(into)) return why;
  fields[pseudo - 1].value = head.authority;
  if (!connect) fields[pseudo - 2].value = head.path;
  if (into.facts.hosts == 0) fields.erase(fields.begin() + static_cast<std::ptrdiff_t>(--pseudo));
  fill_head(fields, pseudo, into);
  return {};
}

// RFC 9112 4: the second space is there even when no reason phrase is.
refusal read_status_line(std::string_view line, std::string_view& status, read_response& into) {
  const auto bad = refusal{502, "bad_status_line"};
  if (line.size() < 13 || !is_version(line.substr(0, 8)) || line[5] != '1' || line[7] > '1' || line[8] != ' ' || line[12] != ' ')
    return bad;
  status = line.substr(9, 3);
  std::int64_t number = 0;
  if (!read_decimal(status, number) || number < 100 || !is_field_value(line.substr(13))) return bad;
  into.http_1_1 = line[7] == '1';
  into.head.status = static_cast<std::uint32_t>(number);
  return {};
}

refusal read_response_head(std::string_view line, std::span<char> lines, std::vector<field>& fields, read_response& into) {
  std::string_view status;
  if (const auto why = read_status_line(line, status, into)) return why;
  fields.clear();
  fields.push_back(make_field(known::status, ":status", status));
  if (const auto why = read_fields(lines, fields, into.facts)) return why;
  if (into.facts.transfer_encodings && !into.http_1_1) return {502, "transfer_encoding_in_http_1_0"};
  // RFC 9112 6.1, RFC 9110 8.6: neither has a place in 1xx.
  if (into.head.status < 200 && (into.facts.transfer_encodings || into.facts.content_length >= 0)) return {502, "informational_with_body"};
  into.head.fields = &fields;
  into.head.content_length = into.facts.content_length;
  return {};
}

}  // namespace sallyport::http1
