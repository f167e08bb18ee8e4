#include "base64.hpp"

#include <sallyport/core/expect.hpp>

#include <array>
#include <cstdint>

namespace sallyport::auth {

namespace {

constexpr std::uint8_t no_digit = 0xff;

constexpr std::array<std::uint8_t, 256> digits = [] {
  std::array<std::uint8_t, 256> table{};
  table.fill(no_digit);
  std::uint8_t value = 0;
  for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
    table[static_cast<unsigned char>(c)] = value++;
  return table;
}();

}  // namespace

std::optional<std::string_view> decode_base64(std::string_view text, std::span<char> room) {
  SALLYPORT_EXPECT(room.size() >= text.size() / 4 * 3);
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  if (text.ends_with('=')) padding = text.ends_with("==") ? 2 : 1;
  text.remove_suffix(padding);

  std::size_t written = 0;
  std::uint32_t bits = 0;
  std::uint8_t seen = 0;  // no_digit in any of them shows in the high bits
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::uint8_t digit = digits[static_cast<unsigned char>(text[at])];
    seen |= digit;
    bits = bits << 6 | (digit & 63u);
    if (at % 4 == 3) {
      room[written++] = static_cast<char>(bits >> 16);
      room[written++] = static_cast<char>(bits >> 8);
      room[written++] = static_cast<char>(bits);
    }
  }
  if (seen & 0xc0) return std::nullopt;
  // RFC 4648 4: two digits make one byte, three make two; a lone one, before "===" or "=", cannot be, as the length is a multiple of 4 and
  // at most two "=" were taken off.
  if (padding == 1) {
    room[written++] = static_cast<char>(bits >> 10);
    room[written++] = static_cast<char>(bits >> 2);
  } else if (padding == 2) {
    room[written++] = static_cast<char>(bits >> 4);
  }
  return std::string_view(room.data(), written);
}

}  // namespace sallyport::auth
