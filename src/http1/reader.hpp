// What a session reads with. Apart from the public header, so that nobody else sees its parts.
#pragma once

#include "chunk_reader.hpp"
#include "head_reader.hpp"

#include <span>

namespace sallyport::http1 {

struct reader {
  head_reader head;  // or trailers
  chunk_reader chunks;
  std::span<char> lines() { return {head.lines(), head.lines_length()}; }
};

}  // namespace sallyport::http1
