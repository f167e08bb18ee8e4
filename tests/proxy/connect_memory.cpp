// What tunnels keep counts for their user, and they give way as requests do (docs/passage.md 23).
#include "connect.hpp"

namespace sallyport::proxy::testing {
namespace {

// What a stream keeps; an eighth of `small` is what 32 of them do.
constexpr std::size_t chunk = 64 * 1024;

passage::options small(std::size_t buffers = 8 * 32 * chunk) {
  passage::options chosen;
  chosen.buffers = buffers;
  return chosen;
}

// Tunnels over one connection of HTTP/2 whose client opens no window for what their backend says.
struct stalled_streams {
  explicit stalled_streams(connect_passage& p, std::size_t n, const std::string& credential = shown) : client(p.on.client(shut())) {
    for (; n > 0; --n) {
      ids.push_back(client.open(with(p.head_of(p.target()), "proxy-authorization", credential), false));
      backends.push_back(p.bytes.accept());
      BOOST_REQUIRE(backends.back());
      backends.back()->write_some(std::string(chunk, 'x'));
    }
  }
  static client_options shut() {
    client_options chosen;
    chosen.window = 0;
    chosen.credits = false;
    return chosen;
  }
  bool is_reset(std::size_t which) { return client.at(ids[which]).reset.has_value(); }

  h2_client client;
  std::vector<std::uint32_t> ids;
  std::vector<std::unique_ptr<support::wire>> backends;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(connect_memory)

BOOST_AUTO_TEST_CASE(the_streams_of_one_user_keep_no_more_than_an_eighth_and_the_longest_still_goes_first) {
  connect_passage p(small());
  BOOST_REQUIRE(!p.on.users.create("alice", "secret1"));
  stalled_streams hers(p, 4, "Basic " + token("alice", "secret1"));
  stalled_streams roots(p, 40);
  BOOST_REQUIRE(roots.client.until([&] { return roots.is_reset(0); }));
  BOOST_TEST((*roots.client.at(roots.ids[0]).reset == h2::cancel));
  BOOST_TEST(roots.backends[0]->read_all() == "");
  BOOST_TEST(roots.backends[0]->was_reset());
  BOOST_TEST(p.on.log_has("buffers_short holder=root"));
  BOOST_TEST(p.on.log_has("tunnel_closed cause=buffers_short"));
  roots.client.settle();
  BOOST_TEST(!roots.is_reset(39));
  hers.client.settle();
  for (std::size_t i = 0; i < hers.ids.size(); ++i) BOOST_TEST(!hers.is_reset(i));
}

BOOST_AUTO_TEST_CASE(whoever_keeps_more_than_an_eighth_gets_no_new_tunnel) {
  connect_passage p(small(4 * chunk));
  const auto until = steady::now() + 10s;
  for (;;) {
    BOOST_REQUIRE(steady::now() < until);
    stalled_streams one(p, 1);
    BOOST_REQUIRE(one.client.until([&] { return one.is_reset(0); }));
    const auto before = p.bytes.connections();
    const auto next = one.client.open(p.head_of(p.target()), true);
    BOOST_REQUIRE(one.client.until([&] { return one.client.at(next).header_blocks == 1; }));
    if (find(one.client.at(next).head, ":status") != "503") continue;  // the next look came between
    BOOST_TEST(p.bytes.connections() == before);
    break;
  }
  BOOST_TEST(p.on.log_has("request_refused reason=buffers_short"));
}

BOOST_AUTO_TEST_CASE(what_a_backend_does_not_take_counts_as_well) {
  support::byte_backend little(16 * 1024);
  connect_passage p(small(4 * chunk), &little);
  auto two = p.on.client();
  const auto id = two.open(p.head_of(p.target()), false);
  auto far = little.accept();
  BOOST_REQUIRE(far);
  two.upload(id, std::string(64U * 1024 * 1024, 'y'), false, 10s);
  BOOST_TEST((two.finish(id).reset == h2::cancel));
  BOOST_TEST(p.on.log_has("tunnel_closed cause=buffers_short"));
}

BOOST_AUTO_TEST_CASE(whole_connections_count_and_give_way) {
  auto chosen = small(32 * 1024);
  for (const bool tcp : {false, true}) {
    chosen.tcp = tcp;
    chosen.tokens = !tcp;
    connect_passage p(chosen);
    std::vector<std::unique_ptr<http1_client>> clients;  // that read nothing
    std::vector<std::unique_ptr<support::wire>> backends;
    for (int i = 0; i < 3; ++i) {
      clients.push_back(std::make_unique<http1_client>(p.on.port()));
      if (!tcp) clients.back()->raw(p.head(p.target()) + "\r\n");
      backends.push_back(p.bytes.accept());
      BOOST_REQUIRE(backends.back());
    }
    const std::string piece(chunk, 'x');
    const auto until = steady::now() + 10s;
    while (steady::now() < until && p.on.log().find("tunnel_closed cause=buffers_short") == std::string::npos)
      for (const auto& far : backends) far->write_some(piece);
    BOOST_TEST(p.on.log_has(tcp ? "buffers_short holder=127.0.0.1" : "buffers_short holder=root"));
    BOOST_TEST(p.on.log_has("tunnel_closed cause=buffers_short"));
  }
}

BOOST_AUTO_TEST_CASE(whoever_keeps_more_than_an_eighth_in_whole_connections_gets_no_further_one) {
  auto chosen = small(32 * 1024);
  chosen.tcp = true;
  chosen.tokens = false;
  connect_passage p(chosen);
  const auto count = [&p](std::string_view text) {
    const auto log = p.on.log();
    std::size_t n = 0;
    for (auto at = log.find(text); at != std::string::npos; at = log.find(text, at + 1)) ++n;
    return n;
  };
  const std::string piece(chunk, 'x');
  const auto until = steady::now() + 10s;
  for (std::size_t ended = 0, opened = 0;;) {
    http1_client client(p.on.port());  // reads nothing
    while (p.bytes.connections() == opened && !count("request_refused reason=buffers_short")) BOOST_REQUIRE(steady::now() < until);
    if (p.bytes.connections() == opened) {
      BOOST_TEST(client.socket().read_all() == "");
      break;
    }
    ++opened;
    const auto far = p.bytes.accept();
    BOOST_REQUIRE(far);
    while (count("tunnel_closed cause=buffers_short") == ended) {
      BOOST_REQUIRE(steady::now() < until);
      far->write_some(piece);
    }
    ++ended;  // until the next look the client's address is sent away
  }
  BOOST_TEST(count("request_refused reason=buffers_short") == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::proxy::testing
