// Header blocks as the tests write and read them: literals only on the way out; on the way in everything of RFC 7541 but Huffman, which
// Sallyport never writes. On purpose nothing of the http2 room, nor of the library beneath it: what is tested must not be its own judge.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::support {

struct header {
  std::string name, value;
  bool never_indexed = false;
  bool operator==(const header&) const = default;
};
using headers = std::vector<header>;

inline std::string find(const headers& in, std::string_view name) {
  for (const auto& h : in)
    if (h.name == name) return h.value;
  return "(none)";
}
inline std::size_t count(const headers& in, std::string_view name) {
  std::size_t n = 0;
  for (const auto& h : in) n += h.name == name;
  return n;
}

inline void put_integer(std::string& to, unsigned char first, unsigned bits, std::uint64_t value) {  // RFC 7541 5.1
  const std::uint64_t most = (1U << bits) - 1;
  if (value < most) {
    to += static_cast<char>(first | value);
    return;
  }
  to += static_cast<char>(first | most);
  for (value -= most; value >= 0x80; value >>= 7) to += static_cast<char>(0x80 | (value & 0x7f));
  to += static_cast<char>(value);
}

inline std::string encode(const headers& fields) {
  std::string block;
  for (const auto& f : fields) {
    block += static_cast<char>(f.never_indexed ? 0x10 : 0x00);
    for (const auto* text : {&f.name, &f.value}) {
      put_integer(block, 0, 7, text->size());
      block += *text;
    }
  }
  return block;
}

// One direction of one connection. Throws at what is malformed.
class hpack_reader {
 public:
  headers decode(std::string_view block) {
    headers out;
    rest_ = block;
    while (!rest_.empty()) {
      const auto first = static_cast<unsigned char>(rest_[0]);
      if (first & 0x80) {
        out.push_back(at(integer(7)));
      } else if ((first & 0xe0) == 0x20) {
        if (!out.empty()) throw std::runtime_error("a table size inside a block");
        max_ = integer(5);
        if (max_ > 4096) throw std::runtime_error("a table over the limit");
        evict();
      } else {
        const bool enters = (first & 0x40) != 0;
        const auto name = integer(enters ? 6 : 4);
        header h{name ? at(name).name : text(), {}, (first & 0xf0) == 0x10};
        h.value = text();
        if (enters) {
          used_ += size(h);
          table_.push_front(h);
          evict();
        }
        out.push_back(std::move(h));
      }
    }
    return out;
  }

 private:
  static std::size_t size(const header& h) { return h.name.size() + h.value.size() + 32; }
  void evict() {
    for (; used_ > max_; table_.pop_back()) used_ -= size(table_.back());
  }
  std::uint64_t integer(unsigned bits) {
    const std::uint64_t most = (1U << bits) - 1;
    std::uint64_t value = next() & most;
    if (value < most) return value;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = next();
      value += static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (!(byte & 0x80)) return value;
    }
  }
  unsigned char next() {
    if (rest_.empty()) throw std::runtime_error("a block that ends too early");
    const auto c = static_cast<unsigned char>(rest_[0]);
    rest_.remove_prefix(1);
    return c;
  }
  std::string text() {
    if (rest_.empty() || (rest_[0] & 0x80)) throw std::runtime_error("Huffman, or no text");
    const auto length = integer(7);
    if (length > rest_.size()) throw std::runtime_error("a text that ends too early");
    std::string out(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return out;
  }
  header at(std::uint64_t index) const {
    static constexpr std::array<std::pair<const char*, const char*>, 61> fixed{{// RFC 7541, appendix A
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
                                                                                {"www-authenticate", ""}}};
    if (index == 0 || index > fixed.size() + table_.size()) throw std::runtime_error("no such index");
    if (index <= fixed.size()) return {fixed[index - 1].first, fixed[index - 1].second};
    return table_[index - fixed.size() - 1];
  }

  std::string_view rest_;
  std::deque<header> table_;
  std::size_t used_ = 0, max_ = 4096;
};

}  // namespace sallyport::support
