// The decoder beside nghttp2's, block for block: what a real encoder writes, and the same with bytes changed. Both read the same fields or
// both refuse.
#include "hpack.hpp"
#include "wire.hpp"

#include <random>

namespace sallyport::http2::tests {
namespace {

class deflater {
 public:
  deflater() { BOOST_REQUIRE(nghttp2_hd_deflate_new(&it_, 4096) == 0); }
  deflater(const deflater&) = delete;
  deflater& operator=(const deflater&) = delete;
  ~deflater() { nghttp2_hd_deflate_del(it_); }
  void limit_table(std::size_t bytes) { nghttp2_hd_deflate_change_table_size(it_, bytes); }
  std::string write(const list& fields, std::uint8_t flags) {
    std::vector<nghttp2_nv> nvs;
    for (const auto& [name, value] : fields)
      nvs.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                     reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(), flags});
    std::string out(nghttp2_hd_deflate_bound(it_, nvs.data(), nvs.size()), '\0');
    const auto n = nghttp2_hd_deflate_hd(it_, reinterpret_cast<std::uint8_t*>(out.data()), out.size(), nvs.data(), nvs.size());
    BOOST_REQUIRE(n >= 0);
    out.resize(static_cast<std::size_t>(n));
    return out;
  }

 private:
  nghttp2_hd_deflater* it_ = nullptr;
};

class source {
 public:
  explicit source(std::uint32_t seed) : random_(seed) {}
  std::size_t below(std::size_t n) { return random_() % n; }
  list fields() {
    static const std::vector<std::string> names{":path",        ":method", ":authority",    "content-type", "user-agent", "te",
                                                "grpc-timeout", "x-a",     "x-longer-name", "cookie",       "date",       ""};
    list made;
    for (auto left = below(12); left > 0; --left) {
      std::string value;
      switch (below(5)) {
        case 0: value = "value" + std::to_string(below(60)); break;
        case 1: value = std::string(below(900), static_cast<char>('a' + below(26))); break;
        case 2:
          for (auto n = below(60); n > 0; --n) value += static_cast<char>(random_());
          break;
        case 3: value = "/milvus.proto.milvus.MilvusService/Method" + std::to_string(below(20)); break;
        default: break;
      }
      auto name = below(8) ? names[below(names.size())] : "n" + std::to_string(below(1000));
      made.emplace_back(std::move(name), std::move(value));
    }
    return made;
  }

 private:
  std::mt19937 random_;
};

// One decoder and its judge. False: both refused.
bool agree(hpack_decoder& ours, judge& theirs, const std::string& block) {
  limits within;
  within.header_list_bytes = 1 << 20;
  within.header_fields = 1 << 20;
  decoded_block into;
  const bool read = ours.decode(bytes_of(block), within, into) == hpack_decoder::verdict::ok;
  std::vector<judge::decoded> seen;
  const bool judged = theirs.read(block, seen);
  BOOST_REQUIRE(read == judged);
  if (!read) return false;
  BOOST_REQUIRE(into.fields.size() == seen.size());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const auto& f = into.fields[i];
    BOOST_REQUIRE(f.name == seen[i].name);
    BOOST_REQUIRE(f.value == seen[i].value);
    BOOST_REQUIRE(f.never_index == seen[i].never_index);
    BOOST_REQUIRE((f.id == identify(f.name)));
  }
  return true;
}

BOOST_AUTO_TEST_SUITE(judged)

BOOST_AUTO_TEST_CASE(what_a_real_encoder_writes_is_read_as_it_was_meant) {
  for (std::uint32_t seed = 0; seed < 10; ++seed) {
    source random(seed);
    hpack_decoder ours;
    judge theirs;
    deflater from;
    for (int i = 0; i < 150; ++i) {
      if (random.below(20) == 0) from.limit_table(random.below(4097));
      const auto flags = random.below(10) ? NGHTTP2_NV_FLAG_NONE : NGHTTP2_NV_FLAG_NO_INDEX;
      BOOST_REQUIRE(agree(ours, theirs, from.write(random.fields(), static_cast<std::uint8_t>(flags))));
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_damaged_on_the_way_is_read_or_refused_by_both) {
  std::size_t refused = 0, read = 0;
  for (std::uint32_t seed = 100; seed < 200; ++seed) {
    source random(seed);
    hpack_decoder ours;
    judge theirs;
    deflater from;
    for (int i = 0; i < 40; ++i) {
      auto block = from.write(random.fields(), NGHTTP2_NV_FLAG_NONE);
      for (auto n = random.below(3); n > 0 && !block.empty(); --n) {
        const auto at = random.below(block.size());
        if (random.below(3) == 0)
          block.erase(at, 1 + random.below(3));
        else
          block[at] = static_cast<char>(random.below(2) ? block[at] ^ (1 << random.below(8)) : random.below(256));
      }
      if (!agree(ours, theirs, block)) {
        ++refused;
        break;
      }
      ++read;
    }
  }
  BOOST_TEST(refused > 30u);
  BOOST_TEST(read > 100u);
}

// Every byte, and every hundredth string of two, as a block and as the Huffman string of a literal.
BOOST_AUTO_TEST_CASE(all_that_is_short) {
  for (unsigned n = 0; n <= 2; ++n)
    for (unsigned v = 0; v < 1u << (8 * n); v += n < 2 ? 1 : 101) {
      const auto text = number(v, static_cast<int>(n));
      hpack_decoder ours, again;
      judge theirs, judge_again;
      agree(ours, theirs, text);
      agree(again, judge_again, std::string("\x44") + static_cast<char>(0x80 | n) + text);
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::http2::tests
