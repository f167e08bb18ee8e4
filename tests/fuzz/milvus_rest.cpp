// libFuzzer: a path, a zero byte, a body, through what REST v2 reads of strangers. Only the five paths are answered, and what is forwarded
// names no family in plain sight; a body that is taken has its required fields, in UTF-8; every refusal is JSON. Build with clang's
// -fsanitize=fuzzer,address, src/core/secret.cpp, src/milvus/{rest_json,rest_families,rpc_families,wire}.cpp and the .pb.cc of
// milvus.proto.
#include "rest_json.hpp"
#include "wire.hpp"

#include <sallyport/milvus/rest.hpp>

#include <boost/json/parse.hpp>

#include <array>
#include <cstdint>
#include <cstdlib>

namespace {

using namespace sallyport;

void demand(bool holds) {
  if (!holds) std::abort();
}

void expect_fault(const std::string& text) {
  core::error_code ec;
  const auto parsed = boost::json::parse(text, ec);
  demand(!ec && parsed.is_object() && parsed.as_object().size() == 2 && parsed.as_object().at("code").as_int64() != 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  using milvus::disposition;
  const std::string_view text(reinterpret_cast<const char*>(input), size);
  const auto end = std::min(text.find('\0'), text.size());
  const auto path = text.substr(0, end), body = text.substr(std::min(end + 1, text.size()));

  const disposition what = milvus::classify_rest(path);
  if (what == disposition::answer) demand(path.starts_with("/v2/vectordb/users/") && path.find('%') == path.npos);
  if (what == disposition::forward)
    for (const char* family : {"/vectordb/users", "/vectordb/roles", "/vectordb/privilege_groups"}) demand(path.find(family) == path.npos);
  expect_fault(milvus::rest_refusal(path).body);

  static constexpr std::array fields{
      milvus::rest_field{"userName", "UserName", &milvus::rest_fields::user_name, true},
      milvus::rest_field{"password", "Password", &milvus::rest_fields::password, true},
      milvus::rest_field{"newPassword", "NewPassword", &milvus::rest_fields::new_password, true},
      milvus::rest_field{"dbName", "DbName", &milvus::rest_fields::db_name, false},
  };
  milvus::rest_fields sent;
  if (const auto fault = milvus::read_json(std::as_bytes(std::span(body)), {"NewPasswordReq", fields}, sent)) {
    demand(fault->code == 1801 || fault->code == 1802);
    expect_fault(milvus::json_fault(fault->code, fault->reason));
  } else {
    demand(!sent.user_name.empty() && !sent.password.empty() && !sent.new_password.empty());
    for (const auto* field : {&sent.user_name, &sent.password, &sent.new_password, &sent.db_name}) demand(milvus::is_utf8(*field));
  }
  return 0;
}
