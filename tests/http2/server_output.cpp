// What leaves, when, and in which order: windows, turns, the mark, trailers behind their DATA (RFC 9113 6.9; docs/passage.md 20 to 22).
#include "rooms.hpp"

namespace sallyport::http2::tests {
namespace {

using namespace std::chrono_literals;

std::string text(std::size_t size) { return std::string(size, 'x'); }

const auto no_window = settings({{initial_window_size, 0}});
// As grpc-core opens: 2^31-1 everywhere.
const auto wide = settings({{initial_window_size, 0x7fffffff}}) + window_update(0, 0x7fffffff - 65'535);

// Streams that have been asked on and have their response's head.
void answer(server_room& room, std::initializer_list<std::uint32_t> ids) {
  for (const auto id : ids) {
    room.feed(request(id, end_stream));
    room.head(id);
  }
  room.output(), room.events();
}

BOOST_AUTO_TEST_SUITE(server_output)

BOOST_AUTO_TEST_CASE(an_answer_is_head_data_and_trailers) {
  fed_both_ways([](server_room& room) {
    room.open();
    room.feed(request(1, end_stream));
    BOOST_TEST(!room.session.has_output());
    room.head(1);
    BOOST_TEST(room.session.send_data(room.on(1), bytes_of("hello"), false) == 5u);
    room.trailers(1);
    BOOST_TEST(room.session.has_output());
    BOOST_TEST(room.session.open_streams() == 0u);
    BOOST_TEST(room.output() == "HEADERS 1 :status=200 content-type=application/grpc | DATA 1 5 | HEADERS 1 grpc-status=0 end");
    BOOST_TEST(!room.session.has_output());
    BOOST_TEST(room.events() == "request 1 grpc end /s/m");  // nothing waited: nothing is told to be sent
  });
}

BOOST_AUTO_TEST_CASE(data_waits_for_the_stream_window_and_flows_when_it_opens) {
  fed_both_ways([](server_room& room) {
    room.open(no_window);
    answer(room, {1});
    BOOST_TEST(room.session.send_data(room.on(1), bytes_of("hello world"), true) == 0u);
    BOOST_TEST(!room.session.has_output());
    BOOST_TEST(room.output() == "");
    room.feed(window_update(1, 5));
    BOOST_TEST(room.session.has_output());
    BOOST_TEST(room.output() == "DATA 1 5");
    BOOST_TEST(room.events() == "sent 1 5");
    room.feed(settings({{initial_window_size, 100}}));
    BOOST_TEST(room.output() == "SETTINGS ack | DATA 1 6 end");
    BOOST_TEST(room.events() == "sent 1 6");
    BOOST_TEST(room.session.open_streams() == 0u);
  });
}

BOOST_AUTO_TEST_CASE(an_end_without_data_needs_no_window) {
  fed_both_ways([](server_room& room) {
    room.open(no_window);
    answer(room, {1, 3, 5});
    room.send(1, "", true);
    room.trailers(3);
    BOOST_TEST(room.output() == "DATA 1 0 end | HEADERS 3 grpc-status=0 end");
    // Nor does one while others stand in line.
    room.feed(window_update(0, 1));
    BOOST_TEST(room.session.open_streams() == 1u);
    room.send(5, "", true);
    BOOST_TEST(room.output() == "DATA 5 0 end");
    BOOST_TEST(room.session.open_streams() == 0u);
  });
}

BOOST_AUTO_TEST_CASE(a_window_may_become_negative_and_has_to_be_paid_back) {
  fed_both_ways([](server_room& room) {
    room.open(settings({{initial_window_size, 100}}));
    answer(room, {1});
    BOOST_TEST(room.session.send_data(room.on(1), bytes_of(text(103)), false) == 100u);
    BOOST_TEST(room.output() == "DATA 1 100");
    room.feed(settings({{initial_window_size, 0}}));
    BOOST_TEST(room.on(1).send_window == -100);
    BOOST_TEST(room.output() == "SETTINGS ack");
    room.feed(window_update(1, 100));
    BOOST_TEST(room.output() == "");
    room.feed(window_update(1, 1));
    BOOST_TEST(room.output() == "DATA 1 1");
    BOOST_TEST(room.events() == "sent 1 1");
  });
}

BOOST_AUTO_TEST_CASE(what_entered_at_once_and_what_was_sent_later_are_the_whole) {
  fed_both_ways([](server_room& room) {
    room.open(settings({{initial_window_size, 1000}}));
    answer(room, {1});
    std::size_t sent = 0;
    room.when_sent = [&sent](stream&, std::size_t n) { sent += n; };
    const auto taken =
        room.session.send_data(room.on(1), bytes_of(text(5000)), false) + room.session.send_data(room.on(1), bytes_of(text(500)), false);
    BOOST_TEST(taken == 1000u);
    for (int i = 0; i < 9; ++i) {
      BOOST_TEST(sent == std::size_t{500} * static_cast<std::size_t>(i));
      room.feed(window_update(1, 500));
      room.output();
    }
    BOOST_TEST(taken + sent == 5500u);
    BOOST_TEST(room.find(1) != nullptr);
  });
}

BOOST_AUTO_TEST_CASE(streams_take_turns_in_frames_of_16_kib) {
  fed_both_ways([](server_room& room) {
    room.open(no_window);
    answer(room, {1, 3, 5});
    room.send(1, text(40'000), true);
    room.send(3, text(20'000), true);
    room.send(5, text(100), true);
    room.feed(settings({{initial_window_size, 50'000}}));
    BOOST_TEST(room.output().starts_with("SETTINGS ack | DATA "));
    BOOST_TEST(room.session.open_streams() == 0u);
  });
  fed_both_ways([](server_room& room) {
    room.open(no_window);
    answer(room, {1, 3, 5});
    room.send(1, text(40'000), true);
    room.send(3, text(20'000), true);
    room.send(5, text(100), true);
    room.feed(window_update(1, 50'000) + window_update(3, 50'000) + window_update(5, 50'000));
    BOOST_TEST(room.output() == "DATA 1 16384 | DATA 3 16384 | DATA 5 100 end | DATA 1 16384 | DATA 3 3616 end | DATA 1 7232 end");
    BOOST_TEST(room.events() == "sent 1 16384 | sent 3 16384 | sent 5 100 | sent 1 16384 | sent 3 3616 | sent 1 7232");
  });
}

BOOST_AUTO_TEST_CASE(the_connection_window_is_shared_in_turns) {
  fed_both_ways([](server_room& room) {
    room.open();
    answer(room, {1, 3});
    BOOST_TEST(room.session.send_data(room.on(1), bytes_of(text(60'000)), false) == 60'000u);
    BOOST_TEST(room.session.send_data(room.on(3), bytes_of(text(30'000)), true) == 5535u);
    BOOST_TEST(room.session.send_data(room.on(1), bytes_of(text(5000)), true) == 0u);
    BOOST_TEST(room.output() == "DATA 1 16384 | DATA 1 16384 | DATA 1 16384 | DATA 1 10848 | DATA 3 5535");
    BOOST_TEST(!room.session.has_output());
    room.feed(window_update(0, 20'000));
    BOOST_TEST(room.output() == "DATA 3 16384 | DATA 1 3616");
    room.feed(window_update(0, 20'000));
    BOOST_TEST(room.output() == "DATA 3 8081 end | DATA 1 1384 end");
  });
}

BOOST_AUTO_TEST_CASE(nobody_overtakes_those_who_stand_in_line) {
  fed_both_ways([](server_room& room) {
    room.open(settings({{initial_window_size, 100'000}}));
    answer(room, {1, 3});
    room.send(1, text(65'535 + 10));
    room.output();
    room.feed(window_update(0, 12));
    BOOST_TEST(room.session.send_data(room.on(3), bytes_of("later"), true) == 0u);
    BOOST_TEST(room.output() == "DATA 1 10 | DATA 3 2");
    room.feed(window_update(0, 5));
    BOOST_TEST(room.output() == "DATA 3 3 end");
    BOOST_TEST(room.events() == "sent 1 10 | sent 3 5");
  });
}

BOOST_AUTO_TEST_CASE(trailers_follow_the_data_of_their_stream) {
  fed_both_ways([](server_room& room) {
    room.open(no_window);
    answer(room, {1, 3});
    room.send(1, "hello");
    room.trailers(1);
    room.send(3, "world");
    room.trailers(3, {{"grpc-status", "14"}, {"grpc-message", "gone"}});
    BOOST_TEST(room.output() == "");
    BOOST_TEST(room.session.open_streams() == 2u);
    room.feed(window_update(3, 100) + window_update(1, 4));
    BOOST_TEST(room.output() == "DATA 3 5 | HEADERS 3 grpc-status=14 grpc-message=gone end | DATA 1 4");
    room.feed(window_update(1, 1));
    BOOST_TEST(room.output() == "DATA 1 1 | HEADERS 1 grpc-status=0 end");
    BOOST_TEST(room.session.open_streams() == 0u);
  });
}

BOOST_AUTO_TEST_CASE(heads_and_acknowledgements_do_not_wait_for_windows) {
  fed_both_ways([](server_room& room) {
    room.open(no_window);
    answer(room, {1});
    room.send(1, text(1000));
    room.feed(request(3, end_stream) + ping(4));
    room.head(3, refusal, true);
    BOOST_TEST(room.output() == "PING ack 4 | HEADERS 3 :status=200 content-type=application/grpc grpc-status=16 end");
  });
}

BOOST_AUTO_TEST_CASE(data_enters_the_output_below_the_mark_only) {
  server_room room(feeding::whole);
  room.open(wide.substr(0, 15));
  room.feed(wide.substr(15));
  answer(room, {1, 3});
  const auto taken = room.session.send_data(room.on(1), bytes_of(text(1 << 20)), true);
  BOOST_TEST(taken == 16u * 16'384u);
  BOOST_TEST(room.session.output_bytes() >= session::output_mark_bytes);
  BOOST_TEST(room.session.output_bytes() < session::output_mark_bytes + frame_max_bytes + frame_header_bytes);
  BOOST_TEST(room.session.send_data(room.on(3), bytes_of("hello"), true) == 0u);
  std::size_t flushes = 0, frames = 0;
  while (room.session.has_output()) {
    const auto lines = room.output_lines();
    BOOST_REQUIRE(!lines.empty());
    frames += lines.size();
    ++flushes;
  }
  BOOST_TEST(flushes == 4u);
  BOOST_TEST(frames == 64u + 1u);
  BOOST_TEST(room.session.open_streams() == 0u);
  BOOST_TEST(!room.session.control_is_high());
}

BOOST_AUTO_TEST_CASE(control_is_high_above_64_kib_of_what_has_no_window) {
  limits within;
  within.settings = 100'000;
  server_room room(feeding::whole, within);
  room.open();
  answer(room, {1});
  room.send(1, text(65'535));
  BOOST_TEST(!room.session.control_is_high());  // DATA has its windows
  room.output();
  for (std::size_t i = 0; i < session::control_mark_bytes / 9; ++i) room.feed(settings());
  BOOST_TEST(!room.session.control_is_high());
  room.feed(settings());
  BOOST_TEST(room.session.control_is_high());
  room.output();
  BOOST_TEST(!room.session.control_is_high());

  // Heads count as well, and so do trailers, those that had to wait included.
  for (std::uint32_t id = 3; !room.session.control_is_high() && id < 20'000; id += 2) {
    room.feed(request(id, end_stream));
    room.head(id, {{":status", "200"}, {"x", text(1000)}}, true);
  }
  BOOST_TEST(room.session.output_bytes() > session::control_mark_bytes);
  BOOST_TEST(room.session.output_bytes() < session::control_mark_bytes + 2000u);
}

BOOST_AUTO_TEST_CASE(a_long_head_is_split_into_frames_that_every_client_takes) {
  for (const std::size_t size : {16'300u, 16'384u, 20'000u, 60'000u}) {
    server_room room(feeding::whole);
    room.open();
    room.feed(request(1, end_stream));
    room.head(1, {{":status", "200"}, {"x", text(size)}}, true);
    // The reader wants whole frames of 16 KiB at most, CONTINUATION next to their HEADERS, and a block that decodes.
    BOOST_TEST(room.output() == "HEADERS 1 :status=200 x=" + std::to_string(size) + " bytes end");
    BOOST_TEST(room.session.open_streams() == 0u);
  }
}

BOOST_AUTO_TEST_CASE(of_a_stream_that_is_reset_nothing_more_is_written) {
  for (const bool by_peer : {false, true}) {
    fed_both_ways([by_peer](server_room& room) {
      room.open(no_window);
      answer(room, {1, 3, 5});
      for (const auto id : {1u, 3u, 5u}) {
        room.send(id, text(100));
        room.trailers(id);
        room.feed(window_update(id, 200));
      }
      if (by_peer)
        room.feed(rst(3));
      else
        room.session.reset(room.on(3), code::internal_error);
      const std::string others = "DATA 1 100 | HEADERS 1 grpc-status=0 end | DATA 5 100 | HEADERS 5 grpc-status=0 end";
      BOOST_TEST(room.output() == (by_peer ? others : "RST_STREAM 3 INTERNAL_ERROR | " + others));
      BOOST_TEST(room.events() == (by_peer ? "closed 3 CANCEL by peer | sent 1 100 | sent 5 100" : "sent 1 100 | sent 5 100"));
      BOOST_TEST(room.session.open_streams() == 0u);
    });
  }
}

BOOST_AUTO_TEST_CASE(the_line_is_right_whoever_leaves_it) {
  for (const std::uint32_t leaves : {1u, 3u, 5u}) {
    server_room room(feeding::whole);
    room.open(no_window);
    answer(room, {1, 3, 5, 7});
    for (const auto id : {1u, 3u, 5u}) {
      room.send(id, "abc", true);
      room.feed(window_update(id, 200));
    }
    room.session.reset(room.on(leaves), code::cancel);
    room.send(7, "abc", true);
    room.feed(window_update(7, 200));
    auto wanted = "RST_STREAM " + std::to_string(leaves) + " CANCEL";
    for (const auto id : {1u, 3u, 5u, 7u})
      if (id != leaves) wanted += " | DATA " + std::to_string(id) + " 3 end";
    BOOST_TEST(room.output() == wanted);
  }
}

BOOST_AUTO_TEST_CASE(an_answer_before_the_request_is_whole_ends_with_a_reset_behind_it) {
  fed_both_ways([](server_room& room) {
    room.open(no_window);
    room.feed(request(1));
    room.head(1);
    room.send(1, "hello");
    room.on(1).owner = nullptr;
    room.trailers(1);
    room.session.stop_request(room.on(1), server_session::stop::at_once);
    BOOST_TEST(room.output() == "HEADERS 1 :status=200 content-type=application/grpc");
    room.feed(data(1, "still coming"));
    BOOST_TEST(room.events() == "request 1 grpc /s/m");
    room.feed(window_update(1, 5));
    BOOST_TEST(room.output() == "DATA 1 5 | HEADERS 1 grpc-status=0 end | RST_STREAM 1 NO_ERROR");
    room.feed(data_end(1, "late"));
    BOOST_TEST(room.output() == "");
    BOOST_TEST(!room.session.failed());
  });
}

BOOST_AUTO_TEST_CASE(a_gentle_reset_never_leaves_with_the_answer) {
  const auto answered = [](server_room& room) {
    room.open();
    room.feed(request(1));
    room.on(1).owner = nullptr;
    room.head(1, refusal, true);
    room.session.stop_request(room.on(1), server_session::stop::gently);
  };
  const std::string answer = "HEADERS 1 :status=200 content-type=application/grpc grpc-status=16 end";
  // With the next DATA after it has left, not with what came before.
  fed_both_ways([&](server_room& room) {
    answered(room);
    room.feed(data(1, "came at once"));
    BOOST_TEST(room.output() == answer);
    room.later(99ms);
    room.feed(data(1, "was on its way"));
    BOOST_TEST(room.output() == "");
    room.later(1ms);
    room.feed(data(1, "goes on"));
    BOOST_TEST(room.output() == "RST_STREAM 1 NO_ERROR");
    room.feed(data_end(1, "late"));
    BOOST_TEST(room.output() == "");
    BOOST_TEST(!room.session.failed());
  });
  // A client that sends nothing more is stopped by the clock.
  fed_both_ways([&](server_room& room) {
    answered(room);
    room.later(200ms);
    room.session.sweep(room.now);
    BOOST_TEST(room.output() == answer);
    room.session.sweep(room.now);
    BOOST_TEST(room.output() == "RST_STREAM 1 NO_ERROR");
  });
  fed_both_ways([&](server_room& room) {
    answered(room);
    BOOST_TEST(room.output() == answer);
    room.later(99ms);
    room.session.sweep(room.now);
    BOOST_TEST(room.output() == "");
  });
  // One that ends its request is not stopped.
  fed_both_ways([&](server_room& room) {
    answered(room);
    BOOST_TEST(room.output() == answer);
    room.feed(data_end(1, "the rest"));
    BOOST_TEST(room.output() == "");
    BOOST_TEST(room.session.open_streams() == 0u);
  });
}

BOOST_AUTO_TEST_CASE(a_gentle_reset_waits_for_an_answer_that_waits_for_its_window) {
  fed_both_ways([](server_room& room) {
    room.open(no_window);
    room.feed(request(1));
    room.head(1);
    room.on(1).owner = nullptr;
    room.send(1, "hello", true);
    room.session.stop_request(room.on(1), server_session::stop::gently);
    room.output();
    room.feed(data(1, "goes on") + window_update(1, 5));
    BOOST_TEST(room.output() == "DATA 1 5 end");
    room.later(100ms);
    room.feed(data(1, "and on"));
    BOOST_TEST(room.output() == "RST_STREAM 1 NO_ERROR");
  });
}

BOOST_AUTO_TEST_CASE(no_reset_follows_when_the_request_became_whole_meanwhile) {
  fed_both_ways([](server_room& room) {
    room.open(no_window);
    room.feed(request(1));
    room.head(1);
    room.on(1).owner = nullptr;
    room.send(1, "hello", true);
    room.session.stop_request(room.on(1), server_session::stop::at_once);
    room.feed(data_end(1, "the rest") + window_update(1, 5));
    BOOST_TEST(room.output() == "HEADERS 1 :status=200 content-type=application/grpc | DATA 1 5 end");
    BOOST_TEST(room.session.open_streams() == 0u);
  });
}

BOOST_AUTO_TEST_CASE(an_owner_may_add_to_its_stream_when_it_is_told_that_all_was_sent) {
  fed_both_ways([](server_room& room) {
    room.open(no_window);
    answer(room, {1});
    room.send(1, "first");
    room.when_sent = [&room](stream& s, std::size_t) {
      room.when_sent = nullptr;
      room.session.send_data(s, bytes_of("second"), true);
    };
    room.feed(window_update(1, 5));
    BOOST_TEST(room.output() == "DATA 1 5");
    room.feed(window_update(1, 6));
    BOOST_TEST(room.output() == "DATA 1 6 end");
    BOOST_TEST(room.session.open_streams() == 0u);
  });
}

BOOST_AUTO_TEST_CASE(our_ping_is_answered_by_its_own_bytes) {
  fed_both_ways([](server_room& room) {
    room.open();
    room.session.ping();
    BOOST_TEST(room.output() == "PING 1");
    room.feed(ping(2, ack));
    BOOST_TEST(room.session.ping_outstanding());
    room.feed(ping(1, ack) + ping(1, ack));
    BOOST_TEST(!room.session.ping_outstanding());
    BOOST_TEST(room.events() == "ping answered");
    room.session.ping();
    room.feed(ping(1, ack));
    BOOST_TEST(room.events() == "");
    room.feed(ping(2, ack));
    BOOST_TEST(room.events() == "ping answered");
  });
}

BOOST_AUTO_TEST_CASE(the_time_of_the_last_frame_is_that_of_any_kind) {
  server_room room(feeding::whole);
  room.open();
  const auto before = room.session.last_frame();
  room.later(std::chrono::seconds(3));
  room.feed("");
  BOOST_TEST((room.session.last_frame() == before));
  room.feed(raw(0x99, 0, 0));
  BOOST_TEST((room.session.last_frame() == before + std::chrono::seconds(3)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::http2::tests
