// What needs no socket: the first bytes, the form of a status, the rules for heads.
#include "first_bytes.hpp"
#include "grpc_status.hpp"
#include "request_rules.hpp"

#include <boost/test/unit_test.hpp>

#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace sallyport::proxy {

using namespace std::string_view_literals;
using http2::known;

inline std::ostream& operator<<(std::ostream& out, opening kind) { return out << name_of(kind); }

namespace {

core::bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::vector<http2::field> fields_of(const std::vector<std::pair<std::string_view, std::string_view>>& of) {
  std::vector<http2::field> made;
  for (const auto& [name, value] : of) made.push_back(http2::make_field(http2::identify(name), name, value));
  return made;
}

std::string shown(const std::vector<http2::field>& fields) {
  std::string text;
  for (const auto& f : fields) text.append(f.name).append("=").append(f.value).append(f.never_index ? "!" : "").append(";");
  return text;
}

std::string forwarded(const std::vector<std::pair<std::string_view, std::string_view>>& of,
                      upstream::credentials credential = upstream::credentials::strip) {
  const auto fields = fields_of(of);
  http2::request_head head;
  head.fields = &fields;
  head.method = "POST";
  head.path = "/a.B/C";
  head.authority = "h";
  std::vector<http2::field> made;
  make_forwarded_fields(head, credential, made);
  return shown(made);
}

const std::string written_by_us = ":method=POST;:scheme=http;:path=/a.B/C;:authority=h;te=trailers;content-type=application/grpc;";

}  // namespace

BOOST_AUTO_TEST_SUITE(first_bytes)

BOOST_AUTO_TEST_CASE(the_protocol_is_known_from_its_first_bytes) {
  const std::pair<std::string_view, opening> table[] = {
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", opening::http2},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4"sv, opening::http2},
      {"GET / HTTP/1.1\r\n", opening::http1},
      {"POST", opening::http1},
      {"P0", opening::http1},
      {"PRI * HTTP/1.1", opening::http1},
      {"PROXY TCP4 1.2.3.4", opening::proxy_header},
      {"\r\n\r\n\0\r\nQUIT\n!"sv, opening::proxy_header},
      {"\x16\x03\x01", opening::tls},
      {"\x16", opening::tls},
      {"get / ", opening::unknown},
      {"\0"sv, opening::unknown},
      {"\r\n\r\nx", opening::unknown},
      {"", opening::undecided},
      {"P", opening::undecided},
      {"PR", opening::undecided},
      {"PRO", opening::undecided},
      {"PROXY", opening::undecided},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", opening::undecided},
      {"\r\n\r\n\0\r\nQUI"sv, opening::undecided},
  };
  for (const auto& [first, kind] : table)
    BOOST_TEST(look_at(bytes_of(first)) == kind, "of " << first.size() << " bytes: " << look_at(bytes_of(first)) << ", not " << kind);
}

BOOST_AUTO_TEST_CASE(nothing_is_undecided_once_it_is_as_long_as_the_preface) {
  std::string first(24, 'x');
  for (int i = 0; i < 256; ++i)
    for (std::size_t same = 0; same <= 24; ++same) {
      first.assign(http2::client_preface.substr(0, same));
      first.resize(24, static_cast<char>(i));
      BOOST_TEST((look_at(bytes_of(first)) != opening::undecided), "byte " << i << " after " << same);
    }
}

