// Clients that cost by what they leave undone: answers that are not read, SETTINGS that are not acknowledged, a body that does not come.
#include "rest.hpp"

#include <poll.h>

namespace sallyport::proxy::testing {

BOOST_AUTO_TEST_SUITE(slow_clients)

// No window holds back the head of a refusal, so reading stops (docs/passage.md 21).
BOOST_AUTO_TEST_CASE(a_client_that_reads_no_answers_is_not_read_from) {
  passage on;
  support::wire socket(support::wire::dial(on.port(), 4096));
  socket.write(std::string(h2::preface) + h2::make_settings({}) + h2::make(h2::settings, h2::ack, 0));
  constexpr std::size_t much = 32 * 1024 * 1024;  // far above what the kernel keeps of both directions
  pollfd at{socket.descriptor(), POLLOUT, 0};
  std::string piece;
  std::size_t sent = 0;
  for (std::uint32_t id = 1; sent < much && ::poll(&at, 1, 1000) > 0;) {
    for (; piece.size() < 64 * 1024; id += 2) piece += h2::make_head(id, request(path_of("Echo"), {}), true);
    const auto taken = socket.write_some(piece);
    piece.erase(0, taken);
    sent += taken;
  }
  BOOST_TEST(sent < much);
  BOOST_TEST(on.backend.saw_nothing());
}

// A socket takes nothing more until a third of its buffer is free, and that may be megabytes: what counts is what the client takes.
BOOST_AUTO_TEST_CASE(a_client_that_takes_a_little_all_the_time_gets_all) {
  passage::options chosen;
  chosen.write_stall = 1s;
  rest_passage p(chosen);
  auto client = p.client();
  client.raw(on_the_wire(to("/v2/large", "GET")));
  std::string got;
  for (int i = 0; i < 80; ++i) {
    std::this_thread::sleep_for(50ms);  // its pace
    char some[32 * 1024];
    const auto n = ::recv(client.socket().descriptor(), some, sizeof some, 0);
    if (n > 0) got.append(some, static_cast<std::size_t>(n));
  }
  BOOST_TEST(got.size() > 100'000U);
  const auto size = got.find("\r\n\r\n") + 4 + fake_http1::large_bytes;
  while (got.size() < size && client.socket().read(got, steady::now() + 5s)) {
  }
  BOOST_TEST((got.size() == size));
}

// Nothing else may come on the connection meanwhile (RFC 9113 4.3), so nothing would ever end it.
BOOST_AUTO_TEST_CASE(a_header_block_or_a_frame_that_never_ends_ends_the_connection) {
  passage::options chosen;
  chosen.http1_head = 500ms;
  passage on(chosen);
  auto block = on.client(), piece = on.client(), patient = on.client();
  for (auto* const client : {&block, &piece, &patient}) BOOST_TEST(client->call(request(path_of("Echo"), {})).status() == "16");
  const auto open = patient.open(request(path_of("Hang")), false);
  BOOST_REQUIRE(on.backend.until_count(1));
  block.raw(h2::make(h2::head, h2::end_stream, 3, "\x83"));
  piece.raw(h2::make_head(3, request(path_of("Echo")), true).substr(0, 20));
  for (auto* const client : {&block, &piece}) {
    BOOST_TEST(client->closed_by_peer(5s));
    BOOST_REQUIRE_EQUAL(client->farewells().size(), 1U);
    BOOST_TEST(client->farewells()[0].code == h2::no_error);
  }
  BOOST_TEST(on.log_has("cause=head_timed_out"));
  patient.settle();
  BOOST_TEST(!patient.at(open).ended);
  BOOST_TEST(on.backend.requests().size() == 1U);
}

// The two clocks that have no setting, side by side.
BOOST_AUTO_TEST_CASE(unacknowledged_settings_and_a_body_that_does_not_come_have_ten_seconds) {
  rest_passage p;
  support::wire silent(support::wire::dial(p.on.port()));
  silent.write(std::string(h2::preface) + h2::make_settings({}));
  auto slow = p.client();
  slow.raw("POST /v2/echo HTTP/1.1\r\nhost: x\r\nauthorization: " + bearer + "\r\ncontent-length: 5\r\n\r\nhe");
  BOOST_REQUIRE(p.rest.until_count(1));
  // Nobody has told this one to go on, and it has; the other one waits for that.
  auto unasked = p.client(), patient = p.client();
  const auto expecting =
      "POST /v2/echo HTTP/1.1\r\nhost: x\r\nauthorization: " + bearer + "\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
  unasked.raw(expecting + "he");
  BOOST_REQUIRE(p.rest.until_count(2));
  patient.raw(expecting);
  BOOST_REQUIRE(p.rest.until_count(3));
  // The same by HTTP/2.
  auto of_http2 = p.on.client();
  question asked = to("/v2/echo");
  asked.fields.insert(asked.fields.end(), {{"expect", "100-continue"}, {"content-length", "5"}});
  const auto waiting = of_http2.open(head_of(asked), false);
  of_http2.settle();  // has acknowledged the SETTINGS
  BOOST_REQUIRE(p.rest.until_count(4));
  const auto begun = steady::now();
  const auto said = silent.read_all(13s);
  BOOST_TEST((steady::now() - begun > 9s));
  constexpr std::uint32_t settings_timeout = 4;  // RFC 9113 7
  BOOST_TEST(said.ends_with(h2::big_endian(settings_timeout, 4) + "SETTINGS not acknowledged"));
  BOOST_TEST(p.on.log_has("cause=settings_timeout"));
  BOOST_TEST(slow.ended(5s));
  BOOST_TEST(p.on.log_has("cause=body_too_slow"));
  BOOST_TEST(unasked.ended(5s));
  BOOST_TEST(p.rest.until_gone(1));
  BOOST_TEST(!p.rest.requests()[2].gone);
  patient.raw("hello");
  BOOST_TEST(patient.answer().body == "hello");
  BOOST_TEST(!p.rest.requests()[3].gone);
  of_http2.settle();
  BOOST_TEST(!of_http2.at(waiting).ended);
  of_http2.data(waiting, "hello", true);
  BOOST_TEST(of_http2.finish(waiting).body == "hello");
  BOOST_TEST(p.rest.until_gone(0));
  BOOST_TEST(!p.rest.requests()[0].whole);
  BOOST_TEST(p.on.backend.saw_nothing());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::proxy::testing
