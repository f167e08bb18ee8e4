// Carries the output of one session to its stream: at the end of a turn all of it in one write, and when the socket takes no more, again as
// soon as it does. Owned by its connection, which is kept alive by `keep` while the pump waits; used on its worker's thread. What waits is
// bounded by the source.
#pragma once

#include <sallyport/core/task_group.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/net/turn.hpp>

#include <memory>

namespace sallyport::net {

class output_source {
 public:
  virtual core::bytes output() = 0;                      // what there is now; may be more after the last was taken
  virtual void output_taken() = 0;                       // all of it was
  virtual void output_drained() = 0;                     // nothing is left, here or in the stream
  virtual void output_failed(core::error_code why) = 0;  // once; the stream is dead

 protected:
  ~output_source() = default;
};

class output_pump final : public flushable {
 public:
  output_pump(turn& when, core::task_group& group, stream& to, output_source& from)
      : turn_(when), group_(group), stream_(to), source_(from) {}
  ~output_pump() override { turn_.forget(*this); }

  void mark() {
    if (!blocked_ && !failed_) turn_.mark(*this);
  }
  void flush() override;
  bool blocked() const { return blocked_; }
  // docs/passage.md 24: when the peer last took a byte while output waited. The caller's sweep compares it; blocked() must be true.
  core::clock::time_point last_progress(core::clock::time_point now);

  std::weak_ptr<void> keep;  // the owner, set when it starts: held while the pump waits

 private:
  core::task<void> wait(std::shared_ptr<void> alive);
  void fail(core::error_code why);
  turn& turn_;
  core::task_group& group_;
  stream& stream_;
  output_source& source_;
  bool blocked_ = false, failed_ = false;
  std::size_t undelivered_ = 0;
  core::clock::time_point progress_{};
};

}  // namespace sallyport::net
