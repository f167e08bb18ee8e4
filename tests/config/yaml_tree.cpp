// The tree below everything: places, and what is refused whatever a file is for.
#include "yaml_tree.hpp"

#include "support.hpp"

#include <chrono>

using namespace sallyport::config;
using namespace sallyport::config::tests;

namespace {

struct parsed {
  node tree;
  std::string told;
};

parsed parse(const std::string& text) {
  const auto from = std::make_shared<source>(source{origin::layer::file, "f", {}});
  std::vector<problem> problems;
  parsed result;
  result.tree = parse_yaml(text, from, problems);
  for (const problem& p : problems) result.told += to_text(p) + "\n";
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(yaml_trees)

BOOST_AUTO_TEST_CASE(every_node_knows_its_line_and_column) {
  const parsed p = parse("a: 1\nb:\n  - x\n  - {c: 'q'}\n");
  BOOST_TEST(p.told == "");
  const node& list = *p.tree.find("b");
  BOOST_TEST_REQUIRE(list.items.size() == 2u);
  BOOST_TEST(p.tree.find("a")->at.column == 4);
  BOOST_TEST(list.items[0].at.line == 3);
  BOOST_TEST(list.items[0].at.column == 5);
  const node& quoted = *list.items[1].find("c");
  BOOST_TEST(quoted.at.line == 4);
  BOOST_TEST(quoted.at.column == 9);
  BOOST_TEST((quoted.written == node::style::quoted));
  BOOST_TEST(list.items[1].find_entry("c")->at.column == 6);
}

BOOST_AUTO_TEST_CASE(an_empty_file_is_nothing_and_no_fault) {
  for (const char* text : {"", "\n\n", "# only words\n", "---\n"}) {
    const parsed p = parse(text);
    BOOST_TEST(p.told == "");
    BOOST_TEST((p.tree.is == node::kind::null));
  }
}

BOOST_AUTO_TEST_CASE(each_construct_that_is_refused_is_told_with_its_place) {
  const struct {
    std::string text, told;
  } table[] = {
      {"a: 1\nb: 2\na: 3\n", "f:3:1: error: duplicate key 'a' (it stands in line 1 already; keep one of them)\n"},
      {"m: {x: 1, x: 2}\n", "f:1:11: error: duplicate key 'x' (it stands in line 1 already; keep one of them)\n"},
      {"a: 1\n'a': 2\n", "f:2:1: error: duplicate key 'a' (it stands in line 1 already; keep one of them)\n"},
      {"a: &x 1\n", "f:1:4: error: YAML anchors are not supported (write the value out where it is meant)\n"},
      {"a: &x 1\nb: *x\n",
       "f:1:4: error: YAML anchors are not supported (write the value out where it is meant)\n"
       "f:2:4: error: YAML aliases are not supported (write the value out where it is meant)\n"},
      {"a: &x [1]\n", "f:1:4: error: YAML anchors are not supported (write the value out where it is meant)\n"},
      {"a: *nobody\n",
       "f:1:4: error: not valid YAML: the referenced anchor is not defined (YAML aliases are not supported; a value that begins with * "
       "must be "
       "quoted)\n"},
      {"b: {<<: {a: 1}}\n", "f:1:5: error: YAML merge keys (<<) are not supported (write the values out, or use several -c files)\n"},
      {"a: !!str 5\n", "f:1:4: error: YAML tags are not supported (leave the tag (!...) out)\n"},
      {"a: !secret {b: 1}\n", "f:1:4: error: YAML tags are not supported (leave the tag (!...) out)\n"},
      {"a: 1\n---\nb: 2\n", "f:2:1: error: several YAML documents in one file (give each a file of its own)\n"},
      {"a: 1\n...\n---\n", "f:3:1: error: several YAML documents in one file (give each a file of its own)\n"},
      {"? [a]\n: 1\n", "f:1:3: error: a key must be a word (write key: value)\n"},
      {"? {a: b}\n: 1\n", "f:1:3: error: a key must be a word (write key: value)\n"},
      {"~: 1\n", "f:1:1: error: a key must be a word (write key: value)\n"},
  };
  for (const auto& row : table) BOOST_TEST(parse(row.text).told == row.told, row.text << " told " << parse(row.text).told);
}

BOOST_AUTO_TEST_CASE(what_is_no_yaml_is_told_with_its_place_and_a_hint) {
  const struct {
    std::string text, told;
  } table[] = {
      {"a: b: c\n",
       "f:1:5: error: not valid YAML: illegal map value (is the indentation right (spaces only)? a value that holds ': ' must be "
       "quoted)\n"},
      {"a:\n\tb: 1\n",
       "f:2:3: error: not valid YAML: illegal map value (is the indentation right (spaces only)? a value that holds ': ' must be "
       "quoted)\n"},
      {"a: 1\n\tb: 1\n", "f:2:1: error: not valid YAML: illegal tab when looking for indentation (indent with spaces, not with tabs)\n"},
      {"a: [1, 2\n", "f:2:1: error: not valid YAML: end of sequence flow not found (a closing ] is missing)\n"},
      {"a: {b: 2\n", "f:2:1: error: not valid YAML: end of map flow not found (a closing } is missing)\n"},
      {"a: @x\n", "f:1:4: error: not valid YAML: unknown token (a value that begins with such a character must be quoted)\n"},
      {"a: \"\\q\"\n", "f:1:7: error: not valid YAML: unknown escape character: q (use single quotes where no escapes are meant)\n"},
      {"a: 'x'\n y\n", "f:2:2: error: not valid YAML: end of map not found (is the indentation right?)\n"},
  };
  for (const auto& row : table) BOOST_TEST(parse(row.text).told == row.told, row.text << " told " << parse(row.text).told);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_text_is_refused_before_it_is_parsed) {
  const std::string after = " does not belong in a text file (the file must be YAML in UTF-8)\n";
  BOOST_TEST(parse(std::string("a: 1\nb: \0x\n", 11)).told == "f:2:4: error: byte 0x00" + after);
  BOOST_TEST(parse(std::string("a\0:\0 \0", 6)).told == "f:1:2: error: byte 0x00" + after);  // UTF-16
  BOOST_TEST(parse("\x7f"
                   "ELF\x02\x01")
                 .told == "f:1:1: error: byte 0x7f" + after);
  BOOST_TEST(parse("a: \x1b[31m\n").told == "f:1:4: error: byte 0x1b" + after);
  BOOST_TEST(parse("a: \xff\n").told == "f:1:4: error: byte 0xff" + after);
  BOOST_TEST(parse("a: \xc0\xaf\n").told == "f:1:4: error: byte 0xc0" + after);      // overlong
  BOOST_TEST(parse("a: \xed\xa0\x80\n").told == "f:1:4: error: byte 0xed" + after);  // a surrogate
  BOOST_TEST(parse("a: \xf4\x90\x80\x80\n").told == "f:1:4: error: byte 0xf4" + after);
  BOOST_TEST(parse("a: \xe2\x82").told == "f:1:4: error: byte 0xe2" + after);  // cut off
  BOOST_TEST(parse("\xef\xbb\xbf"
                   "a: \xe2\x82\xac \xf0\x9f\x9a\xaa # \xc3\xbc\n")
                 .told == "");
  BOOST_TEST(parse("a: 1\r\nb: 2\r\n").told == "");
}

BOOST_AUTO_TEST_CASE(a_file_may_have_a_mebibyte_and_no_more) {
  const std::string line = "# " + std::string(1021, 'x') + "\n";
  std::string text;
  while (text.size() < 1024 * 1024) text += line;
  BOOST_TEST_REQUIRE(text.size() == 1024u * 1024u);
  BOOST_TEST(parse(text).told == "");
  BOOST_TEST(parse(text + "\n").told == "f: error: larger than 1 MiB (is this the right file?)\n");
}

BOOST_AUTO_TEST_CASE(depth_is_bounded_at_32) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  BOOST_TEST(parse(nested(32)).told == "");
  BOOST_TEST(parse(nested(33)).told == "f:1:33: error: nested more than 32 deep\n");
  std::string blocks;
  for (std::size_t i = 0; i < 40; ++i) blocks += std::string(i, ' ') + "a:\n";
  BOOST_TEST(parse(blocks).told == "f:33:33: error: nested more than 32 deep\n");
}

BOOST_AUTO_TEST_CASE(hostile_files_end_quickly_and_in_words) {
  const auto repeat = [](const std::string& what, std::size_t size) {
    std::string text;
    text.reserve(size);
    while (text.size() + what.size() < size) text += what;
    return text;
  };
  constexpr std::size_t most = 1024 * 1024 - 64;
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 30; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before + "," + before + "," + before + "," + before + "]\n";
  }
  const std::string hostile[] = {
      repeat("[", most),    repeat("{", most),        repeat("- ", most),     repeat("a: ", most), repeat("? ", most),
      repeat("&a ", most),  repeat("!!", most),       repeat("a: 1\n", most), repeat("\"", most),  repeat("'", most),
      repeat("{a: ", most), repeat("[a, ", most),     repeat("---\n", most),  repeat("| ", most),  bomb,
      repeat("*a\n", most), repeat("a:\n b:\n", most)};
  for (const std::string& text : hostile) {
    const auto start = std::chrono::steady_clock::now();
    const parsed p = parse(text);
    const auto took = std::chrono::steady_clock::now() - start;
    BOOST_TEST(!p.told.empty(), "accepted: " << text.substr(0, 8));
    BOOST_TEST(p.told.size() < 20'000u);
    BOOST_TEST((took < std::chrono::seconds(20)), "slow: " << text.substr(0, 8));
  }
}

BOOST_AUTO_TEST_CASE(at_most_a_hundred_faults_of_one_file_are_told) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "same: 1\n";
  const std::string said = parse(text).told;
  BOOST_TEST(std::count(said.begin(), said.end(), '\n') == 101);
  BOOST_TEST(said.find("too many faults; the rest of this file was not read") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_value_with_control_characters_stays_one_harmless_line) {
  const std::string said = told_about("log: {level: \"a\\n\\e[2Jb\"}\n" + good);
  BOOST_TEST(said.find("'a\\x0a\\x1b[2Jb'") != std::string::npos, said);
  BOOST_TEST(std::count(said.begin(), said.end(), '\n') == 1);
}

BOOST_AUTO_TEST_SUITE_END()
