// The clock of a peer that takes nothing (docs/passage.md 24), and what does not wind it.
#include <sallyport/net/output_pump.hpp>
#include <sallyport/net/relay.hpp>

#include <support/worker.hpp>

using namespace sallyport;
using namespace sallyport::support;
using namespace std::chrono_literals;

namespace {

// A stream of which so much waits as the test says, and so much is with the system.
struct stuck final : net::stream {
  explicit stuck(worker& on) : never(on.io.get_executor(), core::timer::time_point::max()) {}
  core::task<answer> receive(net::receiver&) override { co_return progress::ended; }
  answer write(core::bytes) override { return progress::blocked; }
  core::task<answer> drained() override {
    co_await never.async_wait(core::await);
    co_return core::error_code(asio::error::operation_aborted);
  }
  answer try_close() override { return progress::done; }
  void abort() noexcept override {}
  void reset() noexcept override { was_reset = true; }
  std::size_t unsent() const override { return waits; }
  std::size_t undelivered() override { return waits + on_its_way; }
  bool is_gone() override { return false; }

  core::timer never;
  std::size_t waits = 0, on_its_way = 0;
  bool was_reset = false;
};

struct one_word final : net::output_source {
  core::bytes output() override { return bytes_of(word); }
  void output_taken() override { word = {}; }
  void output_drained() override {}
  void output_failed(core::error_code) override {}
  std::string_view word = "word";
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_pump_moves_when_less_waits_and_not_when_more_does) {
  worker where;
  net::turn turn(where.io.get_executor());
  stuck stream(where);
  one_word source;
  net::output_pump pump(turn, where.tasks, stream, source);
  const auto owner = std::make_shared<int>();
  pump.keep = owner;
  stream.waits = 1000;
  pump.flush();
  BOOST_REQUIRE(pump.blocked());
  const auto begun = core::clock::now();
  stream.waits = 1030;  // what TLS had to answer
  BOOST_TEST((pump.last_progress(begun + 30s) <= begun));
  stream.waits = 1029;
  BOOST_TEST((pump.last_progress(begun + 40s) == begun + 40s));
  stream.waits = 900;
  stream.on_its_way = 129;  // the system has more of it, the peer has not
  BOOST_TEST((pump.last_progress(begun + 50s) == begun + 40s));
  stream.on_its_way = 128;
  BOOST_TEST((pump.last_progress(begun + 60s) == begun + 60s));
  where.end();
}

BOOST_AUTO_TEST_CASE(a_relay_moves_when_less_waits_and_not_when_more_does) {
  worker where;
  stuck client(where), backend(where);
  net::relay bytes(client, backend);
  const auto begun = core::clock::now();
  client.waits = 1000;
  bytes.sweep(begun, 60s, 0s);
  client.waits = 999;
  bytes.sweep(begun + 30s, 60s, 0s);
  client.waits = 1030;
  client.on_its_way = 5000;
  bytes.sweep(begun + 60s, 60s, 0s);
  BOOST_TEST(!client.was_reset);
  client.on_its_way = 4999;
  bytes.sweep(begun + 80s, 60s, 0s);
  client.waits = 1000;
  client.on_its_way = 5029;
  bytes.sweep(begun + 130s, 60s, 0s);
  BOOST_TEST(!client.was_reset);
  bytes.sweep(begun + 140s, 60s, 0s);
  BOOST_TEST(client.was_reset);
  BOOST_TEST(backend.was_reset);
  BOOST_TEST(bytes.cause() == "write_stalled");
}

BOOST_AUTO_TEST_CASE(a_relay_whose_side_takes_bytes_is_not_idle) {
  worker where;
  stuck client(where), backend(where);
  net::relay bytes(client, backend);
  const auto begun = core::clock::now();
  for (std::size_t i = 0; i < 5; ++i) {
    client.waits = 1000;
    client.on_its_way = 5000 - i;
    bytes.sweep(begun + i * 8s, 60s, 10s);
  }
  BOOST_TEST(!client.was_reset);
  bytes.sweep(begun + 41s, 60s, 10s);
  BOOST_TEST(!client.was_reset);
  bytes.sweep(begun + 43s, 60s, 10s);
  BOOST_TEST(client.was_reset);
  BOOST_TEST(bytes.cause() == "idle");
}
