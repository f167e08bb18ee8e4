// What a body may be: Go's and gin's reading of it, with Milvus' codes 1801 and 1802.
#include "rest_support.hpp"

using namespace sallyport;
using namespace sallyport::milvus::tests;
using namespace std::string_literals;

namespace {

answered not_json(const std::string& what) { return fault(1801, "can only accept json format request" + what); }
answered unreadable(const std::string& what) { return not_json(", error: " + what); }

std::string lacking(const std::string& type, const std::string& field) {
  return "Key: '" + type + "." + field + "' Error:Field validation for '" + field + "' failed on the 'required' tag";
}
answered missing(const std::string& text) { return fault(1802, "missing required parameters, error: " + text); }
answered wrong_type(const std::string& kind, const std::string& field) {
  return unreadable("json: cannot unmarshal " + kind + " into Go struct field " + field + " of type string");
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(an_empty_body_is_told_that_braces_would_do, rest_house) {
  for (const std::string action : {"list", "describe", "create", "update_password", "drop"})
    for (const std::string body : {"", "  \t\r\n"})
      BOOST_TEST(post(action, "root", body) == not_json(", the request body should be nil, however {} is valid"), action);
}

BOOST_FIXTURE_TEST_CASE(a_body_cut_short_anywhere_is_no_json, rest_house) {
  const std::string whole = R"({"userName":"u1","password":"secr\u0065t-1","x":[-1e3,true,null,{"y":"z"}]})";
  for (std::size_t size = 1; size < whole.size(); ++size)
    BOOST_TEST(post("create", "root", whole.substr(0, size)) == unreadable("unexpected EOF"), size);
  BOOST_TEST(record("u1") == nullptr);
  BOOST_TEST(post("create", "root", whole) == done);
  BOOST_TEST(logs_in("u1", "secret-1"));
}

BOOST_FIXTURE_TEST_CASE(what_is_not_json_is_refused_and_changes_nothing, rest_house) {
  const std::string good = R"({"userName":"u1","password":"secret-1"})";
  for (const std::string& body : std::vector<std::string>{
           "userName=u1&password=secret-1"s, R"({userName:"u1","password":"secret-1"})"s, R"({'userName':'u1','password':'secret-1'})"s,
           R"({"userName":"u1","password":"secret-1",})"s, R"({"userName":"u1" "password":"secret-1"})"s, "\xef\xbb\xbf" + good,
           "/**/" + good, R"({"userName":"u1","password":"secret)" + "\n-1\"}"s, R"({"userName":"u1","password":"secret-\x31"})"s,
           R"({"userName":"u1","password":"secret-\u00g1"})"s, R"({"userName":"u1","password":NaN})"s, "\0"s + good, good + "\0"s,
           good + "}", good + good, good + " x", good + ",", "[" + good, "\x80"s,
           // A password that Go would change on its way: bytes that are not UTF-8, half of a pair of surrogates.
           "{\"userName\":\"u1\",\"password\":\"secret-\xff\"}"s, "{\"userName\":\"u1\",\"password\":\"secret-\xc0\xaf\"}"s,
           "{\"userName\":\"u1\",\"password\":\"secret-\xed\xa0\x80\"}"s, R"({"userName":"u1","password":"secret-\ud800"})"s,
           R"({"userName":"u1","password":"secret-\ud800A"})"s, R"({"userName":"u1","password":"secret-\udc00"})"s}) {
    const answered got = post("create", "root", body);
    BOOST_TEST(got.status == 200u, body);
    BOOST_TEST(got.body.starts_with(R"({"code":1801,"message":"can only accept json format request, error: )"), body << " " << got.body);
    BOOST_TEST(got.body.find("secret") == got.body.npos, body);
  }
  BOOST_TEST(record("u1") == nullptr);
}

BOOST_FIXTURE_TEST_CASE(blanks_around_the_value_are_fine, rest_house) {
  BOOST_TEST(post("create", "root", "\r\n\t {\n\"userName\" : \"u1\" ,\t\"password\":\"secret-1\"}\r\n ") == done);
  BOOST_TEST(logs_in("u1", "secret-1"));
}

BOOST_FIXTURE_TEST_CASE(depth_and_size_are_bounded, rest_house) {
  const auto nested = [](std::size_t depth) {
    return R"({"userName":"u1","password":"secret-1","x":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  BOOST_TEST(post("create", "root", nested(15)) == done);
  for (const std::size_t depth : {16u, 17u, 15'000u})
    BOOST_TEST(post("create", "root", nested(depth)).body.starts_with(R"({"code":1801,)"), depth);

  const auto padded = [](std::size_t size) {
    std::string body = R"({"userName":"u2","password":"secret-1","x":""})";
    return body.insert(body.size() - 2, size - body.size(), 'x');
  };
  const std::size_t most = milvus::rest_body_max_bytes;
  BOOST_TEST(post("create", "root", padded(most + 1)) == unreadable("http: request body too large"));
  BOOST_TEST(record("u2") == nullptr);
  BOOST_TEST(post("create", "root", padded(most)) == done);
}

BOOST_FIXTURE_TEST_CASE(each_field_that_is_missing_or_empty_is_named_in_the_order_of_the_structure, rest_house) {
  for (const std::string body :
       {"{}", "null", R"({"username ":"u1"})", R"({"userName":""})", R"({"userName":null})", R"({"x":{"userName":"u1"}})"}) {
    BOOST_TEST(post("describe", "root", body) == missing(lacking("UserReq", "UserName")), body);
    BOOST_TEST(post("drop", "root", body) == missing(lacking("UserReq", "UserName")), body);
    BOOST_TEST(post("create", "root", body) == missing(lacking("PasswordReq", "UserName") + "\\n" + lacking("PasswordReq", "Password")),
               body);
  }
  BOOST_TEST(post("create", "root", R"({"userName":"u1"})") == missing(lacking("PasswordReq", "Password")));
  BOOST_TEST(post("create", "root", R"({"userName":"u1","password":""})") == missing(lacking("PasswordReq", "Password")));
  BOOST_TEST(post("create", "root", R"({"password":"secret-1"})") == missing(lacking("PasswordReq", "UserName")));
  BOOST_TEST(post("update_password", "root", R"({"userName":"root","password":"Milvus"})") ==
             missing(lacking("NewPasswordReq", "NewPassword")));
  BOOST_TEST(post("update_password", "root", R"({"userName":"root","newPassword":"secret-1"})") ==
             missing(lacking("NewPasswordReq", "Password")));
  BOOST_TEST(post("update_password", "root", "{}") ==
             missing(lacking("NewPasswordReq", "UserName") + "\\n" + lacking("NewPasswordReq", "Password") + "\\n" +
                     lacking("NewPasswordReq", "NewPassword")));
  BOOST_TEST(logs_in("root", "Milvus"));
}

BOOST_FIXTURE_TEST_CASE(list_needs_nothing, rest_house) {
  for (const std::string body : {"{}", "null", R"({"dbName":"default"})", R"({"dbName":null,"x":[{}]})", R"({"userName":7})"})
    BOOST_TEST(post("list", "root", body) == data(R"(["root"])"), body);
}

BOOST_FIXTURE_TEST_CASE(a_value_of_the_wrong_type_is_named_and_the_first_counts, rest_house) {
  const std::vector<std::pair<std::string, std::string>> kinds{{"1", "number"},   {"-1", "number"},
                                                               {"1e3", "number"}, {"18446744073709551615", "number"},
                                                               {"true", "bool"},  {"false", "bool"},
                                                               {"[]", "array"},   {R"(["secret-1"])", "array"},
                                                               {"{}", "object"},  {R"({"password":"secret-1"})", "object"}};
  for (const auto& [json, kind] : kinds) {
    BOOST_TEST(post("create", "root", R"({"userName":"u1","password":)" + json + "}") == wrong_type(kind, "PasswordReq.password"), json);
    BOOST_TEST(post("create", "root", R"({"PASSWORD":)" + json + R"(,"userName":true})") == wrong_type(kind, "PasswordReq.password"), json);
    BOOST_TEST(post("drop", "root", R"({"userName":)" + json + "}") == wrong_type(kind, "UserReq.userName"), json);
    BOOST_TEST(post("list", "root", R"({"dbName":)" + json + "}") == wrong_type(kind, "DatabaseReq.dbName"), json);
    BOOST_TEST(post("update_password", "root", R"({"userName":"root","password":"Milvus","newPassword":)" + json + "}") ==
                   wrong_type(kind, "NewPasswordReq.newPassword"),
               json);
  }
  // A type that is wrong is told before a field that is missing, and after a syntax that is wrong.
  BOOST_TEST(post("create", "root", R"({"password":1})") == wrong_type("number", "PasswordReq.password"));
  BOOST_TEST(post("create", "root", R"({"password":1)") == unreadable("unexpected EOF"));
  // Even where a later one of the same name is right.
  BOOST_TEST(post("create", "root", R"({"userName":"u1","password":1,"password":"secret-1"})") ==
             wrong_type("number", "PasswordReq.password"));
  BOOST_TEST(record("u1") == nullptr);
}

BOOST_FIXTURE_TEST_CASE(a_body_that_is_no_object_is_refused, rest_house) {
  const auto outermost = [](const std::string& kind) {
    return unreadable("json: cannot unmarshal " + kind + " into Go value of type httpserver.UserReq");
  };
  add("u1", "secret-1");
  BOOST_TEST(post("drop", "root", R"("u1")") == outermost("string"));
  BOOST_TEST(post("drop", "root", "1") == outermost("number"));
  BOOST_TEST(post("drop", "root", "true") == outermost("bool"));
  BOOST_TEST(post("drop", "root", "[]") == outermost("array"));
  BOOST_TEST(post("drop", "root", R"([{"userName":"u1"}])") == outermost("array"));
  BOOST_TEST(post("drop", "root", R"(["userName","u1"])") == outermost("array"));
  BOOST_TEST(record("u1") != nullptr);
}

BOOST_FIXTURE_TEST_CASE(of_a_key_that_comes_twice_the_last_wins_in_any_case_and_null_changes_nothing, rest_house) {
  BOOST_TEST(post("create", "root", R"({"userName":"u0","userName":"u1","password":"secret-longer-1","password":"secret-2"})") == done);
  BOOST_TEST(logs_in("u1", "secret-2"));
  BOOST_TEST(post("create", "root", R"({"userName":"x","USERNAME":"u2","password":"secret-2","Password":null})") == done);
  BOOST_TEST(logs_in("u2", "secret-2"));
  BOOST_TEST(post("create", "root", R"({"username":"x","userName":"y","UserName":"u3","passWORD":"secret-3"})") == done);
  BOOST_TEST(logs_in("u3", "secret-3"));
  BOOST_TEST(post("create", "root", R"({"userName":"u4","password":"secret-4","password":""})") ==
             missing(lacking("PasswordReq", "Password")));
  BOOST_TEST(post("list", "root", "{}") == data(R"(["root","u1","u2","u3"])"));
}

BOOST_FIXTURE_TEST_CASE(keys_are_unescaped_and_unknown_ones_and_nested_ones_are_skipped, rest_house) {
  BOOST_TEST(post("create", "root",
                  R"({"\u0075serName":"u1","pass\u0077ord":"secret-1","roleName":"admin","roles":["admin"],"x":1e9,)"
                  R"("nested":{"userName":"u9","password":"secret-9"},"list":["password",{"password":"secret-8"}]})") == done);
  BOOST_TEST(logs_in("u1", "secret-1"));
  BOOST_TEST(record("u1")->roles.empty());
  BOOST_TEST(record("u9") == nullptr);
  // Nothing but Milvus' own fields counts: no description, no old password under another name.
  BOOST_TEST(post("update_password", "root", R"({"userName":"u1","password":"secret-1","newPassword":"secret-2","description":"d"})") ==
             done);
  BOOST_TEST(record("u1")->description.empty());
}
