// A log line's body, made from an event and its fields: `event key=value key="quoted value"`, or the members of a JSON object. Pure
// functions without state, for any thread. Both layouts are printable ASCII on one line whatever a stranger sent: no line can be forged and
// no terminal can be driven. A value is cut at `value_max_bytes`, and says by how much.
#pragma once

#include <sallyport/telemetry/log.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace sallyport::telemetry {

inline constexpr std::size_t value_max_bytes = 4096;

// Text: a value stands bare when it is printable and has no space, '=', quote or backslash; else in quotes, with \" \\ \n \r \t and \xNN.
void append_text(std::string& to, std::string_view event, std::span<const field> fields);

// JSON: `"event":"…","key":…` without the braces. Valid UTF-8 is read back exactly, but for a backslash, which is doubled: so the \xNN that
// a byte outside UTF-8 becomes cannot be taken for anything a client wrote. A number that JSON does not have (NaN, infinity) is null.
void append_json(std::string& to, std::string_view event, std::span<const field> fields);

}  // namespace sallyport::telemetry
