// Header fields, decoded: names and values as views, and which of the names that we care about a name is, found once while decoding.
#pragma once

#include <sallyport/http2/buffer.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace sallyport::http2 {

// The names that some rule mentions. Pseudo-header fields come first.
enum class known : std::uint8_t {
  other,
  authority,
  method,
  path,
  scheme,
  status,
  protocol,
  pseudo_unknown,  // RFC 9113 8.3; pseudo_unknown: any other name with a colon first
  connection,
  keep_alive,
  proxy_connection,
  transfer_encoding,
  upgrade,  // RFC 9113 8.2.2: end the message
  te,
  host,
  content_length,
  content_type,
  authorization,
  proxy_authorization,
  cookie,
  user_agent,
  expect,
  trailer,
  grpc_accept_encoding,
  grpc_encoding,
  grpc_status,
  grpc_message,
  grpc_timeout,
  source_id,
  token,
  identity,
  alt_svc,
  date,
  server,
};
inline constexpr std::size_t known_count = static_cast<std::size_t>(known::server) + 1;
known identify(std::string_view name);

struct field {
  static constexpr std::uint8_t name_checked = 1, value_checked = 2;

  std::string_view name, value;
  known id = known::other;
  bool never_index = false;  // RFC 7541 6.2.3: stays so wherever it is forwarded
  std::uint8_t checked = 0;  // whose bytes are known to be right: a peer's HPACK table is checked once, and not each time it is referred to
};

inline field make_field(known id, std::string_view name, std::string_view value) { return {name, value, id, false, 0}; }

// A request's head that has passed RFC 9113 8.2 and 8.3. Views live until the event that brought it returns.
struct request_head {
  const std::vector<field>* fields = nullptr;  // all of them, pseudo-header fields first
  std::string_view method, scheme, authority, path, content_type, authorization, grpc_timeout;
  std::uint32_t authorization_fields = 0;
  std::int64_t content_length = -1;
  bool grpc = false;       // content-type application/grpc, alone or followed by + or ; (so not grpc-web)
  bool too_large = false;  // over the limits: nothing of it but `grpc` may be used; answer RESOURCE_EXHAUSTED or 431
};

// A response's head or trailers, validated likewise.
struct response_head {
  const std::vector<field>* fields = nullptr;
  std::uint32_t status = 0;  // 0: trailers
  std::int64_t content_length = -1;
};

// Where a block is decoded to: one a worker, valid until the next block. Views are of `text`, of constants, or of the decoder's table.
struct decoded_block {
  std::vector<field> fields;
  std::vector<char> text;
  bool too_many = false;  // of a head over the limits: by the number of its fields
};

// Copies a list of fields: what has to wait takes its own copy, which counts as the pool's memory does.
class stored_fields {
 public:
  stored_fields(const std::vector<field>& from, buffer_pool& pool);
  const std::vector<field>& fields() const { return fields_; }
  std::size_t held_bytes() const { return counted_.bytes(); }

 private:
  std::vector<char> text_;
  std::vector<field> fields_;
  counted_bytes counted_;
};

}  // namespace sallyport::http2
