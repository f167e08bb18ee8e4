// Each limit at its edge: exactly the limit passes, one more does not.
#include "rooms.hpp"

namespace sallyport::http1::tests {
namespace {

// Each with its own outcome: the status of the refusal, or 0 for a request that was told.
void at_the_edge(const std::string& fits, const std::string& exceeds, std::string_view status, std::string_view reason) {
  fed(fits.size(), [&](server_room& r) {
    r.feed(fits);
    BOOST_TEST(r.events().starts_with("request "));
    BOOST_TEST(r.output() == "");
    BOOST_TEST(!r.session.failed());
  });
  fed(exceeds.size(), [&](server_room& r) {
    r.feed(exceeds);
    (void)r.events();
    BOOST_TEST(r.output().starts_with("HTTP/1.1 " + std::string(status) + " "));
    BOOST_TEST(r.session.failure_reason() == reason);
  });
}

std::string get(const std::string& fields) { return "GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n"; }
std::string padded_to(std::size_t bytes) { return get("X: " + std::string(bytes - get("X: \r\n").size(), 'a') + "\r\n"); }
std::string with_target(std::size_t bytes) { return "GET /" + std::string(bytes - 1, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n"; }
std::string with_fields(int count) {
  std::string fields;
  for (int i = 1; i < count; ++i) fields += "X: 1\r\n";  // Host is one
  return get(fields);
}
std::string chunked(const std::string& body) { return "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + body; }
std::string with_extension(std::size_t line) { return "1;" + std::string(line - 2, 'a') + "\r\nx\r\n"; }
std::string with_trailers(std::size_t bytes) { return chunked("0\r\nX: " + std::string(bytes - 7, 'a') + "\r\n\r\n"); }

BOOST_AUTO_TEST_SUITE(server_limits)

BOOST_AUTO_TEST_CASE(a_head_of_16384_bytes_with_its_line_ends) {
  BOOST_TEST(padded_to(16'384).size() == 16'384u);
  at_the_edge(padded_to(16'384), padded_to(16'385), "431", "head_too_large");
  at_the_edge("\r\n" + padded_to(16'384), "\r\n" + padded_to(16'385), "431", "head_too_large");
}

BOOST_AUTO_TEST_CASE(a_head_of_128_fields) { at_the_edge(with_fields(128), with_fields(129), "431", "too_many_fields"); }

BOOST_AUTO_TEST_CASE(a_target_of_8192_bytes) { at_the_edge(with_target(8'192), with_target(8'193), "414", "target_too_long"); }

BOOST_AUTO_TEST_CASE(a_chunk_line_of_256_bytes) {
  at_the_edge(chunked(with_extension(256)), chunked(with_extension(257)), "400", "chunk_line_too_long");
}

BOOST_AUTO_TEST_CASE(extensions_of_4096_bytes_a_message) {
  // 32 lines of 128 bytes of extension each.
  std::string fits;
  for (int i = 0; i < 32; ++i) fits += with_extension(130);
  at_the_edge(chunked(fits + "0\r\n\r\n"), chunked(fits + "0;a\r\n\r\n"), "400", "chunk_extensions_too_long");
}

BOOST_AUTO_TEST_CASE(trailers_of_8192_bytes) { at_the_edge(with_trailers(8'192), with_trailers(8'193), "431", "trailers_too_large"); }

BOOST_AUTO_TEST_CASE(a_chunk_of_2_to_the_63_less_1) {
  at_the_edge(chunked("7fffffffffffffff\r\n"), chunked("8000000000000000\r\n"), "400", "chunk_too_large");
}

BOOST_AUTO_TEST_CASE(the_limits_of_a_listener_count) {
  limits small;
  small.head_bytes = 64;
  small.fields = 2;
  small.target_bytes = 8;
  const auto refused = [&](const std::string& bytes) {
    server_room r({}, small);
    r.feed(bytes);
    return r.session.failure_reason();
  };
  BOOST_TEST(refused(get("X: 1\r\n")) == "");
  BOOST_TEST(refused(get("X: 1\r\nY: 2\r\n")) == "too_many_fields");
  BOOST_TEST(refused(with_target(9)) == "target_too_long");
  BOOST_TEST(refused(padded_to(65)) == "head_too_large");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::http1::tests
