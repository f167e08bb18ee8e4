#include "hpack_table.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

namespace sallyport::http2 {
namespace {

// RFC 7541, appendix A.
constexpr std::array<std::pair<std::string_view, std::string_view>, static_entries> static_texts{{
    {":authority", ""},
    {":method", "GET"},
    {":method", "POST"},
    {":path", "/"},
    {":path", "/index.html"},
    {":scheme", "http"},
    {":scheme", "https"},
    {":status", "200"},
    {":status", "204"},
    {":status", "206"},
    {":status", "304"},
    {":status", "400"},
    {":status", "404"},
    {":status", "500"},
    {"accept-charset", ""},
    {"accept-encoding", "gzip, deflate"},
    {"accept-language", ""},
    {"accept-ranges", ""},
    {"accept", ""},
    {"access-control-allow-origin", ""},
    {"age", ""},
    {"allow", ""},
    {"authorization", ""},
    {"cache-control", ""},
    {"content-disposition", ""},
    {"content-encoding", ""},
    {"content-language", ""},
    {"content-length", ""},
    {"content-location", ""},
    {"content-range", ""},
    {"content-type", ""},
    {"cookie", ""},
    {"date", ""},
    {"etag", ""},
    {"expect", ""},
    {"expires", ""},
    {"from", ""},
    {"host", ""},
    {"if-match", ""},
    {"if-modified-since", ""},
    {"if-none-match", ""},
    {"if-range", ""},
    {"if-unmodified-since", ""},
    {"last-modified", ""},
    {"link", ""},
    {"location", ""},
    {"max-forwards", ""},
    {"proxy-authenticate", ""},
    {"proxy-authorization", ""},
    {"range", ""},
    {"referer", ""},
    {"refresh", ""},
    {"retry-after", ""},
    {"server", ""},
    {"set-cookie", ""},
    {"strict-transport-security", ""},
    {"transfer-encoding", ""},
    {"user-agent", ""},
    {"vary", ""},
    {"via", ""},
    {"www-authenticate", ""},
}};

std::array<field, static_entries> make_static_fields() {
  std::array<field, static_entries> made;
  for (std::size_t i = 0; i < static_entries; ++i) {
    made[i] = make_field(identify(static_texts[i].first), static_texts[i].first, static_texts[i].second);
    made[i].checked = field::name_checked | field::value_checked;
  }
  return made;
}

const std::array<field, static_entries> static_fields = make_static_fields();

constexpr std::size_t first_text_bytes = 512, first_ring = 8;

}  // namespace

const field& static_entry(std::size_t index) { return static_fields[index - 1]; }

field dynamic_table::at(std::size_t index) const {
  const auto& e = ring_[(newest_ - index) & (ring_.size() - 1)];
  const auto* text = text_.get() + e.at;
  return {{text, e.name_bytes}, {text + e.name_bytes, e.value_bytes}, e.id, false, e.checked};
}

void dynamic_table::begin_block() {
  left_behind_.clear();
  left_behind_bytes_ = 0;
  views_live_ = true;
  // Text is only appended. Moved to the front when at least half is not in use, so that each byte pays for one move at most.
  if (end_ > live_ && end_ - live_ >= capacity_ / 2) move_to_front(text_.get());
}

// Entries stand in the order in which they were entered, the oldest first.
void dynamic_table::move_to_front(char* of) {
  if (live_) std::memmove(of, text_.get() + (end_ - live_), live_);
  const auto by = static_cast<std::uint32_t>(end_ - live_);
  for (std::size_t i = 0; i < count_; ++i) ring_[(newest_ - i) & (ring_.size() - 1)].at -= by;
  end_ = live_;
}

void dynamic_table::limit(std::size_t bytes) {
  max_ = bytes;
  evict_to(bytes);
}

void dynamic_table::evict_to(std::size_t bytes) {
  while (used_ > bytes) {
    const auto& last = oldest();
    used_ -= last.size();
    live_ -= last.text_bytes();
    --count_;
  }
}

void dynamic_table::make_room(std::size_t text_bytes) {
  if (end_ + text_bytes <= capacity_) return;
  if (!views_live_ && live_ + text_bytes <= capacity_) return move_to_front(text_.get());
  const auto wanted = std::max(first_text_bytes, std::bit_ceil(2 * (live_ + text_bytes)));
  auto larger = std::make_unique_for_overwrite<char[]>(wanted);
  move_to_front(larger.get());
  if (text_ && views_live_) {
    left_behind_bytes_ += capacity_;
    left_behind_.push_back(std::move(text_));
  }
  text_ = std::move(larger);
  capacity_ = wanted;
}

void dynamic_table::enter(const field& f) {
  const entry fresh{0, static_cast<std::uint16_t>(f.name.size()), static_cast<std::uint16_t>(f.value.size()), f.id, f.checked};
  if (f.name.size() + f.value.size() + 32 > max_) return evict_to(0);
  evict_to(max_ - fresh.size());
  make_room(fresh.text_bytes());
  auto* const to = text_.get() + end_;
  if (fresh.name_bytes) std::memcpy(to, f.name.data(), fresh.name_bytes);
  if (fresh.value_bytes) std::memcpy(to + fresh.name_bytes, f.value.data(), fresh.value_bytes);
  push(fresh);
}

void dynamic_table::push(const entry& fresh) {
  if (count_ == ring_.size()) {
    std::vector<entry> larger(std::max(first_ring, 2 * ring_.size()));
    for (std::size_t i = 0; i < count_; ++i) larger[count_ - 1 - i] = ring_[(newest_ - i) & (ring_.size() - 1)];
    ring_ = std::move(larger);
    newest_ = count_ - 1;
  }
  newest_ = (newest_ + 1) & (ring_.size() - 1);
  ring_[newest_] = fresh;
  ring_[newest_].at = static_cast<std::uint32_t>(end_);
  end_ += fresh.text_bytes();
  live_ += fresh.text_bytes();
  used_ += fresh.size();
  ++count_;
}

}  // namespace sallyport::http2
