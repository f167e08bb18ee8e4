#include <sallyport/net/stream.hpp>

namespace sallyport::net {

core::task<core::result<core::progress>> stream::close() {
  for (;;) {
    const auto said = try_close();
    if (!said || *said == core::progress::done) co_return said;
    const auto sent = co_await drained();
    if (!sent) co_return sent;
  }
}

}  // namespace sallyport::net
