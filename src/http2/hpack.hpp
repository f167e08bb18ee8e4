// HPACK (RFC 7541) behind two small classes. The decoder checks bytes once for each entry of its table; the encoder decides what enters a
// table that all clients share. Both belong to one end of one connection. No I/O, no clock. nghttp2's coder judges them in the tests.
#pragma once

#include "hpack_table.hpp"

#include <sallyport/core/result.hpp>
#include <sallyport/http2/buffer.hpp>
#include <sallyport/http2/field.hpp>
#include <sallyport/http2/limits.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::http2 {

class hpack_decoder {
 public:
  enum class verdict { ok, too_large, malformed };
  // Decodes a whole block. too_large: over the limits; the table is right all the same, and nothing is left of the fields but a
  // content-type of gRPC, if there was one. malformed: COMPRESSION_ERROR. The fields live until the next call.
  verdict decode(core::bytes block, const limits& within, decoded_block& into);
  std::size_t table_text_bytes() const { return table_.text_bytes(); }  // memory that it holds now

 private:
  struct run;
  bool entry(std::uint32_t index, field& f) const;
  bool read_indexed(run& now);
  bool read_literal(run& now);
  bool keep(run& now, const field& f);

  dynamic_table table_;
};

// Literals and the static table; with a table, six fields of a gRPC request are entered: `:authority`, `:path`, `content-type`,
// `user-agent`, `te` and `grpc-accept-encoding`. Everything else never is, so that no client can thrash the table of all
// (docs/passage.md, HPACK). No Huffman: it costs more than it saves here.
class hpack_encoder {
 public:
  enum class table { none, shared };
  explicit hpack_encoder(table kind);
  ~hpack_encoder();

  // The peer's SETTINGS_HEADER_TABLE_SIZE; in force from the next block on, which says so (RFC 7541 4.2).
  void limit_table(std::uint32_t bytes);
  // At most this many bytes are appended to `to`: the sum of names and values, and 16 a field. True: the block changes the peer's table, so
  // it must be sent.
  bool encode(const std::vector<field>& fields, buffer& to);

 private:
  struct entries;
  unsigned char* put(unsigned char* at, const field& f);
  void evict_to(std::size_t bytes);

  static constexpr std::uint32_t own_max_bytes = 4096;
  table kind_;
  std::unique_ptr<entries> entries_;  // of a shared table: most encoders have none
  std::size_t used_ = 0, max_ = own_max_bytes;
  std::size_t lowest_ = own_max_bytes;  // the lowest limit since the last block
  bool announce_ = false, started_ = false, changed_ = false;
};

}  // namespace sallyport::http2
