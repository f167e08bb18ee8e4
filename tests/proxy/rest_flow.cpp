// Large bodies of REST: HTTP/1.1 has no windows, so a peer that does not read stops the other one through us, and nothing is lost
// (docs/passage.md 19 and 20).
#include "rest.hpp"

#include <future>
#include <thread>

namespace sallyport::proxy::testing {

BOOST_AUTO_TEST_SUITE(rest_flow)

BOOST_AUTO_TEST_CASE(two_megabytes_go_both_ways_whole) {
  rest_passage p;
  const auto body = pattern(2 * 1024 * 1024, 3);
  const question asked{"POST", "/v2/chunked", {{"authorization", bearer}}, body};
  for (const bool chunked : {false, true}) {
    auto client = p.client(8 * 1024);
    client.raw(on_the_wire(asked, chunked));
    const auto got = client.answer();
    BOOST_TEST(got.whole);
    BOOST_TEST((got.body == body));
    BOOST_TEST((p.rest.last().body == body));
  }
  auto two = p.on.client();
  const auto id = two.open(head_of(asked), false);
  BOOST_REQUIRE_EQUAL(two.upload(id, body, true), body.size());
  BOOST_TEST((two.finish(id).body == body));
  BOOST_TEST((p.rest.last().body == body));
}

BOOST_AUTO_TEST_CASE(a_client_that_does_not_read_stops_the_backend_and_gets_all_of_it_when_it_does) {
  for (const auto* path : {"/v2/large", "/v2/large-close"}) {
    rest_passage p;
    const auto all = [](const auto& seen) { return seen.size() == 1 && seen[0].sent > fake_http1::large_bytes / 2; };
    {
      auto client = p.client(8 * 1024);
      client.raw(on_the_wire({"GET", path}));
      BOOST_TEST(!p.rest.until(all, 500ms));
      const auto got = client.answer(false, 20s);
      BOOST_TEST(got.whole);
      BOOST_TEST((got.body == pattern(fake_http1::large_bytes)), path);
    }
    const auto all_of_second = [](const auto& seen) { return seen.size() == 2 && seen[1].sent > fake_http1::large_bytes / 2; };
    client_options slow;
    slow.credits = false;
    auto two = p.on.client(slow);
    const auto id = two.open(head_of({"GET", path}), true);
    BOOST_REQUIRE(two.until([&] { return two.at(id).data_bytes == 65'535; }));
    BOOST_TEST(!p.rest.until(all_of_second, 500ms));
    // Odd pieces: what was kept at the backend's end of the connection is not lost.
    while (!two.at(id).ended && !two.at(id).reset) {
      const auto before = two.at(id).data_bytes;
      for (const std::uint32_t piece : {1U, 32'767U, 32'767U}) two.credit(id, piece);
      if (!two.until([&] { return two.at(id).data_bytes > before || two.at(id).ended || two.at(id).reset; })) break;
    }
    BOOST_TEST(two.at(id).ended);
    BOOST_TEST((two.at(id).body == pattern(fake_http1::large_bytes)), path);
  }
}

// A client that sends all before it reads. The backend takes the body and answers in one turn of the worker: what that turn takes up of
// the body fits, and what it writes of the answer does not, so that no other event tells the reader to go on.
BOOST_AUTO_TEST_CASE(a_body_goes_on_while_the_client_does_not_take_its_answer) {
  rest_passage p;
  auto client = p.client(8 * 1024);
  const auto body = pattern(fake_http1::large_bytes + 4 * 1024 * 1024, 5);
  const auto text = on_the_wire({"POST", "/v2/duplex", {{"authorization", bearer}}, body});
  auto sends = std::async(std::launch::async, [&] { client.socket().write(text, 50s); });
  BOOST_REQUIRE(p.rest.until_count(1));
  BOOST_REQUIRE(client.narrow());
  pollfd at{client.socket().descriptor(), POLLOUT, 0};
  while (::poll(&at, 1, 300) > 0) std::this_thread::yield();
  {
    const passage::standstill still(p.on);
    const auto upstream = support::descriptor_towards(p.rest.port());
    p.rest.tell();
    BOOST_REQUIRE(support::comes_to(upstream, POLLOUT));
    BOOST_REQUIRE(p.rest.until([](const auto& all) { return all[0].sent >= 128 * 1024; }));
  }
  sends.get();
  const auto got = client.answer(false, 30s);
  BOOST_TEST((got.body == pattern(fake_http1::large_bytes)));
  BOOST_TEST(p.rest.until([](const auto& all) { return all[0].whole; }));
  BOOST_TEST((p.rest.last().body == body));
}

// The same in the other direction: a backend that takes nothing of the body before all of its answer is taken.
BOOST_AUTO_TEST_CASE(an_answer_goes_on_while_the_backend_does_not_take_the_body) {
  rest_passage p;
  auto client = p.client(8 * 1024);
  const auto body = pattern(512 * 1024, 5);
  const auto text = on_the_wire({"POST", "/v2/answer-first", {{"authorization", bearer}}, body});
  client.raw(text.substr(0, text.size() - body.size()));
  BOOST_REQUIRE(p.rest.until_count(1));
  BOOST_REQUIRE(support::narrow(support::descriptor_towards(p.rest.port())));
  for (std::size_t sent = 0; p.rest.until([&](const auto& all) { return all[0].sent > sent; }, 300ms);) sent = p.rest.last().sent;
  std::string begun;
  {
    const passage::standstill still(p.on);
    client.raw(body);
    BOOST_REQUIRE(support::comes_to(client.peer(), POLLIN));
    pollfd at{client.peer(), POLLOUT, 0};
    while (::poll(&at, 1, 0) == 0) BOOST_REQUIRE(client.socket().read(begun, steady::now() + 10s));
  }
  const auto whole = begun.find("\r\n\r\n") + 4 + fake_http1::large_bytes;
  while (begun.size() < whole) BOOST_REQUIRE(client.socket().read(begun, steady::now() + 10s));
  BOOST_TEST(begun.ends_with(pattern(fake_http1::large_bytes)));
}

BOOST_AUTO_TEST_CASE(a_backend_that_reads_no_body_stops_the_client) {
  rest_passage p;
  constexpr std::size_t much = 64 * 1024 * 1024;
  auto client = p.client();
  client.raw("POST /v2/deaf HTTP/1.1\r\nhost: x\r\nauthorization: " + bearer + "\r\ncontent-length: " + std::to_string(much) + "\r\n\r\n");
  const auto piece = pattern(65'536);
  std::size_t sent = 0;
  pollfd at{client.socket().descriptor(), POLLOUT, 0};
  while (sent < much && ::poll(&at, 1, 500) > 0) sent += client.socket().write_some(piece);
  BOOST_TEST(sent < much / 2);

  auto two = p.on.client();
  const auto id = two.open(head_of({"POST", "/v2/deaf"}), false);
  BOOST_TEST(two.upload(id, pattern(much / 4), true, 1s) < much / 4);
  // Another stream of the same connection is not held up by it.
  BOOST_TEST(two.call(head_of({"POST", "/v2/echo"}), "x").body == "x");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::proxy::testing
