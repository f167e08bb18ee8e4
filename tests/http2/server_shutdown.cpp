// How a connection ends, and what is remembered of streams that have (RFC 9113 5.1, 6.8; docs/passage.md 2 and 7).
#include "rooms.hpp"

namespace sallyport::http2::tests {
namespace {

BOOST_AUTO_TEST_SUITE(server_shutdown)

BOOST_AUTO_TEST_CASE(goaway_goes_in_two_steps) {
  fed_both_ways([](server_room& room) {
    room.open();
    room.feed(request(1, end_stream));
    room.session.begin_shutdown();
    room.session.begin_shutdown();
    BOOST_TEST(room.output() == "GOAWAY 2147483647 NO_ERROR | PING 1");
    BOOST_TEST(room.session.shutting_down());
    BOOST_TEST(room.session.shutdown_announced());
    // What was on its way until the PING's answer is served.
    room.feed(request(3, end_stream));
    BOOST_TEST(room.events() == "request 1 grpc end /s/m | request 3 grpc end /s/m");
    room.feed(ping(1, ack));
    BOOST_TEST(room.events() == "ping answered");
    room.session.finish_shutdown();
    room.session.finish_shutdown();
    BOOST_TEST(room.output() == "GOAWAY 3 NO_ERROR");
    BOOST_TEST(!room.session.shutdown_announced());
    BOOST_TEST(room.session.shutting_down());
    BOOST_TEST(!room.session.drained());
    room.head(1, refusal, true);
    room.output();
    BOOST_TEST(!room.session.drained());
    room.head(3, refusal, true);
    BOOST_TEST(!room.session.drained());  // its last words are not out
    room.output();
    BOOST_TEST(room.session.drained());
  });
}

// All connections say it in one turn, and what they own counts towards limits.buffers.
BOOST_AUTO_TEST_CASE(a_goaway_takes_no_more_than_a_page) {
  server_room room(feeding::whole);
  room.open();
  room.output();
  room.session.begin_shutdown();
  BOOST_TEST(room.session.output_memory() > 0U);
  BOOST_TEST(room.session.output_memory() <= 4096U);
}

BOOST_AUTO_TEST_CASE(requests_above_the_last_id_are_decoded_and_dropped_and_their_data_is_credited) {
  fed_both_ways([](server_room& room) {
    room.open();
    room.feed(request(1));
    room.session.begin_shutdown();
    room.session.finish_shutdown();
    room.events(), room.output();
    room.feed(headers(3, block(call()) + entered("x-late", "entry")));
    for (int i = 0; i < 4; ++i) room.feed(data(3, std::string(16'384, 'x')));
    room.feed(window_update(3, 9) + headers(3, list{{"x", "y"}}, end_stream));
    BOOST_TEST(room.events() == "");
    BOOST_TEST(room.output() == "WINDOW_UPDATE 0 32768 | WINDOW_UPDATE 0 32768");
    BOOST_TEST(room.session.open_streams() == 1u);
    // The trailers of the stream that goes on are decoded with the entry that the dropped block made; unknown, it would be
    // COMPRESSION_ERROR.
    room.feed(headers(1, indexed(first_dynamic), end_stream));
    BOOST_TEST(room.events() == "data 1 '' end");
    BOOST_TEST(!room.session.failed());
  });
}

BOOST_AUTO_TEST_CASE(the_last_id_is_never_raised_again) {
  fed_both_ways([](server_room& room) {
    room.open();
    room.feed(request(1));
    room.session.begin_shutdown();
    room.session.finish_shutdown();
    room.output();
    room.feed(request(7) + ping(1) + window_update(0, 0));
    BOOST_TEST(room.output() == "PING ack 1 | GOAWAY 1 PROTOCOL_ERROR");
    BOOST_TEST(room.events() == "request 1 grpc /s/m");
  });
}

BOOST_AUTO_TEST_CASE(an_end_of_our_own_says_why_once_and_hears_nothing_more) {
  fed_both_ways([](server_room& room) {
    room.open();
    room.feed(request(1));
    room.session.fail(code::no_error, "idle");
    room.session.fail(code::protocol_error, "another");
    BOOST_TEST((room.session.failure() == code::no_error));
    BOOST_TEST(room.session.failure_reason() == "idle");
    room.session.begin_shutdown();
    room.session.finish_shutdown();
    room.feed(request(3) + ping(1) + data(1, "x"));
    BOOST_TEST(room.output() == "GOAWAY 1 NO_ERROR");
    BOOST_TEST(room.events() == "request 1 grpc /s/m");
  });
}

BOOST_AUTO_TEST_CASE(late_frames_on_a_stream_that_we_reset_are_ignored_and_credited) {
  fed_both_ways([](server_room& room) {
    room.open();
    room.feed(request(1));
    room.session.reset(room.on(1), code::internal_error);
    BOOST_TEST(room.output() == "RST_STREAM 1 INTERNAL_ERROR");
    BOOST_TEST(room.events() == "request 1 grpc /s/m");  // its owner is not told
    room.feed(data(1, std::string(16'384, 'x')) + padded_data(1, std::string(16'000, 'x'), 255) + data(1, std::string(16'384, 'x')));
    BOOST_TEST(room.output() == "WINDOW_UPDATE 0 49024");
    room.feed(window_update(1, 0) + window_update(1, 0x7fffffff) + priority(1, 0) + rst(1) +
              headers(1, list{{":path", "twice"}}, end_stream));
    BOOST_TEST(room.output() == "");
    BOOST_TEST(room.events() == "");
    BOOST_TEST(!room.session.failed());
  });
}

BOOST_AUTO_TEST_CASE(the_last_1024_ids_are_remembered_and_what_is_forgotten_is_forgiven) {
  for (const bool one_more : {false, true}) {
    server_room room(feeding::whole);
    room.open();
    // Stream 1 is closed by its end: DATA on it is STREAM_CLOSED as long as it is known that we did not reset it.
    room.feed(request(1, end_stream));
    room.head(1, refusal, true);
    std::uint32_t id = 3;
    for (int i = 0; i < (one_more ? 1024 : 1023); ++i, id += 2) {
      room.feed(request(id));
      room.session.reset(room.on(id), code::cancel);
      room.session.output_taken();
    }
    room.feed(data(3, "x") + data(id - 2, "x") + request(3));
    BOOST_TEST(!room.session.failed());
    room.feed(data(1, "x"));
    BOOST_TEST(room.session.failed() == !one_more);
  }
}

BOOST_AUTO_TEST_CASE(each_open_stream_is_visited_once_and_may_be_ended_by_its_visitor) {
  server_room room(feeding::whole);
  room.open();
  for (std::uint32_t id = 1; id <= 255; id += 2) room.feed(request(id));
  BOOST_TEST(room.session.open_streams() == 128u);
  std::vector<std::uint32_t> seen;
  room.session.for_each_stream([&](stream& s) {
    seen.push_back(s.id);
    room.session.reset(s, code::cancel);
  });
  std::sort(seen.begin(), seen.end());
  BOOST_REQUIRE(seen.size() == 128u);
  for (std::uint32_t i = 0; i < 128; ++i) BOOST_TEST(seen[i] == 2 * i + 1);
  BOOST_TEST(room.session.open_streams() == 0u);
}

BOOST_AUTO_TEST_CASE(a_stream_that_is_used_again_remembers_nothing_of_the_one_before) {
  server_room room(feeding::whole);
  room.open(settings({{initial_window_size, 10}}));
  room.feed(request(1, no_flags, {{"content-length", "100"}}) + data(1, std::string(50, 'x')));
  room.head(1);
  room.send(1, std::string(30, 'x'));
  room.trailers(1);
  room.session.stop_request(room.on(1), server_session::stop::at_once);
  room.session.reset(room.on(1), code::cancel);
  room.feed(request(3) + data(3, std::string(60, 'x')));
  const auto& s = room.on(3);
  BOOST_TEST(s.send_window == 10);
  BOOST_TEST(s.receive_window == 65'535 - 60);
  BOOST_TEST(s.content_length == -1);
  BOOST_TEST(s.uncredited == 0u);
  BOOST_TEST(!s.waiting);
  BOOST_TEST(!s.trailers);
  BOOST_TEST(!s.reset_waits);
  BOOST_TEST(!s.local_ended);
  room.output();
  room.head(3);
  room.send(3, "hello", true);
  room.feed(data_end(3));
  BOOST_TEST(room.output() == "HEADERS 3 :status=200 content-type=application/grpc | DATA 3 5 end");
  BOOST_TEST(room.session.open_streams() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::http2::tests
