// What a play reads out of an answer, judged by nghttp2's encoder.
#include <play_answer.hpp>

#include <boost/test/unit_test.hpp>

#include <nghttp2/nghttp2.h>

#include <array>
#include <ostream>
#include <string>

using namespace sallyport::tls;

namespace sallyport::tls {
inline std::ostream& operator<<(std::ostream& to, play_answer::proof what) { return to << static_cast<int>(what); }
}  // namespace sallyport::tls

namespace {

using proof = play_answer::proof;

std::string block_of(int status, std::size_t table) {
  nghttp2_hd_deflater* deflater = nullptr;
  nghttp2_hd_deflate_new(&deflater, 4096);
  if (table != 4096) nghttp2_hd_deflate_change_table_size(deflater, table);
  std::string name = ":status", value = std::to_string(status), other = "server", who = "somebody";
  const auto octets = [](std::string& text) { return reinterpret_cast<std::uint8_t*>(text.data()); };
  const std::array<nghttp2_nv, 2> fields{nghttp2_nv{octets(name), octets(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE},
                                         nghttp2_nv{octets(other), octets(who), other.size(), who.size(), NGHTTP2_NV_FLAG_NONE}};
  std::string block(256, '\0');
  const auto size = nghttp2_hd_deflate_hd(deflater, octets(block), block.size(), fields.data(), fields.size());
  nghttp2_hd_deflate_del(deflater);
  block.resize(static_cast<std::size_t>(size));
  return block;
}

std::string frame(unsigned type, unsigned flags, unsigned stream, const std::string& payload) {
  std::string made;
  for (int shift = 16; shift >= 0; shift -= 8) made += static_cast<char>(payload.size() >> shift);
  made += static_cast<char>(type);
  made += static_cast<char>(flags);
  for (int shift = 24; shift >= 0; shift -= 8) made += static_cast<char>(stream >> shift);
  return made + payload;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_status_is_read_as_another_encoder_writes_it) {
  for (int status = 100; status <= 999; ++status)
    for (const std::size_t table : {std::size_t{4096}, std::size_t{0}, std::size_t{100'000}})
      BOOST_TEST(status_of_block(block_of(status, table)) == status);
}

BOOST_AUTO_TEST_CASE(a_name_that_is_written_out_is_read_plain_and_in_huffmans_code) {
  BOOST_TEST(status_of_block(std::string("\0\7:status\3", 10) + "403") == 403);
  BOOST_TEST(status_of_block(std::string("\x10\x85\xb8\x84\x8d\x36\xa3\3", 8) + "418") == 418);
  BOOST_TEST(status_of_block("") == 0);
  BOOST_TEST(status_of_block("\x48") == 0);
  BOOST_TEST(status_of_block(std::string("\x48\3", 2) + "4") == 0);
  BOOST_TEST(status_of_block(std::string("\x48\x83\xff\xff\xff", 5)) == 0);
  BOOST_TEST(status_of_block("\xbf") == 0);
}

BOOST_AUTO_TEST_CASE(an_answer_counts_for_as_much_as_it_proves_however_it_is_cut) {
  struct row {
    std::string alpn, text;
    proof proves;
    int status;
    bool no;
  };
  const row rows[] = {
      {"http/1.1", "HTTP/1.1 200 OK\r\n", proof::whole, 200, false},
      {"", "HTTP/1.0 403 Forbidden\r\n", proof::whole, 403, true},
      {"", "HTTP/1.1 100 Continue\r\n\r\n", proof::some, 0, false},
      {"", "-ERR unknown command\r\n", proof::some, 0, false},
      {"h2", frame(4, 0, 0, ""), proof::some, 0, false},
      {"h2", frame(4, 0, 0, "") + frame(4, 1, 0, ""), proof::some, 0, false},
      {"h2", frame(4, 0, 0, "") + frame(1, 5, 1, block_of(400, 4096)), proof::whole, 400, true},
      {"h2", frame(1, 4, 1, block_of(103, 4096)) + frame(1, 0x2d, 1, std::string(1, '\0') + "prior" + block_of(421, 4096)), proof::whole,
       421, true},
      {"h2", frame(1, 5, 3, block_of(400, 4096)), proof::nothing, 0, false},
      {"h2", frame(3, 0, 1, std::string("\0\0\0\7", 4)), proof::whole, 0, false},
      {"h2", frame(7, 0, 0, std::string("\0\0\0\0\0\0\0\1", 8)), proof::whole, 0, false},
      {"h2", "HTTP/1.1 400 Bad Request\r\n", proof::some, 0, false},
  };
  for (const auto& one : rows)
    for (const bool cut : {false, true}) {
      play_answer answer(one.alpn, "localhost");
      if (cut)
        for (const char c : one.text) answer.received({&c, 1});
      else
        answer.received(one.text);
      BOOST_TEST(answer.so_far() == one.proves, one.text);
      BOOST_TEST(answer.status() == one.status);
      BOOST_TEST(answer.says_no() == one.no);
    }
}
