// libFuzzer: anything a client may send, fed in pieces whose size is the first byte. Build with clang's -fsanitize=fuzzer,address, the
// sources of core, http2 and http1, and tests on the include path.
#include <http1/busy.hpp>

#include <algorithm>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  if (size == 0) return 0;
  using namespace sallyport;
  const std::size_t step = input[0] == 0 ? size : input[0];
  static http2::buffer_pool pool;
  http1::tests::busy_server peer(pool);
  for (std::size_t at = 1; at < size; at += step) {
    const auto n = std::min(step, size - at);
    const std::vector<std::byte> piece(reinterpret_cast<const std::byte*>(input) + at, reinterpret_cast<const std::byte*>(input) + at + n);
    peer.feed(piece);
  }
  return 0;
}
