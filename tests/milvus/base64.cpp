// The decoder beside Go's: the table was made by Go's base64.StdEncoding.
#include "base64.hpp"
#include "support.hpp"

#include <random>

using namespace sallyport;
using namespace sallyport::milvus::tests;

namespace {

std::string shown(std::string_view text) {
  const auto got = milvus::decode_base64(text);
  if (const auto* fault = std::get_if<milvus::base64_fault>(&got)) return "byte " + std::to_string(fault->at);
  return "\"" + std::string(std::get<core::secret>(got).reveal()) + "\"";
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_go_accepts_is_accepted) {
  struct row {
    std::string_view text, plain;
  };
  for (const row& r : {row{"", ""}, row{"TWlsdnVz", "Milvus"}, row{"YQ==", "a"}, row{"YWI=", "ab"}, row{"YWJj", "abc"}, row{"YQ=\n=", "a"},
                       row{"\r\nY\nW\rJ\nj\n", "abc"}, row{"YQ==\r\n", "a"}, row{"\n", ""}, row{"YR==", "a"}, row{"YWL=", "ab"},
                       row{"+/+/", "\xfb\xff\xbf"}, row{"abcdefgh", "\x69\xb7\x1d\x79\xf8\x21"}})
    BOOST_TEST(shown(r.text) == "\"" + std::string(r.plain) + "\"", std::string(r.text));
}

BOOST_AUTO_TEST_CASE(what_go_refuses_is_refused_at_gos_offset) {
  struct row {
    std::string_view text;
    std::size_t at;
  };
  using namespace std::string_view_literals;
  for (const row& r : {
           row{"Y", 0},
           row{"YW", 0},
           row{"YWJ", 0},
           row{"YWJjY", 4},
           row{"=", 0},
           row{"Y=", 1},
           row{"Y===", 1},
           row{"YQ=", 3},
           row{"YQ=x", 2},
           row{"YQ==x", 4},
           row{"YQ===", 4},
           row{"YWI=x", 4},
           row{"YWI==", 4},
           row{"YWJj=", 4},
           row{"!WJj", 0},
           row{"YWJj-_==", 4},
           row{"YWJj YWJj", 4},
           row{"YW\nJ", 1},
           row{"YWJ\n\n", 2},
           row{"YQ=\n", 4},
           row{"YQ=\nx", 3},
           row{"YQ==\n\nx", 6},
           row{"pass word", 4},
           row{"YWJjZGVmZ2hp\0"sv, 12},
           row{"YWJjZGVmZ2hpYWJjZGVmZ2hp\xff", 24},
           row{"P@ssw0rd", 1},
           row{"====", 0},
           row{"\n=", 1},
           row{"1234567", 4},
       })
    BOOST_TEST(shown(r.text) == "byte " + std::to_string(r.at), std::string(r.text));
}

BOOST_AUTO_TEST_CASE(any_bytes_come_back_wherever_line_ends_are_put) {
  std::mt19937 random(1);
  for (int round = 0; round < 500; ++round) {
    std::string plain(random() % 300, '\0');
    for (char& c : plain) c = static_cast<char>(random());
    std::string text = base64(plain);
    for (int n = round % 4; n > 0; --n) text.insert(random() % (text.size() + 1), 1, n % 2 ? '\n' : '\r');
    BOOST_TEST_REQUIRE(shown(text) == "\"" + plain + "\"");
  }
}
