// Windows, slow peers and large bodies: nothing is held that was not granted, and what arrives is what was sent (docs/passage.md 20 to 24).
#include "passage.hpp"

#include "support/own_sockets.hpp"

namespace sallyport::proxy::testing {

BOOST_AUTO_TEST_SUITE(flow)

BOOST_AUTO_TEST_CASE(a_client_that_gives_no_credit_takes_no_more_than_two_windows_from_the_backend) {
  passage on;
  client_options slow;
  slow.credits = false;
  auto client = on.client(slow);
  const auto id = client.open(request(path_of("Large")), true);
  BOOST_REQUIRE(client.until([&] { return client.at(id).data_bytes == 65'535; }));
  client.settle();
  // One window lies at the client, one waits for it here; the whole answer has 8 MiB.
  BOOST_TEST(!on.backend.until([](const auto& all) { return all[0].sent > 2U * 65'535; }, 300ms));
  client.settle();
  BOOST_TEST(client.at(id).data_bytes == 65'535U);

  // Another stream of the same connection is not held up by it.
  BOOST_TEST(client.call(request(path_of("Echo")), message("x")).body == message("x"));

  // With credit it comes, whole and in order.
  const auto content = pattern(8 * 1024 * 1024);
  while (client.at(id).data_bytes < content.size()) {
    const auto before = client.at(id).data_bytes;
    client.credit(id, 65'535);
    BOOST_REQUIRE(client.until([&] { return client.at(id).data_bytes == std::min(before + 65'535, content.size()); }));
  }
  BOOST_TEST(client.finish(id).status() == "0");
  BOOST_TEST((client.at(id).body == content));
}

BOOST_AUTO_TEST_CASE(a_credit_of_one_byte_moves_one_byte) {
  passage::options chosen;
  chosen.fake.large_bytes = 10;
  passage on(chosen);
  client_options slow;
  slow.window = 0;
  slow.credits = false;
  auto client = on.client(slow);
  const auto id = client.open(request(path_of("Large")), true);
  BOOST_REQUIRE(client.until([&] { return client.at(id).header_blocks == 1; }));
  for (std::size_t i = 1; i <= 10; ++i) {
    client.credit(id, 1);
    BOOST_REQUIRE(client.until([&] { return client.at(id).data_bytes == i; }));
    client.settle();
    BOOST_TEST(client.at(id).data_bytes == i);
  }
  BOOST_TEST(client.finish(id).status() == "0");
  BOOST_TEST(client.at(id).body == pattern(10));
}

BOOST_AUTO_TEST_CASE(trailers_never_overtake_data_that_waits) {
  passage::options chosen;
  chosen.fake.large_bytes = 40'000;
  passage on(chosen);
  client_options slow;
  slow.window = 1'000;
  slow.credits = false;
  auto client = on.client(slow);
  const auto id = client.open(request(path_of("Large")), true);
  BOOST_REQUIRE(on.backend.until([](const auto& all) { return !all.empty() && all[0].sent == 40'000; }));
  client.settle();
  BOOST_TEST(client.at(id).header_blocks == 1U);
  BOOST_TEST(!client.at(id).ended);
  client.credit(id, 39'000);
  BOOST_TEST(client.finish(id).status() == "0");
  BOOST_TEST(client.at(id).body == pattern(40'000));
}

// Heads have no window: above 64 KiB of them, a client that takes nothing is not read from. One that takes something is again, however much
// still waits for it: it may have a download to give up.
BOOST_AUTO_TEST_CASE(a_client_that_takes_some_of_what_waits_for_it_is_heard_before_it_has_taken_all) {
  passage on;
  client_options wide;
  wide.window = 0x7fffffff;
  wide.credits = wide.keeps_bodies = false;
  auto client = on.client(wide, 16 * 1024);
  client.settle();
  BOOST_REQUIRE(support::narrow(support::descriptor_towards(support::port_of(client.socket().descriptor()))));
  std::vector<std::uint32_t> downloads;
  for (int i = 0; i < 4; ++i) downloads.push_back(client.open(request(path_of("Large")), true));
  BOOST_REQUIRE(on.backend.until([](const auto& all) { return all.size() == 4 && all[3].sent > 65'535; }));
  // Once more where some of them still found room.
  const auto not_held = [&on] {
    return on.metrics().find("sallyport_http2_limits_total{limit=\"control_output\"} 0\n") != std::string::npos;
  };
  bool held = false;
  for (int i = 0; i < 10 && !held; ++i) {
    for (int n = 0; n < 12; ++n) client.open(request(path_of("Fat")), true);
    on.backend.until_count(16U + 12U * static_cast<std::size_t>(i), 300ms);  // they may not be read any more
    client.raw(h2::make(h2::ping, h2::none, 0, h2::big_endian(0, 8)));
    for (int n = 0; n < 30 && !held; ++n) {
      std::this_thread::sleep_for(10ms);  // what has no event here is asked for again
      held = !not_held();
    }
  }
  BOOST_REQUIRE(held);
  client.reset(downloads[0]);
  const auto taken = [&] {
    std::size_t all = 0;
    for (const auto id : downloads) all += client.at(id).data_bytes;
    return all;
  };
  const auto was_heard = [&on](auto limit) { return on.backend.until([](const auto& all) { return all[0].reset.has_value(); }, limit); };
  constexpr std::size_t some = 8 * 1024 * 1024;  // a quarter
  BOOST_TEST(client.until([&] { return was_heard(0s) || taken() > some; }));
  BOOST_TEST(was_heard(5s));
}

BOOST_AUTO_TEST_CASE(a_large_upload_arrives_whole_and_comes_back_whole) {
  passage on;
  auto client = on.client();
  const auto content = pattern(8 * 1024 * 1024, 7);
  const auto id = client.open(request(path_of("Echo")), false);
  BOOST_REQUIRE_EQUAL(client.upload(id, content, true), content.size());
  const auto& got = client.finish(id, 20s);
  BOOST_TEST(got.status() == "0");
  BOOST_TEST((got.body == content));
  BOOST_TEST((on.backend.last().body == content));
}

BOOST_AUTO_TEST_CASE(several_uploads_at_once_do_not_mix) {
  passage on;
  auto client = on.client();
  client.call(request(path_of("Echo")), message("warm"));
  std::vector<std::uint32_t> ids;
  std::vector<std::string> contents;
  for (unsigned i = 0; i < 8; ++i) {
    ids.push_back(client.open(request(path_of("Echo")), false));
    contents.push_back(pattern(200'000 + i * 1'000, i + 1));
  }
  // A frame of each in turn.
  for (std::size_t at = 0; at < 220'000; at += 10'000)
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (at >= contents[i].size()) continue;
      const auto piece = std::string_view(contents[i]).substr(at, 10'000);
      BOOST_REQUIRE_EQUAL(client.upload(ids[i], piece, at + 10'000 >= contents[i].size()), piece.size());
    }
  for (std::size_t i = 0; i < ids.size(); ++i) BOOST_TEST((client.finish(ids[i]).body == contents[i]), "upload " << i);
}

BOOST_AUTO_TEST_CASE(a_backend_that_gives_no_credit_stops_the_client_after_two_windows) {
  passage::options chosen;
  chosen.fake.credits = false;
  passage on(chosen);
  auto client = on.client();
  const auto id = client.open(request(path_of("Hang")), false);
  const auto sent = client.upload(id, pattern(1024 * 1024), true, 1s);
  BOOST_TEST(sent >= 65'535U);
  BOOST_TEST(sent <= 2U * 65'535);
  BOOST_TEST(on.backend.last().body.size() == 65'535U);
  // The client's other streams are not held up by it, as far as the backend's connection window is not: a refusal needs none.
  BOOST_TEST(client.call(request(path_of("Echo"), {})).status() == "16");
}

BOOST_AUTO_TEST_CASE(more_than_the_window_is_an_error_of_that_stream_and_the_backend_is_told_cancel) {
  passage::options chosen;
  chosen.fake.credits = false;
  passage on(chosen);
  auto client = on.client();
  client.call(request(path_of("Echo")));  // the connection's window is wide after the first permit
  const auto id = client.open(request(path_of("Hang")), false);
  for (int i = 0; i < 12; ++i) client.data(id, pattern(16'384), false);
  BOOST_REQUIRE((client.finish(id, 5s).reset == h2::flow_control_error));
  BOOST_REQUIRE(on.backend.until_reset());
  BOOST_TEST(*on.backend.last().reset == h2::cancel);
  BOOST_TEST(client.call(request(path_of("Echo"))).status() == "0");
}

BOOST_AUTO_TEST_CASE(the_connections_window_is_narrow_until_the_first_permit_and_wide_after) {
  passage on;
  auto client = on.client();
  client.call(request(path_of("Echo"), {}));
  client.settle();
  BOOST_TEST(client.credited(0) == 0U);
  client.call(request(path_of("Echo")));
  client.settle();
  BOOST_TEST(client.credited(0) == 16U * 1024 * 1024 - 65'535);
  client.call(request(path_of("Echo")));
  client.settle();
  BOOST_TEST(client.credited(0) == 16U * 1024 * 1024 - 65'535);
}

BOOST_AUTO_TEST_CASE(a_client_that_takes_no_byte_is_cut_off_after_the_limit_and_the_backend_told) {
  passage::options chosen;
  chosen.write_stall = 600ms;
  chosen.fake.large_bytes = 32 * 1024 * 1024;
  passage on(chosen);
  client_options deaf;
  deaf.window = 0x7fffffff;
  auto client = on.client(deaf, 4096);
  client.open(request(path_of("Large")), true);
  // Nothing is read here: the sockets fill, then the clock runs.
  BOOST_REQUIRE(on.log_has("write stalled", 8s));
  BOOST_REQUIRE(on.backend.until_reset());
  BOOST_TEST(*on.backend.last().reset == h2::cancel);
  BOOST_TEST(on.backend.last().sent < 32U * 1024 * 1024);
  // Another client does not notice.
  auto other = on.client();
  BOOST_TEST(other.call(request(path_of("Echo"))).status() == "0");
}

BOOST_AUTO_TEST_CASE(a_stalled_window_is_no_stalled_write) {
  passage::options chosen;
  chosen.write_stall = 300ms;
  passage on(chosen);
  client_options slow;
  slow.credits = false;
  auto client = on.client(slow);
  const auto id = client.open(request(path_of("Large")), true);
  BOOST_REQUIRE(client.until([&] { return client.at(id).data_bytes == 65'535; }));
  client.until([&] { return client.closed(); }, 900ms);  // three times the limit
  BOOST_TEST(!client.closed());
  client.credit(id, 100);
  BOOST_TEST(client.until([&] { return client.at(id).data_bytes == 65'635; }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::proxy::testing
