// What makes a head malformed (RFC 9112 3, 4 and 6; docs/defences.md P01 to P15), as pure functions over a head that is whole. Nothing
// malformed gets further.
#pragma once

#include "fields.hpp"

#include <sallyport/http1/limits.hpp>

namespace sallyport::http1 {

struct request_line {
  std::string_view method, target;
  bool http_1_1 = true;
};

struct request_rules {
  std::uint32_t target_bytes;
  bool connect_allowed;
};

// Alone, as soon as that line is there: HTTP/0.9 has nothing behind it that one could wait for.
refusal read_request_line(std::string_view line, const request_rules& rules, request_line& into);

struct read_request {
  request_line line;
  connection_facts facts;
  bool expects_continue = false;
  http2::request_head head;
};
// `fields` has the pseudo-header fields first. `scheme` outlives the head.
refusal read_request_head(std::string_view line, std::span<char> lines, const request_rules& rules, std::string_view scheme,
                          std::vector<http2::field>& fields, read_request& into);

struct read_response {
  connection_facts facts;
  bool http_1_1 = true;
  http2::response_head head;
};
refusal read_status_line(std::string_view line, std::string_view& status, read_response& into);
refusal read_response_head(std::string_view line, std::span<char> lines, std::vector<http2::field>& fields, read_response& into);

}  // namespace sallyport::http1
