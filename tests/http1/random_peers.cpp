// What random peers may do to a session: nothing that breaks its invariants, however the input is cut.
#include "busy.hpp"
#include "messages.hpp"
#include "rooms.hpp"

namespace sallyport::http1::tests {
namespace {

constexpr std::uint32_t seed = 20'261'126;
constexpr int rounds = 2'000;

template <class Peer>
void feed_in_pieces(message_maker& make, const std::string& text, Peer& peer) {
  const auto step = 1 + make.up_to(200);
  for (std::size_t at = 0; at < text.size(); at += step) {
    const auto piece = text.substr(at, step);
    peer.feed(bytes_of(piece));
  }
}

BOOST_AUTO_TEST_SUITE(random_peers)

BOOST_AUTO_TEST_CASE(a_server_bears_any_client) {
  message_maker make(seed);
  buffer_pool pool;
  for (int round = 0; round < rounds; ++round) BOOST_TEST_CONTEXT("seed " << seed << ", round " << round) {
      std::string text;
      for (int i = 0; i < 6; ++i) text += make.chance(3) ? make.changed(make.request()) : make.request();
      busy_server peer(pool);
      BOOST_CHECK_NO_THROW(feed_in_pieces(make, text, peer));
    }
}

BOOST_AUTO_TEST_CASE(a_client_bears_any_backend) {
  message_maker make(seed);
  buffer_pool pool;
  for (int round = 0; round < rounds; ++round) BOOST_TEST_CONTEXT("seed " << seed << ", round " << round) {
      busy_client peer(pool, static_cast<unsigned>(round));
      BOOST_CHECK_NO_THROW({
        for (int i = 0; i < 6 && !peer.session().closing(); ++i) {
          const auto answer = make.response();
          feed_in_pieces(make, make.chance(3) ? make.changed(answer) : answer, peer);
        }
        peer.end();
      });
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::http1::tests
