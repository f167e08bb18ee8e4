// The encoder, judged by nghttp2's decoder (RFC 7541): what it writes means what it was given, whatever the peer's table, and only six
// names enter it.
#include "hpack.hpp"
#include "rooms.hpp"

#include <array>
#include <random>
#include <set>

namespace sallyport::http2::tests {
namespace {

// One encoder and the judge of its output.
class bench {
 public:
  explicit bench(hpack_encoder::table kind) : encoder_(kind) {}
  // The peer's SETTINGS, and their acknowledgement: from here on the judge allows no more.
  void limit(std::uint32_t bytes) {
    encoder_.limit_table(bytes);
    judge_.limit_table(bytes);
  }
  std::string encode(const std::vector<field>& fields) {
    buffer to(pool_);
    to.append(bytes_of("before"));
    encoder_.encode(fields, to);
    const auto view = to.view();
    const std::string text(reinterpret_cast<const char*>(view.data()), view.size());
    BOOST_REQUIRE(text.starts_with("before"));
    return text.substr(6);
  }
  // Encoded and decoded: what a peer sees.
  std::vector<judge::decoded> through(const std::vector<field>& fields) {
    const auto text = encode(fields);
    std::size_t most = 16;
    for (const auto& f : fields) most += f.name.size() + f.value.size() + 16;
    BOOST_TEST(text.size() <= most);
    std::vector<judge::decoded> seen;
    BOOST_REQUIRE(judge_.read(text, seen));
    return seen;
  }
  void passes(const std::vector<field>& fields) {
    const auto seen = through(fields);
    BOOST_REQUIRE(seen.size() == fields.size());
    for (std::size_t i = 0; i < seen.size(); ++i) {
      BOOST_TEST(seen[i].name == fields[i].name);
      BOOST_TEST(seen[i].value == fields[i].value);
      BOOST_TEST(seen[i].never_index == fields[i].never_index);
    }
  }
  judge& other() { return judge_; }

