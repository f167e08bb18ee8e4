// libFuzzer: header blocks one after the other through one decoder, each as long as the byte before it says. What is decoded stays within
// its limits.
#include "hpack.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  using namespace sallyport::http2;
  limits within;
  within.header_list_bytes = 512;
  within.header_fields = 8;
  hpack_decoder decoder;
  decoded_block into;
  for (std::size_t at = 0; at < size;) {
    const auto n = std::min<std::size_t>(input[at], size - at - 1);
    const std::vector<std::byte> block(reinterpret_cast<const std::byte*>(input) + at + 1,
                                       reinterpret_cast<const std::byte*>(input) + at + 1 + n);
    at += n + 1;
    const auto verdict = decoder.decode(block, within, into);
    if (verdict == hpack_decoder::verdict::malformed) return 0;
    std::size_t bytes = 0;
    for (const auto& f : into.fields) bytes += f.name.size() + f.value.size() + 32;
    if (verdict == hpack_decoder::verdict::ok && (bytes > within.header_list_bytes || into.fields.size() > within.header_fields))
      std::abort();
    if (into.fields.size() > within.header_fields + 1) std::abort();
  }
  return 0;
}
