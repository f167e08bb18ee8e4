// Request heads: RFC 9113 8.2 and 8.3, and what docs/passage.md 3 adds. What is malformed gets RST_STREAM(PROTOCOL_ERROR), and nobody hears
// of it.
#include "rooms.hpp"

namespace sallyport::http2::tests {
namespace {

struct row {
  std::string_view name;
  list fields;
};

list without(std::string_view name) {
  auto fields = call();
  std::erase_if(fields, [name](const auto& f) { return f.first == name; });
  return fields;
}

list with_value(std::string_view name, const std::string& value) {
  auto fields = call();
  for (auto& f : fields)
    if (f.first == name) f.second = value;
  return fields;
}

// Before the others, so that it stands among the pseudo-header fields.
list led_by(const std::string& name, const std::string& value) {
  auto fields = call();
  fields.insert(fields.begin(), {name, value});
  return fields;
}

BOOST_AUTO_TEST_SUITE(server_heads)

BOOST_AUTO_TEST_CASE(a_malformed_head_resets_its_stream_and_starts_no_request) {
  const std::vector<row> rows{
      {"an upper-case name", call({{"X-Trace", "1"}})},
      {"a name with a space", call({{"x trace", "1"}})},
      {"a name with a colon inside", call({{"x:trace", "1"}})},
      {"a name with a byte over 0x7f", call({{"x\xc3\xa9", "1"}})},
      {"an empty name", call({{"", "1"}})},
      {"a value with NUL", call({{"x", std::string("a\0b", 3)}})},
      {"a value with CR", call({{"x", "a\rb"}})},
      {"a value with LF", call({{"x", "a\nb"}})},
      {"a value with another control", call({{"x", "a\x01"}})},
      {"a value with DEL", call({{"x", "a\x7f"}})},
      {"a value that begins with a space", call({{"x", " a"}})},
      {"a value that ends with a tab", call({{"x", "a\t"}})},
      {"connection", call({{"connection", "close"}})},
      {"keep-alive", call({{"keep-alive", "timeout=5"}})},
      {"proxy-connection", call({{"proxy-connection", "keep-alive"}})},
      {"transfer-encoding", call({{"transfer-encoding", "chunked"}})},
      {"upgrade", call({{"upgrade", "h2c"}})},
      {"te with more than trailers", with_value("te", "trailers, deflate")},
      {"te: gzip", with_value("te", "gzip")},
      {"an unknown pseudo-header field", led_by(":test", "1")},
      {"a pseudo-header field without a name", led_by(":", "1")},
      {":status in a request", led_by(":status", "200")},
      {":protocol, which is not offered", led_by(":protocol", "websocket")},
      {"a pseudo-header field after a regular one",
       [] {
         auto fields = without(":path");
         fields.push_back({":path", "/s/m"});
         return fields;
       }()},
      {"no :method", without(":method")},
      {"no :scheme", without(":scheme")},
      {"no :path", without(":path")},
      {"an empty :method", with_value(":method", "")},
      {"an empty :path", with_value(":path", "")},
      {":path with a space", with_value(":path", "/s /m")},
      {":path with a tab", with_value(":path", "/s\t/m")},
      {":path beyond ASCII", with_value(":path", "/s/\xc3\xa9")},
      {":method that is no token", with_value(":method", "GET /x")},
      {":method with a comma", with_value(":method", "GET,POST")},
      {":path twice", led_by(":path", "/s/m")},
      {":method twice", led_by(":method", "POST")},
      {":scheme twice", led_by(":scheme", "https")},
      {":authority twice", led_by(":authority", "milvus:19530")},
      {":path without a slash", with_value(":path", "s/m")},
      {":path * of a POST", with_value(":path", "*")},
      {":scheme ftp", with_value(":scheme", "ftp")},
      {"CONNECT", with_value(":method", "CONNECT")},
      {"CONNECT in its own form", {{":method", "CONNECT"}, {":authority", "milvus:19530"}}},
      {"userinfo in :authority", with_value(":authority", "root@milvus:19530")},
      {"a space in :authority", with_value(":authority", "milvus 19530")},
      {"a slash in :authority", with_value(":authority", "milvus/x")},
      {"host that is not :authority", call({{"host", "other:19530"}})},
      {"host twice", call({{"host", "milvus:19530"}, {"host", "milvus:19530"}})},
      {"content-type twice", call({{"content-type", "application/grpc"}})},
      {"content-type twice, the first of them empty",
       [] {
         auto fields = without("content-type");
         fields.push_back({"content-type", ""});
         fields.push_back({"content-type", "application/grpc"});
         return fields;
       }()},
      {"content-length that is no number", call({{"content-length", "five"}})},
      {"content-length with a sign", call({{"content-length", "+5"}})},
      {"content-length of nothing", call({{"content-length", ""}})},
      {"content-length that no integer holds", call({{"content-length", "99999999999999999999"}})},
      {"two content-lengths that differ", call({{"content-length", "5"}, {"content-length", "6"}})},
      {"two content-lengths that are equal", call({{"content-length", "0"}, {"content-length", "0"}})},
      {"content-length as a list", call({{"content-length", "5, 5"}})},
      {"no field at all", {}},
  };
  for (const auto& r : rows) {
    BOOST_TEST_CONTEXT(r.name) {
      fed_both_ways([&r](server_room& room) {
        room.open();
        room.feed(headers(1, r.fields));
        BOOST_TEST(room.output() == "RST_STREAM 1 PROTOCOL_ERROR");
        BOOST_TEST(room.events() == "");
        BOOST_TEST(room.session.open_streams() == 0u);
        // The stream is gone for good, the connection is not: what was on its way is ignored.
        room.feed(data_end(1, "late") + request(3, end_stream));
        BOOST_TEST(room.output() == "");
        BOOST_TEST(room.events() == "request 3 grpc end /s/m");
      });
    }
  }
}

BOOST_AUTO_TEST_CASE(a_head_that_is_right_passes) {
  const std::vector<row> rows{
      {"as pymilvus sends it", call({{"dbname", "default"}, {"authorization", "cm9vdDpNaWx2dXM="}, {"client-request-unixmsec", "1"}})},
      {"without :authority", without(":authority")},
      {"host in its place",
       [] {
         auto fields = without(":authority");
         fields.push_back({"host", "milvus:19530"});
         return fields;
       }()},
      {"host that equals :authority", call({{"host", "milvus:19530"}})},
      {"an IPv6 address", with_value(":authority", "[::1]:19530")},
      {"an empty value", call({{"dbname", ""}})},
      {"a tab within, and bytes over 0x7f", call({{"x", "a\tb"}, {"y", "\xc3\xa9"}})},
      {"cookies in crumbs", call({{"cookie", "a=1"}, {"cookie", "b=2"}})},
      {"http within the TLS", with_value(":scheme", "http")},
  };
  for (const auto& r : rows) {
    BOOST_TEST_CONTEXT(r.name) {
      fed_both_ways([&r](server_room& room) {
        room.open();
        room.feed(headers(1, r.fields, end_stream));
        BOOST_TEST(room.events() == "request 1 grpc end /s/m");
        BOOST_TEST(room.output() == "");
      });
    }
  }
  fed_both_ways([](server_room& room) {
    room.open();
    room.feed(headers(1, list{{":method", "OPTIONS"}, {":scheme", "https"}, {":path", "*"}}, end_stream));
    BOOST_TEST(room.events() == "request 1 end *");
  });
}

BOOST_AUTO_TEST_CASE(the_head_tells_what_the_doors_ask_for) {
  server_room room(feeding::whole);
  room.open();
  room.when_head = [](const request_head& h) {
    BOOST_TEST(h.method == "POST");
    BOOST_TEST(h.scheme == "https");
    BOOST_TEST(h.authority == "here:1");
    BOOST_TEST(h.path == "/a/b");
    BOOST_TEST(h.content_type == "application/grpc+proto");
    BOOST_TEST(h.authorization == "second");
    BOOST_TEST(h.authorization_fields == 2u);
    BOOST_TEST(h.content_length == 7);
    BOOST_REQUIRE(h.fields->size() == 8u);
    BOOST_TEST((*h.fields)[5].never_index);  // as grpc-js marks it: to be kept when forwarding
    BOOST_TEST(!(*h.fields)[6].never_index);
  };
  const list start{
      {":method", "POST"}, {":scheme", "https"}, {":path", "/a/b"}, {"host", "here:1"}, {"content-type", "application/grpc+proto"}};
  room.feed(
      headers(1, block(start) + never("authorization", "first") + literal("authorization", "second") + literal("content-length", "7")));
  BOOST_TEST(room.events() == "request 1 grpc /a/b");
}

BOOST_AUTO_TEST_CASE(grpc_is_a_content_type_of_application_grpc_alone_or_with_a_plus_or_a_semicolon) {
  const std::vector<std::pair<std::string, bool>> rows{{"application/grpc", true},
                                                       {"application/grpc+proto", true},
                                                       {"application/grpc;x=y", true},
                                                       {"application/grpc-web", false},
                                                       {"application/grpcx", false},
                                                       {"application/json", false},
                                                       {"application/grpc-web+proto", false},
                                                       {"Application/grpc", false}};
  for (const auto& [type, grpc] : rows) {
    BOOST_TEST_CONTEXT(type) {
      server_room room(feeding::whole);
      room.open();
      room.feed(headers(1, with_value("content-type", type), end_stream));
      BOOST_TEST(room.events() == (grpc ? "request 1 grpc end /s/m" : "request 1 end /s/m"));
    }
  }
}

BOOST_AUTO_TEST_CASE(names_in_the_table_are_known_in_every_spelling_that_matters) {
  const std::vector<std::pair<std::string_view, known>> rows{{"te", known::te},
                                                             {"host", known::host},
                                                             {"date", known::date},
                                                             {"token", known::token},
                                                             {"cookie", known::cookie},
                                                             {"expect", known::expect},
                                                             {"server", known::server},
                                                             {"upgrade", known::upgrade},
                                                             {"alt-svc", known::alt_svc},
                                                             {"trailer", known::trailer},
                                                             {"sourceid", known::source_id},
                                                             {"user-agent", known::user_agent},
                                                             {"connection", known::connection},
                                                             {"keep-alive", known::keep_alive},
                                                             {"grpc-status", known::grpc_status},
                                                             {"content-type", known::content_type},
                                                             {"grpc-message", known::grpc_message},
                                                             {"grpc-timeout", known::grpc_timeout},
                                                             {"authorization", known::authorization},
                                                             {"grpc-encoding", known::grpc_encoding},
                                                             {"content-length", known::content_length},
                                                             {"proxy-connection", known::proxy_connection},
                                                             {"transfer-encoding", known::transfer_encoding},
                                                             {"grpc-accept-encoding", known::grpc_accept_encoding},
                                                             {":authority", known::authority},
                                                             {":method", known::method},
                                                             {":path", known::path},
                                                             {":scheme", known::scheme},
                                                             {":status", known::status},
                                                             {":protocol", known::protocol},
                                                             {":x", known::pseudo_unknown},
                                                             {":", known::pseudo_unknown},
                                                             {"", known::other},
                                                             {"x", known::other},
                                                             // Ours alone, whatever stands for the hyphen.
                                                             {"x-sallyport-user", known::identity},
                                                             {"x_sallyport_user", known::identity},
                                                             {"x-sallyport_certificate-subject", known::identity},
                                                             {"x-sallyport-", known::identity},
                                                             {"x_sallyport-a", known::identity},
                                                             {"x-sallyport-us", known::identity},
                                                             {"x-sallyport-use", known::identity},
                                                             {"x-sallyport-roles", known::identity},
                                                             {"x-sallyport-abcdefgh", known::identity},
                                                             {"x-sallyport", known::other},
                                                             {"y-sallyport-user", known::other}};
  for (const auto& [name, id] : rows) BOOST_TEST((identify(name) == id), name);
}

BOOST_AUTO_TEST_CASE(fields_that_have_to_wait_are_copied) {
  buffer_pool pool;
  std::vector<field> from;
  {
    const std::string name = "x-long-enough-for-the-heap", value = "a value that is long enough as well";
    from.push_back(make_field(known::other, name, value));
    from.push_back({name, "", known::authorization, true, 0});
    const stored_fields kept(from, pool);
    BOOST_TEST(pool.used_bytes() == kept.held_bytes());
    BOOST_TEST(kept.held_bytes() > name.size() + value.size());
    from = kept.fields();
    BOOST_TEST(from[0].name == name);
    BOOST_TEST(from[0].value == value);
    BOOST_TEST((from[0].name.data() != name.data()));
    BOOST_TEST(from[1].value.empty());
    BOOST_TEST(from[1].never_index);
    BOOST_TEST((from[1].id == known::authorization));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::http2::tests
