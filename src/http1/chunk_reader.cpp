#include "chunk_reader.hpp"

#include "text.hpp"

#include <sallyport/core/defence.hpp>

#include <algorithm>
#include <limits>

namespace sallyport::http1 {
namespace {

constexpr std::uint32_t digits_max = 16;

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

chunk_reader::step chunk_reader::take(core::bytes& in, std::size_t most, const limits& within) {
  while (!in.empty()) {
    if (at_ == at::data) {
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>({size_, in.size(), most}));
      const auto data = in.first(n);
      in = in.subspan(n);
      size_ -= n;
      if (size_ == 0) at_ = at::data_cr;
      return {data, false, {}};
    }
    const auto fault = take_byte(static_cast<char>(in.front()), within);
    if (!fault.empty()) return {{}, false, fault};
    in = in.subspan(1);
    if (last_) return {{}, true, {}};
  }
  return {};
}

std::string_view chunk_reader::take_byte(char c, const limits& within) {
  if (core::defended("P08b") && at_ < at::line_lf && c != '\r' && ++line_ > within.chunk_line_bytes) return "chunk_line_too_long";
  switch (at_) {
    case at::size: return take_size(c);
    case at::line_lf:
      if (core::defended("P08a") && c != '\n') return "bad_chunk_line_end";
      last_ = size_ == 0;
      at_ = at::data;
      digits_ = line_ = 0;
      return {};
    case at::data_cr:
      if (core::defended("P08d") && c != '\r') return "bad_chunk_end";
      at_ = at::data_lf;
      return {};
    case at::data_lf:
      if (core::defended("P08d") && c != '\n') return "bad_chunk_end";
      at_ = at::size;
      return {};
    default: return take_extension(c, within);
  }
}

std::string_view chunk_reader::take_size(char c) {
  if (const auto digit = hex(c); digit >= 0) {
    if (core::defended("P08e") &&
        (++digits_ > digits_max || size_ > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) >> 4))
      return "chunk_too_large";
    size_ = size_ << 4 | static_cast<std::uint64_t>(digit);
    return {};
  }
  if (digits_ == 0) return "bad_chunk_size";
  if (core::defended("P08f") && c != '\r' && c != ';') return "bad_chunk_size";
  at_ = c == '\r' ? at::line_lf : at::name;
  begun_ = false;
  return {};
}

// *( ";" name [ "=" ( token / quoted-string ) ] ), without the bad whitespace that RFC 9112 7.1.1 would bear. All of it is dropped.
std::string_view chunk_reader::take_extension(char c, const limits& within) {
  if (c == '\r' && begun_ && (at_ == at::name || at_ == at::value || at_ == at::quoted_end)) {
    at_ = at::line_lf;
    return {};
  }
  if (!extend(c)) return "bad_chunk_extension";
  return ++extensions_ > within.chunk_extensions_bytes && core::defended("P08c") ? "chunk_extensions_too_long" : std::string_view();
}

bool chunk_reader::extend(char c) {
  const auto go = [this](at to) {
    at_ = to;
    begun_ = to == at::quoted_end;
    return true;
  };
  switch (at_) {
    case at::quoted: return c == '"' ? go(at::quoted_end) : c == '\\' ? go(at::escaped) : is_field_value({&c, 1});
    case at::escaped: return is_field_value({&c, 1}) && go(at::quoted);
    default: break;
  }
  if (begun_ && c == ';') return go(at::name);
  if (begun_ && c == '=' && at_ == at::name) return go(at::value);
  if (!begun_ && c == '"' && at_ == at::value) return go(at::quoted);
  if (at_ == at::quoted_end) return false;
  begun_ = true;
  return is_token({&c, 1});
}

}  // namespace sallyport::http1
