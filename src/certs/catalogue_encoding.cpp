// Encoding: DER is the one way of X.690 to write a thing down. Two ways to write the same certificate are two serial numbers on a CRL, two
// fingerprints in a list, two readers with two opinions.
#include "blueprint.hpp"

namespace sallyport::certs {

using namespace std::literals;

namespace {

octets contents_of(const octets& element) { return element.substr(der::header_size(element)); }

// X.690 10.1: the length in one octet more than it needs.
octets with_long_length(const octets& to_sign) {
  const octets contents = contents_of(to_sign), header = to_sign.substr(0, to_sign.size() - contents.size());
  octets longer = header;
  longer[1] = static_cast<char>(longer[1] + 1);
  longer.insert(2, 1, '\0');
  return longer + contents;
}

// X.690 10.1: BER's length that is told by an end.
octets with_no_length(const octets& to_sign) { return octets("\x30\x80"sv) + contents_of(to_sign) + octets("\0\0"sv); }

octets with_something_inside(const octets& to_sign) { return der::element(der::sequence_tag, contents_of(to_sign) + der::number(7)); }

octets with_something_behind(const octets& certificate) { return certificate + octets("trailing"); }

octets cut_off(const octets& certificate) { return certificate.substr(0, certificate.size() - 20); }

octets no_certificate(const octets&) { return der::sequence({utf8("This is no certificate.")}); }

}  // namespace

std::vector<blueprint> encoding_sets() {
  return {
      {.id = "serial-of-20-octets",
       .says = "A serial number of twenty octets, the most that RFC 5280 allows.",
       .leaf = {.serial = "\x7F" + octets(19, 'S')}},
      {.id = "serial-of-one", .says = "The serial number 1, which is weak for a CA to give out and no fault.", .leaf = {.serial = "\x01"}},
      {.id = "serial-negative",
       .fault = "a negative serial number",
       .says = "Its serial number is below zero: one reader's -1 is another's 255.",
       .leaf = {.serial = "\xFF"},
       .check = "serial-not-positive"},
      {.id = "serial-zero",
       .fault = "the serial number zero",
       .says = "Its serial number is zero, which RFC 5280 does not count as one.",
       .leaf = {.serial = "\0"s},
       .check = "serial-not-positive"},
      {.id = "serial-of-21-octets",
       .fault = "a serial number of 21 octets",
       .says = "Its serial number has one octet more than RFC 5280 allows.",
       .leaf = {.serial = "\x7F" + octets(20, 'S')},
       .check = "serial-too-long"},
      {.id = "serial-of-1000-octets",
       .fault = "a serial number of 1000 octets",
       .says = "A serial number that fills a line of a log.",
       .leaf = {.serial = "\x7F" + octets(999, 'S')},
       .check = "serial-too-long"},
      {.id = "serial-not-minimal",
       .fault = "a serial number with a zero octet too many",
       .says = "Its serial number begins with a zero octet that DER does not write.",
       .leaf = {.serial = "\0\x01"s},
       .check = "parse",
       .needs = sender::raw},
      {.id = "length-not-minimal",
       .fault = "a length with a zero octet too many",
       .says = "What was signed begins with a length that BER may write and DER may not.",
       .leaf = {.before_signing = with_long_length},
       .check = "not-der"},
      {.id = "length-not-definite",
       .fault = "a length that is told by an end",
       .says = "What was signed has no length but an end, as BER may write it and DER may not.",
       .leaf = {.before_signing = with_no_length},
       .check = "not-der"},
      {.id = "trailing-bytes",
       .fault = "eight octets behind the certificate",
       .says = "The certificate ends before what was sent ends.",
       .leaf = {.after_signing = with_something_behind},
       .check = "parse",
       .needs = sender::raw},
      {.id = "trailing-bytes-inside",
       .fault = "a number behind the extensions, signed",
       .says = "Within what was signed there is something that no certificate has.",
       .leaf = {.before_signing = with_something_inside},
       .check = "parse",
       .needs = sender::raw},
      {.id = "cut-off",
       .fault = "the last twenty octets are missing",
       .says = "What was sent ends before the certificate ends.",
       .leaf = {.after_signing = cut_off},
       .check = "parse",
       .needs = sender::raw},
      {.id = "no-certificate",
       .fault = "a text in place of a certificate",
       .says = "Good DER, but no certificate.",
       .leaf = {.after_signing = no_certificate},
       .check = "parse",
       .needs = sender::raw},
  };
}

}  // namespace sallyport::certs
