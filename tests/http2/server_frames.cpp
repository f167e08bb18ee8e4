// What RFC 9113 says about frames, one row a rule, in the order of its sections; the cases of h2spec are among them. The section is in the
// row's name.
#include "rooms.hpp"

namespace sallyport::http2::tests {
namespace {

struct row {
  std::string_view name;
  std::string input;        // after the handshake
  std::string_view output;  // all that is written for it
  std::string_view events = "";
};

void check(const std::vector<row>& rows) {
  for (const auto& r : rows) {
    BOOST_TEST_CONTEXT(r.name) {
      fed_both_ways([&r](server_room& room) {
        room.open();
        room.feed(r.input);
        BOOST_TEST(room.output() == r.output);
        BOOST_TEST(room.events() == r.events);
        const bool ends = r.output.find("GOAWAY") != std::string_view::npos;
        BOOST_TEST(room.session.failed() == ends);
        // After a fault everything is ignored; else the connection is alive.
        room.feed(ping(77));
        BOOST_TEST(room.output() == (ends ? "" : "PING ack 77"));
      });
    }
  }
}

const auto one = request(1, end_stream);  // half-closed (remote)
const auto open_1 = request(1);           // open
constexpr auto asked = "request 1 grpc end /s/m";
constexpr auto begun = "request 1 grpc /s/m";
const std::string piece = block({{":method", "POST"}});

BOOST_AUTO_TEST_SUITE(server_frames)

BOOST_AUTO_TEST_CASE(our_settings_are_the_first_frame_before_the_client_has_said_a_word) {
  server_room room(feeding::whole);
  BOOST_TEST(room.session.has_output());
  BOOST_TEST(room.output() == "SETTINGS 3=128 6=16384");
  BOOST_TEST(!room.session.settings_acknowledged());
  room.feed(std::string(client_preface) + settings());
  BOOST_TEST(!room.session.settings_acknowledged());
  room.feed(settings_ack());
  BOOST_TEST(room.session.settings_acknowledged());
  BOOST_TEST(room.output() == "SETTINGS ack");
}

BOOST_AUTO_TEST_CASE(anything_but_the_preface_ends_the_connection_at_its_first_wrong_byte) {
  const std::string whole(client_preface);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    fed_both_ways([&](server_room& room) {
      room.output();
      room.feed(whole.substr(0, at));
      BOOST_TEST(!room.session.failed());
      room.feed(std::string(1, static_cast<char>(whole[at] ^ 1)));
      BOOST_TEST(room.session.failed());
      BOOST_TEST(room.output() == "GOAWAY 0 PROTOCOL_ERROR");
      room.feed(whole + settings() + one);
      BOOST_TEST(room.events() == "");
    });
  }
}

BOOST_AUTO_TEST_CASE(the_first_frame_must_be_settings) {
  for (const auto& first : {ping(1), one, settings_ack(), window_update(0, 1), raw(0x99, 0, 0), goaway(0), priority(1, 0)}) {
    fed_both_ways([&](server_room& room) {
      room.output();
      room.feed(std::string(client_preface) + first);
      BOOST_TEST(room.output() == "GOAWAY 0 PROTOCOL_ERROR");
      BOOST_TEST(room.events() == "");
    });
  }
}

BOOST_AUTO_TEST_CASE(frames_have_the_sizes_and_bits_of_section_4) {
  check({
      {"4.1 unknown types are ignored", raw(0x16, 0xff, 0, "unknown") + raw(0xfe, 0, 3, ""), ""},
      {"4.1 undefined flags are ignored", raw(ping_frame, 0x16, 0, number(5, 8)), "PING ack 5"},
      {"4.1 the reserved bit is ignored", raw(ping_frame, 0, 0x80000000, number(5, 8)), "PING ack 5"},
      {"4.1 the reserved bit of a stream's frame is ignored", raw(headers_frame, end_headers | end_stream, 0x80000001, block(call())), "",
       asked},
      {"4.2 DATA of 16,384", open_1 + data(1, std::string(16'384, 'x')), "", "request 1 grpc /s/m | data 1 16384 bytes"},
      {"4.2 DATA over it", open_1 + data(1, std::string(16'385, 'x')), "GOAWAY 1 FRAME_SIZE_ERROR", begun},
      {"4.2 HEADERS over it", raw(headers_frame, end_headers, 1, std::string(16'385, 'x')), "GOAWAY 0 FRAME_SIZE_ERROR"},
      {"4.2 an unknown frame over it", raw(0x42, 0, 0, std::string(16'385, 'x')), "GOAWAY 0 FRAME_SIZE_ERROR"},
      {"4.2 16 MiB announced and not sent", std::string("\xff\xff\xff\x04\x00\x00\x00\x00\x00", 9), "GOAWAY 0 FRAME_SIZE_ERROR"},
      {"4.3 a block that does not decode", headers(1, std::string("\xff\xff\xff\xff\xff\xff")), "GOAWAY 0 COMPRESSION_ERROR"},
      {"4.3 a block that ends inside a field", headers(1, block(call()) + "\x40\x05short"), "GOAWAY 0 COMPRESSION_ERROR"},
      {"4.3 PRIORITY inside a block", raw(headers_frame, 0, 1, piece) + priority(1, 0), "GOAWAY 0 PROTOCOL_ERROR"},
      {"4.3 an unknown frame inside a block", raw(headers_frame, 0, 1, piece) + raw(0x16, 0, 1), "GOAWAY 0 PROTOCOL_ERROR"},
      {"4.3 HEADERS inside a block", raw(headers_frame, 0, 1, piece) + request(3), "GOAWAY 0 PROTOCOL_ERROR"},
      {"4.3 PING inside a block", raw(headers_frame, 0, 1, piece) + ping(1), "GOAWAY 0 PROTOCOL_ERROR"},
  });
}

BOOST_AUTO_TEST_CASE(streams_go_through_the_states_of_section_5) {
  check({
      {"5.1 idle: DATA", data(1, "x"), "GOAWAY 0 PROTOCOL_ERROR"},
      {"5.1 idle: padded DATA", padded_data(1, "x", 3), "GOAWAY 0 PROTOCOL_ERROR"},
      {"5.1 idle: RST_STREAM", rst(1), "GOAWAY 0 PROTOCOL_ERROR"},
      {"5.1 idle: WINDOW_UPDATE", window_update(1, 5), "GOAWAY 0 PROTOCOL_ERROR"},
      {"5.1 idle: CONTINUATION", continuation(1, piece, end_headers), "GOAWAY 0 PROTOCOL_ERROR"},
      {"5.1 idle: PRIORITY is allowed", priority(1, 0), ""},
      {"5.1 half-closed: DATA", one + data(1, "x"), "RST_STREAM 1 STREAM_CLOSED", "request 1 grpc end /s/m | closed 1 STREAM_CLOSED by us"},
      {"5.1 half-closed: HEADERS", one + one, "RST_STREAM 1 STREAM_CLOSED", "request 1 grpc end /s/m | closed 1 STREAM_CLOSED by us"},
      {"5.1 half-closed: CONTINUATION", one + continuation(1, piece, end_headers), "GOAWAY 1 PROTOCOL_ERROR", asked},
      {"5.1 half-closed: WINDOW_UPDATE, PRIORITY", one + window_update(1, 5) + priority(1, 0), "", asked},
      {"5.1 half-closed: RST_STREAM", one + rst(1), "", "request 1 grpc end /s/m | closed 1 CANCEL by peer"},
      {"5.1 closed by the client's reset: DATA", open_1 + rst(1) + data(1, "x"), "GOAWAY 1 STREAM_CLOSED",
       "request 1 grpc /s/m | closed 1 CANCEL by peer"},
      {"5.1 closed by the client's reset: HEADERS", one + rst(1) + one, "GOAWAY 1 STREAM_CLOSED",
       "request 1 grpc end /s/m | closed 1 CANCEL by peer"},
      {"5.1 closed by the client's reset: late frames", one + rst(1) + window_update(1, 5) + rst(1) + priority(1, 0), "",
       "request 1 grpc end /s/m | closed 1 CANCEL by peer"},
      {"5.1.1 an even number", request(2), "GOAWAY 0 PROTOCOL_ERROR"},
      {"5.1.1 a number that was skipped", request(5, end_stream) + request(3), "GOAWAY 5 PROTOCOL_ERROR", "request 5 grpc end /s/m"},
      {"5.1.1 DATA on a number that was skipped", request(5, end_stream) + data(3, "x"), "GOAWAY 5 STREAM_CLOSED",
       "request 5 grpc end /s/m"},
      {"5.1.1 DATA on an even number", one + data(2, "x"), "GOAWAY 1 PROTOCOL_ERROR", asked},
      {"5.1.1 RST_STREAM on an even number", one + rst(2), "GOAWAY 1 PROTOCOL_ERROR", asked},
      {"5.1.1 the highest number", request(0x7fffffff, end_stream), "", "request 2147483647 grpc end /s/m"},
      {"5.3.1 HEADERS that depend on themselves", raw(headers_frame, end_headers | priority_flag, 1, number(1, 4) + "\x0f" + block(call())),
       "GOAWAY 0 PROTOCOL_ERROR"},
      {"5.3.1 PRIORITY that depends on itself", priority(1, 1), "GOAWAY 0 PROTOCOL_ERROR"},
      {"5.3.1 the exclusive bit does not hide it", priority(1, 0x80000001), "GOAWAY 0 PROTOCOL_ERROR"},
      {"5.5 unknown frames on a stream", open_1 + raw(0x77, 0xff, 1, "?") + data_end(1, "x"), "", "request 1 grpc /s/m | data 1 'x' end"},
  });
}

BOOST_AUTO_TEST_CASE(the_end_of_both_directions_closes_a_stream) {
  fed_both_ways([](server_room& room) {
    room.open();
    room.feed(one);
    BOOST_TEST(room.session.open_streams() == 1u);
    room.head(1, refusal, true);
    BOOST_TEST(room.session.open_streams() == 0u);
    BOOST_TEST(room.output() == "HEADERS 1 :status=200 content-type=application/grpc grpc-status=16 end");
    room.feed(window_update(1, 9) + rst(1) + priority(1, 0));
    BOOST_TEST(!room.session.failed());
    room.feed(data(1, "late"));
    BOOST_TEST(room.output() == "GOAWAY 1 STREAM_CLOSED");
  });
}

BOOST_AUTO_TEST_CASE(frames_have_the_form_of_section_6) {
  check({
      {"6.1 DATA on stream 0", data(0, "x"), "GOAWAY 0 PROTOCOL_ERROR"},
      {"6.1 padding is cut off", open_1 + padded_data(1, "hello", 9) + padded_data(1, "", 255, end_stream), "",
       "request 1 grpc /s/m | data 1 'hello' end"},
      {"6.1 a padding of none", open_1 + padded_data(1, "hello", 0, end_stream), "", "request 1 grpc /s/m | data 1 'hello' end"},
      {"6.1 padding as long as the frame", open_1 + data(1, std::string("\x05hello"), padded) + data(1, std::string("\x06hello"), padded),
       "GOAWAY 1 PROTOCOL_ERROR", "request 1 grpc /s/m"},
      {"6.1 padding longer than the frame", open_1 + data(1, std::string("\xffhello"), padded), "GOAWAY 1 PROTOCOL_ERROR", begun},
      {"6.1 PADDED without a length", open_1 + data(1, "", padded), "GOAWAY 1 FRAME_SIZE_ERROR", begun},
      {"6.2 HEADERS on stream 0", request(0), "GOAWAY 0 PROTOCOL_ERROR"},
      {"6.2 padding and priority",
       raw(headers_frame, end_headers | padded | priority_flag, 1, "\x03" + number(0, 4) + "\x0f" + block(call()) + std::string(3, '\0')),
       "", begun},
      {"6.2 padding longer than the frame", raw(headers_frame, end_headers | padded, 1, "\xff" + block(call())), "GOAWAY 0 PROTOCOL_ERROR"},
      {"6.2 PADDED without a length", raw(headers_frame, end_headers | padded, 1), "GOAWAY 0 FRAME_SIZE_ERROR"},
      {"6.2 PRIORITY without its fields", raw(headers_frame, end_headers | priority_flag, 1, "1234"), "GOAWAY 0 FRAME_SIZE_ERROR"},
      {"6.3 PRIORITY on stream 0", priority(0, 1), "GOAWAY 0 PROTOCOL_ERROR"},
      {"6.3 PRIORITY of 4", raw(priority_frame, 0, 1, "1234"), "GOAWAY 0 FRAME_SIZE_ERROR"},
      {"6.4 RST_STREAM on stream 0", rst(0), "GOAWAY 0 PROTOCOL_ERROR"},
      {"6.4 RST_STREAM of 3", one + raw(rst_stream_frame, 0, 1, "123"), "GOAWAY 1 FRAME_SIZE_ERROR", asked},
      {"6.4 RST_STREAM with an unknown code", one + rst(1, static_cast<code>(0xfeedface)), "",
       "request 1 grpc end /s/m | closed 1 unknown by peer"},
      {"6.5 SETTINGS on a stream", raw(settings_frame, 0, 1), "GOAWAY 0 PROTOCOL_ERROR"},
      {"6.5 SETTINGS of 5", raw(settings_frame, 0, 0, "12345"), "GOAWAY 0 FRAME_SIZE_ERROR"},
      {"6.5 an acknowledgement with a payload", raw(settings_frame, ack, 0, std::string(6, '\0')), "GOAWAY 0 FRAME_SIZE_ERROR"},
      {"6.5.2 ENABLE_PUSH 2", settings({{enable_push, 2}}), "GOAWAY 0 PROTOCOL_ERROR"},
      {"6.5.2 ENABLE_PUSH 1 of a client", settings({{enable_push, 1}}), "SETTINGS ack"},
      {"6.5.2 INITIAL_WINDOW_SIZE 2^31", settings({{initial_window_size, 0x80000000}}), "GOAWAY 0 FLOW_CONTROL_ERROR"},
      {"6.5.2 MAX_FRAME_SIZE 16,383", settings({{max_frame_size, 16'383}}), "GOAWAY 0 PROTOCOL_ERROR"},
      {"6.5.2 MAX_FRAME_SIZE 2^24", settings({{max_frame_size, 1 << 24}}), "GOAWAY 0 PROTOCOL_ERROR"},
      {"6.5.2 unknown settings are ignored, as grpc-core's", settings({{0xfe03, 1}, {0x9, 3}, {max_frame_size, 0xffffff}}), "SETTINGS ack"},
      {"6.5.3 each SETTINGS is acknowledged", settings() + settings({{max_concurrent_streams, 0}}), "SETTINGS ack | SETTINGS ack"},
      {"6.6 PUSH_PROMISE of a client", one + raw(push_promise_frame, end_headers, 1, number(2, 4)), "GOAWAY 1 PROTOCOL_ERROR", asked},
      {"6.7 PING is answered with its bytes", ping(0xfedcba9876543210), "PING ack 18364758544493064720"},
      {"6.7 PING acknowledgements that nobody asked for", ping(3, ack), ""},
      {"6.7 PING on a stream", raw(ping_frame, 0, 1, number(1, 8)), "GOAWAY 0 PROTOCOL_ERROR"},
      {"6.7 PING of 7", raw(ping_frame, 0, 0, "1234567"), "GOAWAY 0 FRAME_SIZE_ERROR"},
      {"6.8 GOAWAY on a stream", raw(goaway_frame, 0, 1, number(0, 8)), "GOAWAY 0 PROTOCOL_ERROR"},
      {"6.8 GOAWAY of 7", raw(goaway_frame, 0, 0, "1234567"), "GOAWAY 0 FRAME_SIZE_ERROR"},
      {"6.8 a client that leaves still gets answers", goaway(0, code::no_error, "bye") + one, "", asked},
      {"6.9 WINDOW_UPDATE of 3", raw(window_update_frame, 0, 0, "123"), "GOAWAY 0 FRAME_SIZE_ERROR"},
      {"6.9 WINDOW_UPDATE of 0 on the connection", window_update(0, 0), "GOAWAY 0 PROTOCOL_ERROR"},
      {"6.9 WINDOW_UPDATE of 0 on a stream", one + window_update(1, 0), "RST_STREAM 1 PROTOCOL_ERROR",
       "request 1 grpc end /s/m | closed 1 PROTOCOL_ERROR by us"},
      {"6.9 the reserved bit of the increment is ignored", one + window_update(1, 0x80000000), "RST_STREAM 1 PROTOCOL_ERROR",
       "request 1 grpc end /s/m | closed 1 PROTOCOL_ERROR by us"},
      {"6.9.1 the connection's window over 2^31-1", window_update(0, 0x7fffffff), "GOAWAY 0 FLOW_CONTROL_ERROR"},
      {"6.9.1 a stream's window over 2^31-1", one + window_update(1, 0x7fffffff), "RST_STREAM 1 FLOW_CONTROL_ERROR",
       "request 1 grpc end /s/m | closed 1 FLOW_CONTROL_ERROR by us"},
      {"6.9.1 windows of exactly 2^31-1", one + window_update(0, 0x7fffffff - 65'535) + window_update(1, 0x7fffffff - 65'535), "", asked},
      {"6.9.2 a window over 2^31-1 by SETTINGS", one + window_update(1, 0x7fff0000) + settings({{initial_window_size, 0x7fffffff}}),
       "GOAWAY 1 FLOW_CONTROL_ERROR", asked},
      {"6.10 a block over three frames",
       raw(headers_frame, end_stream, 1, block(call()).substr(0, 11)) + continuation(1, block(call()).substr(11, 30)) +
           continuation(1, block(call()).substr(41), end_headers),
       "", asked},
      {"6.10 CONTINUATION without HEADERS", open_1 + continuation(1, piece, end_headers), "GOAWAY 1 PROTOCOL_ERROR", begun},
      {"6.10 CONTINUATION after DATA", open_1 + data(1, "x") + continuation(1, piece, end_headers), "GOAWAY 1 PROTOCOL_ERROR",
       "request 1 grpc /s/m | data 1 'x'"},
      {"6.10 CONTINUATION of another stream", raw(headers_frame, 0, 1, piece) + continuation(3, piece, end_headers),
       "GOAWAY 0 PROTOCOL_ERROR"},
      {"6.10 CONTINUATION on stream 0", raw(headers_frame, 0, 1, piece) + continuation(0, piece, end_headers), "GOAWAY 0 PROTOCOL_ERROR"},
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::http2::tests
