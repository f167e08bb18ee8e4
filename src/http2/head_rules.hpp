// What makes a head malformed: RFC 9113 8.2 and 8.3, as pure functions over decoded fields. Nothing malformed gets further than here.
#pragma once

#include <sallyport/http2/field.hpp>
#include <sallyport/http2/media_type.hpp>

#include <string_view>
#include <vector>

namespace sallyport::http2 {

// RFC 9113 8.2.1 and RFC 9110 5.5, 5.6.2: which of a field's name and value have no byte that must not be (field::checked). What is marked
// already is not looked at again.
std::uint8_t checked_bytes(const field& f);
// Fills `head`. False: the stream is ended with PROTOCOL_ERROR, before any rule, route or log sees a byte of it.
// connect_allowed: CONNECT is no fault by itself (RFC 9113 8.5); whether it names a target is for its handler to say.
bool read_request_head(const std::vector<field>& fields, request_head& head, bool connect_allowed = false);
bool read_response_head(const std::vector<field>& fields, response_head& head);
// No pseudo-header field; from a client no `authorization` either: a credential after the judgement must not look like one.
bool trailers_are_valid(const std::vector<field>& fields, bool from_client);

}  // namespace sallyport::http2
