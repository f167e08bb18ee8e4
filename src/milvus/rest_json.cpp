#include "rest_json.hpp"

#include <sallyport/milvus/rest.hpp>

#include <boost/json/array.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace sallyport::milvus {

namespace {

namespace json = boost::json;

constexpr std::size_t depth_max = 16;
constexpr std::string_view blanks = " \t\r\n";  // RFC 8259 2

bool same_key(std::string_view sent, std::string_view known) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(sent.begin(), sent.end(), known.begin(), known.end(), [&](char a, char b) { return lower(a) == lower(b); });
}

// What the parser tells as it goes. No tree is built: nothing of a password is anywhere but in `text` and in the fields.
class filler {
 public:
  static constexpr std::size_t max_object_size = -1, max_array_size = -1, max_string_size = -1, max_key_size = -1;

  filler(const rest_shape& shape, rest_fields& into, std::size_t body_bytes) : shape_(shape), into_(into) {
    text_.reserve(body_bytes);  // once: no copy of a password is left behind by growth
  }
  filler(const filler&) = delete;
  filler& operator=(const filler&) = delete;
  ~filler() { core::wipe(text_); }

  // Go reads on after a field of the wrong type, and tells the first.
  const std::string& fault() const { return fault_; }

  bool on_document_begin(core::error_code&) { return true; }
  bool on_document_end(core::error_code&) { return true; }
  bool on_object_begin(core::error_code&) {
    if (depth_ > 0) mismatch("object");
    ++depth_;
    return true;
  }
  bool on_object_end(std::size_t, core::error_code&) { return left(); }
  bool on_array_begin(core::error_code&) {
    mismatch("array");
    ++depth_;
    return true;
  }
  bool on_array_end(std::size_t, core::error_code&) { return left(); }
  bool on_key_part(json::string_view part, std::size_t, core::error_code&) { return gathered(part); }
  bool on_key(json::string_view part, std::size_t, core::error_code&) {
    gathered(part);
    if (depth_ == 1) {
      const auto at =
          std::find_if(shape_.fields.begin(), shape_.fields.end(), [&](const rest_field& field) { return same_key(text_, field.key); });
      current_ = at == shape_.fields.end() ? nullptr : &*at;
    }
    core::wipe(text_);
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, core::error_code&) { return gathered(part); }
  bool on_string(json::string_view part, std::size_t, core::error_code&) {
    gathered(part);
    if (depth_ == 0)
      mismatch("string");
    else if (depth_ == 1 && current_)
      store(into_.*current_->into);
    core::wipe(text_);
    return true;
  }
  bool on_number_part(json::string_view, core::error_code&) { return true; }
  bool on_int64(std::int64_t, json::string_view, core::error_code&) { return mismatch("number"); }
  bool on_uint64(std::uint64_t, json::string_view, core::error_code&) { return mismatch("number"); }
  bool on_double(double, json::string_view, core::error_code&) { return mismatch("number"); }
  bool on_bool(bool, core::error_code&) { return mismatch("bool"); }
  bool on_null(core::error_code&) { return true; }
  bool on_comment_part(json::string_view, core::error_code&) { return true; }
  bool on_comment(json::string_view, core::error_code&) { return true; }

 private:
  bool left() {
    --depth_;
    return true;
  }
  bool gathered(json::string_view part) {
    text_.append(part.data(), part.size());
    return true;
  }
  void store(std::string& field) {
    core::wipe(field);
    field.assign(text_);
  }
  // A value of kind `what` begins: a fault where a string was to be, or, outermost, the object.
  bool mismatch(std::string_view what) {
    if (!fault_.empty()) return true;
    if (depth_ == 0)
      fault_ = "json: cannot unmarshal " + std::string(what) + " into Go value of type httpserver." + std::string(shape_.type);
    else if (depth_ == 1 && current_)
      fault_ = "json: cannot unmarshal " + std::string(what) + " into Go struct field " + std::string(shape_.type) + "." +
               std::string(current_->key) + " of type string";
    return true;
  }

  const rest_shape& shape_;
  rest_fields& into_;
  std::string text_, fault_;
  const rest_field* current_ = nullptr;  // whose value comes next, when it stands in the outermost object
  std::size_t depth_ = 0;
};

fault_status not_json(std::string_view what) { return {1, 1801, "can only accept json format request" + std::string(what), true}; }

std::optional<fault_status> missing(const rest_shape& shape, const rest_fields& fields) {
  std::string text;
  for (const auto& field : shape.fields) {
    if (!field.required || !(fields.*field.into).empty()) continue;
    if (!text.empty()) text += '\n';
    text += "Key: '" + std::string(shape.type) + "." + std::string(field.name) + "' Error:Field validation for '" +
            std::string(field.name) + "' failed on the 'required' tag";
  }
  if (text.empty()) return {};
  return fault_status{1, 1802, "missing required parameters, error: " + text, true};
}

std::string_view without_leading_blanks(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text;
}

}  // namespace

std::optional<fault_status> read_json(core::bytes body, const rest_shape& shape, rest_fields& into) {
  if (body.size() > rest_body_max_bytes) return not_json(", error: http: request body too large");
  const auto text = without_leading_blanks({reinterpret_cast<const char*>(body.data()), body.size()});
  if (text.empty()) return not_json(", the request body should be nil, however {} is valid");

  json::parse_options options;
  options.max_depth = depth_max;
  json::basic_parser<filler> parser(options, shape, into, text.size());
  core::error_code ec;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), ec);
  if (ec == json::error::incomplete) return not_json(", error: unexpected EOF");
  if (ec) return not_json(", error: " + ec.message());
  if (!without_leading_blanks(text.substr(read)).empty()) return not_json(", error: something stands behind the JSON value");
  if (!parser.handler().fault().empty()) return not_json(", error: " + parser.handler().fault());
  return missing(shape, into);
}

std::string json_fault(std::int32_t code, std::string_view message) {
  return json::serialize(json::object({{"code", code}, {"message", json::string_view(message.data(), message.size())}}));
}

std::string json_nothing() { return R"({"code":0,"data":{}})"; }

std::string json_list(const std::vector<std::string>& names) {
  json::array data;
  data.reserve(names.size());
  for (const auto& name : names) data.emplace_back(name);
  json::object whole;
  whole["code"] = 0;
  whole["data"] = std::move(data);
  return json::serialize(whole);
}

}  // namespace sallyport::milvus
