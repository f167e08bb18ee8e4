// libFuzzer: anything a backend may send to our client end, with requests under way, fed in pieces whose size is the first byte.
#include <http2/busy.hpp>

#include <algorithm>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  if (size == 0) return 0;
  using namespace sallyport;
  const std::size_t step = input[0] == 0 ? size : input[0];
  static http2::buffer_pool pool;
  http2::tests::busy_client peer(pool);
  constexpr std::string_view settings("\0\0\0\4\0\0\0\0\0", 9);
  peer.feed(std::as_bytes(std::span(settings)));
  for (std::size_t at = 1; at < size; at += step) {
    const auto n = std::min(step, size - at);
    const std::vector<std::byte> piece(reinterpret_cast<const std::byte*>(input) + at, reinterpret_cast<const std::byte*>(input) + at + n);
    peer.feed(piece);
  }
  return 0;
}
