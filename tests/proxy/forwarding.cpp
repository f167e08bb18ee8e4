// What reaches the backend of a request that has passed, and the calls that never do.
#include "passage.hpp"

namespace sallyport::proxy::testing {
namespace {

// A protobuf field of bytes.
std::string text_field(unsigned number, std::string_view text) {
  std::string out(1, static_cast<char>(number << 3 | 2));
  support::put_integer(out, 0, 7, text.size());  // below 127 the same as a varint
  return out.append(text);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(forwarding)

BOOST_AUTO_TEST_CASE(a_request_goes_through_and_its_answer_comes_back) {
  passage on;
  auto client = on.client();
  const auto& got = client.call(request(path_of("Echo"), root, {{"grpc-timeout", "20S"}, {"dbname", "default"}}), message("hello"));
  BOOST_TEST((got.head == headers{{":status", "200"}, {"content-type", "application/grpc"}}));
  BOOST_TEST(got.body == message("hello"));
  BOOST_TEST((got.trailers == headers{{"grpc-status", "0"}, {"grpc-message", ""}}));
  BOOST_TEST(!got.reset.has_value());
  const auto seen = on.backend.last();
  BOOST_TEST(seen.body == message("hello"));
  BOOST_TEST(seen.ended);
  BOOST_TEST((seen.head == headers{{":method", "POST"},
                                   {":scheme", "http"},
                                   {":path", path_of("Echo")},
                                   {":authority", "milvus.example:19530"},
                                   {"te", "trailers"},
                                   {"content-type", "application/grpc"},
                                   {"grpc-timeout", "20S"},
                                   {"dbname", "default"}}));
}

BOOST_AUTO_TEST_CASE(no_credential_and_no_word_about_itself_reaches_the_backend) {
  passage on;
  auto client = on.client();
  const headers lies{{"sourceid", base64("@@milvus-member@@")},
                     {"token", root},
                     {"x-sallyport-user", "admin"},
                     {"x_sallyport_user", "admin"},
                     {"x-sallyport_certificate-subject", "CN=x"},
                     {"expect", "100-continue"},
                     {"trailer", "x"},
                     {"host", "milvus.example:19530"},
                     {"x-mine", "stays"}};
  BOOST_TEST(client.call(request(path_of("Echo"), root, lies)).status() == "0");
  const auto seen = on.backend.last();
  BOOST_TEST((seen.head == headers{{":method", "POST"},
                                   {":scheme", "http"},
                                   {":path", path_of("Echo")},
                                   {":authority", "milvus.example:19530"},
                                   {"te", "trailers"},
                                   {"content-type", "application/grpc"},
                                   {"x-mine", "stays"}}));
}

BOOST_AUTO_TEST_CASE(a_credential_goes_on_never_indexed_where_the_backend_asks_for_it) {
  passage::options chosen;
  chosen.backend.credential = upstream::credentials::forward;
  passage on(chosen);
  auto client = on.client();
  for (int i = 0; i < 2; ++i) BOOST_TEST(client.call(request(path_of("Echo"))).status() == "0");
  for (const auto& seen : on.backend.requests()) {
    BOOST_TEST(count(seen.head, "authorization") == 1U);
    BOOST_TEST((seen.head.back() == header{"authorization", root, true}));
  }
}

BOOST_AUTO_TEST_CASE(a_backend_that_asks_is_told_who_passed_and_the_client_has_no_say_in_it) {
  passage::options chosen;
  chosen.backend.identity = upstream::identity::headers;
  passage on(chosen);
  auto client = on.client();
  // The first waits for its hash, the second is known: both ways to the backend.
  for (int i = 0; i < 2; ++i)
    BOOST_TEST(client.call(request(path_of("Echo"), root, {{"x-sallyport-user", "admin"}, {"x_sallyport_user", "admin"}})).status() == "0");
  for (const auto& seen : on.backend.requests()) {
    BOOST_TEST(count(seen.head, "x-sallyport-user") == 1U);
    BOOST_TEST((seen.head.back() == header{"x-sallyport-user", "root", true}));
    BOOST_TEST(count(seen.head, "x_sallyport_user") == 0U);
  }
  BOOST_TEST(on.backend.requests().size() == 2U);
}

BOOST_AUTO_TEST_CASE(te_is_written_and_the_content_type_is_plain_whatever_the_client_sent) {
  passage on;
  auto client = on.client();
  for (const auto* type : {"application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8", "application/grpc+proto; x=y"}) {
    BOOST_TEST(client.call(with(with(request(path_of("Echo")), "te", ""), "content-type", type)).status() == "0");
    const auto seen = on.backend.last().head;
    BOOST_TEST(find(seen, "te") == "trailers");
    BOOST_TEST(count(seen, "te") == 1U);
    BOOST_TEST(find(seen, "content-type") == "application/grpc");
    BOOST_TEST(count(seen, "content-type") == 1U);
  }
}

BOOST_AUTO_TEST_CASE(host_stands_in_for_a_missing_authority) {
  passage on;
  auto client = on.client();
  BOOST_TEST(client.call(with(with(request(path_of("Echo")), ":authority", ""), "host", "by-host.example")).status() == "0");
  BOOST_TEST(find(on.backend.last().head, ":authority") == "by-host.example");
  BOOST_TEST(count(on.backend.last().head, "host") == 0U);
}

BOOST_AUTO_TEST_CASE(request_trailers_are_dropped_and_their_end_is_kept) {
  passage on;
  auto client = on.client();
  const auto id = client.open(request(path_of("Echo")), false);
  client.data(id, message("x"), false);
  client.raw(h2::make_head(id, {{"x-checksum", "1"}}, true));
  BOOST_TEST(client.finish(id).body == message("x"));
  BOOST_TEST(on.backend.last().ended);
  BOOST_TEST(on.backend.last().trailers.empty());
}

BOOST_AUTO_TEST_CASE(interim_answers_are_swallowed_and_alt_svc_is_dropped) {
  passage on;
  auto client = on.client();
  const auto& interim = client.call(request(path_of("Interim")), message("x"));
  BOOST_TEST(interim.header_blocks == 2U);
  BOOST_TEST(find(interim.head, ":status") == "200");
  BOOST_TEST(interim.status() == "0");
  const auto& alternative = client.call(request(path_of("AltSvc")), message("x"));
  BOOST_TEST((alternative.head == headers{{":status", "200"}, {"content-type", "application/grpc"}}));
}

BOOST_AUTO_TEST_CASE(messages_of_both_directions_flow_while_the_stream_is_open) {
  passage on;
  auto client = on.client();
  const auto id = client.open(request(path_of("Hang")), false);
  for (int i = 1; i <= 3; ++i) {
    client.data(id, message("ping"), false);
    BOOST_TEST(on.backend.until([i](const auto& all) { return !all.empty() && all[0].body.size() == static_cast<std::size_t>(i) * 9; }));
  }
  BOOST_TEST(!on.backend.last().ended);
}

BOOST_AUTO_TEST_CASE(a_large_head_travels_in_continuation_frames) {
  passage on;
  auto client = on.client();
  const headers sent = request(path_of("Echo"), root, {{"x-a", std::string(9'000, 'a')}, {"x-b", std::string(6'000, 'b')}});
  const auto block = support::encode(sent);
  client.at(1);
  client.raw(h2::make(h2::head, h2::end_stream, 1, block.substr(0, 7'000)) +
             h2::make(h2::continuation, h2::none, 1, block.substr(7'000, 1)) +
             h2::make(h2::continuation, h2::end_headers, 1, block.substr(7'001)));
  BOOST_TEST(client.finish(1).status() == "0");
  BOOST_TEST(find(on.backend.last().head, "x-a") == std::string(9'000, 'a'));
  BOOST_TEST(find(on.backend.last().head, "x-b") == std::string(6'000, 'b'));
}

BOOST_AUTO_TEST_CASE(every_byte_of_a_request_may_come_alone) {
  passage on;
  support::wire socket(support::wire::dial(on.port()));
  const auto all = std::string(h2::preface) + h2::make_settings({}) + h2::make_head(1, request(path_of("Echo")), false) +
                   h2::make(h2::data, h2::end_stream, 1, message("slow"));
  for (const char c : all) socket.write({&c, 1});
  BOOST_REQUIRE(on.backend.until([](const auto& r) { return !r.empty() && r[0].ended; }));
  BOOST_TEST(on.backend.last().body == message("slow"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(calls_answered_here)

BOOST_AUTO_TEST_CASE(user_calls_are_answered_and_never_forwarded) {
  passage on;
  auto client = on.client();
  const auto& created =
      client.call(request(user_call("CreateCredential")), message(text_field(2, "alice") + text_field(3, base64("secret1"))));
  BOOST_TEST(created.status() == "0");
  BOOST_TEST(created.body == message(""));  // Status of success: nothing set
  BOOST_TEST((created.head == headers{{":status", "200"}, {"content-type", "application/grpc"}}));
  const auto& listed = client.call(request(user_call("ListCredUsers")), message(""));
  BOOST_TEST(listed.body.find(text_field(2, "alice") + text_field(2, "root")) != std::string::npos);
  BOOST_TEST(client.call(request(user_call("SelectUser")), message("")).status() == "0");
  BOOST_TEST(client.call(request(path_of("Echo"), token("alice", "secret1"))).status() == "0");
  BOOST_TEST(client.call(request(user_call("DeleteCredential")), message(text_field(2, "alice"))).status() == "0");
  BOOST_TEST(client.call(request(path_of("Echo"), token("alice", "secret1"))).status() == "16");
  BOOST_TEST(on.backend.requests().size() == 1U);  // alice's, while she was there
}

BOOST_AUTO_TEST_CASE(whoever_changes_the_own_password_gets_the_answer_and_the_old_one_passes_no_more) {
  passage on;
  BOOST_REQUIRE(!on.users.create("alice", "secret1"));
  auto client = on.client();
  const auto before = token("alice", "secret1"), after = token("alice", "secret2");
  BOOST_TEST(client.call(request(path_of("Echo"), before)).status() == "0");
  const auto& changed = client.call(request(user_call("UpdateCredential"), before),
                                    message(text_field(2, "alice") + text_field(3, base64("secret1")) + text_field(4, base64("secret2"))));
  BOOST_TEST(changed.status() == "0");
  BOOST_TEST(client.call(request(path_of("Echo"), before)).status() == "16");
  BOOST_TEST(client.call(request(path_of("Echo"), after)).status() == "0");
  BOOST_TEST(on.backend.requests().size() == 2U);
}

// Silence between messages is legal: what was opened by a user who has a say is said when it has none any more.
BOOST_AUTO_TEST_CASE(a_user_call_that_is_held_open_ends_with_its_caller) {
  passage on;
  BOOST_REQUIRE(!on.users.create("mallory", "secret1"));
  BOOST_REQUIRE(!on.users.change_roles("mallory", {"admin"}));
  auto client = on.client();
  const auto hers = token("mallory", "secret1");
  BOOST_TEST(client.call(request(user_call("ListCredUsers"), hers), message("")).status() == "0");  // she is let in at once from now on
  const auto id = client.open(request(user_call("CreateCredential"), hers), false);
  client.settle();
  BOOST_REQUIRE(!on.users.drop("mallory"));
  BOOST_TEST(client.finish(id, 2s).status() == "16");
}

BOOST_AUTO_TEST_CASE(user_calls_need_door_2_like_any_other) {
  passage on;
  auto client = on.client();
  for (const auto* method : {"CreateCredential", "UpdateCredential", "DeleteCredential", "ListCredUsers", "SelectUser"}) {
    BOOST_TEST(client.call(request(user_call(method), {}), message("")).status() == "16");
    BOOST_TEST(client.call(request(user_call(method), token("root", "wrong")), message("")).status() == "16");
  }
  BOOST_TEST(on.users->snapshot()->all().size() == 1U);
  BOOST_TEST(on.backend.saw_nothing());
}

BOOST_AUTO_TEST_CASE(a_user_call_in_pieces_or_too_large_or_without_a_message_is_answered_in_words) {
  passage on;
  auto client = on.client();
  const auto pieces = client.open(request(user_call("ListCredUsers")), false);
  for (const char c : message("")) client.data(pieces, {&c, 1}, false);
  client.data(pieces, "", true);
  BOOST_TEST(client.finish(pieces).status() == "0");

  const auto large = client.open(request(user_call("CreateCredential")), false);
  client.data(large, message(std::string(40'000, 'x')), false);
  auto& got = client.finish(large, 5s);
  BOOST_REQUIRE(got.status() == "8");
  BOOST_TEST(client.until([&] { return got.reset == h2::no_error; }));

  BOOST_TEST(client.call(request(user_call("ListCredUsers"))).status() != "0");
  BOOST_TEST(client.call(request(user_call("ListCredUsers")), "\x01").status() != "0");
  BOOST_TEST(client.call(request(user_call("ListCredUsers")), message("") + message("")).status() != "0");
  BOOST_TEST(client.call(request(user_call("ListCredUsers")), message("")).status() == "0");
  BOOST_TEST(on.backend.saw_nothing());
}

BOOST_AUTO_TEST_CASE(a_user_call_that_is_reset_before_its_answer_harms_nobody) {
  passage on;
  auto client = on.client();
  for (int i = 0; i < 10; ++i) {
    const auto id = client.open(request(user_call("CreateCredential")), false);
    client.data(id, message(text_field(2, "user" + std::to_string(i)) + text_field(3, base64("secret1"))), true);
    client.reset(id);
  }
  BOOST_TEST(client.call(request(user_call("ListCredUsers")), message("")).status() == "0");
  BOOST_TEST(on.backend.saw_nothing());
}

BOOST_AUTO_TEST_CASE(roles_and_privileges_are_unimplemented_with_a_sentence_and_never_forwarded) {
  passage on;
  auto client = on.client();
  for (const auto* method : {"CreateRole", "DropRole", "OperateUserRole", "SelectRole", "OperatePrivilege", "OperatePrivilegeV2",
                             "SelectGrant", "CreatePrivilegeGroup", "ListPrivilegeGroups", "BackupRBAC", "RestoreRBAC", "AddUserTags"})
    for (const auto& service : {std::string("milvus.proto.milvus"), std::string("milvus.proto.next")}) {
      const auto& got = client.call(request("/" + service + ".MilvusService/" + method), message("x"));
      BOOST_TEST(got.trailers_only);
      BOOST_TEST(got.status() == "12");
      BOOST_TEST(got.message().size() > 20U);
    }
  BOOST_TEST(on.backend.saw_nothing());
  BOOST_TEST(on.backend.connections() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace sallyport::proxy::testing
