// The wire as a test writes and reads it: frames built from plain values, header blocks built by hand (RFC 7541 6), and a reader that turns
// what a session wrote into lines such as `RST_STREAM 1 PROTOCOL_ERROR`. Header blocks are judged by nghttp2's inflater. Nothing here uses
// the code under test except its numbers.
#pragma once

#include "frame.hpp"

#include <sallyport/http2/codes.hpp>

#include <nghttp2/nghttp2.h>
#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sallyport::http2::tests {

using list = std::vector<std::pair<std::string, std::string>>;

inline core::bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

inline std::string number(std::uint64_t value, int octets) {
  std::string text;
  for (int shift = (octets - 1) * 8; shift >= 0; shift -= 8) text.push_back(static_cast<char>(value >> shift & 0xff));
  return text;
}

// ---- frames (RFC 9113 4.1 and 6)

inline std::string raw(unsigned type, unsigned flags, std::uint32_t id, std::string_view payload = {}) {
  return number(payload.size(), 3) + number(type, 1) + number(flags, 1) + number(id, 4) + std::string(payload);
}
inline std::string data(std::uint32_t id, std::string_view payload, unsigned flags = no_flags) {
  return raw(data_frame, flags, id, payload);
}
inline std::string data_end(std::uint32_t id, std::string_view payload = {}) { return data(id, payload, end_stream); }
inline std::string padded_data(std::uint32_t id, std::string_view payload, std::size_t padding, unsigned flags = no_flags) {
  return data(id, number(padding, 1) + std::string(payload) + std::string(padding, '\0'), flags | padded);
}
inline std::string settings(std::initializer_list<std::pair<unsigned, std::uint32_t>> values = {}) {
  std::string payload;
  for (const auto& [id, value] : values) payload += number(id, 2) + number(value, 4);
  return raw(settings_frame, no_flags, 0, payload);
}
inline std::string settings_ack() { return raw(settings_frame, ack, 0); }
inline std::string ping(std::uint64_t opaque, unsigned flags = no_flags) { return raw(ping_frame, flags, 0, number(opaque, 8)); }
inline std::string rst(std::uint32_t id, code why = code::cancel) {
  return raw(rst_stream_frame, no_flags, id, number(static_cast<std::uint32_t>(why), 4));
}
inline std::string goaway(std::uint32_t last, code why = code::no_error, std::string_view text = {}) {
  return raw(goaway_frame, no_flags, 0, number(last, 4) + number(static_cast<std::uint32_t>(why), 4) + std::string(text));
}
inline std::string window_update(std::uint32_t id, std::uint32_t more) { return raw(window_update_frame, no_flags, id, number(more, 4)); }
inline std::string priority(std::uint32_t id, std::uint32_t on, unsigned weight = 15) {
  return raw(priority_frame, no_flags, id, number(on, 4) + number(weight, 1));
}
inline std::string continuation(std::uint32_t id, std::string_view piece, unsigned flags = no_flags) {
  return raw(continuation_frame, flags, id, piece);
}

// ---- header blocks (RFC 7541 5 and 6), without Huffman

inline std::string integer(unsigned first, unsigned bits, std::size_t value) {
  const std::size_t most = (1u << bits) - 1;
  if (value < most) return std::string(1, static_cast<char>(first | value));
  std::string text(1, static_cast<char>(first | most));
  for (value -= most; value >= 128; value /= 128) text.push_back(static_cast<char>(128 | value % 128));
  text.push_back(static_cast<char>(value));
  return text;
}
inline std::string spelt(std::string_view text) { return integer(0, 7, text.size()) + std::string(text); }
inline std::string indexed(std::size_t index) { return integer(0x80, 7, index); }
inline std::string literal(std::string_view name, std::string_view value) { return std::string(1, '\0') + spelt(name) + spelt(value); }
inline std::string entered(std::string_view name, std::string_view value) { return std::string(1, '\x40') + spelt(name) + spelt(value); }
inline std::string never(std::string_view name, std::string_view value) { return std::string(1, '\x10') + spelt(name) + spelt(value); }
inline std::string table_size(std::size_t bytes) { return integer(0x20, 5, bytes); }
inline constexpr std::size_t first_dynamic = 62;

inline std::string block(const list& fields) {
  std::string text;
  for (const auto& [name, value] : fields) text += literal(name, value);
  return text;
}
inline std::string headers(std::uint32_t id, std::string_view encoded, unsigned flags = no_flags) {
  return raw(headers_frame, flags | end_headers, id, encoded);
}
inline std::string headers(std::uint32_t id, const list& fields, unsigned flags = no_flags) { return headers(id, block(fields), flags); }

