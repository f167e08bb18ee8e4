#include "kept_request.hpp"

#include <cstdint>
#include <cstring>

namespace sallyport::upstream {
namespace {

constexpr std::size_t fields_spare = 128;

// How long the body will be at least: a gRPC message says it in its first five bytes. A wrong guess costs nothing but the second sending.
std::size_t least_size(core::bytes first) {
  constexpr std::size_t prefix = 5;
  if (first.size() < prefix || std::to_integer<unsigned>(first[0]) > 1) return first.size();
  std::size_t length = 0;
  for (std::size_t i = 1; i < prefix; ++i) length = length << 8 | std::to_integer<std::size_t>(first[i]);
  return prefix + length;
}

// Most names and values are short, and a call of memcpy for each is half of what keeping a head costs: here two words that may overlap.
template <class Word>
void copy_twice(char* to, const char* from, std::size_t n) {
  Word first, last;
  std::memcpy(&first, from, sizeof first);
  std::memcpy(&last, from + n - sizeof last, sizeof last);
  std::memcpy(to, &first, sizeof first);
  std::memcpy(to + n - sizeof last, &last, sizeof last);
}

void copy_text(char* to, std::string_view text) {
  const auto n = text.size();
  if (n > 16)
    std::memcpy(to, text.data(), n);
  else if (n >= 8)
    copy_twice<std::uint64_t>(to, text.data(), n);
  else if (n >= 4)
    copy_twice<std::uint32_t>(to, text.data(), n);
  else
    for (std::size_t i = 0; i < n; ++i) to[i] = text[i];
}

}  // namespace

void kept_request::begin(const std::vector<http2::field>& head, bool end) {
  std::size_t total = 0;
  for (const auto& f : head) total += f.name.size() + f.value.size();
  if (text_.size() < total) text_.resize(total);
  auto* at = text_.data();
  const auto keep = [&at](std::string_view& text) {
    copy_text(at, text);
    text = {at, text.size()};
    at += text.size();
  };
  fields_ = head;
  for (auto& f : fields_) {
    keep(f.name);
    keep(f.value);
  }
  held_ = true;
  ended_ = end;
}

void kept_request::add_waiting(core::bytes payload, bool end) {
  ended_ = ended_ || end;
  if (large_.empty()) {
    if (small_.size() + payload.size() <= small_bytes) {
      small_.insert(small_.end(), payload.begin(), payload.end());
      return;
    }
    ++larges_;
    large_.append(small_);
    small_.clear();
  }
  large_.append(payload);
}

void kept_request::keep_sent(core::bytes payload, bool end) {
  const auto have = body().size();
  const auto least = have == 0 ? least_size(payload) : have + payload.size();
  if (least > body_max_bytes || (large_.empty() && least > small_bytes && larges_ >= large_max)) return drop();
  add_waiting(payload, end);
}

void kept_request::trim() {
  if (body().size() > body_max_bytes || (!large_.empty() && larges_ > large_max)) drop();
}

void kept_request::drop() {
  if (!large_.empty()) --larges_;
  large_.clear();
  small_.clear();
  if (text_.size() > head_spare_bytes) text_ = std::vector<char>();
  if (fields_.capacity() > fields_spare) fields_ = std::vector<http2::field>();
  held_ = false;
}

}  // namespace sallyport::upstream
