#include <sallyport/net/outbox.hpp>

#include <support/worker.hpp>

#include <unistd.h>

using namespace sallyport;
using namespace sallyport::support;
using core::progress;

BOOST_AUTO_TEST_CASE(an_outbox_owns_no_memory_when_everything_has_left) {
  worker where;
  auto [socket, peer] = where.connection(4096);
  net::outbox out;
  const std::string large(4 * 1024 * 1024, 'x');
  BOOST_TEST((out.send(socket, bytes_of(large)) == progress::blocked));
  BOOST_TEST(out.memory() >= out.size());
  std::string some(65536, '\0');
  while (out.size() != 0) {
    BOOST_REQUIRE(::recv(peer, some.data(), some.size(), 0) > 0);
    BOOST_REQUIRE(out.send(socket, {}).has_value());
  }
  BOOST_TEST(out.memory() == 0U);
  ::close(peer);
}

BOOST_AUTO_TEST_CASE(what_is_kept_leaves_with_the_next_send_and_before_it) {
  worker where;
  auto [socket, peer] = where.connection(0);
  net::outbox out;
  out.keep(bytes_of("first "));
  BOOST_TEST(::recv(peer, nullptr, 0, MSG_DONTWAIT | MSG_PEEK) == -1);
  BOOST_TEST((out.send(socket, bytes_of("second")) == progress::done));
  std::string got(32, '\0');
  got.resize(static_cast<std::size_t>(::recv(peer, got.data(), got.size(), 0)));
  BOOST_TEST(got == "first second");
  ::close(peer);
}
