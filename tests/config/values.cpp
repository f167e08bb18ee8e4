#include "values.hpp"

#include "support.hpp"

using namespace sallyport::config;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(single_values)

BOOST_AUTO_TEST_CASE(durations_and_sizes_are_read_and_shown_in_the_same_words) {
  BOOST_TEST((parse_duration("500ms") == 500ms));
  BOOST_TEST((parse_duration("10s") == 10s));
  BOOST_TEST((parse_duration("15m") == 15min));
  BOOST_TEST((parse_duration("2h") == 2h));
  BOOST_TEST((parse_duration("0") == 0ms));
  for (const char* bad : {"", "s", "1", "1.5s", " 1s", "1s ", "1 s", "-1s", "+1s", "1S", "1d", "1ms1s", "18446744073709551615h", "0x1s"})
    BOOST_TEST(!parse_duration(bad).has_value(), bad);
  BOOST_TEST(*parse_size("4096") == 4096u);
  BOOST_TEST(*parse_size("16KiB") == 16384u);
  BOOST_TEST(*parse_size("1GiB") == 1073741824u);
  for (const char* bad : {"", "KiB", "1K", "1kb", "1 KiB", "-1", "1e3", "9007199254740993"}) BOOST_TEST(!parse_size(bad).has_value(), bad);
  BOOST_TEST(show_duration(90s) == "90s");
  BOOST_TEST(show_duration(60s) == "1m");
  BOOST_TEST(show_size(16384) == "16KiB");
}

BOOST_AUTO_TEST_CASE(loopback_is_what_cannot_be_reached_from_outside) {
  for (const char* host : {"127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST", "::ffff:127.0.0.1"})
    BOOST_TEST(is_loopback(host), host);
  for (const char* host :
       {"0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "localhost.example", "milvus", "::ffff:10.0.0.1", "127.example.org", "fe80::1"})
    BOOST_TEST(!is_loopback(host), host);
}

BOOST_AUTO_TEST_CASE(a_backend_reaches_a_listener_when_a_connection_to_it_may_arrive_there) {
  const struct {
    const char *target, *listening;
    bool reached;
  } table[] = {{"127.0.0.1", "127.0.0.1", true},
               {"127.0.0.2", "127.0.0.1", false},
               {"localhost", "127.0.0.1", true},
               {"localhost", "::1", true},
               {"127.0.0.1", "0.0.0.0", true},
               {"127.0.0.2", "0.0.0.0", true},
               {"::1", "::", true},
               {"127.0.0.1", "::", true},
               {"0.0.0.0", "127.0.0.1", true},
               {"0.0.0.0", "0.0.0.0", true},
               {"10.0.0.1", "0.0.0.0", false},
               {"10.0.0.1", "10.0.0.1", true},
               {"milvus", "milvus", true},
               {"MILVUS", "milvus", true},
               {"milvus", "0.0.0.0", false},
               {"127.0.0.1", "10.0.0.1", false},
               {"localhost", "127.0.0.2", false},
               {"::ffff:127.0.0.1", "127.0.0.1", true}};
  for (const auto& row : table) BOOST_TEST(reaches(row.target, row.listening) == row.reached, row.target << " " << row.listening);
}

BOOST_AUTO_TEST_CASE(what_was_meant_is_near_or_nothing) {
  const std::vector<std::string_view> known{"drain", "idle", "streams"};
  BOOST_TEST(meant("drian", known) == "drain");
  BOOST_TEST(meant("DRAIN", known) == "drain");
  BOOST_TEST(meant("stream", known) == "streams");
  BOOST_TEST(meant("i", known) == "");
  BOOST_TEST(meant("colour", known) == "");
  BOOST_TEST(meant(std::string(100'000, 'x'), known) == "");
}

BOOST_AUTO_TEST_SUITE_END()
