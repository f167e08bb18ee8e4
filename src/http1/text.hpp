// Bytes and words of RFC 9110 5 and RFC 3986, as HTTP/1.1 spells them. Pure functions; what does not fit the grammar is refused, not
// repaired.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sallyport::http1 {

// What a byte of a field's name becomes: lower case; 0: it is no tchar (RFC 9110 5.6.2).
extern const std::array<char, 256> name_byte;

bool is_token(std::string_view text);
bool is_field_value(std::string_view text);                        // HTAB, SP, VCHAR and obs-text (RFC 9110 5.5)
bool is_target(std::string_view text);                             // what RFC 3986 leaves in a target: visible, ASCII, no fragment
bool is_authority(std::string_view text);                          // host, or host and port (RFC 3986 3.2), without userinfo
std::string_view trimmed(std::string_view text);                   // of SP and HTAB
bool is_word(std::string_view text, std::string_view lower_case);  // equal but for case
bool read_decimal(std::string_view text, std::int64_t& value);     // 1*DIGIT up to 2^63-1

}  // namespace sallyport::http1
