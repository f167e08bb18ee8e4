// Floods: what a client may do of each kind, and the first one that is too many (docs/defences.md H01 to H06, H10, H11, H15).
#include "rooms.hpp"

namespace sallyport::http2::tests {
namespace {

using namespace std::chrono_literals;

std::uint32_t nth(int i) { return static_cast<std::uint32_t>(2 * i + 1); }

// Repeats `provoke(id)` for new streams until the connection ends; how many passed before.
int until_failed(server_room& room, const std::function<std::string(std::uint32_t)>& provoke, int from = 0, int most = 2'000) {
  for (int i = from; i < most; ++i) {
    room.feed(provoke(nth(i)));
    if (room.session.failed()) return i - from;
  }
  return most - from;
}

std::string goaway_line(server_room& room) {
  const auto lines = room.output_lines();
  BOOST_REQUIRE(!lines.empty());
  return lines.back();
}

// A header list of exactly this many bytes as RFC 9113 6.5.2 counts them, or of this many fields.
list of_bytes(std::size_t bytes, const list& last = {}) {
  auto fields = call();
  std::size_t have = 0;
  for (const auto& l : {fields, last})
    for (const auto& [name, value] : l) have += name.size() + value.size() + 32;
  fields.push_back({"x", std::string(bytes - have - 33, 'v')});
  fields.insert(fields.end(), last.begin(), last.end());
  return fields;
}
list of_fields(std::size_t count, const std::string& name = "x") {
  auto fields = call();
  while (fields.size() < count) fields.push_back({name, "y"});
  return fields;
}
// Over as many frames as it needs.
std::string long_headers(std::uint32_t id, const std::string& encoded, unsigned flags = end_stream) {
  auto text =
      raw(headers_frame, flags | (encoded.size() <= frame_max_bytes ? end_headers : no_flags), id, encoded.substr(0, frame_max_bytes));
  for (std::size_t at = frame_max_bytes; at < encoded.size(); at += frame_max_bytes)
    text += continuation(id, encoded.substr(at, frame_max_bytes), at + frame_max_bytes >= encoded.size() ? end_headers : no_flags);
  return text;
}

BOOST_AUTO_TEST_SUITE(server_floods)

BOOST_AUTO_TEST_CASE(more_streams_than_we_allow_are_refused_and_at_last_end_the_connection) {
  limits within;
  within.streams = 4;
  within.streams_refused = 3;
  fed_both_ways<server_room>(
      [](server_room& room) {
        room.streams = 4;
        room.open();
        for (int i = 0; i < 4; ++i) room.feed(request(nth(i)));
        BOOST_TEST(room.output() == "");
        room.events();
        // Refused, but decoded: the entry that its block makes is there for the next one.
        room.feed(headers(9, block(call()) + entered("x-entered", "value")) + data_end(9, "x"));
        BOOST_TEST(room.output() == "RST_STREAM 9 REFUSED_STREAM");
        BOOST_TEST(room.events() == "");
        BOOST_TEST(room.session.open_streams() == 4u);
        room.feed(rst(1));
        std::string_view seen;
        room.when_head = [&seen](const request_head& h) { seen = h.fields->back().name == "x-entered" ? "known" : "unknown"; };
        room.feed(headers(11, block(call()) + indexed(first_dynamic)));
        BOOST_TEST(seen == "known");
        BOOST_TEST(room.events() == "closed 1 CANCEL by peer | request 11 grpc /s/m");
        BOOST_TEST(room.output() == "");
        room.feed(request(13) + request(15));
        BOOST_TEST(room.output() == "RST_STREAM 13 REFUSED_STREAM | RST_STREAM 15 REFUSED_STREAM");
        room.feed(request(17));
        BOOST_TEST(room.output() == "RST_STREAM 17 REFUSED_STREAM | GOAWAY 17 ENHANCE_YOUR_CALM");
      },
      within);
}

BOOST_AUTO_TEST_CASE(a_rapid_reset_ends_within_its_budget) {
  fed_both_ways([](server_room& room) {
    room.open();
    const auto passed = until_failed(room, [](std::uint32_t id) { return request(id, end_stream) + rst(id); });
    BOOST_TEST(passed == 200);
    BOOST_TEST(goaway_line(room) == "GOAWAY 401 ENHANCE_YOUR_CALM");
    BOOST_TEST(room.session.open_streams() == 0u);
  });
}

BOOST_AUTO_TEST_CASE(the_budget_of_resets_comes_back_at_20_a_second) {
  server_room room(feeding::whole);
  room.open();
  const auto abandoned = [](std::uint32_t id) { return request(id, end_stream) + rst(id); };
  BOOST_TEST(until_failed(room, abandoned, 0, 200) == 200);
  room.later(1s);
  BOOST_TEST(until_failed(room, abandoned, 200, 1000) == 20);

  // Whoever stays below that may go on for ever.
  server_room calm(feeding::whole);
  calm.open();
  for (int i = 0; i < 20'000; ++i) {
    calm.feed(abandoned(nth(i)));
    calm.later(51ms);
  }
  BOOST_TEST(!calm.session.failed());
}

BOOST_AUTO_TEST_CASE(a_stream_that_has_lived_a_second_may_be_reset_for_nothing) {
  server_room room(feeding::whole);
  room.open();
  for (int i = 0; i < 1000; i += 100) {
    for (int k = i; k < i + 100; ++k) room.feed(request(nth(k), end_stream));
    room.later(1s);
    for (int k = i; k < i + 100; ++k) room.feed(rst(nth(k)));
  }
  BOOST_TEST(!room.session.failed());
}

BOOST_AUTO_TEST_CASE(resets_that_a_client_makes_us_send_cost_it_the_same) {
  const std::vector<std::pair<std::string_view, std::function<std::string(std::uint32_t)>>> ways{
      {"WINDOW_UPDATE of 0", [](std::uint32_t id) { return request(id, end_stream) + window_update(id, 0); }},
      {"WINDOW_UPDATE over 2^31-1", [](std::uint32_t id) { return request(id, end_stream) + window_update(id, 0x7fffffff); }},
      {"DATA after the end", [](std::uint32_t id) { return request(id, end_stream) + data(id, "x"); }},
      {"HEADERS after the end", [](std::uint32_t id) { return request(id, end_stream) + request(id, end_stream); }},
      {"a malformed head", [](std::uint32_t id) { return headers(id, list{{":method", "GET"}}, end_stream); }},
      {"a body that is too long", [](std::uint32_t id) { return request(id, no_flags, {{"content-length", "1"}}) + data(id, "xx"); }},
      {"two of them by turns", [](std::uint32_t id) { return request(id, end_stream) + (id & 2 ? rst(id) : window_update(id, 0)); }},
  };
  for (const auto& way : ways) {
    BOOST_TEST_CONTEXT(way.first) {
      fed_both_ways([&way](server_room& room) {
        room.open();
        BOOST_TEST(until_failed(room, way.second) == 200);
        BOOST_TEST(goaway_line(room) == "GOAWAY 401 ENHANCE_YOUR_CALM");
        BOOST_TEST(room.session.open_streams() == 0u);
      });
    }
  }
}

// What comes on a stream that we have reset may have been on its way: once. To decode it costs the same as ever.
BOOST_AUTO_TEST_CASE(a_stream_that_was_reset_is_no_place_for_a_flood) {
  const auto gone = [](server_room& room) {
    room.open();
    room.feed(request(1));
    room.session.reset(room.on(1), code::no_error);
    room.output();
    room.events();
  };
  fed_both_ways([&gone](server_room& room) {
    gone(room);
    room.feed(data(1, "on its way") + headers(1, list{{"x", "y"}}, end_stream));
    BOOST_TEST(!room.session.failed());
    room.feed(headers(1, list{{"x", "y"}}, end_stream));
    BOOST_TEST(room.output() == "GOAWAY 1 STREAM_CLOSED");
  });
  fed_both_ways([&gone](server_room& room) {
    gone(room);
    room.feed(data_end(1));
    BOOST_TEST(!room.session.failed());
    room.feed(data_end(1));
    BOOST_TEST(room.output() == "GOAWAY 1 STREAM_CLOSED");
  });
  fed_both_ways([&gone](server_room& room) {
    gone(room);
    int borne = 0;
    for (; borne < 1'000 && !room.session.failed(); ++borne) room.feed(headers(1, list{{"x", "y"}}));
    BOOST_TEST(borne == 201);
    BOOST_TEST(room.output() == "GOAWAY 1 ENHANCE_YOUR_CALM");
  });
  fed_both_ways([&gone](server_room& room) {
    gone(room);
    const auto large = long_headers(1, block(of_bytes(20'000)), no_flags);
    for (int i = 0; i < 2; ++i) room.feed(large);
    BOOST_TEST(!room.session.failed());
    room.feed(large);
    BOOST_TEST(room.output() == "GOAWAY 1 ENHANCE_YOUR_CALM");
  });
  // One that is older than what is remembered.
  fed_both_ways([&gone](server_room& room) {
    gone(room);
    for (int i = 1; i <= 1'100; ++i) {
      room.feed(request(nth(i), end_stream));
      room.head(nth(i), refusal, true);
      room.output();
    }
    room.events();
    int borne = 0;
    for (; borne < 1'000 && !room.session.failed(); ++borne) room.feed(data_end(1));
    BOOST_TEST(borne == 101);
    BOOST_TEST(goaway_line(room).ends_with("ENHANCE_YOUR_CALM"));
  });
}

BOOST_AUTO_TEST_CASE(a_header_block_has_at_most_eight_continuations_full_or_empty) {
  for (const std::string_view piece : {"", "\x00"}) {
    fed_both_ways([piece](server_room& room) {
      room.open();
      const auto encoded = block(call());
      room.feed(raw(headers_frame, end_stream, 1, encoded));
      for (int i = 0; i < 7; ++i) room.feed(continuation(1, ""));
      room.feed(continuation(1, "", end_headers));
      BOOST_TEST(room.events() == "request 1 grpc end /s/m");
      room.feed(raw(headers_frame, end_stream, 3, encoded));
      for (int i = 0; i < 8; ++i) room.feed(continuation(3, piece));
      BOOST_TEST(!room.session.failed());
      room.feed(continuation(3, piece, end_headers));
      BOOST_TEST(room.output() == "GOAWAY 1 ENHANCE_YOUR_CALM");
      BOOST_TEST(room.events() == "");
    });
  }
}

BOOST_AUTO_TEST_CASE(a_header_block_has_at_most_64_kib) {
  for (const std::size_t bytes : {65'536u, 65'537u}) {
    fed_both_ways([bytes](server_room& room) {
      room.open();
      auto encoded = block(call());
      encoded +=
          std::string(1, '\0') + spelt("x") + integer(0, 7, bytes - encoded.size() - 7);  // first byte, name, and a length of four bytes
      encoded += std::string(bytes - encoded.size(), 'v');
      BOOST_REQUIRE(encoded.size() == bytes);
      room.feed(long_headers(1, encoded));
      BOOST_TEST(room.events() == (bytes == 65'536 ? "request 1 grpc end too large" : ""));
      BOOST_TEST(room.output() == (bytes == 65'536 ? "" : "GOAWAY 0 ENHANCE_YOUR_CALM"));
    });
  }
}

BOOST_AUTO_TEST_CASE(a_ping_flood_ends_after_its_burst) {
  fed_both_ways([](server_room& room) {
    room.open();
    for (std::uint64_t i = 0; i < 20; ++i) {
      room.feed(ping(i));
      BOOST_TEST(room.output() == "PING ack " + std::to_string(i));
    }
    room.feed(ping(20));
    BOOST_TEST(room.session.failure_reason() == "too_many_pings");  // the words that make a grpc client ping less often
    const auto out = room.session.output();
    BOOST_TEST(std::string_view(reinterpret_cast<const char*>(out.data()), out.size()).ends_with("too_many_pings"));
    BOOST_TEST(room.output() == "GOAWAY 0 ENHANCE_YOUR_CALM");
  });
}

BOOST_AUTO_TEST_CASE(keepalive_pings_are_fine_for_ever) {
  server_room room(feeding::whole);
  room.open();
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    room.later(i % 2 ? 1s : 5s);
    room.feed(ping(i));
  }
  BOOST_TEST(!room.session.failed());
}

BOOST_AUTO_TEST_CASE(one_ping_a_response_as_grpc_go_sends_them_is_fine_in_any_number) {
  server_room room(feeding::whole);
  room.open();
  for (int i = 0; i < 20'000; ++i) {
    room.feed(request(nth(i), end_stream));
    room.head(nth(i), refusal, true);
    room.feed(ping(static_cast<std::uint64_t>(i)));
    room.session.output_taken();
  }
  BOOST_TEST(!room.session.failed());
  // And the frames that we send are saved up for it, but not without an end.
  for (int i = 20'000; i < 25'000; ++i) {
    room.feed(request(nth(i), end_stream));
    room.head(nth(i), refusal, true);
    room.session.output_taken();
  }
  int answered = 0;
  for (; !room.session.failed() && answered < 5000; ++answered) room.feed(ping(1));
  BOOST_TEST(answered == 1001);
}

// What one frame of a kind costs its sender: nothing. How many of them pass, each after the other, on a connection with one open stream.
int frames_that_pass(server_room& room, const std::string& frame, int most = 2'000) {
  int passed = 0;
  for (; passed < most; ++passed) {
    room.feed(frame);
    if (room.session.failed()) break;
    room.session.output_taken();
  }
  return passed;
}

BOOST_AUTO_TEST_CASE(frames_that_cost_nothing_are_a_flood_beyond_their_limit) {
  struct row {
    std::string_view name;
    std::string frame;
    int passes;
    limit which;
  };
  const std::vector<row> rows{
      {"SETTINGS, of which the first is the preface's", settings(), 19, limit::settings},
      {"SETTINGS that change the window", settings({{initial_window_size, 1}}), 19, limit::settings},
      {"empty DATA", data(1, ""), 100, limit::empty_data},
      {"DATA of nothing but padding", padded_data(1, "", 10), 100, limit::empty_data},
      {"WINDOW_UPDATE of the connection", window_update(0, 1), 7, limit::window_updates},
      {"WINDOW_UPDATE of a stream", window_update(1, 1), 7, limit::window_updates},
      {"WINDOW_UPDATE of a stream that is gone", window_update(1, 1), 7, limit::window_updates},
      {"PRIORITY", priority(1, 0), 102, limit::priorities},
      {"PRIORITY of an idle stream", priority(77, 0), 102, limit::priorities},
      {"an unknown type", raw(0xbe, 0, 0, "x"), 200, limit::unknown_frames},
      {"an unknown type on a stream", raw(0x7f, 0, 1), 200, limit::unknown_frames},
  };
  for (const auto& r : rows) {
    BOOST_TEST_CONTEXT(r.name) {
      fed_both_ways([&r](server_room& room) {
        room.open();
        room.feed(request(1));
        if (r.name.ends_with("gone")) room.session.reset(room.on(1), code::cancel);
        BOOST_TEST(frames_that_pass(room, r.frame) == r.passes);
        BOOST_TEST((room.session.failure() == code::enhance_your_calm));
        BOOST_TEST((room.reached == std::vector<limit>{r.which}));
      });
    }
  }
}

BOOST_AUTO_TEST_CASE(what_a_busy_client_sends_of_them_is_no_flood) {
  server_room room(feeding::whole);
  room.open();
  for (int i = 0; i < 5'000; ++i) {
    room.feed(request(nth(i)) + priority(nth(i), 0) + data(nth(i), "") + data_end(nth(i), "x"));
    room.head(nth(i));
    for (int k = 0; k < 5; ++k) room.send(nth(i), "answer");
    room.feed(window_update(nth(i), 30) + window_update(0, 30));
    room.trailers(nth(i));
    room.session.output_taken();
    if (i % 10 == 0) room.feed(settings({{initial_window_size, 65'535}}) + raw(0xbe, 0, 0));  // twice a second at the most
    room.later(100ms);
  }
  BOOST_TEST(!room.session.failed());
  BOOST_TEST(room.reached.empty());
}

BOOST_AUTO_TEST_CASE(one_settings_frame_has_at_most_32_entries) {
  for (const std::size_t entries : {32u, 33u}) {
    fed_both_ways([entries](server_room& room) {
      room.open();
      std::string payload;
      for (std::size_t i = 0; i < entries; ++i) payload += number(0xfe03, 2) + number(i, 4);
      room.feed(raw(settings_frame, no_flags, 0, payload));
      BOOST_TEST(room.output() == (entries == 32 ? "SETTINGS ack" : "GOAWAY 0 ENHANCE_YOUR_CALM"));
    });
  }
}

BOOST_AUTO_TEST_CASE(refused_streams_are_forgiven_at_10_a_second) {
  limits within;
  within.streams = 1;
  server_room room(feeding::whole, within);
  room.streams = 1;
  room.open();
  room.feed(request(1));
  for (int i = 1; i < 5'000; ++i) {
    room.feed(request(nth(i)));
    room.session.output_taken();
    room.later(101ms);
  }
  BOOST_TEST(!room.session.failed());
}

BOOST_AUTO_TEST_CASE(a_header_list_is_too_large_by_its_bytes_or_its_fields) {
  struct row {
    std::string_view name;
    list fields;
    std::vector<limit> reached;
  };
  const std::vector<limit> bytes{limit::header_list}, number{limit::header_fields};
  const std::vector<row> rows{{"16,384 bytes", of_bytes(16'384), {}},
                              {"16,385 bytes", of_bytes(16'385), bytes},
                              {"128 fields", of_fields(128), {}},
                              {"129 fields", of_fields(129), number},
                              {"128 fields, crumbs of a cookie", of_fields(128, "cookie"), {}},
                              {"129 fields, crumbs of a cookie", of_fields(129, "cookie"), number},
                              {"129 fields that we would drop", of_fields(129, "x-sallyport-user"), number}};
  for (const auto& r : rows) {
    BOOST_TEST_CONTEXT(r.name) {
      fed_both_ways([&r](server_room& room) {
        room.open();
        room.feed(long_headers(1, block(r.fields)));
        BOOST_TEST(room.events() == (r.reached.empty() ? "request 1 grpc end /s/m" : "request 1 grpc end too large"));
        BOOST_TEST((room.reached == r.reached));
        BOOST_TEST(room.output() == "");
      });
    }
  }
}

BOOST_AUTO_TEST_CASE(a_content_type_behind_the_overflow_still_decides_in_which_words_the_refusal_is) {
  const list plain{{":method", "POST"}, {":scheme", "https"}, {":path", "/s/m"}};
  const auto overflow = std::string(17'000, 'v');
  const std::vector<std::pair<std::string, std::string_view>> rows{{"application/grpc", "request 1 grpc end too large"},
                                                                   {"application/grpc+proto", "request 1 grpc end too large"},
                                                                   {"application/grpc-web", "request 1 end too large"},
                                                                   {"application/json", "request 1 end too large"}};
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.first) {
      fed_both_ways([&](server_room& room) {
        room.open();
        room.feed(long_headers(1, block(plain) + literal("x", overflow) + literal("content-type", row.first)));
        BOOST_TEST(room.events() == row.second);
      });
    }
  }
  fed_both_ways([&](server_room& room) {
    room.open();
    room.feed(long_headers(1, block(plain) + literal("x", overflow)));
    BOOST_TEST(room.events() == "request 1 end too large");
  });
}

BOOST_AUTO_TEST_CASE(three_header_lists_over_the_limit_within_a_minute_end_the_connection) {
  fed_both_ways([](server_room& room) {
    room.open();
    const auto large = block(of_fields(129));
    room.feed(headers(1, large, end_stream) + headers(3, large, end_stream));
    BOOST_TEST(room.events() == "request 1 grpc end too large | request 3 grpc end too large");
    room.later(59s);
    room.feed(headers(5, large, end_stream));
    BOOST_TEST(room.output() == "GOAWAY 5 ENHANCE_YOUR_CALM");
    BOOST_TEST(room.events() == "");
  });
  fed_both_ways([](server_room& room) {
    room.open();
    const auto large = block(of_fields(129));
    for (int i = 0; i < 20; i += 2) {
      room.feed(headers(nth(i), large, end_stream) + headers(nth(i + 1), large, end_stream));
      room.later(61s);
    }
    BOOST_TEST(!room.session.failed());
  });
}

BOOST_AUTO_TEST_CASE(the_table_is_right_after_a_header_list_that_was_not_kept) {
  fed_both_ways([](server_room& room) {
    room.open();
    std::string value;
    room.when_head = [&value](const request_head& h) { value = h.fields->back().value; };
    room.feed(long_headers(1, block(of_bytes(16'385)) + entered("x-behind", "the overflow")));
    room.feed(headers(3, block(call()) + indexed(first_dynamic), end_stream));
    BOOST_TEST(value == "the overflow");
    BOOST_TEST(room.events() == "request 1 grpc end too large | request 3 grpc end /s/m");
  });
}

BOOST_AUTO_TEST_CASE(an_hpack_bomb_is_a_header_list_over_the_limit) {
  // 4,000 bytes in the table, and references of one byte each to them: with 4,000 of them 16 MB if it were kept; 100 are over the limit of
  // bytes alone.
  for (const std::size_t references : {100U, 4000U})
    fed_both_ways([references](server_room& room) {
      room.open();
      const std::string bomb(references, static_cast<char>(0x80 + first_dynamic));
      room.feed(headers(1, block(call()) + entered("x", std::string(4000, 'v')) + bomb, end_stream));
      BOOST_TEST(room.events() == "request 1 grpc end too large");
      BOOST_TEST(!room.session.failed());
    });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::http2::tests
