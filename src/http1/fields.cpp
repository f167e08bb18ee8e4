#include "fields.hpp"

#include "text.hpp"

#include <sallyport/core/defence.hpp>

#include <algorithm>
#include <array>

namespace sallyport::http1 {

using http2::field;
using http2::known;

namespace {

// The names that Connection has listed. More than these in one message are nobody's honest wish.
struct named_fields {
  std::array<std::string_view, 32> names;
  std::size_t count = 0;
  bool has(std::string_view name) const {
    return std::any_of(names.begin(), names.begin() + count, [name](auto listed) { return is_word(listed, name); });
  }
};

// One line without its CRLF. RFC 9112 5: no space before the colon, no folding, no empty name.
refusal read_line(std::span<char> line, field& into) {
  if (core::defended("P04") && (line.front() == ' ' || line.front() == '\t')) return {400, "obs_fold"};
  std::size_t at = 0;
  for (; at < line.size() && line[at] != ':'; ++at) {
    const auto lower = name_byte[static_cast<unsigned char>(line[at])];
    if (core::defended("P06a") && !lower) return {400, line[at] == ' ' || line[at] == '\t' ? "space_in_name" : "bad_name"};
    line[at] = lower;
  }
  if (at == line.size()) return {400, "no_colon"};
  if (at == 0) return {400, "empty_name"};
  into.name = {line.data(), at};
  into.value = trimmed({line.data() + at + 1, line.size() - at - 1});
  if (core::defended("P06b") && !is_field_value(into.value)) return {400, "bad_value"};
  into.id = http2::identify(into.name);
  return {};
}

template <class Each>
refusal each_line(std::span<char> lines, Each&& each) {
  while (!lines.empty()) {
    const auto length = std::string_view(lines.data(), lines.size()).find('\r');
    field read;
    if (const auto why = read_line(lines.first(length), read)) return why;
    if (const auto why = each(read)) return why;
    lines = lines.subspan(length + 2);
  }
  return {};
}

// What a client must not have removed on its behalf (docs/defences.md P12).
bool is_protected(std::string_view option) {
  constexpr std::string_view kept[]{"authorization", "host", "content-length", "content-type", "cookie"};
  if (std::any_of(std::begin(kept), std::end(kept), [option](auto name) { return is_word(option, name); })) return true;
  constexpr std::string_view ours[]{"x-sallyport", "sourceid", "token"};
  return std::any_of(std::begin(ours), std::end(ours), [option](auto prefix) {
    if (option.size() < prefix.size()) return false;
    for (std::size_t i = 0; i < prefix.size(); ++i) {
      const auto c = name_byte[static_cast<unsigned char>(option[i])];
      if ((c == '_' ? '-' : c) != prefix[i]) return false;
    }
    return true;
  });
}

refusal read_connection(std::string_view value, connection_facts& facts, named_fields& named) {
  for (;;) {
    const auto comma = value.find(',');
    const auto option = trimmed(value.substr(0, comma));
    if (!option.empty()) {  // RFC 9110 5.6.1.2: empty elements are borne
      if (!is_token(option)) return {400, "bad_connection_option"};
      if (core::defended("P12a") && is_protected(option)) return {400, "connection_names_protected_field"};
      if (named.count == named.names.size()) return {400, "too_many_connection_options"};
      named.names[named.count++] = option;
      facts.close = facts.close || is_word(option, "close");
      facts.keep_alive = facts.keep_alive || is_word(option, "keep-alive");
    }
    if (comma == value.npos) return {};
    value.remove_prefix(comma + 1);
  }
}

// RFC 9110 8.6 would bear several that are equal; here one, and digits alone (docs/defences.md P03).
refusal read_content_length(std::string_view value, connection_facts& facts) {
  if (core::defended("P03a") && facts.content_length >= 0) return {400, "two_content_lengths"};
  if (!read_decimal(value, facts.content_length) && core::defended("P03b")) return {400, "bad_content_length"};
  return {};
}

refusal note(const field& f, connection_facts& facts, named_fields& named) {
  switch (f.id) {
    case known::connection: return read_connection(f.value, facts, named);
    case known::content_length: return read_content_length(f.value, facts);
    case known::content_type: return ++facts.content_types > 1 ? refusal{400, "two_content_types"} : refusal{};
    case known::host: facts.host = f.value; return ++facts.hosts > 1 && core::defended("P07b") ? refusal{400, "two_hosts"} : refusal{};
    case known::transfer_encoding:
      facts.transfer_encoding = f.value;
      return ++facts.transfer_encodings > 1 && core::defended("P02a") ? refusal{400, "two_transfer_encodings"} : refusal{};
    case known::upgrade: facts.upgrade = facts.upgrade || !is_word(f.value, "h2c"); return {};
    default: return {};
  }
}

bool ends_here(known id) {
  switch (id) {
    case known::connection:
    case known::keep_alive:
    case known::proxy_connection:
    case known::te:
    case known::trailer:
    case known::transfer_encoding: return true;
    case known::upgrade: return core::defended("P11b");
    default: return false;
  }
}

// RFC 9112 6.1 and 6.3: two ways to say where a body ends are an attack; a coding that we do not know hides its end.
refusal judge_transfer_encoding(connection_facts& facts) {
  if (facts.transfer_encodings == 0) return {};
  if (core::defended("P01") && facts.content_length >= 0) return {400, "length_and_transfer_encoding"};
  if (facts.transfer_encoding.empty()) return {400, "empty_transfer_encoding"};
  if (core::defended("P02b") && !is_word(facts.transfer_encoding, "chunked")) return {501, "transfer_coding"};
  facts.chunked = true;
  return {};
}

}  // namespace

refusal read_fields(std::span<char> lines, std::vector<field>& fields, connection_facts& facts) {
  named_fields named;
  const auto first = fields.size();
  const auto why = each_line(lines, [&](const field& f) {
    if (const auto fault = note(f, facts, named)) return fault;
    if (!ends_here(f.id)) fields.push_back(f);
    return refusal{};
  });
  if (why) return why;
  if (core::defended("P12b") && named.count) {
    const auto from = fields.begin() + static_cast<std::ptrdiff_t>(first);
    fields.erase(std::remove_if(from, fields.end(), [&](const field& f) { return named.has(f.name); }), fields.end());
  }
  return judge_transfer_encoding(facts);
}

refusal read_trailers(std::span<char> lines) {
  return each_line(lines, [](const field& f) {
    switch (f.id) {
      case known::authorization:
      case known::content_length:
      case known::transfer_encoding:
      case known::host: return core::defended("H22c") ? refusal{400, "forbidden_trailer"} : refusal{};
      default: return refusal{};
    }
  });
}

}  // namespace sallyport::http1
