// What needs no socket: the first bytes, the form of a status, the rules for heads.
#include "first_bytes.hpp"
#include "refusal.hpp"
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
      {"\r\nGET /", opening::http1},
      {"\r\nget /", opening::unknown},
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
    BOOST_TEST(static_cast<unsigned>(refusal_of(why).status) == 14U);
    BOOST_TEST(!refusal_of(why).message.empty());
    BOOST_TEST(refusal_of(why).reason.starts_with("backend_"));
  }
  BOOST_TEST(static_cast<unsigned>(refusal_of(failure::cancelled).status) == 1U);
}

BOOST_AUTO_TEST_CASE(a_denial_keeps_its_status_and_its_text) {
  using auth::denial;
  for (const auto why : {denial::missing_token, denial::invalid_token, denial::several_tokens, denial::token_too_long,
                         denial::api_key_unknown, denial::unknown_user, denial::wrong_password, denial::overloaded, denial::revoked}) {
    const auto made = refusal_of(why);
    BOOST_TEST(static_cast<unsigned>(made.status) == (why == denial::overloaded ? 14U : 16U));
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
  for (const auto path : {"/../b"sv, "/./b"sv, "/.a/b"sv, "/a./b"sv, "/a..b/c"sv}) BOOST_TEST(!is_canonical_path(path), path);
}

BOOST_AUTO_TEST_CASE(what_a_client_says_of_itself_or_to_the_next_hop_is_not_forwarded) {
  const std::string_view dropped[] = {
      "sourceid", "token", "x-sallyport-user", "x-sallyport-", "x_sallyport_user", "x-sallyport_user", "x_sallyport-certificate-subject",
      "te",       "host",  "expect",           "trailer",      "content-type",     "authorization",    "proxy-authorization"};
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

BOOST_AUTO_TEST_CASE(who_passed_is_said_behind_what_the_client_said_and_never_indexed) {
  auto fields = fields_of({{"a", "1"}});
  add_identity("", "", fields);
  BOOST_TEST(shown(fields) == "a=1;");
  add_identity("alice", "CN=a%C3%A9", fields);
  BOOST_TEST(shown(fields) == "a=1;x-sallyport-user=alice!;x-sallyport-certificate-subject=CN=a%C3%A9!;");
  for (std::size_t i = 1; i < fields.size(); ++i)
    BOOST_TEST((http2::identify(fields[i].name) == known::identity), fields[i].name);  // so a client's own is dropped
}

BOOST_AUTO_TEST_CASE(a_rest_path_is_the_backends_business_unless_it_can_be_read_in_two_ways_or_is_a_back_door) {
  for (const auto path : {"/"sv, "/v2/vectordb/collections/list"sv, "/v1/vector/search"sv, "/v2/a%20b"sv, "/v2/a.b"sv, "/v2/..a"sv,
                          "/v2/a.."sv, "/v2/..."sv, "/a/"sv, "/v2/%7Euser"sv, "/v2/a?b=//..;%2F%00"sv, "/expressions"sv, "/v2/expr"sv,
                          "/logs"sv, "/api2"sv, "/v2/a%2"sv, "/v2/a%"sv, "*"sv})
    BOOST_TEST((look_at_rest_path(path) == rest_path::plain), path);
  for (const auto path :
       {""sv,        "v2"sv,          "http://h/v2"sv, "//"sv,           "//v2"sv,      "/v2//a"sv,  "/v2/."sv,   "/v2/./a"sv,
        "/.."sv,     "/v2/../expr"sv, "/v2/a/.."sv,    "/v2;a=b"sv,      "/v2/a;b/c"sv, "/v2\\a"sv,  "/v2%2fa"sv, "/v2%2Fa"sv,
        "/v2%5ca"sv, "/v2%5Ca"sv,     "/v2%00"sv,      "/v2/%2e%2e/a"sv, "/v2/%2E"sv,   "/v2%3ba"sv, "/v2%3Ba"sv, "/v2#a"sv,
        "/v2?a#b"sv, "/%%2f"sv,       "/a%"sv,         "**"sv,           "?"sv})
    BOOST_TEST((look_at_rest_path(path) == rest_path::tricky), path);
  for (const auto path : {"/v2/a%25b"sv, "/v2/100%25"sv, "/v2/%2541"sv}) BOOST_TEST((look_at_rest_path(path) == rest_path::plain), path);
  for (const auto path : {"/v2/%252e%252e/a"sv, "/v2%252Fa"sv, "/v2/%25252e/a"sv, "/v2/a%253bb"sv, "/v2/a%%32%65"sv, "/v2/a%%2533b"sv,
                          "/v2/%2525252541"sv})  // for what decodes twice
    BOOST_TEST((look_at_rest_path(path) == rest_path::tricky), path);
  for (const auto path : {"/expr"sv, "/expr?code=1"sv, "/EXPR"sv, "/Expr/"sv, "/debug/pprof/heap"sv, "/management/stop"sv, "/metrics"sv,
                          "/log/level"sv, "/eventlog"sv, "/api/v1/health"sv, "/webui/"sv, "/_cluster/info"sv, "/_hook/configs"sv})
    BOOST_TEST((look_at_rest_path(path) == rest_path::closed), path);
}

// An encoded letter is the same letter to the backend (RFC 3986 6.2.2.2).
BOOST_AUTO_TEST_CASE(a_back_door_stays_shut_however_its_letters_are_encoded) {
  for (const auto path : {"/%65xpr"sv, "/e%78pr"sv, "/%45XPR"sv, "/%6Detrics"sv, "/%5Fcluster/info"sv, "/deb%75g/pprof"sv})
    BOOST_TEST((look_at_rest_path(path) != rest_path::plain), path);
}

BOOST_AUTO_TEST_CASE(the_fields_of_a_rest_request_go_on_but_for_what_is_the_clients_own) {
  const std::string ours = ":method=POST;:scheme=http;:path=/v2/a?b=c;:authority=h;";
  const auto made = [](const std::vector<std::pair<std::string_view, std::string_view>>& of, bool expects = false,
                       upstream::credentials credential = upstream::credentials::strip) {
    const auto fields = fields_of(of);
    http2::request_head head;
    head.fields = &fields;
    head.method = "POST";
    head.path = "/v2/a?b=c";
    head.authority = "h";
    std::vector<http2::field> into;
    make_forwarded_rest_fields(head, credential, expects, into);
    return shown(into);
  };
  for (const auto name : {"sourceid", "token", "x-sallyport-user", "x_sallyport_user", "x-sallyport-", "te", "host", "trailer",
                          "authorization", "proxy-authorization", ":path", ":method", ":scheme", ":authority"})
    BOOST_TEST(made({{name, "value"}}) == ours, name);
  BOOST_TEST(made({{"content-type", "application/json"}, {"content-length", "5"}, {"dbname", "a"}, {"sourceid2", "b"}, {"cookie", "c"}}) ==
             ours + "content-type=application/json;content-length=5;dbname=a;sourceid2=b;cookie=c;");
  BOOST_TEST(made({{"a", "1"}}, true) == ours + "expect=100-continue;a=1;");
  BOOST_TEST(made({{"expect", "100-continue"}}) == ours + "expect=100-continue;");  // of HTTP/2, where it is a field like others
  BOOST_TEST(made({{"a", "1"}, {"authorization", "Bearer a:b"}}, false, upstream::credentials::forward) ==
             ours + "a=1;authorization=Bearer a:b!;");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::proxy
