// Passage 16: what a backend certainly did not process is sent once more, and nothing else is.
#include "several.hpp"

#include "kept_request.hpp"

namespace sallyport::upstream {
namespace {

using telemetry::retry_result;

std::vector<fake_backend::options> one_then_echo(const std::string& first) { return {always(first), {}}; }

void send_all(told& who, std::string_view body) {
  while (!body.empty()) {
    const auto piece = body.substr(0, 16'000);
    body.remove_prefix(piece.size());
    who.taken += who.on->send(bytes_of(piece), body.empty());
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(second_sending)

BOOST_AUTO_TEST_CASE(a_request_beyond_a_goaways_last_id_is_answered_by_another_endpoint) {
  several on(2, still(), one_then_echo("Goaway"));
  told who;
  BOOST_REQUIRE(on.open(who, "Echo", false));
  send_all(who, "the body");
  BOOST_REQUIRE(on.until([&] { return who.over(); }));
  BOOST_TEST(who.body == "the body");
  BOOST_TEST(who.taken == 8U);
  BOOST_REQUIRE(on.seen(0) == 1U);
  BOOST_REQUIRE(on.seen(1) == 1U);
  BOOST_TEST((on[0].last().head == on[1].last().head));
  BOOST_TEST(on[1].last().ended);
  BOOST_TEST(on.resent(retry_result::answered) == 1U);
  BOOST_TEST(on.counted.failures[static_cast<std::size_t>(telemetry::upstream_failure::unprocessed)].value() == 0U);
}

BOOST_AUTO_TEST_CASE(with_one_endpoint_it_goes_on_another_connection) {
  for (const std::string how : {"Goaway", "Refuse"}) {
    several on(1, still(), {turns(how)});
    told who;
    BOOST_REQUIRE(on.open(who, "Turned", false));
    send_all(who, "the body");
    BOOST_REQUIRE(on.until([&] { return who.over(); }));
    BOOST_TEST(who.body == "the body", how);
    BOOST_TEST(who.taken == 8U);
    BOOST_TEST(on.seen(0) == 2U);
    BOOST_TEST(on[0].connections() == 2U);
    BOOST_TEST(on.call());
  }
}

BOOST_AUTO_TEST_CASE(who_waits_for_another_connection_does_not_stop_those_that_come_later) {
  several on(1, still(), {turns("Refuse")});
  BOOST_REQUIRE(on.call());
  told refused, late;
  BOOST_REQUIRE(on.open(refused, "Turned"));
  BOOST_REQUIRE(on.until([&] { return on.seen(0) == 2; }));
  BOOST_REQUIRE(on.open(late, "Echo"));
  BOOST_REQUIRE(on.until([&] { return refused.over() && late.over(); }));
  BOOST_TEST(refused.ended);
  BOOST_TEST(late.ended);
  const auto all = on[0].requests();
  BOOST_TEST(std::count_if(all.begin(), all.end(), [](const auto& r) { return r.connection == 1; }) == 1);
}

BOOST_AUTO_TEST_CASE(where_there_can_be_no_other_connection_it_is_told_unprocessed) {
  several on(1, narrow(), {turns("Refuse")});
  told who;
  BOOST_REQUIRE(on.open(who, "Turned"));
  BOOST_REQUIRE(on.until([&] { return who.over(); }));
  BOOST_TEST((who.why == failure::unprocessed));
  BOOST_TEST(on.seen(0) == 1U);
  BOOST_TEST(on.call());
}

BOOST_AUTO_TEST_CASE(twice_is_enough) {
  for (const std::string how : {"Goaway", "Refuse"}) {
    several on(3, still(), {always(how), always(how), {}});
    told who;
    BOOST_REQUIRE(on.open(who, "Echo"));
    BOOST_REQUIRE(on.until([&] { return who.over(); }));
    BOOST_TEST((who.why == failure::unprocessed), how);
    BOOST_TEST(on.seen(0) + on.seen(1) == 2U);
    BOOST_TEST(on[2].saw_nothing());
    BOOST_TEST(on.resent(retry_result::unprocessed) == 1U);
  }
}

BOOST_AUTO_TEST_CASE(a_body_of_64_kib_is_sent_again_and_one_byte_more_is_not) {
  for (const std::size_t more : {0U, 1U}) {
    several on(2, still(), one_then_echo("Hang"));
    told who;
    const auto body = support::pattern(kept_request::body_max_bytes + more);
    on.open_and_wait(who, "Echo", 0);
    send_all(who, body);
    BOOST_REQUIRE(on.until([&] { return on[0].last().ended; }));
    on[0].tell(0, h2::make_goaway(0, h2::no_error));
    BOOST_REQUIRE(on.until([&] { return who.over(); }));
    if (more) {
      BOOST_TEST((who.why == failure::unprocessed));
      BOOST_TEST(on[1].saw_nothing());
    } else {
      BOOST_TEST((who.body == body));
    }
    BOOST_TEST(who.taken == body.size());
  }
}

BOOST_AUTO_TEST_CASE(a_message_that_announces_more_than_64_kib_is_not_kept_from_its_first_byte_on) {
  several on(2, still(), one_then_echo("Hang"));
  told who;
  on.open_and_wait(who, "Echo", 0);
  who.on->send(bytes_of(std::string_view("\0\0\1\0\0some", 9)), false);
  on[0].tell(0, h2::make_goaway(0, h2::no_error));
  BOOST_REQUIRE(on.until([&] { return who.over(); }));
  BOOST_TEST((who.why == failure::unprocessed));
  BOOST_TEST(on[1].saw_nothing());
}

BOOST_AUTO_TEST_CASE(every_byte_is_told_once_though_some_go_twice) {
  auto narrow_window = turns("Hang");
  narrow_window.settings = {{4, 1'000}};
  narrow_window.credits = false;
  several on(1, still(), {narrow_window});
  BOOST_REQUIRE(on.call());  // its SETTINGS are known
  told who;
  on.open_and_wait(who, "Turned", 0);
  const auto body = support::pattern(3'000);
  BOOST_TEST(who.on->send(bytes_of(body), false) == 1'000U);
  BOOST_REQUIRE(on.until([&] { return on[0].last().body.size() == 1'000; }));
  on[0].tell(0, h2::make_goaway(1, h2::no_error));
  BOOST_REQUIRE(on.until([&] { return on.seen(0) == 3 && on[0].last().body.size() >= 1'000; }));
  on.until([] { return false; }, 20ms);  // the new connection's SETTINGS leave what is there already
  const auto early = who.taken;
  BOOST_TEST(early <= 2'000U);
  const auto at_once = who.on->send(bytes_of("tail"), true);
  on[0].tell(1, h2::make_window(1, 10'000));
  BOOST_REQUIRE(on.until([&] { return who.over(); }));
  BOOST_TEST(1'000 + who.taken + at_once == 3'004U);
  BOOST_TEST((who.body == body + "tail"));
}

BOOST_AUTO_TEST_CASE(what_comes_while_it_waits_for_the_second_sending_follows) {
  several on(1, still(), {turns("Refuse")});
  told who;
  BOOST_REQUIRE(on.open(who, "Turned", false));
  who.taken += who.on->send(bytes_of("one "), false);
  BOOST_REQUIRE(on.until([&] { return on.counted.waiting.value() == 1 || on.seen(0) == 2; }));
  who.taken += who.on->send(bytes_of("two "), false);
  BOOST_REQUIRE(on.until([&] { return on.seen(0) == 2 && on[0].last().body.size() >= 4; }));
  who.taken += who.on->send(bytes_of("three"), true);
  BOOST_REQUIRE(on.until([&] { return who.over(); }));
  BOOST_TEST(who.body == "one two three");
  BOOST_TEST(who.taken == 13U);
}

BOOST_AUTO_TEST_CASE(a_client_that_leaves_meanwhile_leaves_nothing_behind) {
  // While it waits for the second sending, and when it has been sent.
  auto chosen = narrow();
  several on(2, chosen, {always("Refuse"), {}});
  told hang, who;
  BOOST_REQUIRE(on.open(who, "Echo", false));
  who.on->send(bytes_of("kept"), false);
  on.open_and_wait(hang, "Hang", 1);
  BOOST_REQUIRE(on.until([&] { return on[0].last().head.size() > 0 && on.counted.waiting.value() == 1; }));
  who.cancel();
  hang.cancel();
  BOOST_TEST(on.call());
  BOOST_TEST(on.resent(retry_result::cancelled) == 1U);
  BOOST_TEST(on.seen(1) == 2U);  // Hang, and the call

  several next(2, still(), {always("Refuse"), always("Hang")});
  told sent;
  BOOST_REQUIRE(next.open(sent, "Echo"));
  BOOST_REQUIRE(next.until([&] { return next.seen(1) == 1; }));
  sent.cancel();
  BOOST_TEST(next.until([&] { return next[1].last().reset == h2::cancel; }));
  BOOST_TEST(next.resent(retry_result::cancelled) == 1U);
}

BOOST_AUTO_TEST_CASE(after_the_head_of_an_answer_nothing_is_sent_again) {
  const support::headers fine{{":status", "200"}, {"content-type", "application/grpc"}}, interim{{":status", "103"}};
  const std::pair<std::string, failure> table[] = {
      {h2::make_head(1, fine, false) + h2::make_rst(1, h2::refused_stream), failure::broken},
      {h2::make_head(1, interim, false) + h2::make_rst(1, h2::refused_stream), failure::broken},
      {h2::make_head(1, fine, false) + h2::make_goaway(0, h2::no_error), failure::broken},
      {h2::make_rst(1, h2::internal_error), failure::broken},
      {h2::make_rst(1, h2::cancel), failure::cancelled},
  };
  for (const auto& [said, why] : table) {
    several on(2, still(), one_then_echo("Hang"));
    told who;
    on.open_and_wait(who, "Echo", 0, true);
    on[0].tell(0, said);
    BOOST_REQUIRE(on.until([&] { return who.over(); }));
    BOOST_TEST((who.why == why));
    BOOST_TEST(on[1].saw_nothing());
  }
}

BOOST_AUTO_TEST_CASE(what_was_sent_on_a_connection_that_dies_is_not_sent_again) {
  several on(2, still(), one_then_echo("DieFirst"));
  told who;
  BOOST_REQUIRE(on.open(who, "Echo"));
  BOOST_REQUIRE(on.until([&] { return who.over(); }));
  BOOST_TEST((who.why == failure::broken));
  BOOST_TEST(on[1].saw_nothing());
}

BOOST_AUTO_TEST_CASE(many_at_once_are_each_processed_once) {
  several on(2, still(), one_then_echo("Hang"));
  std::vector<told> all(60);
  for (auto& who : all) BOOST_REQUIRE(on.open(who, "Echo"));
  BOOST_REQUIRE(on.until([&] { return on.seen(0) == 30 && on.seen(1) == 30; }));
  on[0].tell(0, h2::make_goaway(0, h2::no_error));
  BOOST_REQUIRE(on.until([&] { return std::all_of(all.begin(), all.end(), [](const auto& who) { return who.over(); }); }));
  for (const auto& who : all) BOOST_TEST(who.ended);
  BOOST_TEST(on.seen(1) == 60U);
  BOOST_TEST(on.resent(retry_result::answered) == 30U);
}

BOOST_AUTO_TEST_CASE(a_kept_head_is_the_head_whatever_its_lengths) {
  http2::buffer_pool buffers;
  std::size_t larges = 0;
  kept_request kept(buffers, larges);
  std::vector<std::string> texts;
  for (std::size_t n = 0; n < 40; ++n) texts.push_back(support::pattern(n, static_cast<unsigned>(n)));
  std::vector<http2::field> head;
  for (std::size_t n = 0; n < 40; ++n) head.push_back({texts[n], texts[39 - n], http2::known::other, n % 2 == 0});
  for (int round = 0; round < 2; ++round) {
    kept.begin(head, true);
    BOOST_REQUIRE(kept.fields().size() == head.size());
    for (std::size_t n = 0; n < 40; ++n) {
      const auto& f = kept.fields()[n];
      BOOST_TEST((f.name == texts[n] && f.value == texts[39 - n] && f.never_index == head[n].never_index), n);
      BOOST_TEST((f.name.data() != texts[n].data()), n);
    }
    kept.drop();
  }
}

// Many may wait with large bodies, of which not all are kept when they leave.
BOOST_AUTO_TEST_CASE(a_small_body_is_kept_however_many_large_ones_wait) {
  http2::buffer_pool buffers;
  std::size_t larges = kept_request::large_max;
  kept_request small(buffers, larges), large(buffers, larges);
  const std::vector<http2::field> head{http2::make_field(http2::known::path, ":path", "/a/B")};
  const auto body = support::pattern(5'000);
  large.begin(head, false);
  large.add_waiting(bytes_of(body), true);
  small.begin(head, false);
  small.add_waiting(bytes_of(std::string_view(body).substr(0, 100)), true);
  small.trim();
  BOOST_TEST(small.held());
  large.trim();
  BOOST_TEST(!large.held());
}

BOOST_AUTO_TEST_CASE(what_is_kept_uses_the_memory_of_the_request_before) {
  http2::buffer_pool buffers;
  std::size_t larges = 0;
  kept_request kept(buffers, larges);
  const std::vector<http2::field> head{http2::make_field(http2::known::path, ":path", "/a/B")};
  const auto body = support::pattern(3'000);
  kept.begin(head, false);
  kept.add_sent(bytes_of(body), true);
  const auto* const text = kept.fields()[0].value.data();
  const auto* const bytes = kept.body().data();
  kept.drop();
  kept.begin(head, false);
  kept.add_sent(bytes_of(body), false);
  BOOST_TEST((kept.fields()[0].name == ":path" && kept.fields()[0].value == "/a/B"));
  BOOST_TEST((kept.fields()[0].value.data() == text));
  BOOST_TEST((kept.body().data() == bytes));
  kept.add_sent(bytes_of(body), true);  // more than 4 KiB: the worker's memory
  BOOST_TEST(larges == 1U);
  BOOST_TEST((kept.body().size() == 6'000 && std::memcmp(kept.body().data() + 3'000, body.data(), 3'000) == 0));
  kept.drop();
  BOOST_TEST(larges == 0U);
  larges = kept_request::large_max;  // as many as there may be
  kept.begin(head, false);
  kept.add_sent(bytes_of(body), false);
  BOOST_TEST(kept.held());
  kept.add_sent(bytes_of(body), true);
  BOOST_TEST(!kept.held());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::upstream
