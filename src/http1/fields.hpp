// Field lines, read: names in lower case, values trimmed, and what they say about the connection and about the end of the message. Pure
// functions.
#pragma once

#include "head_reader.hpp"

#include <sallyport/http2/field.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace sallyport::http1 {

// What the fields of a head say that ends at this connection (RFC 9112 6 and 9).
struct connection_facts {
  std::int64_t content_length = -1;
  std::uint32_t transfer_encodings = 0, content_types = 0, hosts = 0;
  std::string_view transfer_encoding, host;
  bool chunked = false;
  bool close = false, keep_alive = false;  // Connection says so
  bool upgrade = false;                    // to something else than h2c
};

// Reads `lines`, each of which ends in CRLF, behind what `fields` has already. Names are made lower case where they stand. Fields that end
// here are not among `fields` afterwards: Connection and what it names, Transfer-Encoding, TE, Trailer and their kind (RFC 9110 7.6.1).
refusal read_fields(std::span<char> lines, std::vector<http2::field>& fields, connection_facts& facts);

// Trailers are dropped, but not unread: none may look like a credential or like the message's framing.
refusal read_trailers(std::span<char> lines);

}  // namespace sallyport::http1
