#include "line.hpp"

#include <boost/json/parse.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <limits>
#include <random>
#include <vector>

using namespace sallyport::telemetry;

namespace {

std::string text(std::string_view event, const std::vector<field>& fields) {
  std::string line;
  append_text(line, event, fields);
  return line;
}

std::string json(std::string_view event, const std::vector<field>& fields) {
  std::string line = "{";
  append_json(line, event, fields);
  return line + "}";
}

// What a reader of the JSON log does to have a value's bytes back.
std::string unescaped(std::string_view value) {
  std::string bytes;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '\\') {
      bytes += value[i];
    } else if (value.substr(i, 2) == "\\\\") {
      bytes += '\\';
      ++i;
    } else {
      BOOST_REQUIRE(value.substr(i, 2) == "\\x");
      bytes += static_cast<char>(std::stoi(std::string(value.substr(i + 2, 2)), nullptr, 16));
      i += 3;
    }
  }
  return bytes;
}

bool printable(std::string_view line) {
  for (const char c : line)
    if (c < 0x20 || c > 0x7e) return false;
  return true;
}

// Every pair of bytes in which each byte stands first and second, and many random strings that look like UTF-8 with faults.
std::vector<std::string> hostile_values() {
  std::vector<std::string> values = {
      "", std::string(1, '\0'), "\xef\xbb\xbf", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\\x41", "\\u0041", "\\"};
  for (int first = 0; first < 256; ++first) {
    std::string all;
    for (int second = 0; second < 256; ++second) {
      all += static_cast<char>(first);
      all += static_cast<char>(second);
    }
    values.push_back(all);
  }
  std::mt19937 random(19530);
  const std::string likely = "a\"\\{}[]:,\n\r\t\x1b\x7f\x80\xbf\xc2\xe0\xed\xef\xf0\xf4\xff\xa0 =";
  for (int i = 0; i < 5000; ++i) {
    std::string value(random() % 40, ' ');
    for (char& c : value) c = random() % 3 == 0 ? static_cast<char>(random()) : likely[random() % likely.size()];
    values.push_back(value);
  }
  return values;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(a_line)

BOOST_AUTO_TEST_CASE(has_the_event_and_its_fields_in_the_order_given) {
  const std::vector<field> fields = {{"listener", "milvus"}, {"address", "127.0.0.1:19530"}, {"tls", true}, {"count", 7}, {"offset", -7},
                                     {"share", 0.25}};
  BOOST_TEST(text("listening", fields) == "listening listener=milvus address=127.0.0.1:19530 tls=true count=7 offset=-7 share=0.25");
  BOOST_TEST(json("listening", fields) ==
             R"({"event":"listening","listener":"milvus","address":"127.0.0.1:19530","tls":true,"count":7,"offset":-7,"share":0.25})");
  BOOST_TEST(text("started", {}) == "started");
  BOOST_TEST(json("started", {}) == R"({"event":"started"})");
}

BOOST_AUTO_TEST_CASE(holds_the_largest_and_the_smallest_integers) {
  const std::vector<field> fields = {{"most", std::numeric_limits<std::uint64_t>::max()},
                                     {"least", std::numeric_limits<std::int64_t>::min()}};
  BOOST_TEST(text("e", fields) == "e most=18446744073709551615 least=-9223372036854775808");
  BOOST_TEST(json("e", fields) == R"({"event":"e","most":18446744073709551615,"least":-9223372036854775808})");
}

BOOST_AUTO_TEST_CASE(quotes_a_text_value_that_would_not_be_read_back_as_one_word) {
  BOOST_TEST(text("e", {{"v", ""}}) == R"(e v="")");
  BOOST_TEST(text("e", {{"v", "two words"}}) == R"(e v="two words")");
  BOOST_TEST(text("e", {{"v", "a=b"}}) == R"(e v="a=b")");
  BOOST_TEST(text("e", {{"v", R"(say "hi"\)"}}) == R"(e v="say \"hi\"\\")");
  BOOST_TEST(text("e", {{"v", "/a/b:c,d"}}) == "e v=/a/b:c,d");
}

BOOST_AUTO_TEST_CASE(cannot_be_forged_by_a_line_break_in_a_value) {
  const std::string forged = "x\n2026-11-24T23:20:36.123Z info admitted user=root\r\x1b[2J";
  BOOST_TEST(text("denied", {{"user", forged}}) == R"(denied user="x\n2026-11-24T23:20:36.123Z info admitted user=root\r\x1b[2J")");
  BOOST_TEST(json("denied", {{"user", forged}}) ==
             R"({"event":"denied","user":"x\u000a2026-11-24T23:20:36.123Z info admitted user=root\u000d\u001b[2J"})");
}

BOOST_AUTO_TEST_CASE(cannot_be_broken_by_a_name_either) {
  BOOST_TEST(text("an event\n", {{"na\"me=", "v"}}) == "an_event_ na_me_=v");
  BOOST_TEST(json("an \"event", {{"na\\me", "v"}}) == R"({"event":"an__event","na_me":"v"})");
}

BOOST_AUTO_TEST_CASE(writes_bytes_outside_ascii_as_hex_in_text) {
  BOOST_TEST(text("e", {{"v", "J\xc3\xbcrgen \xff"}}) == R"(e v="J\xc3\xbcrgen \xff")");
  BOOST_TEST(text("e", {{"v", std::string_view("\0\x7f", 2)}}) == R"(e v="\x00\x7f")");
}

BOOST_AUTO_TEST_CASE(gives_utf8_back_from_json_and_marks_what_is_not_utf8) {
  BOOST_TEST(json("e", {{"v", "J\xc3\xbcrgen"}}) == R"({"event":"e","v":"J\u00fcrgen"})");
  BOOST_TEST(json("e", {{"v", "\xf0\x9f\x98\x80"}}) == R"({"event":"e","v":"\ud83d\ude00"})");
  BOOST_TEST(json("e", {{"v", "a\xff\\"}}) == R"({"event":"e","v":"a\\xff\\\\"})");
  // RFC 3629: an overlong form, a surrogate and what is past U+10FFFF are no UTF-8
  BOOST_TEST(json("e", {{"v", "\xc0\x80"}}) == R"({"event":"e","v":"\\xc0\\x80"})");
  BOOST_TEST(json("e", {{"v", "\xe0\x80\xaf"}}) == R"({"event":"e","v":"\\xe0\\x80\\xaf"})");
  BOOST_TEST(json("e", {{"v", "\xed\xa0\x80"}}) == R"({"event":"e","v":"\\xed\\xa0\\x80"})");
  BOOST_TEST(json("e", {{"v", "\xf4\x90\x80\x80"}}) == R"({"event":"e","v":"\\xf4\\x90\\x80\\x80"})");
}

BOOST_AUTO_TEST_CASE(is_json_that_parses_and_gives_every_byte_back_whatever_a_stranger_sent) {
  std::size_t tried = 0;
  for (const std::string& value : hostile_values()) {
    const std::string line = json("e", {{"v", value}, {"w", 1}});
    boost::system::error_code ec;
    const boost::json::value parsed = boost::json::parse(line, ec);
    BOOST_REQUIRE(!ec);
    BOOST_REQUIRE(printable(line));
    BOOST_REQUIRE(unescaped(parsed.at("v").as_string()) == value);
    BOOST_REQUIRE(parsed.at("w").as_int64() == 1);
    ++tried;
  }
  BOOST_TEST(tried > 5000U);
}

BOOST_AUTO_TEST_CASE(is_text_of_printable_ascii_with_the_quotes_balanced_whatever_a_stranger_sent) {
  for (const std::string& value : hostile_values()) {
    const std::string line = text("e", {{"v", value}, {"w", 1}});
    BOOST_REQUIRE(printable(line));
    BOOST_REQUIRE(line.starts_with("e v="));
    BOOST_REQUIRE(line.ends_with(" w=1"));
    const std::string_view written = std::string_view(line).substr(4, line.size() - 8);
    if (written.front() != '"') {
      BOOST_REQUIRE(written == value);
      continue;
    }
    BOOST_REQUIRE(written.size() >= 2 && written.back() == '"');
    for (std::size_t i = 1; i + 1 < written.size(); ++i) {
      if (written[i] == '\\')
        ++i;
      else
        BOOST_REQUIRE(written[i] != '"');
      BOOST_REQUIRE(i + 1 < written.size());
    }
  }
}

BOOST_AUTO_TEST_CASE(cuts_a_long_value_and_says_by_how_much) {
  const std::string exact(value_max_bytes, 'a');
  BOOST_TEST(text("e", {{"v", exact}}) == "e v=" + exact);
  BOOST_TEST(text("e", {{"v", exact + "bcd"}}) == "e v=\"" + exact + "...(+3 bytes)\"");
  BOOST_TEST(json("e", {{"v", exact + "bcd"}}) == "{\"event\":\"e\",\"v\":\"" + exact + "...(+3 bytes)\"}");
  BOOST_TEST(json("e", {{"v", std::string(64U << 20U, '\xff')}}).size() < 5 * value_max_bytes + 100);
}

BOOST_AUTO_TEST_CASE(cut_within_a_utf8_character_is_still_json) {
  const std::string line = json("e", {{"v", std::string(value_max_bytes - 1, 'a') + "\xc3\xbc"}});
  const boost::json::value parsed = boost::json::parse(line);
  BOOST_TEST(parsed.at("v").as_string().ends_with("a\\xc3...(+1 bytes)"));
}

BOOST_AUTO_TEST_CASE(has_null_where_json_has_no_number) {
  const std::vector<field> fields = {
      {"a", std::numeric_limits<double>::quiet_NaN()}, {"b", std::numeric_limits<double>::infinity()}, {"c", 1e300}};
  BOOST_TEST(json("e", fields) == R"({"event":"e","a":null,"b":null,"c":1e+300})");
}

BOOST_AUTO_TEST_SUITE_END()
