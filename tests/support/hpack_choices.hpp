// Header blocks with every choice that RFC 7541 leaves to whoever writes them, made by chance; and a reader of blocks that has nothing in
// common with the product: nghttp2's. Its tables serve the writer, too: no copy of RFC 7541's appendices is needed. One thread.
#pragma once

#include "dice.hpp"
#include "hpack_text.hpp"

#include <nghttp2/nghttp2.h>

#include <array>
#include <memory>

namespace sallyport::support {

// One direction of one connection. Throws at what does not decode.
class hpack_judge {
 public:
  hpack_judge() {
    nghttp2_hd_inflater* made = nullptr;
    if (nghttp2_hd_inflate_new(&made) != 0) throw std::runtime_error("no inflater");
    inflater_.reset(made);
  }
  // Our SETTINGS_HEADER_TABLE_SIZE, acknowledged.
  void limit_table(std::size_t bytes) {
    if (nghttp2_hd_inflate_change_table_size(inflater_.get(), bytes) != 0) throw std::runtime_error("no such table");
  }
  headers read(std::string_view block) {
    headers all;
    const auto* in = reinterpret_cast<const std::uint8_t*>(block.data());
    auto left = block.size();
    for (;;) {
      nghttp2_nv nv{};
      int flags = 0;
      const auto used = nghttp2_hd_inflate_hd2(inflater_.get(), &nv, &flags, in, left, 1);
      if (used < 0) throw std::runtime_error("a header block that does not decode");
      in += used;
      left -= static_cast<std::size_t>(used);
      if (flags & NGHTTP2_HD_INFLATE_EMIT) all.push_back(header_of(nv));
      if (flags & NGHTTP2_HD_INFLATE_FINAL) {
        nghttp2_hd_inflate_end_headers(inflater_.get());
        return all;
      }
    }
  }
  header static_entry(std::size_t index) const { return header_of(*nghttp2_hd_inflate_get_table_entry(inflater_.get(), index)); }

 private:
  struct remove {
    void operator()(nghttp2_hd_inflater* which) const { nghttp2_hd_inflate_del(which); }
  };
  static header header_of(const nghttp2_nv& nv) {
    return {std::string(reinterpret_cast<const char*>(nv.name), nv.namelen),
            std::string(reinterpret_cast<const char*>(nv.value), nv.valuelen), (nv.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0};
  }
  std::unique_ptr<nghttp2_hd_inflater, remove> inflater_;
};

// Appendix B. nghttp2 is asked for eight times an octet before two hundred `a`, which are 5 bits each: what it writes has no padding, so
// that its length is that of the code, and its beginning the code.
class huffman_codes {
 public:
  huffman_codes() {
    for (unsigned c = 0; c < 256; ++c) {
      const auto bits = written(std::string(8, static_cast<char>(c)) + std::string(200, 'a'));
      codes_[c] = bits.substr(0, bits.size() / 8 - 125);
    }
  }
  std::string encode(std::string_view text) const {
    std::string bits, out;
    for (const unsigned char c : text) bits += codes_[c];
    while (bits.size() % 8) bits += '1';  // the beginning of EOS (5.2)
    for (std::size_t at = 0; at < bits.size(); at += 8) {
      unsigned octet = 0;
      for (std::size_t i = 0; i < 8; ++i) octet = octet << 1 | (bits[at + i] == '1');
      out += static_cast<char>(octet);
    }
    return out;
  }
  static const huffman_codes& all() {
    static const huffman_codes made;
    return made;
  }

 private:
  // As digits, of the value alone, which is the end of the block.
  static std::string written(std::string value) {
    nghttp2_hd_deflater* made = nullptr;
    if (nghttp2_hd_deflate_new(&made, 0) != 0) throw std::runtime_error("no deflater");
    std::string name = "x";
    nghttp2_nv nv{reinterpret_cast<std::uint8_t*>(name.data()), reinterpret_cast<std::uint8_t*>(value.data()), 1, value.size(),
                  NGHTTP2_NV_FLAG_NO_INDEX};
    std::array<std::uint8_t, 1024> out{};
    const auto size = static_cast<std::size_t>(nghttp2_hd_deflate_hd(made, out.data(), out.size(), &nv, 1));
    nghttp2_hd_deflate_del(made);
    // A table size (one octet), the literal's first, the name (two), and the value: H, and a length of two octets, as it is above 127.
    std::size_t begin = 0;
    while (begin + 2 < size && !(out[begin] == 0xff && out[begin + 1] == value_length(size - begin - 2))) ++begin;
    std::string digits;
    for (std::size_t at = begin + 2; at < size; ++at)
      for (unsigned bit = 8; bit-- > 0;) digits += out[at] >> bit & 1 ? '1' : '0';
    return digits;
  }
  static std::uint8_t value_length(std::size_t size) { return static_cast<std::uint8_t>(size - 127); }

  std::array<std::string, 256> codes_;
};

// One direction of one connection, to a peer that leaves the table at its 4,096 octets.
class hpack_chooser {
 public:
  static constexpr std::size_t table_bytes = 4'096;
  hpack_chooser() {
    const hpack_judge tables;
    for (std::size_t i = 1; i <= 61; ++i) fixed_.push_back(tables.static_entry(i));
  }

  std::string encode(const headers& fields, dice& chance) {
    std::string block;
    if (chance.percent(15)) resize(block, chance.below(table_bytes + 1));
    if (chance.percent(5)) resize(block, table_bytes);  // 4.2: twice, when it goes down and up
    for (const auto& f : fields) put(block, f, chance);
    return block;
  }

 private:
  void resize(std::string& block, std::size_t bytes) {
    size_ = bytes;
    evict(size_);
    put_integer(block, 0x20, 5, bytes);
  }
  static std::size_t cost(const header& f) { return f.name.size() + f.value.size() + 32; }
  void evict(std::size_t bytes) {
    while (used_ > bytes) {
      used_ -= cost(table_.back());
      table_.pop_back();
    }
  }
  // 0: not there.
  template <class Same>
  std::size_t find(Same&& same) const {
    for (std::size_t i = 0; i < fixed_.size(); ++i)
      if (same(fixed_[i])) return i + 1;
    for (std::size_t i = 0; i < table_.size(); ++i)
      if (same(table_[i])) return fixed_.size() + i + 1;
    return 0;
  }
  void put(std::string& block, const header& f, dice& chance) {
    const auto whole = find([&f](const header& h) { return h.name == f.name && h.value == f.value; });
    if (whole && !f.never_indexed && chance.percent(80)) return put_integer(block, 0x80, 7, whole);
    const bool enters = !f.never_indexed && chance.percent(50);
    const auto name = chance.percent(80) ? find([&f](const header& h) { return h.name == f.name; }) : 0;
    put_integer(block, f.never_indexed ? 0x10 : enters ? 0x40 : 0x00, enters ? 6 : 4, name);
    if (!name) put_text(block, f.name, chance);
    put_text(block, f.value, chance);
    if (!enters) return;
    if (cost(f) > size_) return evict(0);  // 4.4
    evict(size_ - cost(f));
    used_ += cost(f);
    table_.push_front({f.name, f.value});
  }
  static void put_text(std::string& block, const std::string& text, dice& chance) {
    const bool coded = chance.percent(50);
    const auto spelt = coded ? huffman_codes::all().encode(text) : text;
    put_integer(block, coded ? 0x80 : 0x00, 7, spelt.size());
    block += spelt;
  }

  std::vector<header> fixed_;
  std::deque<header> table_;
  std::size_t used_ = 0, size_ = table_bytes;
};

}  // namespace sallyport::support
