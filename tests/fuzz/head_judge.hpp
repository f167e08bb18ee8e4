// What the doors rely on in a head that has passed, written apart from the rules that let it pass (RFC 9113 8.2 and 8.3; RFC 9110 5).
#pragma once

#include "target.hpp"

#include <sallyport/http2/field.hpp>

#include <set>
#include <string>

namespace sallyport::fuzz {

using http2::field;
using http2::known;

inline bool is_one_of(char c, std::string_view set) { return set.find(c) != set.npos; }

// The name without the colon of a pseudo-header field.
inline void demand_name(std::string_view name, bool upper_case_too = false) {
  demand(!name.empty(), "an empty name");
  for (const char c : name)
    demand((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (upper_case_too && c >= 'A' && c <= 'Z') || is_one_of(c, "!#$%&'*+-.^_`|~"),
           "a name with a byte that no name has");
}

inline void demand_value(std::string_view value) {
  for (const char c : value) demand(c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f), "a value with a control character");
  demand(value.empty() || (!is_one_of(value.front(), " \t") && !is_one_of(value.back(), " \t")), "a value with blanks around it");
}

inline void demand_fields(const std::vector<field>& fields, bool trailers = false) {
  static const std::set<std::string_view> of_a_connection{"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"};
  std::set<std::string_view> pseudo;
  bool regular = false;
  for (const auto& f : fields) {
    demand(f.id == http2::identify(f.name), "a field that is not what it is called");
    demand_value(f.value);
    if (f.name.starts_with(':')) {
      demand(!trailers && !regular, "a pseudo-header field behind others, or in trailers");
      demand(pseudo.insert(f.name).second, "a pseudo-header field twice");
      demand_name(f.name.substr(1));
      continue;
    }
    regular = true;
    demand_name(f.name);
    demand(!of_a_connection.contains(f.name), "a field of the connection");
    demand(f.name != "te" || f.value == "trailers", "a TE that says more than trailers");
  }
}

// Of either HTTP, but too_large ones.
inline void demand_request(const http2::request_head& head) {
  demand_fields(*head.fields);
  demand_name(head.method, true);
  demand(head.method != "CONNECT", "CONNECT");
  demand(head.scheme == "http" || head.scheme == "https", "a scheme that is not served");
  demand(head.path.starts_with('/') || (head.path == "*" && head.method == "OPTIONS"), "a path that is none");
  for (const char c : head.path) demand(c > 0x20 && c < 0x7f, "a path with a byte that ends it");
  demand(head.authority.find_first_of("@/?# \t") == head.authority.npos, "an authority with more in it than a host and a port");
  std::uint32_t authorizations = 0, hosts = 0, types = 0;
  for (const auto& f : *head.fields) {
    authorizations += f.name == "authorization";
    if (f.name == ":path") demand(f.value == head.path, "two paths");
    if (f.name == ":method") demand(f.value == head.method, "two methods");
    if (f.name == "host" || f.name == ":authority") demand(f.value == head.authority, "two authorities");
    if (f.name == "content-length") demand(f.value.find_first_not_of("0123456789") == f.value.npos && head.content_length >= 0, "a length");
    if (f.name == "content-type") demand(++types == 1 && f.value == head.content_type, "two content types");
    hosts += f.name == "host";
  }
  demand(hosts <= 1, "two hosts");
  demand(authorizations == head.authorization_fields, "an authorization that was not counted");
}

inline void demand_response(const http2::response_head& head, std::uint32_t least) {
  demand(head.status >= least && head.status <= 999, "a status that is none");
  demand_fields(*head.fields);
}

}  // namespace sallyport::fuzz
