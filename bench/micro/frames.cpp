// What a server session costs for the frames of a client: a hundred small calls in one read, and DATA of full frames.
#include "wire.hpp"

#include <sallyport/core/expect.hpp>
#include <sallyport/http2/session.hpp>

#include <benchmark/benchmark.h>

namespace sallyport::micro {
namespace {

// Takes every byte and answers every call that has ended, with a message as long as a small one.
class peer final : http2::server_events {
 public:
  peer() { feed("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(http2::settings_frame, 0, 0, "")); }

  void feed(std::string_view bytes) {
    session_.receive(bytes_of(bytes), now_);
    benchmark::DoNotOptimize(session_.output().data());
    session_.output_taken();
    SALLYPORT_EXPECT(!session_.failed());
  }
  std::uint64_t answered() const { return answered_; }

 private:
  void request_started(http2::stream& on, const http2::request_head&, bool) override { on.owner = this; }
  void data(http2::stream& on, core::bytes payload, bool end) override {
    session_.credit(on, payload.size());
    if (!end) return;
    session_.send_head(on, head_, false);
    session_.send_data(on, bytes_of(message_), false);
    session_.send_trailers(on, trailers_);
    ++answered_;
  }
  void sent(http2::stream&, std::size_t) override {}
  void closed(http2::stream&, http2::code, bool) override {}

  http2::limits limits_;
  http2::buffer_pool pool_;
  http2::decoded_block scratch_;
  http2::time_point now_ = core::clock::now();
  const std::string message_ = std::string(105, '\0');
  const std::vector<http2::field> head_{http2::make_field(http2::known::status, ":status", "200"),
                                        http2::make_field(http2::known::content_type, "content-type", "application/grpc")};
  const std::vector<http2::field> trailers_{http2::make_field(http2::known::grpc_status, "grpc-status", "0")};
  std::uint64_t answered_ = 0;
  http2::server_session session_{limits_, pool_, scratch_, *this, now_};
};

void calls(benchmark::State& state) {
  constexpr std::uint32_t together = 100;
  peer to;
  to.feed(frame(http2::headers_frame, http2::end_headers, 1, first_block()) + frame(http2::data_frame, http2::end_stream, 1, "x"));
  const auto head = frame(http2::headers_frame, http2::end_headers, 0, later_block());
  const auto call = head + frame(http2::data_frame, http2::end_stream, 0, std::string(105, '\0'));
  std::string read;
  for (std::uint32_t i = 0; i < together; ++i) read += call;
  std::string credit(4, '\0');  // what the answers take of the connection's window
  http2::put32(reinterpret_cast<std::byte*>(credit.data()), together * 105);
  const auto given_back = frame(http2::window_update_frame, 0, 0, credit);
  std::uint32_t id = 1;
  for (auto _ : state) {
    for (std::size_t at = 0; at < read.size(); at += call.size()) {
      id += 2;
      http2::put32(reinterpret_cast<std::byte*>(&read[at + 5]), id);
      http2::put32(reinterpret_cast<std::byte*>(&read[at + head.size() + 5]), id);
    }
    to.feed(read);
    to.feed(given_back);
  }
  SALLYPORT_EXPECT(to.answered() == 1 + static_cast<std::uint64_t>(state.iterations()) * together);
  state.SetItemsProcessed(state.iterations() * together);
}
BENCHMARK(calls);

void data_of_full_frames(benchmark::State& state) {
  peer to;
  to.feed(frame(http2::headers_frame, http2::end_headers, 1, first_block()));
  const std::string one = frame(http2::data_frame, 0, 1, std::string(16'384, '\0')), read = one + one + one;  // a stream's first window
  for (auto _ : state) to.feed(read);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(read.size()));
}
BENCHMARK(data_of_full_frames);

}  // namespace
}  // namespace sallyport::micro
