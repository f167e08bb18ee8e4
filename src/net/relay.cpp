#include <sallyport/net/relay.hpp>

#include <sallyport/core/deadline.hpp>

namespace sallyport::net {

using namespace std::chrono_literals;

namespace {

constexpr auto linger_time = 2s;  // a reset would destroy last words that are on their way

struct nobody final : receiver {
  void received(core::bytes) override {}
};

core::task<core::result<core::progress>> receive_to_the_end(stream& from) {
  nobody sink;
  for (;;) {
    const auto got = co_await from.receive(sink);
    if (!got || *got == core::progress::ended) co_return got;
  }
}

}  // namespace

void relay::begin(core::bytes from_client, core::bytes from_backend, bool client_has_ended) {
  up_.input_ended = client_has_ended;
  if (!from_client.empty()) up_.received(from_client);
  if (!from_backend.empty()) down_.received(from_backend);
}

core::task<void> relay::run() {
  using namespace core::asio::experimental::awaitable_operators;
  auto up = carry(up_), down = carry(down_);
  co_await (std::move(up) && std::move(down));
  if (!cause_.empty() && !cut_) {
    // One side had stopped taking, and the other one is getting its last words and their end. What a client still sends is read, because a
    // reset would destroy them; what a backend says, nobody hears.
    const bool client_is_left = cause_ == "backend_broken";
    if (client_is_left) co_await discard(up_.from);
    co_await settle(client_is_left ? up_.from : up_.to);
    end(cause_);
  }
  if (cause_.empty()) cause_ = "ended";
}

core::task<void> relay::carry(way& w) {
  for (;;) {
    if (w.sent && *w.sent == core::progress::blocked) {
      w.sent = co_await w.to.drained();
      if (cut_) co_return;
    }
    if (!w.sent) co_return takes_no_more(w);
    if (w.input_ended) break;
    const auto got = co_await w.from.receive(w);
    if (cut_) co_return;
    if (!got) co_return end(broken(w.from));
    w.input_ended = *got == core::progress::ended;
  }
  w.sent = co_await w.to.close();
  if (!w.sent && !cut_) takes_no_more(w);
}

// What it has said before may still be read, and is passed on up to its end.
void relay::takes_no_more(way& w) {
  if (cause_.empty()) cause_ = broken(w.to);
  // A client that has reset has no last words. (Where it had ended in good order before, the error is broken_pipe.)
  if (&w.to == &up_.from && w.sent.error() == core::asio::error::connection_reset) end(cause_);
}

core::task<void> relay::discard(stream& from) {
  auto rest = receive_to_the_end(from);
  (void)co_await core::with_deadline(std::move(rest), linger_time);
}

core::task<void> relay::settle(stream& to) {
  constexpr auto step = 20ms;  // nothing tells when the peer has confirmed
  core::timer pause(co_await core::asio::this_coro::executor);
  auto before = to.undelivered();
  for (auto left = linger_time / step; left > 0 && !cut_ && before > 0; --left) {
    pause.expires_after(step);
    co_await pause.async_wait(core::await);
    if (const auto now = to.undelivered(); now < std::exchange(before, now)) left = linger_time / step;
  }
}

void relay::end(std::string_view cause) noexcept {
  if (std::exchange(cut_, true)) return;
  if (cause_.empty()) cause_ = cause;
  up_.from.reset();
  up_.to.reset();
}

bool relay::stalled(way& w, core::clock::time_point now, core::clock::duration limit) {
  if (!w.sent) return false;  // it never will take more, and the other way has its time
  // More than before without a byte of the other side's is what TLS had to say, and nothing that was taken.
  // (What the peer's system has confirmed counts: as for output_pump.)
  const auto left = w.to.unsent() == 0 ? 0 : w.to.undelivered(), before = std::exchange(w.seen_undelivered, left);
  const bool moved = w.bytes != std::exchange(w.seen_bytes, w.bytes);
  if (left < before) moved_at_ = now;
  if (left == 0 || before == 0 || left < before || moved) {
    w.taken_at = now;
    return false;
  }
  return now - w.taken_at >= limit;
}

void relay::sweep(core::clock::time_point now, core::clock::duration write_stall, core::clock::duration idle) {
  if (cut_) return;
  const bool up_stalls = stalled(up_, now, write_stall), down_stalls = stalled(down_, now, write_stall);
  if (up_stalls || down_stalls) return end("write_stalled");
  if (const auto moved = up_.bytes + down_.bytes; moved != moved_bytes_) {
    moved_bytes_ = moved;
    moved_at_ = now;
  }
  if (idle > idle.zero() && now - moved_at_ >= idle) return end("idle");
  if (!cause_.empty()) return;
  // Nobody hears of the reset of a side whose input has ended, nor of a client's whose backend takes nothing.
  const bool client_unheard = up_.input_ended || (up_.sent && *up_.sent == core::progress::blocked);
  if (client_unheard && up_.from.is_gone()) return end(broken(up_.from));
  if (down_.input_ended && down_.from.is_gone()) end(broken(down_.from));
}

}  // namespace sallyport::net
