// What a request's head becomes on its way to a backend, and which heads go nowhere (docs/passage.md 8, 11, 14). Pure.
#pragma once

#include <sallyport/http2/field.hpp>
#include <sallyport/upstream/settings.hpp>

#include <string_view>
#include <vector>

namespace sallyport::proxy {

// application/grpc, +proto, or with parameters: what Milvus takes once it is written as application/grpc (its cmux resets a connection that
// opens otherwise).
bool is_served_content_type(std::string_view content_type);

// /package.Service/Method and nothing else: what a rule by path must never be tricked with (CVE-2026-33186).
bool is_canonical_path(std::string_view path);

// REST paths are the backend's business, but for what could be read in two ways between us and it, and for Milvus' own back doors:
// management, profiling and expressions (CVE-2026-26190), which stand on another port and are served to nobody here.
enum class rest_path { plain, tricky, closed };
rest_path look_at_rest_path(std::string_view path);

// The fields of a request to REST: as they came, but for what is the connection's, the client's identity and bypass fields, and
// `authorization` as the backend's credentials say. expects: the client waits for a 100.
void make_forwarded_rest_fields(const http2::request_head& head, upstream::credentials credential, bool expects,
                                std::vector<http2::field>& into);

// The fields that go on: pseudo-header fields first, `te: trailers` and the plain content type written by us; the client's identity and
// bypass fields dropped; `authorization` as the backend's credentials say.
void make_forwarded_fields(const http2::request_head& head, upstream::credentials credential, std::vector<http2::field>& into);

// Who passed, for a backend with `identity: headers`. A client has no say in these fields: its own are dropped above. Percent-encoded as
// grpc-message is (percent_encode), and never indexed. Views into `user` and `subject`; one that is empty is not written.
void add_identity(std::string_view user, std::string_view subject, std::vector<http2::field>& into);

}  // namespace sallyport::proxy
