#include "hpack.hpp"

#include <sallyport/core/defence.hpp>

#include <array>
#include <cstring>
#include <utility>

namespace sallyport::http2 {
namespace {

// The static table's index for a name (RFC 7541, appendix A); 0: not there.
std::uint32_t static_name(known id) {
  switch (id) {
    case known::authority: return 1;
    case known::method: return 2;
    case known::path: return 4;
    case known::scheme: return 6;
    case known::status: return 8;
    case known::authorization: return 23;
    case known::content_length: return 28;
    case known::content_type: return 31;
    case known::cookie: return 32;
    case known::date: return 33;
    case known::expect: return 35;
    case known::host: return 38;
    case known::server: return 54;
    case known::user_agent: return 58;
    default: return 0;
  }
}

// An entry of the static table that has this very value; 0: none.
std::uint32_t static_pair(const field& f) {
  switch (f.id) {
    case known::method: return f.value == "POST" ? 3 : f.value == "GET" ? 2 : 0;
    case known::path: return f.value == "/" ? 4 : 0;
    case known::scheme: return f.value == "http" ? 6 : f.value == "https" ? 7 : 0;
    case known::status: return f.value == "200" ? 8 : f.value == "404" ? 13 : f.value == "400" ? 12 : 0;
    default: return 0;
  }
}

bool is_entered(known id) {
  switch (id) {
    case known::authority:
    case known::path:
    case known::content_type:
    case known::user_agent:
    case known::te:
    case known::grpc_accept_encoding: return true;
    default: return false;
  }
}

// RFC 7541 5.1.
unsigned char* put_integer(unsigned char* at, unsigned char first, unsigned bits, std::size_t value) {
  const std::size_t limit = (1u << bits) - 1;
  if (value < limit) {
    *at++ = static_cast<unsigned char>(first | value);
    return at;
  }
  *at++ = static_cast<unsigned char>(first | limit);
  for (value -= limit; value >= 128; value >>= 7) *at++ = static_cast<unsigned char>(128 | (value & 127));
  *at++ = static_cast<unsigned char>(value);
  return at;
}

unsigned char* put_text(unsigned char* at, std::string_view text) {
  at = put_integer(at, 0, 7, text.size());
  if (!text.empty()) std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

// A name of the static table is its index; any other is spelt out.
unsigned char* put_literal(unsigned char* at, unsigned char first, unsigned bits, const field& f) {
  const auto name = static_name(f.id);
  at = put_integer(at, first, bits, name);
  if (!name) at = put_text(at, f.name);
  return put_text(at, f.value);
}

constexpr std::size_t overhead_bytes = 16;  // a first byte and two lengths of at most five bytes each

// Equal fields have equal keys. Who makes others collide gains a comparison each.
std::uint32_t key_of(const field& f) {
  std::uint64_t mixed = f.value.size() * 64 + static_cast<std::size_t>(f.id), word = 0;
  const auto mix = [&mixed](std::uint64_t with) {
    mixed = (mixed ^ with) * 0x9e3779b97f4a7c15;
    mixed ^= mixed >> 32;
  };
  auto left = f.value.size();
  for (const auto* at = f.value.data(); left >= sizeof word; left -= sizeof word, at += sizeof word) {
    std::memcpy(&word, at, sizeof word);
    mix(word);
  }
  word = 0;
  if (left) std::memcpy(&word, f.value.data() + f.value.size() - left, left);
  mix(word);
  return static_cast<std::uint32_t>(mixed);
}

}  // namespace

// Entries have numbers, the newest the highest; an entry's place is its number's remainder.
struct hpack_encoder::entries {
  static constexpr std::uint32_t most = own_max_bytes / 32;  // no entry is smaller
  struct entry {
    known id = known::other;
    std::string value;
    std::size_t name_bytes = 0;
    std::size_t size() const { return name_bytes + value.size() + 32; }  // RFC 7541 4.1
    bool is(const field& f) const { return id == f.id && value == f.value; }
  };
  std::array<entry, most> all;
  std::array<std::uint32_t, most> keys{};
  std::array<std::uint32_t, 64> seen{};           // keys of what was not entered, the last of each remainder
  std::array<std::uint32_t, known_count> last{};  // the entry that a name was last found in
  std::uint32_t oldest = 0, next = 0;

