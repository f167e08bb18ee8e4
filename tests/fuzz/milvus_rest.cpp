// The JSON of the users' calls of REST v2. Input: the body.
//
// Invariants: a body that is taken is what Boost.JSON, building the whole tree, makes of it, too: an object with the fields that are
// required, none of them empty, all in UTF-8; a refusal has one of Milvus' two codes and is JSON itself.
#include "target.hpp"

#include <milvus/rest_json.hpp>
#include <milvus/wire.hpp>

#include <boost/json/parse.hpp>

#include <array>

namespace {

using namespace sallyport;
using namespace sallyport::fuzz;
namespace json = boost::json;

constexpr std::array all_fields{
    milvus::rest_field{"userName", "UserName", &milvus::rest_fields::user_name, true},
    milvus::rest_field{"password", "Password", &milvus::rest_fields::password, true},
    milvus::rest_field{"newPassword", "NewPassword", &milvus::rest_fields::new_password, true},
    milvus::rest_field{"dbName", "DbName", &milvus::rest_fields::db_name, false},
};

void demand_fault(const std::string& text, std::int32_t code) {
  core::error_code ec;
  const auto parsed = json::parse(text, ec);
  demand(!ec && parsed.is_object() && parsed.as_object().size() == 2, "a refusal that is no JSON");
  demand(parsed.as_object().at("code").as_int64() == code && parsed.as_object().at("message").is_string(), "a refusal of another form");
}

bool same_key(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// What the tree says of a field, unless it is there in several spellings or is null: those are told apart by their order alone.
void compare(const json::object& tree, const milvus::rest_field& field, const std::string& ours) {
  const json::value* found = nullptr;
  for (const auto& [key, value] : tree) {
    if (!same_key({key.data(), key.size()}, field.key)) continue;
    if (found) return;
    found = &value;
  }
  if (!found) return demand(ours.empty(), "a field out of nothing");
  if (found->is_null()) return;
  demand(found->is_string() && std::string_view(found->as_string()) == ours, "another value");
}

void check(core::bytes input) {
  milvus::rest_fields sent;
  const auto fault = milvus::read_json(input, {"NewPasswordReq", all_fields}, sent);
  if (fault) {
    demand(fault->code == 1801 || fault->code == 1802, "a code that Milvus has not");
    demand(milvus::is_utf8(fault->reason), "a reason that is not UTF-8");
    demand_fault(milvus::json_fault(fault->code, fault->reason), fault->code);
    if (fault->code == 1801) return;
  }
  json::parse_options options;
  options.max_depth = 64;
  core::error_code ec;
  const auto tree = json::parse({reinterpret_cast<const char*>(input.data()), input.size()}, ec, {}, options);
  demand(!ec && (tree.is_object() || tree.is_null()), "a body that is no object");
  for (const auto& field : all_fields) {
    const auto& ours = sent.*field.into;
    demand(milvus::is_utf8(ours), "a value that is not UTF-8");
    demand(fault || !field.required || !ours.empty(), "a required field that is empty");
    if (tree.is_object()) compare(tree.as_object(), field, ours);
  }
}

}  // namespace

SALLYPORT_FUZZ_TARGET(milvus_rest, check)
