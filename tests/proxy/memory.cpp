// Who gives way when buffers run short, and the clocks that free them (docs/passage.md 23, 24).
#include "rest.hpp"

#include <algorithm>
#include <memory>

namespace sallyport::proxy::testing {
namespace {

// A stalled answer holds a first window, in memory of the next power of two. 256 of these in all: an eighth is 32.
constexpr std::size_t chunk = 64 * 1024;
constexpr int eighth = 32;
constexpr std::size_t answer = 4 * chunk;  // never whole here

passage::options small() {
  passage::options chosen;
  chosen.buffers = 8 * eighth * chunk;
  chosen.fake.large_bytes = answer;
  return chosen;
}

client_options shut() {
  client_options chosen;
  chosen.window = 0;
  chosen.credits = false;
  return chosen;
}

// An answer that waits for a window.
std::uint32_t stalled(h2_client& client, std::string_view shown = root) {
  const auto id = client.open(request(path_of("Large"), shown), true);
  BOOST_REQUIRE(client.until([&] { return client.at(id).header_blocks == 1; }));
  return id;
}

std::vector<std::uint32_t> stalled(h2_client& client, int n, std::string_view shown = root) {
  std::vector<std::uint32_t> ids;
  for (; n > 0; --n) ids.push_back(stalled(client, shown));
  return ids;
}

// A user, and a client of its own on which so many answers are stalled.
struct holder {
  holder(passage& on, const std::string& name, int n) : client(on.client(shut())) {
    BOOST_REQUIRE(!on.users.create(name, "secret1"));
    shown = token(name, "secret1");
    ids = stalled(client, n, shown);
  }
  bool lost_something() {
    client.settle();
    return std::any_of(ids.begin(), ids.end(), [this](auto id) { return client.at(id).reset.has_value(); });
  }

