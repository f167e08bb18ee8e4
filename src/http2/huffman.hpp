// The Huffman code of RFC 7541, appendix B. Decoding alone: what we write is never coded so.
#pragma once

#include <sallyport/core/result.hpp>

#include <cstddef>

namespace sallyport::http2 {

// At most this much comes out of n bytes, with what is written beyond the end: the shortest code has five bits.
constexpr std::size_t huffman_room(std::size_t n) { return n * 8 / 5 + 2; }

// Writes what `coded` says to `to`, where huffman_room of it is free. Tells its end; nullptr: a code that is not there, EOS, or padding
// that is not the beginning of EOS or is longer than seven bits (RFC 7541 5.2).
char* huffman_decode(core::bytes coded, char* to);

}  // namespace sallyport::http2
