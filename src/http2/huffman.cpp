#include "huffman.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace sallyport::http2 {
namespace {

// The code is canonical: among codes of one length those of higher symbols are higher, and shorter ones come first. So the lengths say all.
constexpr std::size_t symbols = 257;  // the last is EOS
constexpr std::array<std::uint8_t, symbols> lengths{
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, 6,
    10, 10, 12, 13, 6,  8,  11, 10, 10, 8,  11, 8,  6,  6,  6,  5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8,  15, 6,  12, 10, 13, 6,
    7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8,  13, 19, 13, 14, 6,  15, 5,  6,
    5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,  6,  7,  6,  5,  5,  6,  7,  7,  7,  7,  7,  15, 11, 14, 13, 28, 20, 22, 20, 20,
    22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
    23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23,
    22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21,
    23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
};
constexpr unsigned longest = 30, quick_bits = 12;

struct canonical_code {
  std::array<std::uint32_t, longest + 1> first{};   // the lowest code of a length
  std::array<std::uint32_t, longest + 1> count{};   // how many there are
  std::array<std::uint32_t, longest + 1> offset{};  // where their symbols begin in `by_code`
  std::array<std::uint16_t, symbols> by_code{};
};

constexpr canonical_code make_code() {
  canonical_code made;
  std::uint32_t at = 0, code = 0;
  for (unsigned length = 1; length <= longest; ++length) {
    code <<= 1;
    made.first[length] = code;
    made.offset[length] = at;
    for (std::size_t s = 0; s < symbols; ++s)
      if (lengths[s] == length) made.by_code[at++] = static_cast<std::uint16_t>(s), ++code;
    made.count[length] = at - made.offset[length];
  }
  return made;
}

constexpr canonical_code code_of_hpack = make_code();
static_assert(code_of_hpack.first[30] + code_of_hpack.count[30] == 1u << 30);  // complete: the last is EOS, all ones

// What the next twelve bits begin with: one symbol, or two where both fit, which is most of what is sent.
struct quick_entry {
  std::array<char, 2> text{};
  std::uint8_t count = 0;  // 0: the code is longer
  std::uint8_t bits = 0;   // of all
};

constexpr std::size_t look_up(std::uint32_t bits, unsigned available) {  // the symbol that they begin with; `symbols`: none
  for (unsigned length = 5; length <= available; ++length) {
    const auto above = (bits >> (available - length)) - code_of_hpack.first[length];
    if (above < code_of_hpack.count[length]) return code_of_hpack.by_code[code_of_hpack.offset[length] + above];
  }
  return symbols;
}

constexpr std::array<quick_entry, 1u << quick_bits> make_quick() {
  std::array<quick_entry, 1u << quick_bits> made{};
  for (std::uint32_t bits = 0; bits < made.size(); ++bits) {
    auto& entry = made[bits];
    const auto one = look_up(bits, quick_bits);
    if (one == symbols) continue;
    entry.text[0] = static_cast<char>(one);
    entry.count = 1;
    entry.bits = lengths[one];
    const auto left = quick_bits - entry.bits;
    const auto two = look_up(bits & ((1u << left) - 1), left);
    if (two == symbols) continue;
    entry.text[1] = static_cast<char>(two);
    entry.count = 2;
    entry.bits = static_cast<std::uint8_t>(entry.bits + lengths[two]);
  }
  return made;
}

constexpr auto quick = make_quick();

// The bits that are not read yet stand at the top; what is below them is zero.
class bit_reader {
 public:
  explicit bit_reader(core::bytes from) : at_(reinterpret_cast<const unsigned char*>(from.data())), end_(at_ + from.size()) {}

  void refill() {
    if (have_ >= 32) return;
    if (end_ - at_ >= 4) {
      std::uint32_t four;
      std::memcpy(&four, at_, 4);
      if constexpr (std::endian::native == std::endian::little) four = __builtin_bswap32(four);
      bits_ |= std::uint64_t{four} << (32 - have_);
      at_ += 4;
      have_ += 32;
      return;
    }
    for (; at_ != end_; have_ += 8) bits_ |= std::uint64_t{*at_++} << (56 - have_);
  }
  unsigned have() const { return have_; }
  std::uint32_t next(unsigned n) const { return static_cast<std::uint32_t>(bits_ >> (64 - n)); }
  void skip(unsigned n) {
    bits_ <<= n;
    have_ -= n;
  }
  // Only padding is left.
  bool at_padding() const { return have_ == 0 || (have_ < 8 && next(have_) == (1u << have_) - 1); }

 private:
  const unsigned char* at_;
  const unsigned char* end_;
  std::uint64_t bits_ = 0;
  unsigned have_ = 0;
};

// A code that is longer than the quick ones, or the last before the end. False: there is none.
bool read_one(bit_reader& in, char*& to) {
  const auto bits = in.next(longest);
  const auto symbol = look_up(bits, longest);
  if (symbol >= symbols - 1 || lengths[symbol] > in.have()) return false;
  *to++ = static_cast<char>(symbol);
  in.skip(lengths[symbol]);
  return true;
}

}  // namespace

char* huffman_decode(core::bytes coded, char* to) {
  bit_reader in(coded);
  for (;;) {
    in.refill();
    const auto& entry = quick[in.next(quick_bits)];
    if (entry.count && entry.bits <= in.have()) {
      std::memcpy(to, entry.text.data(), 2);
      to += entry.count;
      in.skip(entry.bits);
      continue;
    }
    if (in.at_padding()) return to;
    if (!read_one(in, to)) return nullptr;
  }
}

}  // namespace sallyport::http2
