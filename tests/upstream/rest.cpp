// Several endpoints of REST over HTTP/1.1.
#include "several.hpp"

#include "support/fake_http1.hpp"

namespace sallyport::upstream {
namespace {

struct rest_room : loop {
  support::fake_http1 backends[2];

  explicit rest_room(settings s = still()) {
    s.name = "milvus";
    for (const auto& b : backends) s.rest_endpoints.push_back({"127.0.0.1", b.port()});
    at.emplace(surroundings{io.get_executor(), tasks, turn, bench, buffers, scratch, log, counts}, s, names, http1::limits{});
  }
  exchange* ask(told& who, const std::string& what) {
    const auto path = "/v2/" + what;
    const std::vector<http2::field> fields{
        http2::make_field(http2::known::method, ":method", "GET"), http2::make_field(http2::known::scheme, ":scheme", "http"),
        http2::make_field(http2::known::authority, ":authority", "milvus"), http2::make_field(http2::known::path, ":path", path)};
    failure why{};
    who.on = at->open(permit, fields, true, who, why);
    return who.on;
  }
  bool call() {
    told who;
    return ask(who, "echo") && until([&] { return who.over(); }) && who.ended;
  }
  std::size_t seen(std::size_t which) const { return backends[which].requests().size(); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(rest_endpoints)

BOOST_FIXTURE_TEST_CASE(requests_are_shared_evenly, rest_room) {
  for (int i = 0; i < 60; ++i) BOOST_REQUIRE(call());
  BOOST_TEST(seen(0) == 30U);
  BOOST_TEST(seen(1) == 30U);
  BOOST_TEST(counted.endpoints.value() == 2);
}

BOOST_FIXTURE_TEST_CASE(of_two_one_dies_what_was_sent_there_fails_and_all_else_is_answered, rest_room) {
  told hang;
  BOOST_REQUIRE(ask(hang, "hang"));
  BOOST_REQUIRE(until([&] { return seen(0) == 1; }));
  backends[0].stop();
  BOOST_REQUIRE(until([&] { return hang.over(); }));
  BOOST_TEST((hang.why == failure::broken));
  told all[10];
  for (auto& who : all) BOOST_REQUIRE(ask(who, "echo"));
  BOOST_REQUIRE(until([&] { return std::all_of(std::begin(all), std::end(all), [](const auto& who) { return who.over(); }); }));
  for (const auto& who : all) BOOST_TEST(who.ended);
  BOOST_TEST(seen(1) == 10U);
  BOOST_TEST(ejected(telemetry::ejection::connect_failed) == 1U);
  backends[0].start_again();
  BOOST_TEST(until([&] { return call() && seen(0) > 1; }));
  BOOST_TEST(counted.endpoints_up.value() == 2);
}

BOOST_AUTO_TEST_CASE(a_connection_of_some_age_is_not_used_again) {
  auto chosen = still();
  chosen.max_connection_age = 5s;
  rest_room on(chosen);
  for (int i = 0; i < 2; ++i) BOOST_REQUIRE(on.call());
  on.sweep_in(3'900ms);
  for (int i = 0; i < 2; ++i) BOOST_REQUIRE(on.call());
  BOOST_TEST(on.backends[0].connections() == 1U);
  on.sweep_in(6'100ms);
  for (int i = 0; i < 2; ++i) BOOST_REQUIRE(on.call());
  BOOST_TEST(on.backends[0].connections() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::upstream
