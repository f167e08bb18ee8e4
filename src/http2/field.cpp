#include <sallyport/http2/field.hpp>

#include <sallyport/core/defence.hpp>

#include <cstring>

namespace sallyport::http2 {
namespace {

// Ours: no client may have a say in it, whatever the spelling of the prefix, `_` for `-` included.
bool is_identity(std::string_view name) {
  constexpr std::string_view prefix = "x-sallyport-";
  if (name.size() < prefix.size()) return false;
  for (std::size_t i = 0; i < prefix.size(); ++i)
    if ((name[i] == '_' ? '-' : name[i]) != prefix[i]) return false;
  return true;
}

known identify_pseudo(std::string_view name) {
  if (name == ":path") return known::path;
  if (name == ":method") return known::method;
  if (name == ":scheme") return known::scheme;
  if (name == ":authority") return known::authority;
  if (name == ":status") return known::status;
  if (name == ":protocol") return known::protocol;
  return known::pseudo_unknown;
}

}  // namespace

// By length first: one comparison for nearly every name.
known identify(std::string_view name) {
  if (name.empty()) return known::other;
  if (name[0] == ':') return identify_pseudo(name);
  switch (name.size()) {
    case 2: return name == "te" ? known::te : known::other;
    case 4: return name == "host" ? known::host : name == "date" ? known::date : known::other;
    case 5: return name == "token" ? known::token : known::other;
    case 6: return name == "cookie" ? known::cookie : name == "expect" ? known::expect : name == "server" ? known::server : known::other;
    case 7:
      return name == "upgrade" ? known::upgrade : name == "alt-svc" ? known::alt_svc : name == "trailer" ? known::trailer : known::other;
    case 8: return name == "sourceid" ? known::source_id : known::other;
    case 10:
      return name == "user-agent"   ? known::user_agent
             : name == "connection" ? known::connection
             : name == "keep-alive" ? known::keep_alive
                                    : known::other;
    case 11: return name == "grpc-status" ? known::grpc_status : known::other;
    case 12:
      return name == "content-type"   ? known::content_type
             : name == "grpc-message" ? known::grpc_message
             : name == "grpc-timeout" ? known::grpc_timeout
             : is_identity(name)      ? known::identity
                                      : known::other;
    case 13:
      if (name == "authorization") return known::authorization;
      if (name == "grpc-encoding") return known::grpc_encoding;
      break;
    case 14:
      if (name == "content-length") return known::content_length;
      break;
    case 16:
      if (name == "proxy-connection") return known::proxy_connection;
      break;
    case 17:
      if (name == "transfer-encoding") return known::transfer_encoding;
      break;
    case 19:
      if (name == "proxy-authorization") return known::proxy_authorization;
      break;
    case 20:
      if (name == "grpc-accept-encoding") return known::grpc_accept_encoding;
      break;
    default: break;
  }
  return is_identity(name) ? known::identity : known::other;
}

namespace {

std::size_t text_bytes(const std::vector<field>& of) {
  std::size_t total = 0;
  for (const auto& f : of) total += f.name.size() + f.value.size();
  return total;
}

}  // namespace

stored_fields::stored_fields(const std::vector<field>& from, buffer_pool& pool)
    : text_(text_bytes(from)), counted_(pool, core::defended("O05h") ? text_.size() + from.size() * sizeof(field) : 0) {
  fields_.reserve(from.size());
  auto* at = text_.data();
  const auto keep = [&at](std::string_view text) {
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    const std::string_view kept(at, text.size());
    at += text.size();
    return kept;
  };
  for (const auto& f : from) {
    const auto name = keep(f.name);
    fields_.push_back({name, keep(f.value), f.id, f.never_index, f.checked});
  }
}

}  // namespace sallyport::http2