BOOST_AUTO_TEST_CASE(once_decided_more_bytes_change_nothing) {
  for (const auto whole : {http2::client_preface, "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"sv, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"sv,
                           "\x16\x03\x01\x02\x00\x01\x00"sv}) {
    const auto last = look_at(bytes_of(whole));
    for (std::size_t n = 1; n < whole.size(); ++n) {
      const auto kind = look_at(bytes_of(whole.substr(0, n)));
      BOOST_TEST((kind == opening::undecided || kind == last));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_client_that_forgot_tls_is_told_in_its_own_protocol) {
  const auto one = words_for_plaintext_on_tls(opening::http1);
  BOOST_TEST(one.starts_with("HTTP/1.1 400 Bad Request\r\n"));
  BOOST_TEST(one.find("Connection: close\r\n") != std::string::npos);
  BOOST_TEST(one.ends_with("\r\n\r\nthis port speaks TLS: connect with https:// (or secure=True)\n"));
  BOOST_TEST(one.find("Content-Length: " + std::to_string(one.size() - one.find("\r\n\r\n") - 4) + "\r\n") != std::string::npos);

  const auto two = words_for_plaintext_on_tls(opening::http2);
  BOOST_REQUIRE_GT(two.size(), 26U);
  BOOST_TEST(two.substr(0, 9) == "\0\0\0\4\0\0\0\0\0"sv);            // an empty SETTINGS
  BOOST_TEST(static_cast<std::size_t>(two[11]) == two.size() - 18);  // GOAWAY's length
  BOOST_TEST(two.substr(12, 6) == "\7\0\0\0\0\0"sv);
  BOOST_TEST(two.substr(18, 8) == "\0\0\0\0\0\0\0\1"sv);  // last stream 0, PROTOCOL_ERROR
  BOOST_TEST(two.substr(26) == "this port speaks TLS: connect with https:// (or secure=True)");

  for (const auto kind : {opening::tls, opening::unknown, opening::proxy_header, opening::undecided})
    BOOST_TEST(words_for_plaintext_on_tls(kind).empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(status)

BOOST_AUTO_TEST_CASE(a_message_is_percent_encoded_as_grpc_says) {
  const std::pair<std::string_view, std::string_view> table[] = {
      {"", ""},
      {"plain text, with marks: !~", "plain text, with marks: !~"},
      {"100%", "100%25"},
      {"%41", "%2541"},
      {"a\nb\r\n", "a%0Ab%0D%0A"},
      {"tab\there", "tab%09here"},
      {"\x7f\x80\xff", "%7F%80%FF"},
      {"\0"sv, "%00"},
      {"gr\xc3\xbc\xc3\x9f", "gr%C3%BC%C3%9F"},
      {" a b ", "%20a b%20"},
      {" ", "%20"},
      {"  ", "%20%20"},
  };
  for (const auto& [text, encoded] : table) BOOST_TEST(percent_encode(text) == encoded);
}

BOOST_AUTO_TEST_CASE(whatever_the_message_its_encoding_is_a_valid_field_value_and_decodes_to_it) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  for (const auto& text : {all, std::string("%%%"), std::string(3, ' '), std::string("%2"), std::string("\xf0\x9f")}) {
    const auto encoded = percent_encode(text);
    std::string decoded;
    for (std::size_t i = 0; i < encoded.size(); ++i) {
      BOOST_REQUIRE(encoded[i] >= 0x20 && encoded[i] < 0x7f);
      if (encoded[i] != '%') {
        decoded += encoded[i];
        continue;
      }
      decoded += static_cast<char>(std::stoi(encoded.substr(i + 1, 2), nullptr, 16));
      i += 2;
    }
    BOOST_TEST((decoded == text));
    BOOST_TEST(encoded.front() != ' ');
    BOOST_TEST(encoded.back() != ' ');
  }
}

BOOST_AUTO_TEST_CASE(the_fields_of_a_refusal_are_in_milvus_order) {
  std::vector<http2::field> fields;
  make_status_fields(fields, false, "16", "no");
  BOOST_TEST(shown(fields) == ":status=200;content-type=application/grpc;grpc-status=16;grpc-message=no;");
  make_status_fields(fields, true, "14", "later");
  BOOST_TEST(shown(fields) == "grpc-status=14;grpc-message=later;");
}

BOOST_AUTO_TEST_CASE(every_failure_of_a_backend_is_unavailable_but_its_cancel) {
  using upstream::failure;
  for (const auto why : {failure::unreachable, failure::no_slot, failure::unprocessed, failure::broken}) {
    BOOST_TEST(refusal_of(why).status == 14U);
    BOOST_TEST(!refusal_of(why).message.empty());
    BOOST_TEST(refusal_of(why).reason.starts_with("backend_"));
  }
  BOOST_TEST(refusal_of(failure::cancelled).status == 1U);
}

BOOST_AUTO_TEST_CASE(a_denial_keeps_its_status_and_its_text) {
  using auth::denial;
  for (const auto why : {denial::missing_token, denial::invalid_token, denial::several_tokens, denial::token_too_long,
                         denial::api_key_unknown, denial::unknown_user, denial::wrong_password, denial::overloaded, denial::revoked}) {
    const auto made = refusal_of(why);
    BOOST_TEST(made.status == (why == denial::overloaded ? 14U : 16U));
    BOOST_TEST(made.message == auth::denial_text(why));
    BOOST_TEST(made.reason == auth::name_of(why));
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(rules_for_heads)

BOOST_AUTO_TEST_CASE(grpc_is_served_in_three_spellings) {
  for (const auto type : {"application/grpc"sv, "application/grpc+proto"sv, "application/grpc;charset=utf-8"sv,
                          "application/grpc+proto;a=b"sv, "application/grpc;"sv})
    BOOST_TEST(is_served_content_type(type), type);
  for (const auto type : {"application/grpc+json"sv, "application/grpc+"sv, "application/grpc+protobuf"sv, "application/grpc+thrift"sv,
                          "application/grpc+proto2"sv})
    BOOST_TEST(!is_served_content_type(type), type);
}

BOOST_AUTO_TEST_CASE(a_path_is_a_service_and_a_method_and_nothing_else) {
  for (const auto path : {"/milvus.proto.milvus.MilvusService/Connect"sv, "/a/b"sv, "/grpc.health.v1.Health/Check"sv, "/A_1.b2/C_3"sv})
    BOOST_TEST(is_canonical_path(path), path);
  for (const auto path :
       {""sv,      "/"sv,      "//"sv,      "/a"sv,           "/a/"sv,    "//b"sv,          "a/b"sv,     "/a/b/"sv,  "/a/b/c"sv, "//a/b"sv,
        "/a//b"sv, "/a/b?c"sv, "/a/b#c"sv,  "/a/b%41"sv,      "/%61/b"sv, "/a/./b"sv,       "/a/../b"sv, "/a/b.c"sv, "/a/.."sv,  "/a/b;c"sv,
        "/a/b "sv, " /a/b"sv,  "/a\\b/c"sv, "/a/b\xc3\xa9"sv, "/a/b\0"sv, "http://h/a/b"sv, "*"sv,       "/a-b/c"sv, "/a/b:c"sv})
    BOOST_TEST(!is_canonical_path(path), path);
}

BOOST_AUTO_TEST_CASE(what_a_client_says_of_itself_or_to_the_next_hop_is_not_forwarded) {
  const std::string_view dropped[] = {
      "sourceid", "token", "x-sallyport-user", "x-sallyport-", "x_sallyport_user", "x-sallyport_user", "x_sallyport-certificate-subject",
      "te",       "host",  "expect",           "trailer",      "content-type",     "authorization"};
  for (const auto name : dropped) BOOST_TEST(forwarded({{name, "value"}}) == written_by_us, name);
}

BOOST_AUTO_TEST_CASE(everything_else_is_forwarded_as_it_came_and_in_its_order) {
  BOOST_TEST(forwarded({{"user-agent", "grpc-go/1.0"},
                        {"grpc-timeout", "5S"},
                        {"dbname", "a"},
                        {"x-sally", "b"},
                        {"sourceid2", "c"},
                        {"tokens", "d"},
                        {"empty", ""},
                        {"dbname", "e"}}) ==
             written_by_us + "user-agent=grpc-go/1.0;grpc-timeout=5S;dbname=a;x-sally=b;sourceid2=c;tokens=d;empty=;dbname=e;");
}

BOOST_AUTO_TEST_CASE(a_credential_is_forwarded_only_where_the_backend_wants_it_and_never_indexed) {
  BOOST_TEST(forwarded({{"a", "1"}, {"authorization", "cm9vdDpNaWx2dXM="}, {"b", "2"}}) == written_by_us + "a=1;b=2;");
  BOOST_TEST(forwarded({{"a", "1"}, {"authorization", "cm9vdDpNaWx2dXM="}, {"b", "2"}}, upstream::credentials::forward) ==
             written_by_us + "a=1;authorization=cm9vdDpNaWx2dXM=!;b=2;");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::proxy
