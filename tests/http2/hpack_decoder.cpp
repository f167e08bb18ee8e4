// The decoder: limits count while it decodes, the table stays right whatever was not kept, and a block that is wrong is said to be (RFC
// 7541; docs/defences.md H10 to H12).
#include "head_rules.hpp"
#include "hpack.hpp"
#include "wire.hpp"

namespace sallyport::http2::tests {
namespace {

std::string_view name_of(hpack_decoder::verdict v) {
  using verdict = hpack_decoder::verdict;
  return v == verdict::ok ? "ok" : v == verdict::too_large ? "too large" : "malformed";
}

struct bench {
  hpack_decoder decoder;
  decoded_block into;
  limits within;

  std::string_view decode(std::string_view encoded) {
    const std::string copy(encoded);  // of exactly this size, and gone afterwards: what is decoded must not point into it
    return name_of(decoder.decode(bytes_of(copy), within, into));
  }
  std::string text() const {
    std::string all;
    for (const auto& f : into.fields) all += std::string(f.name) + "=" + std::string(f.value) + (f.never_index ? "! " : " ");
    return all;
  }
};

BOOST_AUTO_TEST_SUITE(decoder)

BOOST_AUTO_TEST_CASE(every_representation_is_read) {
  bench b;
  BOOST_TEST(b.decode(indexed(3) + literal("a", "1") + entered("b", "2") + never("c", "3") + integer(0x40, 6, 4) + spelt("/x")) == "ok");
  BOOST_TEST(b.text() == ":method=POST a=1 b=2 c=3! :path=/x ");
  BOOST_TEST((b.into.fields[4].id == known::path));
  BOOST_TEST(b.decode(indexed(62) + indexed(63) + table_size(0)) == "malformed");  // an update behind a field (RFC 7541 4.2)
}

BOOST_AUTO_TEST_CASE(huffman_is_read) {
  bench b;
  // RFC 7541 C.4.1: www.example.com
  BOOST_TEST(b.decode(std::string("\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff", 14)) == "ok");
  BOOST_TEST(b.text() == ":authority=www.example.com ");
}

BOOST_AUTO_TEST_CASE(an_empty_block_is_no_field) {
  bench b;
  BOOST_TEST(b.decode("") == "ok");
  BOOST_TEST(b.into.fields.empty());
  BOOST_TEST(b.decode(table_size(100)) == "ok");
  BOOST_TEST(b.into.fields.empty());
}

BOOST_AUTO_TEST_CASE(what_is_malformed_is_said_to_be) {
  const std::vector<std::pair<std::string_view, std::string>> rows{
      {"index 0", indexed(0)},
      {"an index that neither table has", indexed(62)},
      {"a name's index that neither table has", integer(0x40, 6, 62) + spelt("v")},
      {"an integer without an end", std::string(20, '\xff')},
      {"an integer over 32 bits", std::string("\xff\xff\xff\xff\xff\x7f")},
      {"a name that is cut", std::string("\x40\x05"
                                         "abc")},
      {"a value that is cut", literal("a", "12345").substr(0, 6)},
      {"no value", std::string("\x40\x01"
                               "a")},
      {"a table over the 4,096 that we allow", table_size(4097)},
      {"a table of 2^32 - 1", table_size(0xffffffff)},
      {"a table's size after a field", literal("a", "1") + table_size(10)},
      {"a table's size after a field, where a name's index could be", literal("a", "1") + table_size(10) + spelt("v")},
      {"Huffman with EOS", std::string("\x41\x84\xff\xff\xff\xff")},
      {"Huffman padded with zeros", std::string("\x41\x81\x00", 3)},
      {"Huffman padded by more than seven bits", std::string("\x41\x83\x1f\xff\xff")},
  };
  for (const auto& [name, encoded] : rows) {
    BOOST_TEST_CONTEXT(name) {
      bench b;
      BOOST_TEST(b.decode(encoded) == "malformed");
    }
  }
}

BOOST_AUTO_TEST_CASE(a_table_may_be_made_smaller_and_larger_within_what_we_allow) {
  bench b;
  BOOST_TEST(b.decode(entered("a", "1") + entered("b", "2")) == "ok");
  BOOST_TEST(b.decode(table_size(40) + indexed(62)) == "ok");  // 34 bytes: the newest stays
  BOOST_TEST(b.text() == "b=2 ");
  BOOST_TEST(b.decode(table_size(0) + table_size(4096) + entered("c", "3") + indexed(62)) == "ok");
  BOOST_TEST(b.text() == "c=3 c=3 ");
  BOOST_TEST(b.decode(indexed(63)) == "malformed");
}

BOOST_AUTO_TEST_CASE(limits_are_of_names_values_and_32_a_field) {
  for (const std::uint32_t over : {0u, 1u}) {
    bench b;
    b.within.header_list_bytes = 100;
    BOOST_TEST(b.decode(literal("ab", "cd") + literal("efg", std::string(28 + over + 1, 'v'))) ==
               std::string_view(over ? "too large" : "ok"));
    BOOST_TEST(b.into.fields.size() == (over ? 0u : 2u));  // nothing of a head that is too large may be used
    BOOST_TEST(b.decode(literal("fresh", "again")) == "ok");
  }
  bench b;
  b.within.header_fields = 3;
  BOOST_TEST(b.decode(literal("a", "") + literal("a", "") + literal("a", "")) == "ok");
  BOOST_TEST(b.decode(literal("a", "") + literal("a", "") + literal("a", "") + literal("a", "")) == "too large");
  BOOST_TEST(b.into.fields.empty());
}

BOOST_AUTO_TEST_CASE(what_is_not_kept_enters_the_table_all_the_same) {
  bench b;
  b.within.header_list_bytes = 100;
  BOOST_TEST(b.decode(literal("x", std::string(200, 'v')) + entered("kept", "in the table")) == "too large");
  BOOST_TEST(b.into.fields.empty());
  BOOST_TEST(b.decode(indexed(62)) == "ok");
  BOOST_TEST(b.text() == "kept=in the table ");
}

BOOST_AUTO_TEST_CASE(a_block_may_be_refused_and_malformed_and_is_malformed_then) {
  bench b;
  b.within.header_fields = 1;
  BOOST_TEST(b.decode(literal("a", "1") + literal("b", "2") + indexed(0)) == "malformed");
}

BOOST_AUTO_TEST_CASE(the_content_type_behind_the_limit_is_noted_for_grpc_and_without_end_costs_nothing) {
  bench b;
  b.within.header_fields = 4;
  std::string encoded;
  for (int i = 0; i < 1000; ++i) encoded += literal("content-type", "application/grpc");
  BOOST_TEST(b.decode(encoded) == "too large");
  BOOST_TEST(b.text() == "content-type=application/grpc ");
  BOOST_TEST(b.decode(block(list(5, {"x", "y"})) + literal("content-type", "application/grpc-web")) == "too large");
  BOOST_TEST(b.into.fields.empty());
}

// RFC 7541 4.4: the name may be of the very entry that is pushed out by it.
BOOST_AUTO_TEST_CASE(an_entry_may_be_named_by_the_one_that_it_pushes_out) {
  bench b;
  const std::string name(2000, 'n');
  BOOST_TEST(b.decode(entered(name, std::string(1000, '1'))) == "ok");
  for (int i = 0; i < 40; ++i) {
    BOOST_TEST(b.decode(integer(0x40, 6, 62) + spelt(std::string(1500, static_cast<char>('a' + i % 26)))) == "ok");
    BOOST_TEST(b.into.fields.front().name == name);
    BOOST_TEST(b.decode(indexed(62)) == "ok");
    BOOST_TEST(b.into.fields.front().name == name);
    BOOST_TEST(b.into.fields.front().value == std::string(1500, static_cast<char>('a' + i % 26)));
    BOOST_TEST(b.decode(indexed(63)) == "malformed");
    b.decoder = {};
    BOOST_TEST(b.decode(entered(name, "again")) == "ok");
  }
}

BOOST_AUTO_TEST_CASE(fields_of_one_block_outlive_the_entries_that_they_come_from) {
  bench b;
  b.within.header_list_bytes = 65'536;
  b.within.header_fields = 2048;
  std::string encoded, expected;
  for (int i = 0; i < 150; ++i) {
    const auto value = std::to_string(i) + std::string(150, static_cast<char>('a' + i % 26));
    encoded += entered("name" + std::to_string(i), value) + indexed(62);
    expected += ("name" + std::to_string(i) + "=" + value + " ") + ("name" + std::to_string(i) + "=" + value + " ");
  }
  for (int i = 0; i < 5; ++i) {
    BOOST_TEST(b.decode(encoded) == "ok");
    BOOST_TEST((b.text() == expected));
  }
}

// Two bytes of a block can enter four thousand: what it costs in memory does not add up.
BOOST_AUTO_TEST_CASE(a_block_that_enters_without_end_holds_no_more_than_its_limits) {
  bench b;
  BOOST_TEST(b.decode(entered(std::string(3900, 'n'), "")) == "ok");
  std::string encoded;
  for (int i = 0; i < 30'000; ++i) encoded += integer(0x40, 6, 62) + spelt("");
  BOOST_TEST(b.decode(encoded) == "too large");
  BOOST_TEST(b.into.fields.empty());
  BOOST_TEST(b.decoder.table_text_bytes() <= 64u * 1024);
  BOOST_TEST(b.decode(indexed(62)) == "ok");
  BOOST_TEST(b.into.fields.front().name == std::string(3900, 'n'));
}

BOOST_AUTO_TEST_CASE(bytes_that_must_not_be_are_seen_wherever_they_come_from) {
  for (const std::string_view bad : {"a\nb", "A", " ", ""}) {
    bench b;
    BOOST_TEST(b.decode(entered(std::string(bad), "v") + indexed(62) + entered("good", "v") + indexed(62) +
                        literal(std::string(bad), "v")) == "ok");
    BOOST_TEST(checked_bytes(b.into.fields[0]) == field::value_checked);
    BOOST_TEST(checked_bytes(b.into.fields[1]) == field::value_checked);
    BOOST_TEST(checked_bytes(b.into.fields[2]) == (field::name_checked | field::value_checked));
    BOOST_TEST(checked_bytes(b.into.fields[3]) == (field::name_checked | field::value_checked));
    BOOST_TEST(checked_bytes(b.into.fields[4]) == field::value_checked);
  }
  for (const std::string_view bad :
       {std::string_view("a\rb"), std::string_view(" v"), std::string_view("v\t"), std::string_view("\x7f"), std::string_view("\0", 1)}) {
    bench b;
    // The name is taken from an entry whose value was right.
    BOOST_TEST(b.decode(entered("n", "right") + integer(0x40, 6, 62) + spelt(std::string(bad)) + indexed(62) + integer(0x00, 4, 4) +
                        spelt(std::string(bad))) == "ok");
    BOOST_TEST(checked_bytes(b.into.fields[0]) == (field::name_checked | field::value_checked));
    BOOST_TEST(checked_bytes(b.into.fields[1]) == field::name_checked);
    BOOST_TEST(checked_bytes(b.into.fields[2]) == field::name_checked);
    BOOST_TEST(checked_bytes(b.into.fields[3]) == field::name_checked);
  }
}

BOOST_AUTO_TEST_CASE(two_sessions_share_the_place_that_they_decode_to) {
  decoded_block shared;
  hpack_decoder one, other;
  limits small, large;
  small.header_list_bytes = 50;
  const auto short_block = literal("a", "1"), long_block = literal("b", std::string(10'000, 'v'));
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST(name_of(one.decode(bytes_of(short_block), small, shared)) == "ok");
    BOOST_TEST(name_of(other.decode(bytes_of(long_block), large, shared)) == "ok");
    BOOST_TEST(shared.fields.front().value.size() == 10'000u);
    BOOST_TEST(name_of(one.decode(bytes_of(long_block), small, shared)) == "too large");
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::http2::tests
