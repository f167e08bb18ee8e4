// gRPC's framing and protobuf's bytes, as a stranger may send them.
#include "wire.hpp"
#include "support.hpp"

#include <random>
#include <set>

using namespace sallyport;
using namespace sallyport::milvus::tests;
using namespace std::string_literals;

namespace {

refusal refused_frame(const std::string& body) {
  auto got = milvus::deframe(bytes_of(body));
  if (const auto* why = std::get_if<milvus::reply>(&got)) return {why->grpc_status, why->grpc_message};
  return {};
}

const refusal malformed{13, "grpc: error unmarshalling request: the message is malformed"};
const refusal not_utf8{13, "grpc: error unmarshalling request: string field contains invalid UTF-8"};

}  // namespace

BOOST_AUTO_TEST_CASE(one_whole_message_is_taken) {
  for (const std::string& message : {"abc"s, ""s}) {
    const std::string body = framed(message);
    const auto got = milvus::deframe(bytes_of(body));
    BOOST_TEST_REQUIRE(std::holds_alternative<std::string_view>(got));
    BOOST_TEST(std::get<std::string_view>(got) == message);
  }
}

BOOST_AUTO_TEST_CASE(anything_but_one_whole_message_is_refused) {
  BOOST_TEST(refused_frame("") == (refusal{13, "grpc: the request has no message"}));
  for (std::size_t size = 1; size < 5; ++size)
    BOOST_TEST(refused_frame("\0\0\0\0"s.substr(0, size)) == (refusal{13, "grpc: the request ends within the prefix of its message"}));
  for (std::size_t size = 5; size < 8; ++size)
    BOOST_TEST(refused_frame("\0\0\0\0\3ab"s.substr(0, size)) == (refusal{13, "grpc: the request ends within its message"}));
  const refusal several{13, "grpc: the request has more than one message"};
  BOOST_TEST(refused_frame("\0\0\0\0\1ab"s) == several);
  BOOST_TEST(refused_frame("\0\0\0\0\0\0\0\0\0\0"s) == several);
  BOOST_TEST(refused_frame("\2\0\0\0\0"s) == (refusal{13, "grpc: received unexpected payload format 2"}));
  BOOST_TEST(refused_frame("\xff"s) == (refusal{13, "grpc: received unexpected payload format 255"}));
}

BOOST_AUTO_TEST_CASE(a_compressed_message_is_unimplemented) {
  const refusal got = refused_frame("\1\0\0\0\3abc"s);
  BOOST_TEST(got.grpc_status == 12u);
  BOOST_TEST(got.message.starts_with("grpc: Decompressor is not installed for grpc-encoding"));
}

BOOST_AUTO_TEST_CASE(a_message_above_the_bound_is_refused_by_its_prefix_alone) {
  BOOST_TEST(refused_frame("\0\0\0\x80\0"s) == (refusal{13, "grpc: the request ends within its message"}));
  BOOST_TEST(refused_frame("\0\0\0\x80\1"s) == (refusal{8, "grpc: received message larger than max (32769 vs. 32768)"}));
  BOOST_TEST(refused_frame("\0\xff\xff\xff\xff"s) == (refusal{8, "grpc: received message larger than max (4294967295 vs. 32768)"}));
}

