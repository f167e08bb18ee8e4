// The chunked coding of RFC 9112 7.1, read strictly: CRLF alone, 16 hexadecimal digits at most, no space behind them, extensions within
// bounds and dropped. Up to the line of the last chunk: what follows is trailers, and those are a head_reader's. One a session.
#pragma once

#include "head_reader.hpp"

#include <sallyport/http1/limits.hpp>

namespace sallyport::http1 {

class chunk_reader {
 public:
  void start() { *this = {}; }

  struct step {
    core::bytes data;   // of a chunk
    bool last = false;  // the line of the last chunk was there
    std::string_view fault;
  };
  // Takes from the front of `in` up to the end of one piece of data, which has at most `most` bytes.
  step take(core::bytes& in, std::size_t most, const limits& within);

 private:
  enum class at { size, name, value, quoted, escaped, quoted_end, line_lf, data, data_cr, data_lf };
  std::string_view take_byte(char c, const limits& within);
  std::string_view take_size(char c);
  std::string_view take_extension(char c, const limits& within);
  bool extend(char c);

  at at_ = at::size;
  std::uint64_t size_ = 0;  // read, then left of the chunk
  std::uint32_t digits_ = 0, line_ = 0, extensions_ = 0;
  bool begun_ = false;  // the name or the value has a byte
  bool last_ = false;
};

}  // namespace sallyport::http1
