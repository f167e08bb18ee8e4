#include <sallyport/net/output_pump.hpp>

namespace sallyport::net {

void output_pump::flush() {
  if (blocked_ || failed_) return;
  for (;;) {
    const auto data = source_.output();
    if (data.empty() && stream_.unsent() == 0) break;
    const auto wrote = stream_.write(data);
    if (!data.empty()) source_.output_taken();
    if (!wrote) return fail(wrote.error());
    if (*wrote == core::progress::done) continue;
    blocked_ = true;
    undelivered_ = stream_.undelivered();
    progress_ = core::clock::now();
    group_.spawn(wait(keep.lock()));
    return;
  }
  source_.output_drained();
}

core::task<void> output_pump::wait(std::shared_ptr<void> alive) {
  const auto emptied = co_await stream_.drained();
  blocked_ = false;
  if (!emptied)
    fail(emptied.error());
  else
    flush();
  alive.reset();
}

void output_pump::fail(core::error_code why) {
  if (failed_) return;
  failed_ = true;
  source_.output_failed(why);
}

core::clock::time_point output_pump::last_progress(core::clock::time_point now) {
  // What the peer's system has confirmed, not what our socket takes: that takes nothing until a third of its buffer, of megabytes, is
  // free. More than before is nothing that was taken: TLS answers a peer's KeyUpdate, and that waits like all else.
  const auto left = stream_.undelivered();
  if (left < undelivered_) progress_ = now;
  undelivered_ = left;
  return progress_;
}

}  // namespace sallyport::net