BOOST_AUTO_TEST_CASE(utf8_is_told_from_what_only_looks_like_it) {
  for (const std::string text : {"", "abc", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
                                 "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "a\xc3\xa4z"})
    BOOST_TEST(milvus::is_utf8(text), text);
  BOOST_TEST(milvus::is_utf8("\0"s));
  for (const std::string text :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2z", "\xc2\xc0", "\xe0\x9f\xbf", "\xe0\xa0", "\xe0\xa0z", "\xed\xa0\x80",
        "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "abc\xfe", "\xf0\x90\x80z"})
    BOOST_TEST(!milvus::is_utf8(text), text);
}

BOOST_FIXTURE_TEST_CASE(text_that_is_not_utf8_is_refused_in_every_field, house) {
  const std::string bad = "u\xff";
  auto creation = to_create("u1", "secret-1");
  creation.set_username(bad);
  BOOST_TEST(refused("CreateCredential", "root", creation) == not_utf8);
  creation = to_create("u1", "secret-1");
  creation.set_password(bad);
  BOOST_TEST(refused("CreateCredential", "root", creation) == not_utf8);
  creation = to_create("u1", "secret-1");
  creation.set_description(bad);
  BOOST_TEST(refused("CreateCredential", "root", creation) == not_utf8);
  auto update = to_update("root", "a", "b");
  update.set_old_password(bad);
  BOOST_TEST(refused("UpdateCredential", "root", update) == not_utf8);
  update = to_update("root", "a", "b");
  update.set_new_password(bad);
  BOOST_TEST(refused("UpdateCredential", "root", update) == not_utf8);
  update = to_update("root", "a", "b");
  update.set_description(bad);
  BOOST_TEST(refused("UpdateCredential", "root", update) == not_utf8);
  BOOST_TEST(refused("UpdateCredential", "root", to_update(bad, "a", "b")) == not_utf8);
  BOOST_TEST(refused("DeleteCredential", "root", to_drop(bad)) == not_utf8);
  BOOST_TEST(refused("SelectUser", "root", to_select(bad)) == not_utf8);
  BOOST_TEST(store->snapshot()->all().size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_message_cut_short_is_malformed_for_every_call, house) {
  for (const std::string method : {"CreateCredential", "UpdateCredential", "DeleteCredential", "ListCredUsers", "SelectUser"}) {
    // A field 2 (field 9 in the call without fields) of five bytes, of which one is there.
    const milvus::reply got =
        raw("/milvus.proto.milvus.MilvusService/" + method, as("root"), framed(method == "ListCredUsers" ? "\x4a\5u" : "\x12\5u"));
    BOOST_TEST((refusal{got.grpc_status, got.grpc_message}) == malformed, method);
  }
}

BOOST_FIXTURE_TEST_CASE(fields_that_we_do_not_know_are_passed_over, house) {
  // base (1) as clients send it, timestamps (4, 5), extra field 99.
  const std::string extra = "\x0a\x02\x08\x01"s + "\x20\x07\x28\x08"s + "\x98\x06\x01"s;
  const milvus::reply got = raw("/milvus.proto.milvus.MilvusService/CreateCredential", as("root"),
                                framed(to_create("u1", "secret-1").SerializeAsString() + extra));
  BOOST_TEST(got.grpc_status == 0u);
  BOOST_TEST(got.body == "\0\0\0\0\0"s);
  BOOST_TEST(logs_in("u1", "secret-1"));
}

// The bytes are what pymilvus 3.0.2 makes of these calls, so that no number in our .proto can slip.
BOOST_FIXTURE_TEST_CASE(requests_and_answers_have_milvus_field_numbers, house) {
  const std::string base = "\x0a\x03\x08\xdc\x0b", name = "\x12\x02u1", ok(5, '\0');
  const auto sent = [&](const std::string& method, const std::string& message) {
    return raw("/milvus.proto.milvus.MilvusService/" + method, as("root"), framed(message)).body;
  };
  BOOST_TEST(sent("CreateCredential", base + name +
                                          "\x1a\x0c"
                                          "c2VjcmV0LTE="
                                          "\x20\x07\x28\x08\x32\x01"
                                          "d") == ok);
  BOOST_TEST(record("u1")->description == "d");
  BOOST_TEST(sent("UpdateCredential", base + name +
                                          "\x22\x0c"
                                          "c2VjcmV0LTI="
                                          "\x1a\x0c"
                                          "c2VjcmV0LTE="
                                          "\x28\x07\x30\x08\x3a\x01"
                                          "e") == ok);
  BOOST_TEST(logs_in("u1", "secret-2"));
  BOOST_TEST(sent("ListCredUsers", base) == framed("\x0a\0\x12\x04root\x12\x02u1"s));
  change_roles("u1", {"admin"});
  BOOST_TEST(sent("SelectUser", base + "\x12\x04\x0a\x02u1\x18\x01") == framed("\x0a\0\x12\x12\x0a\x04\x0a\x02u1\x12\x07\x0a\x05"
                                                                               "admin\x1a\x01"
                                                                               "e"s));
  BOOST_TEST(sent("DeleteCredential", base + name) == ok);
  BOOST_TEST(record("u1") == nullptr);
  const std::string reason = "username must be not empty: invalid parameter";
  BOOST_TEST(sent("CreateCredential", base) == framed("\x08\x05\x12\x2d" + reason + "\x18\xcc\x08\x2a\x2d" + reason));
}

BOOST_FIXTURE_TEST_CASE(whatever_bytes_come_each_call_is_answered_once_and_changes_nothing, house) {
  add("u1", "secret-1");
  const auto before = store->generation().load();
  const auto caller = as("u1");
  std::mt19937 random(7);
  const std::vector<std::string> seeds{to_create("w9", "secret-2").SerializeAsString(),
                                       to_update("w9", "secret-1", "secret-2").SerializeAsString(), to_drop("u1").SerializeAsString(),
                                       to_select("w9", true).SerializeAsString(), ""};
  const std::vector<std::string> methods{"CreateCredential", "UpdateCredential", "DeleteCredential", "ListCredUsers", "SelectUser"};
  std::set<std::uint32_t> statuses;
  for (int round = 0; round < 5000; ++round) {
    std::string body = framed(seeds[random() % seeds.size()]);
    for (auto flips = random() % 4; flips > 0; --flips) body[random() % body.size()] ^= static_cast<char>(1u << random() % 8);
    if (random() % 4 == 0) body.resize(random() % (body.size() + 1));
    const milvus::reply got = raw("/milvus.proto.milvus.MilvusService/" + methods[random() % methods.size()], caller, body);
    statuses.insert(got.grpc_status);
    BOOST_TEST_REQUIRE(got.body.empty() == (got.grpc_status != 0));
  }
  for (const std::uint32_t each : {0u, 7u, 13u}) BOOST_TEST(statuses.contains(each), each);
  for (const auto each : statuses) BOOST_TEST((each == 0 || each == 7 || each == 8 || each == 12 || each == 13), each);
  BOOST_TEST(store->generation().load() == before);
}