 private:
  buffer_pool pool_;
  hpack_encoder encoder_;
  judge judge_;
};

// Fields whose text lives as long as this.
class random_fields {
 public:
  explicit random_fields(std::uint32_t seed) : random_(seed) {}
  std::size_t below(std::size_t n) { return random_() % n; }
  std::vector<field> next() {
    static constexpr std::array<std::string_view, 26> names{":authority",
                                                            ":method",
                                                            ":path",
                                                            ":scheme",
                                                            ":status",
                                                            "content-type",
                                                            "user-agent",
                                                            "te",
                                                            "grpc-accept-encoding",
                                                            "authorization",
                                                            "content-length",
                                                            "cookie",
                                                            "date",
                                                            "expect",
                                                            "host",
                                                            "server",
                                                            "grpc-timeout",
                                                            "dbname",
                                                            "x-trace",
                                                            "grpc-status",
                                                            "grpc-message",
                                                            "x-sallyport-user",
                                                            "token",
                                                            "accept",
                                                            "x",
                                                            ""};
    static constexpr std::array<std::string_view, 10> values{"",     "/",   "200",  "404",   "400",
                                                             "POST", "GET", "http", "https", "application/grpc"};
    text_.clear();
    text_.reserve(64);
    std::vector<field> fields;
    for (auto left = below(24); left > 0; --left) {
      const auto name = names[below(names.size())];
      const auto kind = below(10);
      auto& value = text_.emplace_back();
      if (kind < 4)
        value = values[below(values.size())];
      else if (kind < 7)
        value = "value " + std::to_string(below(40));
      else if (kind < 9)
        value = std::string(below(300), static_cast<char>(random_()));
      else
        value = std::string(below(9) == 0 ? below(60'000) : below(2200), 'v');
      fields.push_back({name, value, identify(name), below(12) == 0, 0});
    }
    return fields;
  }

 private:
  std::mt19937 random_;
  std::vector<std::string> text_;
};

const std::set<std::string_view> entered_names{":authority", ":path", "content-type", "user-agent", "te", "grpc-accept-encoding"};

BOOST_AUTO_TEST_SUITE(encoder)

BOOST_AUTO_TEST_CASE(another_implementation_reads_what_was_given) {
  for (const auto kind : {hpack_encoder::table::none, hpack_encoder::table::shared}) {
    bench both(kind);
    random_fields random(kind == hpack_encoder::table::none ? 1 : 2);
    for (int i = 0; i < 3000; ++i) both.passes(random.next());
    if (kind == hpack_encoder::table::none)
      BOOST_TEST(both.other().table_entries() == 0u);
    else
      BOOST_TEST(both.other().table_entries() > 0u);
  }
}

BOOST_AUTO_TEST_CASE(whatever_the_peer_makes_of_its_table_between_the_blocks) {
  bench both(hpack_encoder::table::shared);
  random_fields random(3);
  constexpr std::array<std::uint32_t, 9> sizes{0, 1, 31, 64, 200, 1000, 4095, 4096, 65'536};
  std::uint32_t size = 4096;
  for (int i = 0; i < 4000; ++i) {
    // None, one, or several between two blocks: lower, higher, both in either order.
    for (auto changes = random.below(4) == 0 ? random.below(4) : 0; changes > 0; --changes)
      both.limit(size = sizes[random.below(sizes.size())]);
    both.passes(random.next());
    BOOST_TEST(both.other().table_bytes() <= std::min<std::uint32_t>(size, 4096));
  }
}

BOOST_AUTO_TEST_CASE(a_stateless_encoder_asks_for_no_table_whatever_the_peer_allows) {
  bench both(hpack_encoder::table::none);
  both.limit(0);
  const auto first = fields_of(ok);
  BOOST_TEST(both.encode(first).front() == '\x20');  // RFC 7541 6.3: a table of 0 bytes
  BOOST_TEST(both.encode(first).front() != '\x20');
  bench again(hpack_encoder::table::none);
  random_fields random(4);
  for (int i = 0; i < 100; ++i) {
    again.limit(i % 2 ? 0 : 65'536);
    again.passes(random.next());
  }
  BOOST_TEST(again.other().table_entries() == 0u);
}

BOOST_AUTO_TEST_CASE(a_lower_limit_and_a_higher_one_between_two_blocks_are_both_said) {
  bench both(hpack_encoder::table::shared);
  const auto head = call();
  const auto fields = fields_of(head);
  both.passes(fields);
  BOOST_TEST(both.other().table_entries() > 0u);
  both.limit(0);
  both.limit(4096);
  const auto text = both.encode(fields);
  BOOST_TEST(text.substr(0, 4) == std::string("\x20\x3f\xe1\x1f", 4));  // 0, then 4,096 (RFC 7541 4.2)
  std::vector<judge::decoded> seen;
  BOOST_REQUIRE(both.other().read(text, seen));
  BOOST_TEST(seen.size() == fields.size());
  // Said once.
  BOOST_TEST(both.encode(fields).size() == fields.size());
}

BOOST_AUTO_TEST_CASE(six_names_enter_the_table_and_no_client_can_enter_another) {
  for (const std::string_view name : {":authority", ":method", ":path", ":scheme", "content-type", "user-agent", "te",
                                      "grpc-accept-encoding", "grpc-timeout", "dbname", "authorization", "client-request-unixmsec",
                                      "x-request-id", "traceparent", "cookie", "host", "date", "x-sallyport-user", "accept"}) {
    BOOST_TEST_CONTEXT(name) {
      bench both(hpack_encoder::table::shared);
      const field f{name, "a value of its own", identify(name), false, 0};
      both.passes({f});
      BOOST_TEST((both.other().table_entries() == 1u) == entered_names.contains(name));
      const auto again = both.encode({f});
      BOOST_TEST((again.size() == 1u) == entered_names.contains(name));
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_never_indexed_stays_so_and_out_of_the_table) {
  bench both(hpack_encoder::table::shared);
  for (const std::string_view name : {":path", "authorization", "x-secret", "user-agent"}) {
    both.passes({{name, "secret", identify(name), true, 0}});
    // Even when the table has the pair from elsewhere.
    both.passes({{name, "secret", identify(name), false, 0}});
    both.passes({{name, "secret", identify(name), true, 0}});
  }
  BOOST_TEST(both.other().table_entries() == 2u);  // :path and user-agent, once each
}

BOOST_AUTO_TEST_CASE(a_value_that_would_push_out_the_others_is_not_entered) {
  bench both(hpack_encoder::table::shared);
  const auto head = call();
  both.passes(fields_of(head));
  const auto entries = both.other().table_entries();
  for (const std::size_t size : {2011u, 2012u, 4096u, 60'000u}) {
    const std::string value(size, 'v');
    both.passes({make_field(known::path, ":path", value)});
    if (size != 2011) BOOST_TEST(both.other().table_entries() == entries + 1);
  }
}

BOOST_AUTO_TEST_CASE(an_entry_that_was_pushed_out_is_written_again) {
  bench both(hpack_encoder::table::shared);
  std::vector<std::string> paths;
  for (int i = 0; i < 200; ++i) paths.push_back("/milvus.proto.milvus.MilvusService/Method" + std::to_string(i));
  // What would push others out has to come twice.
  for (int round = 0; round < 3; ++round)
    for (const auto& path : paths)
      for (int times = 0; times < 3; ++times) both.passes({make_field(known::path, ":path", path)});
  BOOST_TEST(both.other().table_bytes() <= 4096u);
  BOOST_TEST(both.other().table_entries() > 30u);
  BOOST_TEST(both.encode({make_field(known::path, ":path", paths.back())}).size() == 1u);
  BOOST_TEST(both.encode({make_field(known::path, ":path", paths.front())}).size() > paths.front().size());
}

BOOST_AUTO_TEST_CASE(paths_of_which_each_comes_once_push_nothing_out) {
  bench both(hpack_encoder::table::shared);
  const auto shared = call();
  both.passes(fields_of(shared));
  for (int i = 0; i < 5000; ++i)
    both.passes({make_field(known::path, ":path", "/milvus.proto.milvus.MilvusService/Once" + std::to_string(i))});
  const auto entries = both.other().table_entries();
  both.passes(fields_of(shared));
  BOOST_TEST(both.other().table_entries() == entries);  // nothing of it had to be entered again
}

BOOST_AUTO_TEST_CASE(pairs_of_the_static_table_are_one_byte) {
  const std::vector<std::pair<std::string, std::string>> pairs{{":method", "GET"},  {":method", "POST"},  {":path", "/"},
                                                               {":scheme", "http"}, {":scheme", "https"}, {":status", "200"},
                                                               {":status", "404"},  {":status", "400"}};
  for (const auto kind : {hpack_encoder::table::none, hpack_encoder::table::shared}) {
    bench both(kind);
    both.passes({});
    for (const auto& [name, value] : pairs) {
      const field f{name, value, identify(name), false, 0};
      BOOST_TEST(both.encode({f}).size() == 1u, name << " " << value);
      both.passes({f});
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::http2::tests
