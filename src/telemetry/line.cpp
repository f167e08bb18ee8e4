#include "line.hpp"

#include <charconv>
#include <cmath>
#include <optional>

namespace sallyport::telemetry {
namespace {

constexpr char digits[] = "0123456789abcdef";

unsigned char byte_at(std::string_view text, std::size_t at) { return static_cast<unsigned char>(text[at]); }
bool is_printable(unsigned char c) { return c >= 0x20 && c < 0x7f; }

void append_hex(std::string& to, unsigned value, int width) {
  for (int shift = (width - 1) * 4; shift >= 0; shift -= 4) to += digits[(value >> shift) & 0xf];
}

template <class Number>
void append_number(std::string& to, Number n) {
  char digits_of_n[32];
  to.append(digits_of_n, std::to_chars(digits_of_n, digits_of_n + sizeof digits_of_n, n).ptr);
}

// Names are ours, yet a mistake of ours must not break a line either.
void append_name(std::string& to, std::string_view name) {
  for (const char c : name.substr(0, 128)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
    to += plain ? c : '_';
  }
}

void append_cut(std::string& to, std::string_view whole) {
  if (whole.size() <= value_max_bytes) return;
  to += "...(+";
  append_number(to, whole.size() - value_max_bytes);
  to += " bytes)";
}

void append_text_value(std::string& to, std::string_view value) {
  bool bare = !value.empty() && value.size() <= value_max_bytes;
  for (std::size_t i = 0; bare && i < value.size(); ++i) {
    const unsigned char c = byte_at(value, i);
    bare = is_printable(c) && c != ' ' && c != '"' && c != '=' && c != '\\';
  }
  if (bare) {
    to += value;
    return;
  }
  to += '"';
  for (const char c : value.substr(0, value_max_bytes)) {
    switch (c) {
      case '"': to += "\\\""; break;
      case '\\': to += "\\\\"; break;
      case '\n': to += "\\n"; break;
      case '\r': to += "\\r"; break;
      case '\t': to += "\\t"; break;
      default:
        if (is_printable(static_cast<unsigned char>(c))) {
          to += c;
        } else {
          to += "\\x";
          append_hex(to, static_cast<unsigned char>(c), 2);
        }
    }
  }
  append_cut(to, value);
  to += '"';
}

struct code_point {
  char32_t value;
  std::size_t length;
};

// One well-formed sequence of RFC 3629 (no overlong form, no surrogate, nothing past U+10FFFF), or nothing.
std::optional<code_point> utf8_at(std::string_view text, std::size_t at) {
  const unsigned char lead = byte_at(text, at);
  if (lead < 0x80) return code_point{lead, 1};
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || at + length > text.size()) return std::nullopt;
  char32_t value = lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const unsigned char next = byte_at(text, at + i);
    if ((next & 0xc0) != 0x80) return std::nullopt;
    value = (value << 6) | (next & 0x3fU);
  }
  const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  if (overlong || (value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff) return std::nullopt;
  return code_point{value, length};
}

void append_json_unit(std::string& to, unsigned unit) {
  to += "\\u";
  append_hex(to, unit, 4);
}

void append_json_code_point(std::string& to, char32_t c) {
  if (c == '"') {
    to += "\\\"";
  } else if (c == '\\') {
    to += "\\\\\\\\";
  } else if (c < 0x80 && is_printable(static_cast<unsigned char>(c))) {
    to += static_cast<char>(c);
  } else if (c < 0x10000) {
    append_json_unit(to, c);
  } else {  // RFC 8259, section 7: a surrogate pair
    append_json_unit(to, 0xd800 + ((c - 0x10000) >> 10));
    append_json_unit(to, 0xdc00 + ((c - 0x10000) & 0x3ff));
  }
}

void append_json_string(std::string& to, std::string_view value) {
  const std::string_view kept = value.substr(0, value_max_bytes);
  to += '"';
  for (std::size_t at = 0; at < kept.size();) {
    if (const auto c = utf8_at(kept, at)) {
      append_json_code_point(to, c->value);
      at += c->length;
    } else {
      to += "\\\\x";
      append_hex(to, byte_at(kept, at), 2);
      ++at;
    }
  }
  append_cut(to, value);
  to += '"';
}

struct text_value {
  std::string& to;
  void operator()(std::string_view v) const { append_text_value(to, v); }
  void operator()(bool v) const { to += v ? "true" : "false"; }
  template <class Number>
  void operator()(Number v) const {
    append_number(to, v);
  }
};

struct json_value {
  std::string& to;
  void operator()(std::string_view v) const { append_json_string(to, v); }
  void operator()(bool v) const { to += v ? "true" : "false"; }
  void operator()(double v) const {
    if (std::isfinite(v))
      append_number(to, v);
    else
      to += "null";
  }
  template <class Integer>
  void operator()(Integer v) const {
    append_number(to, v);
  }
};

}  // namespace

void append_text(std::string& to, std::string_view event, std::span<const field> fields) {
  append_name(to, event);
  for (const field& f : fields) {
    to += ' ';
    append_name(to, f.name);
    to += '=';
    std::visit(text_value{to}, f.value);
  }
}

void append_json(std::string& to, std::string_view event, std::span<const field> fields) {
  to += "\"event\":\"";
  append_name(to, event);
  to += '"';
  for (const field& f : fields) {
    to += ",\"";
    append_name(to, f.name);
    to += "\":";
    std::visit(json_value{to}, f.value);
  }
}

}  // namespace sallyport::telemetry
