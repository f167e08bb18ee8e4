// Windows that grow with use, out of what a connection allows, and answers that no window opens for (docs/passage.md 20, 24).
#include "rooms.hpp"

namespace sallyport::http2::tests {
namespace {

using namespace std::chrono_literals;

// A request that the peer fills, frame by frame, within its window; what it carries is passed on at once.
struct upload {
  explicit upload(server_room& on, std::uint32_t of, window_allowance* from) : room(on), id(of) {
    room.feed(request(id));
    room.on(id).growth = from;
  }
  // False: the window is shut.
  bool frame(bool passed_on = true) {
    constexpr std::size_t size = 16'000;
    if (granted < static_cast<std::int64_t>(size)) return false;
    granted -= size;
    room.feed(data(id, std::string(size, 'x')));
    if (passed_on) room.session.credit(room.on(id), size);
    for (const auto& line : room.output_lines())
      if (const std::string start = "WINDOW_UPDATE " + std::to_string(id) + " "; line.starts_with(start))
        granted += std::stoll(line.substr(start.size()));
    return true;
  }
  void frames(int n) {
    for (; n > 0; --n) BOOST_REQUIRE(frame());
  }
  std::int32_t window() { return room.on(id).window; }

  server_room& room;
  std::uint32_t id;
  std::int64_t granted = 65'535;
};

bool plenty = false, scarce = true;

BOOST_AUTO_TEST_SUITE(growth)

BOOST_AUTO_TEST_CASE(a_window_doubles_each_time_that_it_was_used_twice_up_to_a_mebibyte) {
  server_room room(feeding::whole);
  room.open();
  window_allowance from(plenty);
  room.session.grow_connection_window(1 << 30);
  upload up(room, 1, &from);
  std::vector<std::int32_t> seen{up.window()};
  std::size_t carried = 0;
  for (int i = 0; i < 400; ++i, carried += 16'000) {
    up.frames(1);
    if (up.window() == seen.back()) continue;
    BOOST_TEST(carried + 16'000 >= 2U * static_cast<unsigned>(seen.back()));
    seen.push_back(up.window());
  }
  BOOST_TEST(seen == (std::vector<std::int32_t>{65'535, 131'070, 262'140, 524'280, 1'048'560, 1'048'576}),
             boost::test_tools::per_element());
  // What the peer may send, and what it has sent that is not given back, are the window: no more is ever out.
  BOOST_TEST(up.granted + room.on(1).uncredited == 1'048'576);
  BOOST_TEST(from.left() == window_allowance::bytes - (1'048'576 - 65'535));
}

BOOST_AUTO_TEST_CASE(small_requests_and_streams_without_an_allowance_do_not_grow) {
  server_room room(feeding::whole);
  room.open();
  window_allowance from(plenty);
  room.session.grow_connection_window(1 << 30);
  upload small(room, 1, &from);
  small.frames(8);  // 128,000 bytes
  BOOST_TEST(small.window() == 65'535);
  upload other(room, 3, nullptr);
  other.frames(100);
  BOOST_TEST(other.window() == 65'535);
  BOOST_TEST(from.left() == window_allowance::bytes);
}

BOOST_AUTO_TEST_CASE(what_is_not_passed_on_is_not_given_back_and_grows_nothing) {
  server_room room(feeding::whole);
  room.open();
  window_allowance from(plenty);
  room.session.grow_connection_window(1 << 30);
  upload up(room, 1, &from);
  up.frames(50);
  const auto window = up.window();
  while (up.frame(false)) {
  }
  BOOST_TEST(up.window() == window);
  BOOST_TEST(up.granted < 16'000);
}

BOOST_AUTO_TEST_CASE(all_streams_of_a_connection_grow_out_of_one_allowance_which_comes_back_when_they_end) {
  server_room room(feeding::whole);
  room.open();
  window_allowance from(plenty);
  room.session.grow_connection_window(1 << 30);
  std::vector<upload> all;
  for (std::uint32_t id = 1; id < 21; id += 2) all.emplace_back(room, id, &from);
  for (int i = 0; i < 200; ++i)
    for (auto& one : all) one.frames(1);
  std::int64_t grown = 0;
  for (auto& one : all) grown += one.window() - 65'535;
  BOOST_TEST(grown > window_allowance::bytes * 3 / 4);
  BOOST_TEST(grown <= window_allowance::bytes);
  BOOST_TEST(from.left() == window_allowance::bytes - grown);
  room.feed(rst(1));
  room.session.reset(room.on(3), code::cancel);
  room.session.disown(room.on(5));
  for (std::uint32_t id = 7; id < 21; id += 2) {
    room.feed(data_end(id));
    room.head(id, ok, true);
  }
  BOOST_TEST(room.session.open_streams() == 1U);  // the one that nobody owns
  BOOST_TEST(from.left() == window_allowance::bytes);
}

BOOST_AUTO_TEST_CASE(nothing_grows_while_buffers_are_short) {
  server_room room(feeding::whole);
  room.open();
  window_allowance from(scarce);
  room.session.grow_connection_window(1 << 30);
  upload up(room, 1, &from);
  up.frames(100);
  BOOST_TEST(up.window() == 65'535);
}

BOOST_AUTO_TEST_CASE(a_response_grows_the_window_towards_its_backend_and_its_cancellation_gives_that_back) {
  client_room room(feeding::whole);
  room.open();
  window_allowance from(plenty);
  auto& s = room.ask();
  s.growth = &from;
  room.feed(headers(1, ok));
  for (int i = 0; i < 12; ++i) {
    room.feed(data(1, std::string(16'000, 'x')));
    room.session.credit(s, 16'000);
    room.output();
  }
  BOOST_TEST(s.window == 131'070);
  BOOST_TEST(from.left() == window_allowance::bytes - 65'535);
  room.session.cancel(s);
  BOOST_TEST(from.left() == window_allowance::bytes);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(stalled_answers)

// An answer of 40,000 bytes for which there is no window.
void stall(server_room& room) {
  room.open(settings({{initial_window_size, 0}}));
  room.feed(request(1, end_stream));
  room.head(1);
  room.send(1, std::string(40'000, 'x'), true);
  room.events(), room.output();
}

BOOST_AUTO_TEST_CASE(an_answer_that_no_window_opens_for_is_given_up) {
  server_room room(feeding::whole);
  stall(room);
  room.session.sweep(room.now);
  room.later(59'900ms);
  room.session.sweep(room.now);
  BOOST_TEST(room.output() == "");
  room.later(100ms);
  room.session.sweep(room.now);
  BOOST_TEST(room.output() == "RST_STREAM 1 CANCEL");
  BOOST_TEST(room.events() == "closed 1 CANCEL by us");
  BOOST_TEST((room.reached == std::vector{limit::response_stall}));
  BOOST_TEST(room.session.open_streams() == 0U);
}

BOOST_AUTO_TEST_CASE(so_is_one_whose_request_is_done_with) {
  server_room room(feeding::whole);
  stall(room);
  room.session.disown(room.on(1));
  BOOST_TEST(room.session.unowned_waiting() > 0U);
  room.session.sweep(room.now);
  room.later(60s);
  room.session.sweep(room.now);
  BOOST_TEST(room.output() == "RST_STREAM 1 CANCEL");
  BOOST_TEST(room.events() == "");
  BOOST_TEST(room.session.unowned_waiting() == 0U);
}

BOOST_AUTO_TEST_CASE(a_byte_now_and_then_does_not_keep_it_and_a_kibibyte_does) {
  for (const std::uint32_t step : {1u, 512u}) {
    server_room room(feeding::whole);
    stall(room);
    room.session.sweep(room.now);
    // A step every ten seconds: in a minute 6 bytes, or 3 KiB.
    for (int i = 0; i < 30; ++i) {
      room.later(10s);
      if (room.find(1)) room.feed(window_update(1, step));
      room.output();
      room.session.sweep(room.now);
    }
    BOOST_TEST((room.find(1) != nullptr) == (step == 512), step);
  }
}

BOOST_AUTO_TEST_CASE(memory_that_nobody_owns_can_be_had_back_at_once) {
  server_room room(feeding::whole);
  stall(room);
  room.session.drop_unowned();
  BOOST_TEST(room.output() == "");  // it has an owner
  room.session.disown(room.on(1));
  room.session.drop_unowned();
  BOOST_TEST(room.output() == "RST_STREAM 1 CANCEL");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::http2::tests
