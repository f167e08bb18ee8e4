#include "head_rules.hpp"
#include "hpack.hpp"
#include "huffman.hpp"

#include <sallyport/core/defence.hpp>

#include <cstring>

namespace sallyport::http2 {
namespace {

constexpr std::uint8_t huffman_bit = 0x80;  // RFC 7541 5.2

// What is left of a block. Each function is false where the block ends too early or says what cannot be.
class block_reader {
 public:
  explicit block_reader(core::bytes block) : at_(reinterpret_cast<const std::uint8_t*>(block.data())), end_(at_ + block.size()) {}

  bool empty() const { return at_ == end_; }
  std::uint8_t peek() const { return *at_; }

  // RFC 7541 5.1, up to 2^32 - 1.
  bool integer(unsigned bits, std::uint32_t& value) {
    const std::uint32_t all = (1u << bits) - 1;
    value = *at_++ & all;
    if (value < all) return true;
    std::uint64_t sum = value;
    for (unsigned shift = 0; shift < 32 && at_ != end_; shift += 7) {
      const auto byte = *at_++;
      sum += std::uint64_t{byte & 0x7fu} << shift;
      if (sum > 0xffffffff) return false;
      value = static_cast<std::uint32_t>(sum);
      if (!(byte & 0x80)) return true;
    }
    return false;
  }

  // Written to `to`, which moves behind it.
  bool text(char*& to, std::string_view& read) {
    if (empty()) return false;
    const bool coded = peek() & huffman_bit;
    std::uint32_t size = 0;
    if (!integer(7, size) || size > static_cast<std::size_t>(end_ - at_)) return false;
    const auto* const from = at_;
    at_ += size;
    auto* const begin = to;
    if (coded) {
      to = huffman_decode({reinterpret_cast<const std::byte*>(from), size}, begin);
      if (!to) return false;
    } else {
      if (size) std::memcpy(begin, from, size);
      to = begin + size;
    }
    read = {begin, static_cast<std::size_t>(to - begin)};
    return true;
  }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

}  // namespace

// One block: what it says, what of that is kept, and where the text of the next literal goes.
struct hpack_decoder::run {
  block_reader in;
  const limits& within;
  decoded_block& into;
  char* at;
  std::size_t list_bytes = 0, count = 0;
  bool fits = true, grpc = false;
};

hpack_decoder::verdict hpack_decoder::decode(core::bytes block, const limits& within, decoded_block& into) {
  into.fields.clear();
  into.too_many = false;
  // What is kept is at most a list; behind it one more field may be decoded before it is known not to fit: a name of the table, and what
  // the block spells.
  const auto room = within.header_list_bytes + dynamic_table::max_bytes + huffman_room(block.size());
  if (into.text.size() < room) into.text.resize(room);
  table_.begin_block();
  run now{block_reader(block), within, into, into.text.data()};
  // Size updates stand before the first field (RFC 7541 4.2).
  while (!now.in.empty() && (now.in.peek() & 0xe0) == 0x20) {
    std::uint32_t size = 0;
    if (!now.in.integer(5, size) || (core::defended("H12a") && size > dynamic_table::max_bytes)) return verdict::malformed;
    table_.limit(size);
  }
  while (!now.in.empty())
    if (!(now.in.peek() & 0x80 ? read_indexed(now) : read_literal(now))) return verdict::malformed;
  if (now.fits) return verdict::ok;
  // In which protocol's words the refusal is. Nothing else of such a head may be used.
  if (now.grpc) into.fields.push_back(make_field(known::content_type, "content-type", "application/grpc"));
  return verdict::too_large;
}

bool hpack_decoder::entry(std::uint32_t index, field& f) const {
  if (index == 0) return false;
  if (index <= static_entries) {
    f = static_entry(index);
    return true;
  }
  if (index - static_entries > table_.entries()) return false;
  f = table_.at(index - static_entries - 1);
  return true;
}

bool hpack_decoder::read_indexed(run& now) {
  std::uint32_t index = 0;
  field f;
  if (!now.in.integer(7, index) || !entry(index, f)) return false;
  keep(now, f);
  return true;
}

// RFC 7541 6.2: with incremental indexing 01, without 0000, never indexed 0001. (001, a size update, has no place here.)
bool hpack_decoder::read_literal(run& now) {
  const auto kind = now.in.peek();
  const bool enters = kind & 0x40;
  if (core::defended("H12b") && !enters && (kind & 0x20)) return false;
  auto* const before = now.at;
  std::uint32_t index = 0;
  field f;
  if (!now.in.integer(enters ? 6 : 4, index)) return false;
  if (index) {
    if (!entry(index, f)) return false;
    f.checked &= field::name_checked;
    if (!now.fits && enters) {
      // Nothing of the table stays where it is any more.
      if (!f.name.empty()) std::memcpy(now.at, f.name.data(), f.name.size());
      f.name = {now.at, f.name.size()};
      now.at += f.name.size();
    }
  } else {
    if (!now.in.text(now.at, f.name)) return false;
    f.id = identify(f.name);
  }
  if (!now.in.text(now.at, f.value)) return false;
  f.never_index = !enters && (kind & 0x10);
  if (enters) {
    if (now.fits) f.checked = checked_bytes(f);
    table_.enter(f);
  }
  if (!keep(now, f)) now.at = before;
  return true;
}

// Name, value and 32 (RFC 9113 6.5.2). What is over the limit is inflated, for the table's sake, and not kept.
bool hpack_decoder::keep(run& now, const field& f) {
  now.list_bytes += f.name.size() + f.value.size() + 32;
  now.grpc = now.grpc || (f.id == known::content_type && is_grpc(f.value));  // late as it comes
  if (!now.fits) return false;
  now.into.too_many = ++now.count > now.within.header_fields && core::defended("H11");
  now.fits = !now.into.too_many && (now.list_bytes <= now.within.header_list_bytes || !core::defended("H10a"));
  if (now.fits) {
    now.into.fields.push_back(f);
    return true;
  }
  now.into.fields.clear();
  table_.drop_views();
  return false;
}

}  // namespace sallyport::http2
