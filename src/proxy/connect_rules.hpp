// Which CONNECT may lead where (RFC 9110 9.3.6), and what one that may not is told. Pure.
#pragma once

#include "refusal.hpp"

#include <sallyport/http2/field.hpp>
#include <sallyport/upstream/settings.hpp>

#include <optional>
#include <string_view>
#include <vector>

namespace sallyport::proxy {

// For clients that cannot know how the backend is called: no host has such a name (RFC 6761 6.4), so that it is never a backend's own.
inline constexpr std::string_view any_backend = "backend.invalid:1";

enum class connect_target { backend, another, malformed };
// `authority` against the backend's endpoints: host and port as the configuration has them, letters in any case. No name is resolved.
connect_target look_at_target(std::string_view authority, const std::vector<upstream::endpoint>& endpoints);
// Which of them it names; nothing: any will do.
std::optional<upstream::endpoint> named_endpoint(std::string_view authority, const std::vector<upstream::endpoint>& endpoints);

// The one field that door 2 judges. An Authorization field is for whoever is at the tunnel's other end.
struct proxy_credential {
  std::string_view value;
  std::uint32_t fields = 0;
};
proxy_credential find_proxy_credential(const std::vector<http2::field>& fields);

// What is wrong with a head before anybody is asked who the client is.
std::optional<refusal> fault_of_connect(const http2::request_head& head);
refusal connect_refusal_of(auth::denial why);
refusal wrong_target();

// The head of that answer: plain text of `length` bytes.
void make_refusal_fields(const refusal& why, std::string_view status, std::string_view length, std::vector<http2::field>& into);

}  // namespace sallyport::proxy
