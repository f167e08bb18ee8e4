// Names: subject (RFC 5280 4.1.2.6) and subjectAltName (4.2.1.6). A server has no name to match a client's against, so odd names are no
// fault by themselves; those are faults by which two readers of a name could see two names.
#include "blueprint.hpp"

namespace sallyport::certs {

using namespace std::literals;

namespace {

octets many_names(unsigned count) {
  octets all = dns_name("localhost");
  for (unsigned i = 1; i < count; ++i) all += dns_name("host-" + std::to_string(i) + ".kit.example");
  return alternative_names(all);
}

octets with(const octets& general_name) { return alternative_names(dns_name("localhost") + general_name); }

octets long_subject(unsigned parts) {
  octets all;
  for (unsigned i = 1; i <= parts; ++i) all += attribute(oid::unit, utf8("unit " + std::to_string(i)));
  return der::sequence({all, attribute(oid::common_name, utf8("long-subject"))});
}

octets named(const octets& value) { return der::sequence({attribute(oid::common_name, value)}); }

}  // namespace

std::vector<blueprint> names_sets() {
  return {
      {.id = "utf8-name",
       .says = "The common name is UTF-8 and not ASCII.",
       .leaf = {.subject = common_name("J\u00fcrgen M\u00fcller \u5f20\u4f1f")}},
      {.id = "bmp-name",
       .says = "The common name is a BMPString, two octets a character.",
       .leaf = {.subject = named(bmp("\0b\0m\0p\x5F\x20\x4F\x1F"sv))}},
      {.id = "names-100", .says = "A hundred names in the subjectAltName.", .leaf = {.names = many_names(100)}},
      {.id = "trailing-dot",
       .says = "A name ends with a dot; nobody matches a client's names.",
       .leaf = {.names = with(dns_name("kit.example."))}},
      {.id = "inner-wildcard",
       .says = "A wildcard is within a name; nobody matches a client's names.",
       .leaf = {.names = with(dns_name("a.*.kit.example"))}},
      {.id = "no-names", .says = "No subjectAltName: what Milvus' recipe makes.", .leaf = {.names = octets()}},
      {.id = "newline-in-cn",
       .says = "The common name has a line break in it, which must not become one in a log.",
       .leaf = {.subject = common_name("newline\n2026-01-01 forged line")}},
      {.id = "long-subject", .says = "A subject of a hundred parts.", .leaf = {.subject = long_subject(99)}},
      {.id = "empty-subject",
       .says = "No subject: its names are in a critical subjectAltName, as RFC 5280 wants it then.",
       .leaf = {.subject = der::sequence({}), .names = alternative_names(dns_name("localhost"), true)}},
      {.id = "empty-subject-names-not-critical",
       .fault = "no subject, and a subjectAltName that may be skipped",
       .says = "Its only names are in an extension that is not critical, so who skips it sees no name at all.",
       .leaf = {.subject = der::sequence({})},
       .error = "X509_V_ERR_EMPTY_SUBJECT_SAN_NOT_CRITICAL"},
      {.id = "nobody",
       .fault = "no name at all",
       .says = "Neither a subject nor a subjectAltName: it says of nobody that they are somebody.",
       .leaf = {.subject = der::sequence({}), .names = octets()},
       .error = "X509_V_ERR_SUBJECT_NAME_EMPTY"},
      {.id = "empty-names",
       .fault = "a subjectAltName without names",
       .says = "Its subjectAltName is empty, where RFC 5280 wants one name at least.",
       .leaf = {.names = alternative_names({})},
       .error = "X509_V_ERR_EMPTY_SUBJECT_ALT_NAME"},
      {.id = "nul-in-dns-name",
       .fault = "a NUL within a DNS name",
       .says = "Who reads names as C does sees localhost, who reads them as DER does sees a host of kit.example.",
       .leaf = {.names = alternative_names(dns_name("localhost\0.kit.example"sv))},
       .check = "name-nul"},
      {.id = "nul-in-uri",
       .fault = "a NUL within a URI",
       .says = "A name of another kind with the same trick.",
       .leaf = {.names = with(uri_name("spiffe://kit.example/admin\0/guest"sv))},
       .check = "name-nul"},
      {.id = "nul-in-cn",
       .fault = "a NUL within the common name",
       .says = "Who reads names as C does sees root, who reads them as DER does sees somebody else.",
       .leaf = {.subject = common_name("root\0.kit.example"sv)},
       .check = "name-nul"},
      {.id = "nul-in-bmp-name",
       .fault = "a NUL within the common name, as a BMPString",
       .says = "The NUL is a character of two octets; the zero octets of the others are none.",
       .leaf = {.subject = named(bmp("\0r\0o\0o\0t\0\0\0x"sv))},
       .check = "name-nul"},
      {.id = "utf8-broken",
       .fault = "a UTF8String that is not UTF-8",
       .says = "The common name breaks off within a character, so it is no name.",
       .leaf = {.subject = common_name("broken \xC3(")},
       .check = "parse",
       .needs = sender::raw},
      {.id = "bmp-odd",
       .fault = "a BMPString of an odd number of octets",
       .says = "The last character of the common name has one octet of two.",
       .leaf = {.subject = named(bmp("\0o\0d\0d\0"sv))},
       .check = "parse",
       .needs = sender::raw},
  };
}

}  // namespace sallyport::certs
