#include "der.hpp"

#include <ctime>

namespace sallyport::certs::der {

namespace {

char low_byte(std::size_t value) { return static_cast<char>(static_cast<unsigned char>(value & 0xFF)); }

octets length(std::size_t size) {
  if (size < 0x80) return octets(1, low_byte(size));
  octets digits;
  for (; size != 0; size >>= 8) digits.insert(digits.begin(), low_byte(size));
  return octets(1, low_byte(0x80 | digits.size())) + digits;
}

octets base_128(std::uint64_t value) {
  octets out(1, low_byte(value & 0x7F));
  while ((value >>= 7) != 0) out.insert(out.begin(), low_byte(0x80 | (value & 0x7F)));
  return out;
}

}  // namespace

octets element(unsigned char tag, std::string_view contents) {
  return octets(1, low_byte(tag)) + length(contents.size()) + octets(contents);
}

octets joined(std::initializer_list<std::string_view> parts) {
  octets all;
  for (const auto part : parts) all += part;
  return all;
}

octets sequence(std::initializer_list<std::string_view> parts) { return element(sequence_tag, joined(parts)); }

octets set(std::initializer_list<std::string_view> parts) { return element(set_tag, joined(parts)); }

octets integer(std::string_view contents) { return element(integer_tag, contents); }

octets number(unsigned value) {
  octets contents(1, low_byte(value));
  while ((value >>= 8) != 0) contents.insert(contents.begin(), low_byte(value));
  if ((static_cast<unsigned char>(contents.front()) & 0x80) != 0) contents.insert(contents.begin(), '\0');
  return integer(contents);
}

octets object(std::string_view dotted) {
  octets contents;
  std::uint64_t first = 0;
  for (int arc = 0; !dotted.empty(); ++arc) {
    std::uint64_t value = 0;
    std::size_t at = 0;
    for (; at < dotted.size() && dotted[at] != '.'; ++at) value = value * 10 + static_cast<std::uint64_t>(dotted[at] - '0');
    dotted.remove_prefix(at < dotted.size() ? at + 1 : at);
    if (arc == 0)
      first = value;
    else
      contents += base_128(arc == 1 ? first * 40 + value : value);  // X.690 8.19.4: the first two are one
  }
  return element(object_tag, contents);
}

octets yes() { return element(boolean_tag, "\xFF"); }

octets bits(std::string_view contents, unsigned unused) { return element(bit_string_tag, octets(1, low_byte(unused)) + octets(contents)); }

octets octet_string(std::string_view contents) { return element(octet_string_tag, contents); }

octets context(unsigned number, std::string_view contents) { return element(static_cast<unsigned char>(0xA0 | number), contents); }

octets context_primitive(unsigned number, std::string_view contents) {
  return element(static_cast<unsigned char>(0x80 | number), contents);
}

octets utc_time(std::string_view text) { return element(utc_time_tag, text); }

octets generalized_time(std::string_view text) { return element(generalized_time_tag, text); }

octets time(std::int64_t seconds) {
  const auto then = static_cast<std::time_t>(seconds);
  std::tm parts = {};
  if (::gmtime_r(&then, &parts) == nullptr) return {};
  char text[32] = {};
  const bool utc = parts.tm_year >= 50 && parts.tm_year < 150;
  std::strftime(text, sizeof text, utc ? "%y%m%d%H%M%SZ" : "%Y%m%d%H%M%SZ", &parts);
  return utc ? utc_time(text) : generalized_time(text);
}

std::size_t header_size(std::string_view encoded) {
  if (encoded.size() < 2) return 0;
  const auto first = static_cast<unsigned char>(encoded[1]);
  return first < 0x80 ? 2u : 2u + (first & 0x7F);
}

}  // namespace sallyport::certs::der
