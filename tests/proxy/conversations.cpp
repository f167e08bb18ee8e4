// A stream's life is the same whatever else happens: random valid conversations arrive at both ends as RFC 9113 and docs/passage.md say
// they must. SALLYPORT_CONVERSATIONS: how many (30); SALLYPORT_CONVERSATION_SEED: the first one's seed, which a failure prints.
#include "conversations.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdlib>

namespace sallyport::proxy::conversations {
namespace {

constexpr std::uint64_t in_a_batch = 10;  // a case that takes half a minute is taken for one that hangs

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* said = std::getenv(name);
  return said ? std::strtoull(said, nullptr, 10) : otherwise;
}
const std::uint64_t first_seed = number_from("SALLYPORT_CONVERSATION_SEED", 1);
const std::uint64_t how_many = number_from("SALLYPORT_CONVERSATIONS", 30);

record held(const conversation& plan) {
  try {
    auto what = hold(plan);
    const auto wrong = judge(plan, what);
    BOOST_TEST(wrong.empty(), "SALLYPORT_CONVERSATION_SEED=" << plan.seed << "\n" << wrong);
    if (wrong.empty()) return what;
  } catch (const std::exception& e) {
    BOOST_ERROR("SALLYPORT_CONVERSATION_SEED=" << plan.seed << ": " << e.what());
  }
  return {};  // which is not what any other one was
}

BOOST_AUTO_TEST_SUITE(random_conversations)

BOOST_DATA_TEST_CASE(both_ends_see_what_was_said, boost::unit_test::data::xrange((how_many + in_a_batch - 1) / in_a_batch), batch) {
  for (auto i = batch * in_a_batch; i < std::min((batch + 1) * in_a_batch, how_many); ++i)
    if (held(draw(first_seed + i)).seen.empty()) break;
}

// The same octets, cut otherwise.

taste small() {
  taste made;
  made.clients = 1;
  made.streams = 2;
  made.body = 400;
  made.weather = made.resets = false;
  made.in_order = true;
  return made;
}

BOOST_AUTO_TEST_CASE(one_octet_at_a_time_is_the_same_conversation) {
  for (auto seed = first_seed; seed < first_seed + 5; ++seed) {
    auto plan = draw(seed, small());
    const auto whole = outcome(plan, held(plan));
    plan.clients[0].manners.write_most = 1;
    for (auto& b : plan.backend) b.manners.write_most = 1;
    BOOST_TEST(outcome(plan, held(plan)) == whole, "seed " << seed);
  }
}

// Thirty clients at a time, each with a cut of its own.
BOOST_AUTO_TEST_CASE(a_cut_at_any_octet_of_the_client_is_the_same_conversation) {
  auto plan = draw(first_seed, small());
  const auto whole = outcome(plan, held(plan));
  const auto octets = last_lengths().client + 10;  // their numbers have one digit or two
  BOOST_REQUIRE(octets > 100U);
  multiply(plan, 30);
  for (std::size_t cut = 1; cut < octets; cut += plan.clients.size()) {
    for (std::size_t i = 0; i < plan.clients.size(); ++i) plan.clients[i].manners.cut = cut + i;
    const auto what = held(plan);
    for (std::size_t i = 0; i < plan.clients.size(); ++i)
      BOOST_REQUIRE_MESSAGE(outcome(plan, what, i) == whole, "cut at " << cut + i << " of " << octets);
  }
}

BOOST_AUTO_TEST_CASE(a_cut_at_any_octet_of_the_backend_is_the_same_conversation) {
  auto plan = draw(first_seed, small());
  const auto whole = outcome(plan, held(plan));
  const auto octets = last_lengths().backend;
  BOOST_REQUIRE(octets > 100U);
  for (std::size_t cut = 1; cut < octets; ++cut) {
    for (auto& b : plan.backend) b.manners.cut = cut;
    BOOST_REQUIRE_MESSAGE(outcome(plan, held(plan)) == whole, "cut at " << cut << " of " << octets);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::proxy::conversations
