// Two descriptors, one to read from and one to write to, as one stream: standard input and output as an end of a tunnel. Pipes, sockets,
// terminals and files all do. Used on one thread; puts the descriptors back into the mode that it found them in, for a shell shares them.
#pragma once

#include <sallyport/net/stream.hpp>

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::app {

class stdio_stream final : public net::stream {
 public:
  // Neither is closed by this but by `close`, which is how whoever reads from `out` learns of the end.
  stdio_stream(core::executor on, int in, int out);
  ~stdio_stream() override;

  core::task<core::result<core::progress>> receive(net::receiver& to) override;
  core::result<core::progress> write(core::bytes data) override;
  core::task<core::result<core::progress>> drained() override;
  core::result<core::progress> try_close() override;
  void abort() noexcept override;
  void reset() noexcept override { abort(); }
  std::size_t unsent() const override { return kept_.size(); }
  std::string_view reason() const override { return why_; }  // standard output takes no more
  bool is_gone() override { return false; }

 private:
  using descriptor = core::asio::posix::basic_stream_descriptor<core::executor>;
  core::result<core::progress> send();

  int in_fd_, out_fd_;
  int in_mode_, out_mode_;
  descriptor in_, out_;
  std::vector<std::byte> kept_;
  std::array<std::byte, 64 * 1024> room_;
  core::error_code dead_;
  std::string why_;
};

}  // namespace sallyport::app