// What every gRPC client sends; `more` comes after it.
inline list call(const list& more = {}, const std::string& path = "/s/m") {
  list fields{
      {":method", "POST"}, {":scheme", "https"}, {":path", path}, {":authority", "milvus:19530"}, {"content-type", "application/grpc"},
      {"te", "trailers"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}
inline std::string request(std::uint32_t id, unsigned flags = no_flags, const list& more = {}) { return headers(id, call(more), flags); }

// ---- reading

struct seen_frame {
  unsigned type = 0, flags = 0;
  std::uint32_t id = 0;
  std::string payload;
};

inline std::uint64_t read_number(std::string_view text, std::size_t at, int octets) {
  std::uint64_t value = 0;
  for (int i = 0; i < octets; ++i) value = value << 8 | static_cast<unsigned char>(text.at(at + static_cast<std::size_t>(i)));
  return value;
}

// The frames of what was written; false: it does not end at the end of a frame, or a frame is over the 16 KiB that every peer takes.
inline bool split(std::string_view text, std::vector<seen_frame>& into) {
  while (!text.empty()) {
    if (text.size() < frame_header_bytes) return false;
    const auto length = read_number(text, 0, 3);
    if (length > frame_max_bytes || text.size() < frame_header_bytes + length) return false;
    into.push_back({static_cast<unsigned>(read_number(text, 3, 1)), static_cast<unsigned>(read_number(text, 4, 1)),
                    static_cast<std::uint32_t>(read_number(text, 5, 4)), std::string(text.substr(frame_header_bytes, length))});
    text.remove_prefix(frame_header_bytes + length);
  }
  return true;
}

// The judge of header blocks: nghttp2's inflater, as another implementation of RFC 7541.
class judge {
 public:
  judge() {
    nghttp2_hd_inflater* made = nullptr;
    BOOST_REQUIRE(nghttp2_hd_inflate_new(&made) == 0);
    inflater_.reset(made);
  }
  // The table that our SETTINGS allow, acknowledged.
  void limit_table(std::size_t bytes) { BOOST_REQUIRE(nghttp2_hd_inflate_change_table_size(inflater_.get(), bytes) == 0); }
  std::size_t table_entries() const { return nghttp2_hd_inflate_get_num_table_entries(inflater_.get()) - 61; }
  std::size_t table_bytes() const { return nghttp2_hd_inflate_get_dynamic_table_size(inflater_.get()); }

  struct decoded {
    std::string name, value;
    bool never_index = false;
    bool operator==(const decoded&) const = default;
  };
  bool read(std::string_view encoded, std::vector<decoded>& into) {
    const auto* in = reinterpret_cast<const std::uint8_t*>(encoded.data());
    auto left = encoded.size();
    for (;;) {
      nghttp2_nv nv{};
      int flags = 0;
      const auto used = nghttp2_hd_inflate_hd2(inflater_.get(), &nv, &flags, in, left, 1);
      if (used < 0) return false;
      in += used;
      left -= static_cast<std::size_t>(used);
      if (flags & NGHTTP2_HD_INFLATE_EMIT) {
        into.push_back({std::string(reinterpret_cast<const char*>(nv.name), nv.namelen),
                        std::string(reinterpret_cast<const char*>(nv.value), nv.valuelen), (nv.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0});
      }
      if (flags & NGHTTP2_HD_INFLATE_FINAL) return nghttp2_hd_inflate_end_headers(inflater_.get()) == 0;
    }
  }

 private:
  struct remove {
    void operator()(nghttp2_hd_inflater* which) const { nghttp2_hd_inflate_del(which); }
  };
  std::unique_ptr<nghttp2_hd_inflater, remove> inflater_;
};

// Turns what one session writes into lines. It lives as long as the session: header blocks have a memory.
class output_reader {
 public:
  std::vector<std::string> lines(std::string_view text) {
    std::vector<seen_frame> frames;
    BOOST_REQUIRE(split(text, frames));
    std::vector<std::string> all;
    for (const auto& f : frames) describe(f, all);
    return all;
  }
  judge& hpack() { return judge_; }

 private:
  void describe(const seen_frame& f, std::vector<std::string>& all) {
    const auto on = " " + std::to_string(f.id);
    BOOST_REQUIRE((block_id_ == 0 || (f.type == continuation_frame && f.id == block_id_)));
    switch (f.type) {
      case data_frame: all.push_back("DATA" + on + " " + std::to_string(f.payload.size()) + (f.flags & end_stream ? " end" : "")); return;
      case headers_frame:
        BOOST_REQUIRE((f.flags & (padded | priority_flag)) == 0);  // docs/passage.md 22
        block_id_ = f.id;
        block_ends_ = (f.flags & end_stream) != 0;
        block_ = f.payload;
        if (f.flags & end_headers) whole(all);
        return;
      case continuation_frame:
        BOOST_REQUIRE(block_id_ != 0);
        block_ += f.payload;
        if (f.flags & end_headers) whole(all);
        return;
      case rst_stream_frame: all.push_back("RST_STREAM" + on + " " + name(f, 0)); return;
      case settings_frame: all.push_back(settings_line(f)); return;
      case ping_frame:
        all.push_back(std::string("PING") + (f.flags & ack ? " ack " : " ") + std::to_string(read_number(f.payload, 0, 8)));
        return;
      case goaway_frame: all.push_back("GOAWAY " + std::to_string(read_number(f.payload, 0, 4)) + " " + name(f, 4)); return;
      case window_update_frame: all.push_back("WINDOW_UPDATE" + on + " " + std::to_string(read_number(f.payload, 0, 4))); return;
      default: BOOST_FAIL("a frame of type " << f.type << " was written");
    }
  }
  static std::string name(const seen_frame& f, std::size_t at) {
    return std::string(name_of(static_cast<code>(read_number(f.payload, at, 4))));
  }
  static std::string settings_line(const seen_frame& f) {
    if (f.flags & ack) return "SETTINGS ack";
    std::string line = "SETTINGS";
    for (std::size_t at = 0; at < f.payload.size(); at += 6)
      line += " " + std::to_string(read_number(f.payload, at, 2)) + "=" + std::to_string(read_number(f.payload, at + 2, 4));
    return line;
  }
  void whole(std::vector<std::string>& all) {
    std::vector<judge::decoded> fields;
    BOOST_REQUIRE(judge_.read(block_, fields));
    auto line = "HEADERS " + std::to_string(std::exchange(block_id_, 0));
    for (const auto& f : fields) line += " " + f.name + "=" + (f.value.size() > 40 ? std::to_string(f.value.size()) + " bytes" : f.value);
    all.push_back(line + (block_ends_ ? " end" : ""));
  }

  judge judge_;
  std::string block_;
  std::uint32_t block_id_ = 0;
  bool block_ends_ = false;
};

}  // namespace sallyport::http2::tests
