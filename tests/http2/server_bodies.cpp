// Request bodies: what content-length promises, trailers, padding, and what credit goes back when (RFC 9113 8.1.1, 6.9;
// docs/passage.md 4, 20).
#include "rooms.hpp"

namespace sallyport::http2::tests {
namespace {

std::string sized(std::uint32_t id, const std::string& length, unsigned flags = no_flags) {
  return request(id, flags, {{"content-length", length}});
}

struct row {
  std::string_view name;
  std::string input;
  std::string_view events, output = "";
};

void check(const std::vector<row>& rows) {
  for (const auto& r : rows) {
    BOOST_TEST_CONTEXT(r.name) {
      fed_both_ways([&r](server_room& room) {
        room.open();
        room.feed(r.input);
        BOOST_TEST(room.events() == r.events);
        BOOST_TEST(room.output() == r.output);
        BOOST_TEST(!room.session.failed());
      });
    }
  }
}

constexpr std::string_view reset = "RST_STREAM 1 PROTOCOL_ERROR";

BOOST_AUTO_TEST_SUITE(server_bodies)

BOOST_AUTO_TEST_CASE(content_length_is_counted_and_a_frame_that_breaks_it_is_not_passed) {
  check({
      {"exact", sized(1, "5") + data(1, "abc") + data_end(1, "de"), "request 1 grpc /s/m | data 1 'abcde' end"},
      {"exact, with padding", sized(1, "5") + padded_data(1, "abc", 7) + padded_data(1, "de", 3, end_stream),
       "request 1 grpc /s/m | data 1 'abcde' end"},
      {"exact, and an empty end", sized(1, "5") + data(1, "abcde") + data_end(1), "request 1 grpc /s/m | data 1 'abcde' end"},
      {"of 0", sized(1, "0") + data_end(1), "request 1 grpc /s/m | data 1 '' end"},
      {"of 0 in the head alone", sized(1, "0", end_stream), "request 1 grpc end /s/m"},
      {"excess in the first frame", sized(1, "5") + data(1, "abcdef"), "request 1 grpc /s/m | closed 1 PROTOCOL_ERROR by us", reset},
      {"excess in a later frame", sized(1, "5") + data(1, "abc") + data_end(1, "def"),
       "request 1 grpc /s/m | data 1 'abc' | closed 1 PROTOCOL_ERROR by us", reset},
      {"excess of one byte after all", sized(1, "5") + data(1, "abcde") + data(1, "f"),
       "request 1 grpc /s/m | data 1 'abcde' | closed 1 PROTOCOL_ERROR by us", reset},
      {"excess behind padding", sized(1, "5") + padded_data(1, "abcdef", 9), "request 1 grpc /s/m | closed 1 PROTOCOL_ERROR by us", reset},
      {"short by DATA", sized(1, "5") + data(1, "abc") + data_end(1, "d"),
       "request 1 grpc /s/m | data 1 'abc' | closed 1 PROTOCOL_ERROR by us", reset},
      {"short by an empty end", sized(1, "5") + data_end(1), "request 1 grpc /s/m | closed 1 PROTOCOL_ERROR by us", reset},
      {"short by trailers", sized(1, "5") + data(1, "abc") + headers(1, list{{"x", "y"}}, end_stream),
       "request 1 grpc /s/m | data 1 'abc' | closed 1 PROTOCOL_ERROR by us", reset},
      {"short by the head", sized(1, "5", end_stream), "", reset},
      {"the rest of a body that was too long is ignored", sized(1, "1") + data(1, "abc") + data_end(1, "def") + request(3, end_stream),
       "request 1 grpc /s/m | closed 1 PROTOCOL_ERROR by us | request 3 grpc end /s/m", reset},
  });
}

BOOST_AUTO_TEST_CASE(of_trailers_only_the_end_is_passed_on_and_once) {
  const auto begun = request(1);
  check({
      {"after DATA", begun + data(1, "abc") + headers(1, list{{"x-checksum", "1"}}, end_stream), "request 1 grpc /s/m | data 1 'abc' end"},
      {"without DATA", begun + headers(1, list{{"x-checksum", "1"}}, end_stream), "request 1 grpc /s/m | data 1 '' end"},
      {"with no field", begun + headers(1, list{}, end_stream), "request 1 grpc /s/m | data 1 '' end"},
      {"with content-length fulfilled", sized(1, "3") + data(1, "abc") + headers(1, list{{"x", "y"}}, end_stream),
       "request 1 grpc /s/m | data 1 'abc' end"},
  });
}

BOOST_AUTO_TEST_CASE(trailers_that_are_none_reset_the_stream) {
  const auto begun = request(1) + data(1, "abc");
  constexpr std::string_view told = "request 1 grpc /s/m | data 1 'abc' | closed 1 PROTOCOL_ERROR by us";
  list many;
  for (int i = 0; i < 129; ++i) many.push_back({"x", "y"});
  check({
      {"without END_STREAM", begun + headers(1, list{{"x", "y"}}), told, reset},
      {"a pseudo-header field", begun + headers(1, list{{":path", "/other"}}, end_stream), told, reset},
      {"a credential after the judgement", begun + headers(1, list{{"authorization", "cm9vdA=="}}, end_stream), told, reset},
      {"a connection field", begun + headers(1, list{{"connection", "close"}}, end_stream), told, reset},
      {"an upper-case name", begun + headers(1, list{{"X", "y"}}, end_stream), told, reset},
      {"a value with CR", begun + headers(1, list{{"x", "a\rb"}}, end_stream), told, reset},
      {"too many", begun + headers(1, many, end_stream), told, reset},
  });
  check({{"after the end", request(1, end_stream) + headers(1, list{{"x", "y"}}, end_stream),
          "request 1 grpc end /s/m | closed 1 STREAM_CLOSED by us", "RST_STREAM 1 STREAM_CLOSED"}});
}

BOOST_AUTO_TEST_CASE(connection_credit_goes_back_at_once_and_stream_credit_when_it_is_given) {
  fed_both_ways([](server_room& room) {
    room.open();
    const auto full = data(1, std::string(16'384, 'x')) + data(1, std::string(16'384, 'x')) + data(1, std::string(16'384, 'x')) +
                      data(1, std::string(16'383, 'x'));
    auto other = full;
    for (std::size_t at = 0; at < other.size(); at += 16'384 + frame_header_bytes) other[at + 8] = 3;
    room.feed(request(1) + request(3) + full);
    // Two halves of the connection's window; nothing for the stream, whose bytes nobody has passed on.
    BOOST_TEST(room.output() == "WINDOW_UPDATE 0 32768 | WINDOW_UPDATE 0 32767");
    BOOST_TEST(room.events() == "request 1 grpc /s/m | request 3 grpc /s/m | data 1 65535 bytes");
    // A stream that waits for the backend does not starve the others.
    room.feed(other);
    BOOST_TEST(room.output() == "WINDOW_UPDATE 0 32768 | WINDOW_UPDATE 0 32767");
    BOOST_TEST(room.events() == "data 3 65535 bytes");
    room.session.credit(room.on(1), 32'766);
    BOOST_TEST(room.output() == "");
    room.session.credit(room.on(1), 1);
    BOOST_TEST(room.output() == "WINDOW_UPDATE 1 32767");
    room.session.credit(room.on(1), 32'768);
    BOOST_TEST(room.output() == "WINDOW_UPDATE 1 32768");
    // Its own window is what stops it: the one that got no credit is over it with one byte more.
    room.feed(data(1, "x") + data(3, "x"));
    BOOST_TEST(room.output() == "RST_STREAM 3 FLOW_CONTROL_ERROR");
    BOOST_TEST(room.events() == "data 1 'x' | closed 3 FLOW_CONTROL_ERROR by us");
  });
}

BOOST_AUTO_TEST_CASE(no_credit_goes_to_a_stream_that_has_ended) {
  server_room room(feeding::whole);
  room.open();
  room.feed(request(1) + data(1, std::string(16'384, 'x')) + data(1, std::string(16'000, 'x')) + data_end(1, std::string(16'384, 'x')));
  room.output();
  room.session.credit(room.on(1), 48'768);
  BOOST_TEST(room.output() == "");
}

BOOST_AUTO_TEST_CASE(padding_counts_against_the_windows_and_is_given_back_by_the_session) {
  fed_both_ways([](server_room& room) {
    room.open();
    room.feed(request(1));
    for (int i = 0; i < 129; ++i) room.feed(padded_data(1, "x", 253));  // 255 bytes a frame, 254 of them nobody's to credit
    BOOST_TEST(room.output() == "WINDOW_UPDATE 0 32895");
    BOOST_TEST(room.events() == "request 1 grpc /s/m | data 1 129 bytes");
    room.feed(padded_data(1, "", 254));
    BOOST_TEST(room.output() == "WINDOW_UPDATE 1 33021");
  });
  fed_both_ways([](server_room& room) {
    room.open();
    // What is counted is the whole frame: padding that is over the window is over it.
    room.feed(request(1) + data(1, std::string(16'384, 'x')) + data(1, std::string(16'384, 'x')) + data(1, std::string(16'384, 'x')) +
              data(1, std::string(16'382, 'x')));
    room.feed(padded_data(1, "", 0));
    BOOST_TEST(!room.session.failed());
    room.events(), room.output();
    room.feed(padded_data(1, "", 1));
    BOOST_TEST(room.output() == "RST_STREAM 1 FLOW_CONTROL_ERROR");
    BOOST_TEST(room.events() == "closed 1 FLOW_CONTROL_ERROR by us");
  });
}

BOOST_AUTO_TEST_CASE(the_connection_window_grows_with_the_first_permit_and_never_shrinks) {
  server_room room(feeding::whole);
  room.open();
  room.session.grow_connection_window(16 << 20);
  BOOST_TEST(room.output() == "WINDOW_UPDATE 0 16711681");
  room.session.grow_connection_window(65'535);
  room.session.grow_connection_window(16 << 20);
  BOOST_TEST(room.output() == "");
  // From now on credit goes back a MiB at a time.
  std::size_t came = 0;
  for (std::uint32_t id = 1; came < (1 << 20); id += 2) {
    BOOST_TEST(room.output() == "");
    room.feed(request(id));
    for (int i = 0; i < 2; ++i, came += 16'384) room.feed(data(id, std::string(16'384, 'x')));
  }
  BOOST_TEST(room.output() == "WINDOW_UPDATE 0 1048576");
}

BOOST_AUTO_TEST_CASE(what_still_comes_for_a_request_that_was_answered_is_credited_and_not_told) {
  fed_both_ways([](server_room& room) {
    room.owned = false;
    room.open();
    room.feed(request(1));
    room.head(1, refusal, true);
    room.session.stop_request(room.on(1), server_session::stop::at_once);
    BOOST_TEST(room.output() == "HEADERS 1 :status=200 content-type=application/grpc grpc-status=16 end | RST_STREAM 1 NO_ERROR");
    BOOST_TEST(room.session.open_streams() == 0u);
    BOOST_TEST(room.events() == "request 1 grpc /s/m");
    for (int i = 0; i < 8; ++i) room.feed(data(1, std::string(16'384, 'x')));
    BOOST_TEST(room.output() == "WINDOW_UPDATE 0 32768 | WINDOW_UPDATE 0 32768 | WINDOW_UPDATE 0 32768 | WINDOW_UPDATE 0 32768");
    room.feed(headers(1, list{{"x", "y"}}, end_stream) + window_update(1, 1) + rst(1));
    BOOST_TEST(room.output() == "");
    BOOST_TEST(room.events() == "");
    BOOST_TEST(!room.session.failed());
  });
}

BOOST_AUTO_TEST_CASE(a_stream_without_an_owner_that_stays_open_is_credited_too) {
  server_room room(feeding::whole);
  room.owned = false;
  room.open();
  room.feed(request(1));
  for (int i = 0; i < 8; ++i) {
    room.feed(data(1, std::string(16'384, 'x')));
    BOOST_TEST(room.output() == (i % 2 ? "WINDOW_UPDATE 0 32768 | WINDOW_UPDATE 1 32768" : ""));
  }
  room.feed(data_end(1));
  BOOST_TEST(room.events() == "request 1 grpc /s/m");
}

BOOST_AUTO_TEST_CASE(a_reset_from_within_the_event_drops_the_rest_of_the_frame) {
  fed_both_ways([](server_room& room) {
    room.open();
    room.when_data = [&room](stream& s, core::bytes, bool) { room.session.reset(s, code::cancel); };
    room.feed(request(1));
    room.events();
    room.feed(data_end(1, std::string(1, 'x')) + request(3, end_stream));
    BOOST_TEST(room.output() == "RST_STREAM 1 CANCEL");
    BOOST_TEST(room.events().ends_with("request 3 grpc end /s/m"));
    BOOST_TEST(room.session.open_streams() == 1u);
  });
  server_room room(feeding::by_the_byte);
  room.open();
  room.when_data = [&room](stream& s, core::bytes, bool) { room.session.reset(s, code::cancel); };
  room.feed(request(1) + data(1, "abcdef") + request(3, end_stream));
  BOOST_TEST(room.output() == "RST_STREAM 1 CANCEL");
  BOOST_TEST(room.events() == "request 1 grpc /s/m | data 1 'a' | request 3 grpc end /s/m");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::http2::tests