  entry& at(std::uint32_t number) { return all[number % most]; }
  bool has(std::uint32_t number) const { return number - oldest < next - oldest; }
  std::uint32_t index_of(std::uint32_t number) const { return static_entries + (next - number); }

  // 0: it is not there.
  std::uint32_t find(const field& f, std::uint32_t key) {
    auto& before = last[static_cast<std::size_t>(f.id)];
    if (has(before) && at(before).is(f)) return index_of(before);
    for (auto number = next; number != oldest;) {
      --number;
      if (keys[number % most] != key || !at(number).is(f)) continue;
      before = number;
      return index_of(number);
    }
    return 0;
  }
  void enter(const field& f, std::uint32_t key) {
    auto& made = at(next);
    made.id = f.id;
    made.value.assign(f.value);
    made.name_bytes = f.name.size();
    keys[next % most] = key;
    last[static_cast<std::size_t>(f.id)] = next++;
  }
  bool seen_before(std::uint32_t key) { return std::exchange(seen[key % seen.size()], key) == key; }
};

hpack_encoder::hpack_encoder(table kind) : kind_(kind), entries_(kind == table::shared ? std::make_unique<entries>() : nullptr) {}
hpack_encoder::~hpack_encoder() = default;

void hpack_encoder::limit_table(std::uint32_t bytes) {
  if (kind_ == table::none) return;  // announced as empty with the first block: no limit is lower
  max_ = bytes < own_max_bytes || !core::defended("H12c") ? bytes : own_max_bytes;
  lowest_ = max_ < lowest_ ? max_ : lowest_;
  announce_ = true;
  evict_to(max_);
}

bool hpack_encoder::encode(const std::vector<field>& fields, buffer& to) {
  std::size_t most = overhead_bytes;
  for (const auto& f : fields) most += f.name.size() + f.value.size() + overhead_bytes;
  auto* const begin = reinterpret_cast<unsigned char*>(to.room(most));
  auto* at = begin;
  if (kind_ == table::none && !started_) *at++ = 0x20;  // a table of no bytes, for good: the peer may free its own
  changed_ = announce_ || !started_;
  if (announce_) {
    // Two limits since the last block, a lower and a higher one: both are said (RFC 7541 4.2).
    if (lowest_ < max_) at = put_integer(at, 0x20, 5, lowest_);
    at = put_integer(at, 0x20, 5, max_);
    announce_ = false;
    lowest_ = max_;
  }
  started_ = true;
  for (const auto& f : fields) at = put(at, f);
  to.commit(static_cast<std::size_t>(at - begin));
  return changed_;
}

unsigned char* hpack_encoder::put(unsigned char* at, const field& f) {
  if (f.never_index) return put_literal(at, 0x10, 4, f);
  if (const auto pair = static_pair(f)) return put_integer(at, 0x80, 7, pair);
  if (kind_ == table::none || !is_entered(f.id)) return put_literal(at, 0x00, 4, f);
  const auto key = key_of(f);
  if (const auto index = entries_->find(f, key)) return put_integer(at, 0x80, 7, index);
  const auto size = f.name.size() + f.value.size() + 32;
  if (size > max_ / 2) return put_literal(at, 0x00, 4, f);  // would push out nearly all others
  // What would push others out has to come twice: paths of which each is new must not cost all clients the fields that they share.
  if (used_ + size > max_ && !entries_->seen_before(key)) return put_literal(at, 0x00, 4, f);
  evict_to(max_ - size);
  entries_->enter(f, key);
  used_ += size;
  changed_ = true;
  return put_literal(at, 0x40, 6, f);
}

void hpack_encoder::evict_to(std::size_t bytes) {
  while (used_ > bytes) {
    used_ -= entries_->at(entries_->oldest).size();
    ++entries_->oldest;
  }
}

}  // namespace sallyport::http2
