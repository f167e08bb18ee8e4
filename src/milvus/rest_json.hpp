// JSON of the REST calls, both ways. In: what Go's encoding/json and gin's `binding:"required"` make of a body, with their texts where
// they are known. Out: Milvus' {"code":…,"data":…} and {"code":…,"message":…}. Pure, any thread; bounded by rest_body_max_bytes and a
// depth.
#pragma once

#include <sallyport/core/result.hpp>
#include <sallyport/core/secret.hpp>

#include "ending.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::milvus {

// The fields of all the user calls. Passwords are plain text, and wiped when this goes.
struct rest_fields {
  std::string db_name, user_name, password, new_password;
  rest_fields() = default;
  rest_fields(const rest_fields&) = delete;
  rest_fields& operator=(const rest_fields&) = delete;
  ~rest_fields() {
    core::wipe(password);
    core::wipe(new_password);
  }
};

// A field as the client knows it, as Milvus' structure names it, and whether it must be there and not be empty.
struct rest_field {
  std::string_view key, name;
  std::string rest_fields::* into;
  bool required;
};
// What a call's body has to be. `type` is Milvus' name of the structure: it is in the texts.
struct rest_shape {
  std::string_view type;
  std::span<const rest_field> fields;
};

// As Go reads it: keys in any case of ASCII, the last of a kind wins, null leaves what was there, keys that are not known are skipped.
// Stricter than Go in three things, since a password must not change on its way: text that is not UTF-8, half of a surrogate pair, and
// anything behind the value are refused.
std::optional<fault_status> read_json(core::bytes body, const rest_shape& shape, rest_fields& into);

std::string json_fault(std::int32_t code, std::string_view message);
std::string json_nothing();  // the data of a change that is done
std::string json_list(const std::vector<std::string>& names);

}  // namespace sallyport::milvus
