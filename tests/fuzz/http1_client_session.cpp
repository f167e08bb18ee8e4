// libFuzzer: anything a backend may send to our client end, with a request under way, fed in pieces whose size is the first byte, and then
// its end. The second byte chooses which request is the first.
#include <http1/busy.hpp>

#include <algorithm>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  if (size < 2) return 0;
  using namespace sallyport;
  const std::size_t step = input[0] == 0 ? size : input[0];
  static http2::buffer_pool pool;
  http1::tests::busy_client peer(pool, input[1]);
  for (std::size_t at = 2; at < size; at += step) {
    const auto n = std::min(step, size - at);
    const std::vector<std::byte> piece(reinterpret_cast<const std::byte*>(input) + at, reinterpret_cast<const std::byte*>(input) + at + n);
    peer.feed(piece);
  }
  peer.end();
  return 0;
}