  h2_client client;
  std::string shown;
  std::vector<std::uint32_t> ids;
};

BOOST_AUTO_TEST_SUITE(memory)

BOOST_AUTO_TEST_CASE(nobody_holds_more_than_an_eighth_and_the_longest_still_goes_first) {
  passage on(small());
  auto client = on.client(shut());
  const auto ids = stalled(client, eighth);
  client.settle();
  for (const auto id : ids) BOOST_TEST(!client.at(id).reset);
  const auto last = stalled(client);
  BOOST_REQUIRE(client.until([&] { return client.at(ids[0]).reset.has_value(); }));
  BOOST_TEST((*client.at(ids[0]).reset == h2::internal_error));  // half an answer: nobody takes that for its end
  BOOST_REQUIRE(on.backend.until([](const auto& all) { return all[0].reset.has_value(); }));
  BOOST_TEST(on.log_has("buffers_short holder=root"));
  client.settle();
  BOOST_TEST(!client.at(ids.back()).reset);
  // What was left is whole when it is taken.
  for (const auto id : {ids.back(), last}) {
    client.credit(id, answer);
    BOOST_TEST((client.finish(id).body == pattern(answer)));
  }
}

BOOST_AUTO_TEST_CASE(an_answer_whose_request_is_done_with_counts_for_its_connection) {
  auto chosen = small();
  chosen.fake.large_bytes = 50'000;  // whole here, so that the backend is done
  passage on(chosen);
  auto client = on.client(shut());
  const auto ids = stalled(client, eighth + 1);
  BOOST_REQUIRE(client.until([&] { return client.at(ids[0]).reset.has_value(); }));
  BOOST_TEST(on.log_has("buffers_short holder=127.0.0.1"));
  BOOST_TEST(client.call(request(path_of("Echo"), {})).status() == "16");  // the connection lives
}

BOOST_AUTO_TEST_CASE(when_three_quarters_are_used_those_above_their_share_get_no_new_requests_and_others_do) {
  passage on(small());
  auto client = on.client(shut());
  // 206 of 256, by twelve holders: root has thirty, and a share is twenty-one.
  std::vector<std::unique_ptr<holder>> others;
  for (int i = 0; i < 11; ++i) others.push_back(std::make_unique<holder>(on, "user" + std::to_string(i), 16));
  stalled(client, 30);
  auto asking = on.client();
  const auto until = support::steady::now() + 10s;
  while (asking.call(request(path_of("Echo")), message("x")).status() != "14") BOOST_REQUIRE(support::steady::now() < until);
  const auto before = on.backend.requests().size();
  const auto refused = asking.call(request(path_of("Echo")), message("x"));
  BOOST_TEST(refused.status() == "14");
  BOOST_TEST(refused.message() == "too much is under way, try again");
  BOOST_TEST(on.backend.requests().size() == before);  // the backend saw nothing
  BOOST_TEST(on.log_has("reason=buffers_short"));
  BOOST_TEST(asking.call(request(path_of("Echo"), others[3]->shown), message("x")).status() == "0");
  for (const auto& one : others) BOOST_TEST(!one->lost_something());
}

BOOST_AUTO_TEST_CASE(when_nine_tenths_are_passed_the_largest_holder_gives_way) {
  passage on(small());
  auto client = on.client(shut());
  const auto roots = stalled(client, 30);
  // 225 of 256, and then 231: nine tenths are 230.
  std::vector<std::unique_ptr<holder>> others;
  for (int i = 0; i < 13; ++i) others.push_back(std::make_unique<holder>(on, "user" + std::to_string(i), 15));
  others.push_back(std::make_unique<holder>(on, "late", 6));
  BOOST_REQUIRE(client.until([&] { return client.at(roots[0]).reset.has_value(); }));
  client.settle();
  BOOST_TEST(!client.at(roots.back()).reset);
  for (const auto& one : others) BOOST_TEST(!one->lost_something());
}

// What comes behind a request of HTTP/1.1 has no window, and waits here for its turn.
BOOST_AUTO_TEST_CASE(what_is_sent_behind_a_request_that_stands_still_counts_for_its_holder) {
  rest_passage p(small());
  std::vector<http1_client> clients;
  for (int i = 0; i < eighth / 2 + 4; ++i) {
    clients.push_back(p.client());
    clients.back().raw("GET /v2/hang HTTP/1.1\r\nhost: x\r\nauthorization: " + bearer + "\r\n\r\n" + std::string(2 * chunk, 'x'));
  }
  BOOST_TEST(p.on.log_has("buffers_short holder=root"));
  BOOST_TEST(clients[0].answer().status() == 503);
}

// Whoever has more than an eighth loses that first; what is gone then is not asked again when all give way.
// Before anybody has shown a password.
BOOST_AUTO_TEST_CASE(heads_that_wait_for_a_verdict_count_for_where_they_come_from) {
  passage::options chosen;
  chosen.refusal_floor = 5s;
  chosen.buffers = 1024 * 1024;
  passage on(chosen);
  auto client = on.client();
  const auto large = request(path_of("Echo"), token("root", "wrong"), {{"x-large", std::string(8'000, 'x')}});
  for (int i = 0; i < 40; ++i) client.open(large, true);
  BOOST_TEST(on.log_has("buffers_short holder=127.0.0.1", 4s));
  BOOST_TEST(on.backend.saw_nothing());
}

BOOST_AUTO_TEST_CASE(calls_that_are_answered_here_count_for_their_user_as_long_as_they_are_not_whole) {
  passage::options chosen;
  chosen.buffers = 1024 * 1024;
  chosen.rest_port = 1;
  passage on(chosen);
  auto client = on.client();
  for (int i = 0; i < 20; ++i) {
    const auto call = client.open(request(user_call("CreateCredential")), false);
    client.data(call, std::string("\0\0\0\x10\0half", 9), false);
    const auto rest = client.open(head_of({"POST", "/v2/vectordb/users/create", {{"authorization", bearer}}}), false);
    client.data(rest, "{", false);
  }
  BOOST_TEST(on.log_has("buffers_short holder=root"));
  BOOST_TEST(on.log_has("reason=buffers_short"));
  BOOST_TEST(on.backend.saw_nothing());
}

BOOST_AUTO_TEST_CASE(more_than_an_eighth_and_nine_tenths_may_be_passed_at_once) {
  passage on(small());
  std::vector<std::unique_ptr<holder>> others;
  for (int i = 0; i < 12; ++i) others.push_back(std::make_unique<holder>(on, "user" + std::to_string(i), 16));
  others.push_back(std::make_unique<holder>(on, "late", 7));  // 199 of 256: with an eighth more it is 231
  auto client = on.client(shut());
  std::vector<std::uint32_t> roots;
  for (int i = 0; i < eighth + 8; ++i) roots.push_back(client.open(request(path_of("Large")), true));
  BOOST_REQUIRE(client.until([&] { return client.at(roots[0]).ended || client.at(roots[0]).reset.has_value(); }));
  client.settle();
  BOOST_TEST(on.client().call(request(path_of("Echo"), others[3]->shown), message("x")).status() == "0");
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_not_taken_is_given_up_and_the_backend_is_told) {
  passage::options chosen;
  chosen.response_stall = 1s;
  passage on(chosen);
  auto client = on.client(shut());
  const auto id = stalled(client);
  BOOST_REQUIRE(client.until([&] { return client.at(id).reset.has_value(); }));
  BOOST_TEST((*client.at(id).reset == h2::cancel));
  BOOST_REQUIRE(on.backend.until_reset());
  BOOST_TEST(*on.backend.last().reset == h2::cancel);
  BOOST_TEST(on.log_has("response_stalled"));
}

BOOST_AUTO_TEST_CASE(a_backend_that_goes_on_after_the_deadline_is_told_to_stop) {
  passage on;
  auto client = on.client();
  const auto id = client.open(request(path_of("Hang"), root, {{"grpc-timeout", "1m"}}), true);
  const auto& got = client.finish(id, 15s);
  BOOST_TEST(got.status() == "4");
  BOOST_REQUIRE(on.backend.until_reset());
  BOOST_TEST(*on.backend.last().reset == h2::cancel);
  BOOST_TEST(support::find(on.backend.last().head, "grpc-timeout") == "1m");
}

BOOST_AUTO_TEST_CASE(a_request_that_stops_in_the_middle_of_a_message_is_ended_and_one_between_two_is_not) {
  passage::options chosen;
  chosen.fake.credits = false;
  passage on(chosen);
  auto client = on.client();
  // This one would go on, and may not: the backend gives no credit.
  const auto held_up = client.open(request(path_of("Hang")), false);
  BOOST_TEST(client.upload(held_up, message(pattern(1024 * 1024)), true, 1s) > 65'535U);
  const auto between = client.open(request(path_of("Hang")), false);
  client.data(between, message("whole"), false);
  const auto inside = client.open(request(path_of("Hang")), false);
  client.data(inside, message("half of it").substr(0, 9), false);
  BOOST_TEST(!client.until([&] { return client.at(inside).ended; }, 1s));  // it has ten seconds, from the first on
  const auto& got = client.finish(inside, 25s);
  BOOST_TEST(got.status() == "4");
  BOOST_TEST(got.message() == "the request came too slowly");
  client.settle();
  BOOST_TEST(!client.at(between).ended);
  BOOST_TEST((!client.at(held_up).ended && !client.at(held_up).reset));
  BOOST_TEST(on.log_has("reason=body_too_slow"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::proxy::testing
