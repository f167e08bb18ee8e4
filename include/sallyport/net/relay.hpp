// Bytes between two streams, both ways and as they come, each direction with an end of its own: what is read goes straight from the
// worker's workbench to the other side. Owned by whoever owns the streams, used on one thread. A side is not read from while the other one
// has not taken all, so that what is kept is bounded by one receive in each direction; a relay at rest owns no buffer. It ends when both
// directions have ended in good order, when a side breaks, or by `end`; nothing else ends it: silence is legal. Clocks are the owner's, by
// `sweep`.
#pragma once

#include <sallyport/net/stream.hpp>

#include <cstdint>
#include <string_view>

namespace sallyport::net {

class relay {
 public:
  relay(stream& client, stream& backend) : up_{client, backend}, down_{backend, client} {}
  relay(const relay&) = delete;
  relay& operator=(const relay&) = delete;

  // Before `run`: what has come from either side already, which goes first. It is copied. The client's end may have come as well, and is
  // not read again.
  void begin(core::bytes from_client, core::bytes from_backend, bool client_has_ended = false);
  // Once. When a side breaks, both streams are reset, so that half of what was sent does not look whole (RFC 9110 9.3.6, RFC 9113 8.5).
  core::task<void> run();
  void end(std::string_view cause) noexcept;  // both are reset, and run returns soon

  // A few times a second: ends it when a side takes no byte for `write_stall` although some wait, when nothing has moved for `idle` (0:
  // that is legal for ever), and when one direction has ended and the peer at its beginning has gone.
  void sweep(core::clock::time_point now, core::clock::duration write_stall, core::clock::duration idle);

  std::size_t held_bytes() const { return up_.to.held_bytes() + down_.to.held_bytes(); }
  core::clock::time_point moved() const { return moved_at_; }  // some byte, as the last sweeps saw it
  bool cut() const { return cut_; }
  std::uint64_t to_backend() const { return up_.bytes; }
  std::uint64_t to_client() const { return down_.bytes; }
  // ended, client_broken, backend_broken, write_stalled, idle, or what `end` was given; fixed words, for the log.
  std::string_view cause() const { return cause_; }

 private:
  struct way final : receiver {
    way(stream& f, stream& t) : from(f), to(t) {}
    void received(core::bytes in) override {
      bytes += in.size();
      sent = to.write(in);
    }
    stream& from;
    stream& to;
    std::uint64_t bytes = 0;
    core::result<core::progress> sent = core::progress::done;
    bool input_ended = false;
    // For the sweep: what was there at the last one that saw a change.
    std::uint64_t seen_bytes = 0;
    std::size_t seen_undelivered = 0;
    core::clock::time_point taken_at{};
  };
  core::task<void> carry(way& w);
  void takes_no_more(way& w);
  core::task<void> discard(stream& from);
  core::task<void> settle(stream& to);
  bool stalled(way& w, core::clock::time_point now, core::clock::duration limit);
  std::string_view broken(const stream& side) const { return &side == &up_.from ? "client_broken" : "backend_broken"; }

  way up_, down_;
  std::string_view cause_;
  std::uint64_t moved_bytes_ = 0;
  core::clock::time_point moved_at_ = core::clock::now();
  bool cut_ = false;
};

}  // namespace sallyport::net
