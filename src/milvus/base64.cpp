#include "base64.hpp"

#include <array>
#include <cstdint>
#include <string>

namespace sallyport::milvus {

namespace {

constexpr std::uint8_t no_value = 0xff;

constexpr std::array<std::uint8_t, 256> values = [] {
  std::array<std::uint8_t, 256> table{};
  table.fill(no_value);
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < alphabet.size(); ++i) table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  return table;
}();

std::size_t skip_line_ends(std::string_view text, std::size_t at) {
  while (at < text.size() && (text[at] == '\r' || text[at] == '\n')) ++at;
  return at;
}

// The reader's place in the text, and the quantum of four characters that it is in.
struct decoder {
  std::string_view text;
  std::string& out;
  std::uint32_t bits = 0;
  std::size_t filled = 0;

  void put() {
    bits <<= 6 * (4 - filled);
    for (std::size_t i = 0; i + 1 < filled; ++i) out.push_back(static_cast<char>((bits >> (16 - 8 * i)) & 0xff));
    bits = 0;
    filled = 0;
  }

  // `at` is the first '='. Go's offsets: one before the character that stands where the second '=' is missing; the end, when nothing is
  // there; and the first character after the padding.
  std::variant<std::monostate, base64_fault> padding(std::size_t at) {
    if (filled < 2) return base64_fault{at};
    std::size_t next = at + 1;
    if (filled == 2) {
      next = skip_line_ends(text, next);
      if (next == text.size()) return base64_fault{next};
      if (text[next] != '=') return base64_fault{next - 1};
      ++next;
    }
    next = skip_line_ends(text, next);
    if (next != text.size()) return base64_fault{next};
    put();
    return {};
  }

  std::variant<std::monostate, base64_fault> run() {
    for (std::size_t at = 0; at < text.size(); ++at) {
      const std::uint8_t value = values[static_cast<unsigned char>(text[at])];
      if (value != no_value) {
        bits = bits << 6 | value;
        if (++filled == 4) put();
        continue;
      }
      if (text[at] == '\r' || text[at] == '\n') continue;
      if (text[at] != '=') return base64_fault{at};
      return padding(at);
    }
    // Go counts the unfinished quantum's characters back from the end, whatever line ends stand among them.
    if (filled != 0) return base64_fault{text.size() - filled};
    return {};
  }
};

}  // namespace

std::variant<core::secret, base64_fault> decode_base64(std::string_view text) {
  std::string plain;
  plain.reserve(text.size() / 4 * 3 + 3);  // so that no copy of it is left behind by growth
  decoder work{text, plain};
  const auto ended = work.run();
  std::variant<core::secret, base64_fault> answer;
  if (const auto* fault = std::get_if<base64_fault>(&ended))
    answer = *fault;
  else
    answer = core::secret(plain);
  core::wipe(plain);
  return answer;
}

}  // namespace sallyport::milvus
