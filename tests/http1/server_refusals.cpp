// What must be refused: docs/defences.md P01 to P08, P11 to P13 and P15. Nobody hears of such a request, the client gets a clear answer,
// and the connection ends.
#include "rooms.hpp"

namespace sallyport::http1::tests {
namespace {

using namespace std::string_literals;

struct row {
  std::string_view name;
  std::string bytes;
  std::string_view status, reason;
};

std::string get(const std::string& fields) { return "GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n"; }
std::string post(const std::string& fields, const std::string& body = "") {
  return "POST / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n" + body;
}
std::string line(const std::string& text) { return text + "\r\nHost: h\r\n\r\n"; }

void is_refused(const row& r) {
  BOOST_TEST_CONTEXT(r.name)
  fed(r.bytes.size(), [&](server_room& room) {
    room.feed(r.bytes);
    BOOST_TEST(room.events() == "");
    const auto out = room.output();
    BOOST_TEST(out.starts_with("HTTP/1.1 " + std::string(r.status) + " "));
    BOOST_TEST(out.find("\r\nconnection: close\r\n") != out.npos);
    BOOST_TEST(out.find("\r\ncontent-type: text/plain\r\n") != out.npos);
    BOOST_TEST(room.session.closing());
    BOOST_TEST(room.session.failure_reason() == r.reason);
    BOOST_TEST(!room.session.wants_input());
    room.feed(get(""));  // whatever follows is not looked at
    BOOST_TEST(room.events() == "");
    BOOST_TEST(room.output() == "");
  });
}

// The head was fine, so its owner has heard of it; the body was not, and it hears of that, never of an end.
void body_is_refused(const row& r) {
  BOOST_TEST_CONTEXT(r.name)
  fed(r.bytes.size(), [&](server_room& room) {
    bool ended = false;
    room.when_data = [&](core::bytes, bool end) { ended = ended || end; };
    room.feed(r.bytes);
    const auto events = room.events();
    BOOST_TEST(events.starts_with("request "));
    BOOST_TEST(events.ends_with(" | broken"));
    BOOST_TEST(!ended);
    const auto out = room.output();
    BOOST_TEST(out.starts_with("HTTP/1.1 " + std::string(r.status) + " "));
    BOOST_TEST(out.find("\r\nconnection: close\r\n") != out.npos);
    BOOST_TEST(room.session.closing());
    BOOST_TEST(room.session.failure_reason() == r.reason);
  });
}

std::string chunked(const std::string& body) { return post("Transfer-Encoding: chunked\r\n", body); }

BOOST_AUTO_TEST_SUITE(server_refusals)

BOOST_AUTO_TEST_CASE(p01_a_length_beside_a_transfer_coding_is_refused) {
  is_refused({"CL.TE", post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nG"), "400", "length_and_transfer_encoding"});
  is_refused({"TE.CL", post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "5c\r\n"), "400", "length_and_transfer_encoding"});
  is_refused({"CL 0 and TE", post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"), "400", "length_and_transfer_encoding"});
  is_refused({"CL and another coding", post("Content-Length: 5\r\nTransfer-Encoding: gzip\r\n"), "400", "length_and_transfer_encoding"});
}

BOOST_AUTO_TEST_CASE(p02_a_transfer_coding_other_than_chunked_is_refused) {
  const std::vector<row> rows{
      {"xchunked", post("Transfer-Encoding: xchunked\r\n"), "501", "transfer_coding"},
      {"chunkedx", post("Transfer-Encoding: chunkedx\r\n"), "501", "transfer_coding"},
      {"gzip", post("Transfer-Encoding: gzip\r\n"), "501", "transfer_coding"},
      {"identity", post("Transfer-Encoding: identity\r\n"), "501", "transfer_coding"},
      {"gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n"), "501", "transfer_coding"},
      {"chunked, chunked", post("Transfer-Encoding: chunked, chunked\r\n"), "501", "transfer_coding"},
      {"chunked, identity", post("Transfer-Encoding: chunked, identity\r\n"), "501", "transfer_coding"},
      {"a comma before it", post("Transfer-Encoding: ,chunked\r\n"), "501", "transfer_coding"},
      {"a parameter", post("Transfer-Encoding: chunked;q=1\r\n"), "501", "transfer_coding"},
      {"in quotes", post("Transfer-Encoding: \"chunked\"\r\n"), "501", "transfer_coding"},
      {"empty", post("Transfer-Encoding:\r\n"), "400", "empty_transfer_encoding"},
      {"two", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "400", "two_transfer_encodings"},
      {"two, the second another", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), "400", "two_transfer_encodings"},
      {"space before the colon", post("Transfer-Encoding : chunked\r\n"), "400", "space_in_name"},
      {"tab before the colon", post("Transfer-Encoding\t: chunked\r\n"), "400", "space_in_name"},
      {"vertical tab", post("Transfer-Encoding: \vchunked\r\n"), "400", "bad_value"},
      {"vertical tab behind it", post("Transfer-Encoding: chunked\v\r\n"), "400", "bad_value"},
      {"form feed", post("Transfer-Encoding:\fchunked\r\n"), "400", "bad_value"},
      {"a no-break space",
       post("Transfer-Encoding: \xa0"
            "chunked\r\n"),
       "501", "transfer_coding"},
      {"underscore", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\nTransfer_Encoding: x\r\n"), "400",
       "length_and_transfer_encoding"},
      {"in HTTP/1.0", "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", "transfer_encoding_in_http_1_0"},
      {"in HTTP/1.0, kept alive", "POST / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "400", "transfer_encoding_in_http_1_0"},
  };
  for (const auto& r : rows) is_refused(r);
}

BOOST_AUTO_TEST_CASE(p03_a_length_that_is_not_one_number_is_refused) {
  const std::vector<row> rows{
      {"two that are equal", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), "400", "two_content_lengths"},
      {"two that differ", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), "400", "two_content_lengths"},
      {"two of 0", post("Content-Length: 0\r\nContent-Length: 0\r\n"), "400", "two_content_lengths"},
      {"a list of equals", post("Content-Length: 5, 5\r\n", "hello"), "400", "bad_content_length"},
      {"a list", post("Content-Length: 5,6\r\n", "hello"), "400", "bad_content_length"},
      {"+5", post("Content-Length: +5\r\n", "hello"), "400", "bad_content_length"},
      {"-1", post("Content-Length: -1\r\n"), "400", "bad_content_length"},
      {"-0", post("Content-Length: -0\r\n"), "400", "bad_content_length"},
      {"0x5", post("Content-Length: 0x5\r\n", "hello"), "400", "bad_content_length"},
      {"5 and a letter", post("Content-Length: 5a\r\n", "hello"), "400", "bad_content_length"},
      {"5 5", post("Content-Length: 5 5\r\n", "hello"), "400", "bad_content_length"},
      {"5.0", post("Content-Length: 5.0\r\n", "hello"), "400", "bad_content_length"},
      {"empty", post("Content-Length: \r\n"), "400", "bad_content_length"},
      {"2^63", post("Content-Length: 9223372036854775808\r\n"), "400", "bad_content_length"},
      {"2^64 + 5", post("Content-Length: 18446744073709551621\r\n", "hello"), "400", "bad_content_length"},
      {"thirty digits", post("Content-Length: 000000000000000000000000000005\r\n", "hello"), "400", "bad_content_length"},
      {"in quotes", post("Content-Length: \"5\"\r\n", "hello"), "400", "bad_content_length"},
      {"space before the colon", post("Content-Length : 5\r\n", "hello"), "400", "space_in_name"},
  };
  for (const auto& r : rows) is_refused(r);
}

BOOST_AUTO_TEST_CASE(p04_a_folded_line_is_refused) {
  is_refused({"space", get("X: a\r\n b\r\n"), "400", "obs_fold"});
  is_refused({"tab", get("X: a\r\n\tb\r\n"), "400", "obs_fold"});
  is_refused({"the first line", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", "400", "obs_fold"});
  is_refused({"of a transfer coding", post("Transfer-Encoding:\r\n chunked\r\n"), "400", "obs_fold"});
  is_refused({"of spaces alone", get("X: a\r\n \r\n"), "400", "obs_fold"});
}

BOOST_AUTO_TEST_CASE(p05_a_line_that_does_not_end_in_crlf_is_refused) {
  const std::vector<row> rows{
      {"LF behind the request line", "GET / HTTP/1.1\nHost: h\r\n\r\n", "400", "bare_lf"},
      {"LF everywhere", "GET / HTTP/1.1\nHost: h\n\n", "400", "bare_lf"},
      {"LF behind a field", "GET / HTTP/1.1\r\nHost: h\nX: a\r\n\r\n", "400", "bare_lf"},
      {"LF as the empty line", "GET / HTTP/1.1\r\nHost: h\r\n\n", "400", "bare_lf"},
      {"LF before the request", "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "400", "bare_lf"},
      {"CR behind the request line", "GET / HTTP/1.1\rHost: h\r\n\r\n", "400", "bare_cr"},
      {"CR in a value", get("X: a\rb\r\n"), "400", "bare_cr"},
      {"CR in a name", get("X\rY: a\r\n"), "400", "bare_cr"},
      {"CR CR LF", get("X: a\r\r\n"), "400", "bare_cr"},
      {"CR everywhere", "GET / HTTP/1.1\rHost: h\r\r", "400", "bare_cr"},
      {"CR as the empty line", "GET / HTTP/1.1\r\nHost: h\r\n\rX: a\r\n\r\n", "400", "bare_cr"},
      {"CR before the request", "\rGET / HTTP/1.1\r\nHost: h\r\n\r\n", "400", "bare_cr"},
      {"two empty lines before the request", "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "400", "empty_line"},
  };
  for (const auto& r : rows) is_refused(r);
}

BOOST_AUTO_TEST_CASE(p06_a_byte_that_does_not_belong_is_refused) {
  const std::vector<row> rows{
      {"NUL in a value", get("X: a\0b\r\n"s), "400", "bad_value"},
      {"NUL in a name", get("X\0Y: a\r\n"s), "400", "bad_name"},
      {"NUL in the target", line("GET /a\0b HTTP/1.1"s), "400", "bad_target"},
      {"NUL in the method", line("G\0T / HTTP/1.1"s), "400", "bad_method"},
      {"NUL before the request", "\0GET / HTTP/1.1\r\nHost: h\r\n\r\n"s, "400", "bad_method"},
      {"space in a name", get("X Y: a\r\n"), "400", "space_in_name"},
      {"space before the colon", get("X : a\r\n"), "400", "space_in_name"},
      {"no colon", get("XY\r\n"), "400", "no_colon"},
      {"no name", get(": a\r\n"), "400", "empty_name"},
      {"a pseudo-header field", get(":path: /admin\r\n"), "400", "empty_name"},
      {"DEL in a value", get("X: a\x7f\r\n"), "400", "bad_value"},
      {"another control in a value", get("X: a\x01\r\n"), "400", "bad_value"},
      {"a byte over 0x7f in a name", get("X\xc3\xa9: a\r\n"), "400", "bad_name"},
      {"a bracket in a name", get("X[0]: a\r\n"), "400", "bad_name"},
      {"two content types", get("Content-Type: a/b\r\nContent-Type: a/b\r\n"), "400", "two_content_types"},
      {"a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\r\n"s, "400", "bad_request_line"},
  };
  for (const auto& r : rows) is_refused(r);
}

BOOST_AUTO_TEST_CASE(p07_a_request_for_no_host_or_for_two_is_refused) {
  const std::vector<row> rows{
      {"no Host", "GET / HTTP/1.1\r\n\r\n", "400", "no_host"},
      {"two", "GET / HTTP/1.1\r\nHost: h\r\nHost: g\r\n\r\n", "400", "two_hosts"},
      {"two that are equal", "GET / HTTP/1.1\r\nHost: h\r\nhost: h\r\n\r\n", "400", "two_hosts"},
      {"two in HTTP/1.0", "GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n", "400", "two_hosts"},
      {"empty", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "400", "bad_host"},
      {"a list", "GET / HTTP/1.1\r\nHost: h, g\r\n\r\n", "400", "bad_host"},
      {"userinfo", "GET / HTTP/1.1\r\nHost: root@h\r\n\r\n", "400", "bad_host"},
      {"a path in it", "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n", "400", "bad_host"},
      {"a space in it", "GET / HTTP/1.1\r\nHost: h g\r\n\r\n", "400", "bad_host"},
      {"two ports", "GET / HTTP/1.1\r\nHost: h:1:2\r\n\r\n", "400", "bad_host"},
      {"a port that is none", "GET / HTTP/1.1\r\nHost: h:x\r\n\r\n", "400", "bad_host"},
      {"an open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "400", "bad_host"},
      {"something behind the bracket", "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", "400", "bad_host"},
      {"absolute-form of another host", line("GET https://g/ HTTP/1.1"), "400", "target_is_not_host"},
      {"absolute-form of another port", line("GET https://h:443/ HTTP/1.1"), "400", "target_is_not_host"},
      {"absolute-form with userinfo", line("GET https://root@h/ HTTP/1.1"), "400", "target_is_not_host"},
      {"absolute-form with a query and no path", line("GET https://h?x HTTP/1.1"), "400", "target_is_not_host"},
      {"absolute-form of another scheme", line("GET http://h/ HTTP/1.1"), "400", "bad_target"},
      {"absolute-form of a third scheme", line("GET ftp://h/ HTTP/1.1"), "400", "bad_target"},
      {"absolute-form without Host", "GET https://h/ HTTP/1.1\r\n\r\n", "400", "no_host"},
      {"absolute-form without Host in 1.0", "GET https://h/ HTTP/1.0\r\n\r\n", "400", "target_is_not_host"},
  };
  for (const auto& r : rows) is_refused(r);
}

BOOST_AUTO_TEST_CASE(p08_a_chunk_that_breaks_the_coding_breaks_the_request) {
  const std::vector<row> rows{
      {"LF behind the size", chunked("5\nhello\r\n0\r\n\r\n"), "400", "bad_chunk_size"},
      {"LF behind an extension", chunked("5;a=b\nhello\r\n0\r\n\r\n"), "400", "bad_chunk_extension"},
      {"CR in an extension", chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"), "400", "bad_chunk_line_end"},
      {"an extension without a name", chunked("5;\r\nhello\r\n0\r\n\r\n"), "400", "bad_chunk_extension"},
      {"an extension without a value", chunked("5;a=\r\nhello\r\n0\r\n\r\n"), "400", "bad_chunk_extension"},
      {"a space in an extension", chunked("5; a\r\nhello\r\n0\r\n\r\n"), "400", "bad_chunk_extension"},
      {"a quote that is not closed", chunked("5;a=\"b\r\nhello\r\n0\r\n\r\n"), "400", "bad_chunk_extension"},
      {"something behind a quote", chunked("5;a=\"b\"c\r\nhello\r\n0\r\n\r\n"), "400", "bad_chunk_extension"},
      {"an extension of the last chunk", chunked("5\r\nhello\r\n0;\r\n\r\n"), "400", "bad_chunk_extension"},
      {"NUL in an extension", chunked("5;a=\0\r\nhello\r\n0\r\n\r\n"s), "400", "bad_chunk_extension"},
      {"CR in a quoted extension", chunked("5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n"), "400", "bad_chunk_extension"},
      {"CR alone behind the size", chunked("5\rhello\r\n0\r\n\r\n"), "400", "bad_chunk_line_end"},
      {"no size", chunked("\r\nhello\r\n0\r\n\r\n"), "400", "bad_chunk_size"},
      {"an extension alone", chunked(";a\r\nhello\r\n0\r\n\r\n"), "400", "bad_chunk_size"},
      {"a negative size", chunked("-5\r\nhello\r\n0\r\n\r\n"), "400", "bad_chunk_size"},
      {"a size with a plus", chunked("+5\r\nhello\r\n0\r\n\r\n"), "400", "bad_chunk_size"},
      {"0x5", chunked("0x5\r\nhello\r\n0\r\n\r\n"), "400", "bad_chunk_size"},
      {"a space before the size", chunked(" 5\r\nhello\r\n0\r\n\r\n"), "400", "bad_chunk_size"},
      {"a space behind the size", chunked("5 \r\nhello\r\n0\r\n\r\n"), "400", "bad_chunk_size"},
      {"a letter that is no digit", chunked("5g\r\nhello\r\n0\r\n\r\n"), "400", "bad_chunk_size"},
      {"2^63", chunked("8000000000000000\r\n"), "400", "chunk_too_large"},
      {"2^64 + 5", chunked("10000000000000005\r\nhello\r\n0\r\n\r\n"), "400", "chunk_too_large"},
      {"seventeen digits", chunked("00000000000000005\r\nhello\r\n0\r\n\r\n"), "400", "chunk_too_large"},
      {"no CRLF behind the data", chunked("5\r\nhello0\r\n\r\n"), "400", "bad_chunk_end"},
      {"LF behind the data", chunked("5\r\nhello\n0\r\n\r\n"), "400", "bad_chunk_end"},
      {"CR alone behind the data", chunked("5\r\nhello\r0\r\n\r\n"), "400", "bad_chunk_end"},
      {"more than the size", chunked("5\r\nhello!\r\n0\r\n\r\n"), "400", "bad_chunk_end"},
      {"LF behind the last chunk", chunked("0\n\r\n"), "400", "bad_chunk_size"},
      {"LF as the empty line", chunked("0\r\n\n"), "400", "bare_lf"},
      {"CR as the empty line", chunked("0\r\n\rX"), "400", "bare_cr"},
      {"a trailer with LF", chunked("0\r\nX: a\n\r\n"), "400", "bare_lf"},
      {"a trailer that is folded", chunked("0\r\nX: a\r\n b\r\n\r\n"), "400", "obs_fold"},
      {"a trailer that is no field", chunked("0\r\nGET / HTTP/1.1\r\n\r\n"), "400", "space_in_name"},
      {"a trailer with NUL", chunked("0\r\nX: \0\r\n\r\n"s), "400", "bad_value"},
      {"authorization as a trailer", chunked("0\r\nAuthorization: x\r\n\r\n"), "400", "forbidden_trailer"},
      {"content-length as a trailer", chunked("0\r\nContent-Length: 5\r\n\r\n"), "400", "forbidden_trailer"},
      {"transfer-encoding as a trailer", chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n"), "400", "forbidden_trailer"},
      {"host as a trailer", chunked("0\r\nHost: g\r\n\r\n"), "400", "forbidden_trailer"},
  };
  for (const auto& r : rows) body_is_refused(r);
}

BOOST_AUTO_TEST_CASE(p11_there_is_no_tunnel_and_no_trace) {
  is_refused({"CONNECT", line("CONNECT h:443 HTTP/1.1"), "405", "method"});
  is_refused({"TRACE", line("TRACE / HTTP/1.1"), "405", "method"});
  server_room r;
  r.feed(line("TRACE / HTTP/1.1"));
  BOOST_TEST(r.output().find("\r\nallow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(p11_an_upgrade_to_h2c_is_dropped_and_the_request_served) {
  for (const std::string fields : {"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nX: 1\r\n",
                                   "Upgrade: h2c\r\nX: 1\r\n"}) {
    server_room r;
    r.feed(get(fields));
    BOOST_TEST(r.events() == "request :method=GET, :scheme=https, :path=/, :authority=h, x=1 end");
    BOOST_TEST(r.output() == "");
  }
}

BOOST_AUTO_TEST_CASE(p11_an_upgrade_to_something_else_is_refused) {
  is_refused({"websocket", get("Connection: Upgrade\r\nUpgrade: websocket\r\n"), "501", "upgrade"});
  is_refused({"not said by Connection", get("Upgrade: websocket\r\n"), "501", "upgrade"});
  is_refused({"a list", get("Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n"), "501", "upgrade"});
  is_refused({"in two fields", get("Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n"), "501", "upgrade"});
  is_refused({"a version", get("Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n"), "501", "upgrade"});
  server_room old;  // RFC 9110 7.8: to be ignored there
  old.feed("GET / HTTP/1.0\r\nHost: h\r\nUpgrade: websocket\r\n\r\n");
  BOOST_TEST(old.events() == "request :method=GET, :scheme=https, :path=/, :authority=h end");
}

BOOST_AUTO_TEST_CASE(p12_connection_may_not_name_a_protected_field) {
  for (const std::string name : {"authorization", "Authorization", "HOST", "content-length", "Content-Type", "cookie", "x-sallyport-user",
                                 "X-Sallyport-Roles", "x_sallyport_user", "x-sallyport", "sourceid", "SourceID", "token"})
    is_refused({name, get("Authorization: x\r\nConnection: keep-alive, " + name + "\r\n"), "400", "connection_names_protected_field"});
  is_refused({"in a second field", get("Connection: close\r\nConnection: authorization\r\n"), "400", "connection_names_protected_field"});
  is_refused({"no token", get("Connection: a b\r\n"), "400", "bad_connection_option"});
  std::string many = "Connection: x0";
  for (int i = 1; i <= 32; ++i) many += ",x" + std::to_string(i);
  is_refused({"33 options", get(many + "\r\n"), "400", "too_many_connection_options"});
}

BOOST_AUTO_TEST_CASE(p13_what_is_too_much_is_refused) {
  is_refused({"a field of 64 KB", get("X: " + std::string(65'536, 'a') + "\r\n"), "431", "head_too_large"});
  std::string many;
  for (int i = 0; i < 2'000; ++i) many += "X: 1\r\n";
  is_refused({"2000 fields", get(many), "431", "too_many_fields"});
  is_refused({"a target of 32 KB", line("GET /" + std::string(32'768, 'a') + " HTTP/1.1"), "414", "request_line_too_long"});
  is_refused({"a target of 9 KB", line("GET /" + std::string(9'000, 'a') + " HTTP/1.1"), "414", "target_too_long"});
  is_refused({"a method of 32 KB", line(std::string(32'768, 'A') + " / HTTP/1.1"), "414", "request_line_too_long"});
}

BOOST_AUTO_TEST_CASE(p15_only_http_1_0_and_1_1_are_spoken) {
  const std::vector<row> rows{
      {"0.9", "GET /\r\n", "400", "bad_request_line"},
      {"0.9 without a target", "GET\r\n", "400", "bad_request_line"},
      {"1.2", line("GET / HTTP/1.2"), "505", "version"},
      {"2.0", line("GET / HTTP/2.0"), "505", "version"},
      {"0.9, said", line("GET / HTTP/0.9"), "505", "version"},
      {"9.9", line("GET / HTTP/9.9"), "505", "version"},
      {"1", line("GET / HTTP/1"), "400", "bad_version"},
      {"1.10", line("GET / HTTP/1.10"), "400", "bad_version"},
      {"01.1", line("GET / HTTP/01.1"), "400", "bad_version"},
      {"1,1", line("GET / HTTP/1,1"), "400", "bad_version"},
      {"lower case", line("GET / http/1.1"), "400", "bad_version"},
      {"HTTPS/1.1", line("GET / HTTPS/1.1"), "400", "bad_version"},
      {"ICY/1.1", line("GET / ICY/1.1"), "400", "bad_version"},
      {"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400", "http_2_preface"},
      {"two spaces before the target", line("GET  / HTTP/1.1"), "400", "bad_target"},
      {"two spaces behind it", line("GET /  HTTP/1.1"), "400", "bad_target"},
      {"a space in it", line("GET /a b HTTP/1.1"), "400", "bad_target"},
      {"a tab for a space", line("GET\t/ HTTP/1.1"), "400", "bad_request_line"},
      {"a tab in the target", line("GET /a\tb HTTP/1.1"), "400", "bad_target"},
      {"a space at the end", line("GET / HTTP/1.1 "), "400", "bad_target"},
      {"a space at the beginning", line(" GET / HTTP/1.1"), "400", "bad_method"},
      {"a method that is no token", line("G(T / HTTP/1.1"), "400", "bad_method"},
      {"a fragment", line("GET /a#b HTTP/1.1"), "400", "bad_target"},
      {"a backslash", line("GET /a\\b HTTP/1.1"), "400", "bad_target"},
      {"a byte over 0x7f in the target", line("GET /\xc3\xa9 HTTP/1.1"), "400", "bad_target"},
      {"a target without a slash", line("GET a HTTP/1.1"), "400", "bad_target"},
      {"* of a GET", line("GET * HTTP/1.1"), "400", "bad_target"},
      {"authority-form of a GET", line("GET h:443 HTTP/1.1"), "400", "bad_target"},
  };
  for (const auto& r : rows) is_refused(r);
}

BOOST_AUTO_TEST_CASE(the_refusal_of_a_head_request_has_no_body) {
  server_room r;
  r.feed("HEAD / HTTP/1.1\r\n\r\n");
  BOOST_TEST(r.output().ends_with("connection: close\r\n\r\n"));
}

BOOST_AUTO_TEST_CASE(the_refusal_of_a_line_that_never_was_whole_has_its_words_whatever_was_asked_before) {
  for (const auto& line : {std::string("GET / HTTP/1.1\n"), "GET /" + std::string(17'000, 'a')}) {
    server_room r;
    r.feed("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    r.head({{":status", "200"}, {"content-length", "5"}}, true);
    r.output();
    r.feed(line);
    const auto said = r.output();
    const auto body = said.substr(said.find("\r\n\r\n") + 4);
    BOOST_TEST(!body.empty());
    BOOST_TEST(said.find("content-length: " + std::to_string(body.size()) + "\r\n") != said.npos, said);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::http1::tests
