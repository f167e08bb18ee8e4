// What the micro-benchmarks are fed with: frames, and the heads of a pymilvus client as bytes.
#pragma once

#include <http2/frame.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::micro {

using list = std::vector<std::pair<std::string_view, std::string_view>>;

inline core::bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t id, std::string_view payload) {
  std::string made(9, '\0');
  auto* const at = reinterpret_cast<std::byte*>(made.data());
  http2::put24(at, static_cast<std::uint32_t>(payload.size()));
  http2::put8(at + 3, type);
  http2::put8(at + 4, flags);
  http2::put32(at + 5, id);
  return made.append(payload);
}

// The head of a call as pymilvus 3.0 sends it. `telling` are those that grpc-core enters into the table, the rest changes or is metadata.
inline const list telling{{":scheme", "https"},
                          {":method", "POST"},
                          {":authority", "milvus.example:19530"},
                          {":path", "/milvus.proto.milvus.MilvusService/Search"},
                          {"te", "trailers"},
                          {"content-type", "application/grpc"},
                          {"user-agent", "grpc-python/1.85.3 grpc-c/58.0.0 (linux; chttp2)"},
                          {"grpc-accept-encoding", "identity, deflate, gzip"}};
inline const list literal{
    {"authorization", "cm9vdDpNaWx2dXM="}, {"dbname", "default"},  {"client-request-id", "0"}, {"client-request-unixmsec", "1795557629672"},
    {"identifier", "461234567890123456"},  {"grpc-timeout", "10S"}};

// RFC 7541 5.1 and 5.2, for lengths under 127.
inline void put_text(std::string& to, std::string_view text) { (to += static_cast<char>(text.size())) += text; }

// RFC 7541 6.2.1 (first 0x40, entered into the table) and 6.2.2 (0x00), each with its name as text.
inline std::string literals(const list& fields, char first) {
  std::string block;
  for (const auto& [name, value] : fields) {
    block += first;
    put_text(block, name);
    put_text(block, value);
  }
  return block;
}

inline std::string block_of_literals() { return literals(telling, 0x00) + literals(literal, 0x00); }
// The first block of a connection fills the table; in those that follow each of these fields is one byte (RFC 7541 6.1, 2.3.3).
inline std::string first_block() { return literals(telling, 0x40) + literals(literal, 0x00); }
inline std::string later_block() {
  constexpr std::size_t newest = 62;
  std::string block;
  for (std::size_t i = 0; i < telling.size(); ++i) block += static_cast<char>(0x80 | (newest + telling.size() - 1 - i));
  return block + literals(literal, 0x00);
}

}  // namespace sallyport::micro
