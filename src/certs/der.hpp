// Writes DER, octet by octet: what a set needs wrong must come out wrong, which no certificate library offers. Pure, any thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace sallyport::certs {

using octets = std::string;  // bytes, not text

}  // namespace sallyport::certs

namespace sallyport::certs::der {

enum tag : unsigned char {
  boolean_tag = 0x01,
  integer_tag = 0x02,
  bit_string_tag = 0x03,
  octet_string_tag = 0x04,
  object_tag = 0x06,
  enumerated_tag = 0x0A,
  utf8_tag = 0x0C,
  printable_tag = 0x13,
  ia5_tag = 0x16,
  utc_time_tag = 0x17,
  generalized_time_tag = 0x18,
  bmp_tag = 0x1E,
  sequence_tag = 0x30,
  set_tag = 0x31,
};

octets element(unsigned char tag, std::string_view contents);
octets joined(std::initializer_list<std::string_view> parts);
octets sequence(std::initializer_list<std::string_view> parts);
octets set(std::initializer_list<std::string_view> parts);

octets integer(std::string_view contents);  // two's complement, written as it stands
octets number(unsigned value);              // minimal
octets object(std::string_view dotted);     // "2.5.4.3"
octets yes();                               // BOOLEAN TRUE
octets bits(std::string_view contents, unsigned unused = 0);
octets octet_string(std::string_view contents);
octets context(unsigned number, std::string_view contents);            // [number], constructed
octets context_primitive(unsigned number, std::string_view contents);  // [number] IMPLICIT of a primitive type

octets utc_time(std::string_view text);          // "261126103400Z"
octets generalized_time(std::string_view text);  // "20261126103400Z"
octets time(std::int64_t seconds);               // since 1970; RFC 5280 4.1.2.5: UTCTime to 2049, GeneralizedTime from 2050

// Where the contents of the element at the front begin; 0 when there is none.
std::size_t header_size(std::string_view encoded);

}  // namespace sallyport::certs::der
