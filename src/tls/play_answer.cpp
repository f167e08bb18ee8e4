#include "play_answer.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::tls {

namespace {

constexpr std::size_t header_bytes = 9, frame_max_bytes = 16 * 1024;  // nothing more was allowed by our SETTINGS
enum frame_type : unsigned { headers = 1, reset = 3, settings = 4, goaway = 7 };
enum frame_flag : unsigned { acknowledged = 1, padded = 8, priority = 0x20 };

std::string number(std::size_t value, int size) {
  std::string out;
  while (size-- > 0) out += static_cast<char>(value >> (8 * size));
  return out;
}

std::string frame_of(unsigned type, unsigned flags, unsigned stream, std::string_view payload) {
  return (number(payload.size(), 3) + static_cast<char>(type) + static_cast<char>(flags) + number(stream, 4)).append(payload);
}

unsigned octet(char c) { return static_cast<unsigned char>(c); }

// A literal without indexing, its name from the static table (RFC 7541 6.2.2): what everybody can read.
std::string literal(unsigned name, std::string_view value) {
  return (std::string(1, static_cast<char>(name)) + static_cast<char>(value.size())).append(value);
}

// Three digits, plain or in Huffman's code (RFC 7541 appendix B: 0 to 2 have five bits, the others six).
int digits_of(std::string_view text, bool huffman) {
  std::string plain;
  if (!huffman) plain = text;
  unsigned held = 0, bits = 0;
  for (std::size_t at = 0; huffman && plain.size() < 3;) {
    while (bits < 6 && at < text.size()) held = held << 8 | octet(text[at++]), bits += 8;
    if (bits < 5) return 0;
    const unsigned five = held >> (bits - 5) & 0x1f;
    if (five <= 2) {
      plain += static_cast<char>('0' + five);
      bits -= 5;
      continue;
    }
    const unsigned six = bits < 6 ? 0 : held >> (bits - 6) & 0x3f;
    if (six < 0x19 || six > 0x1f) return 0;
    plain += static_cast<char>('3' + (six - 0x19));
    bits -= 6;
  }
  if (plain.size() != 3 || !std::all_of(plain.begin(), plain.end(), [](char c) { return c >= '0' && c <= '9'; })) return 0;
  return (plain[0] - '0') * 100 + (plain[1] - '0') * 10 + plain[2] - '0';
}

}  // namespace

int status_of_block(std::string_view block) {
  constexpr std::array<int, 7> indexed{200, 204, 206, 304, 400, 404, 500};  // RFC 7541 appendix A, 8 to 14
  while (!block.empty() && (octet(block[0]) & 0xe0) == 0x20) {              // a change of the table's size
    const bool longer = (octet(block[0]) & 0x1f) == 0x1f;
    block.remove_prefix(1);
    while (longer && !block.empty() && (octet(block[0]) & 0x80) != 0) block.remove_prefix(1);
    if (longer && !block.empty()) block.remove_prefix(1);
  }
  if (block.empty()) return 0;
  const unsigned first = octet(block[0]);
  const auto in_table = [&](unsigned index) { return index >= 8 && index <= 14; };
  if ((first & 0x80) != 0) return in_table(first & 0x7f) ? indexed[(first & 0x7f) - 8] : 0;
  const unsigned name = (first & 0x40) != 0 ? first & 0x3f : first & 0x0f;
  std::string_view rest = block.substr(1);
  if (name == 0) {  // the name is written out
    constexpr std::string_view plain = "\x07:status";
    constexpr std::string_view coded = "\x85\xb8\x84\x8d\x36\xa3";
    if (rest.starts_with(plain))
      rest.remove_prefix(plain.size());
    else if (rest.starts_with(coded))
      rest.remove_prefix(coded.size());
    else
      return 0;
  } else if (!in_table(name)) {
    return 0;
  }
  if (rest.empty()) return 0;
  const unsigned size = octet(rest[0]) & 0x7f;
  return digits_of(rest.substr(1, size), (octet(rest[0]) & 0x80) != 0);
}

play_answer::play_answer(std::string_view alpn, std::string host) : http2_(alpn == "h2"), host_(std::move(host)) {}

std::string play_answer::question() const {
  // A literal's length is one octet here, so its value is short (RFC 7541 5.1); a name has 253 octets.
  const std::string host = host_.substr(0, 120);
  if (!http2_) return "GET / HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: sallyport\r\nAccept: */*\r\nConnection: close\r\n\r\n";
  const std::string block = std::string("\x82\x84\x87") + literal(1, host) + "\x0f\x2b\x09sallyport";  // GET / https, user-agent
  constexpr unsigned end_stream = 1, end_headers = 4;
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame_of(settings, 0, 0, "") + frame_of(headers, end_stream | end_headers, 1, block);
}

void play_answer::received(std::string_view bytes) {
  pending_ += bytes;
  if (proof_ == proof::whole || pending_.empty()) return;
  http2_ ? read_http2() : read_http1();
}

bool play_answer::says_no() const { return status_ == 400 || status_ == 403 || status_ == 421 || status_ == 495 || status_ == 496; }

std::string play_answer::words() const { return words_; }

void play_answer::became(proof what, std::string words) {
  proof_ = std::max(proof_, what);
  words_ = std::move(words);
}

void play_answer::answered(int status) {
  status_ = status;
  became(proof::whole, "HTTP " + std::to_string(status));
}

void play_answer::read_http1() {
  constexpr std::string_view opening = "HTTP/1.";
  became(proof::some, "application data");
  if (pending_.size() < 13 || !pending_.starts_with(opening)) return;
  if (const int status = digits_of(std::string_view(pending_).substr(9, 3), false); status >= 200) answered(status);
}

void play_answer::read_http2() {
  while (pending_.size() >= header_bytes && proof_ != proof::whole) {
    const std::size_t size = octet(pending_[0]) << 16 | octet(pending_[1]) << 8 | octet(pending_[2]);
    if (size > frame_max_bytes) return became(proof::some, "application data that is no HTTP/2");
    if (pending_.size() < header_bytes + size) return;
    const unsigned stream = (octet(pending_[5]) & 0x7f) << 24 | octet(pending_[6]) << 16 | octet(pending_[7]) << 8 | octet(pending_[8]);
    frame(octet(pending_[3]), octet(pending_[4]), stream, std::string_view(pending_).substr(header_bytes, size));
    pending_.erase(0, header_bytes + size);
  }
}

void play_answer::frame(unsigned type, unsigned flags, unsigned stream, std::string_view payload) {
  const auto code_of = [](std::string_view four) {
    return four.size() < 4 ? std::string("unknown") : std::to_string(octet(four[2]) << 8 | octet(four[3]));
  };
  if (type == settings) return became(proof::some, (flags & acknowledged) != 0 ? "HTTP/2, our SETTINGS acknowledged" : "HTTP/2 SETTINGS");
  if (type == goaway) return became(proof::whole, "HTTP/2 GOAWAY " + code_of(payload.substr(std::min<std::size_t>(4, payload.size()))));
  if (type == reset && stream == 1) return became(proof::whole, "HTTP/2 RST_STREAM " + code_of(payload));
  if (type != headers || stream != 1) return;
  if ((flags & padded) != 0) payload.remove_prefix(std::min<std::size_t>(1, payload.size()));
  if ((flags & priority) != 0) payload.remove_prefix(std::min<std::size_t>(5, payload.size()));
  const int status = status_of_block(payload);
  if (status == 0) return became(proof::whole, "HTTP/2 HEADERS");
  if (status >= 200) answered(status);
}

}  // namespace sallyport::tls
