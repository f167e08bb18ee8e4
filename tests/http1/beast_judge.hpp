// Boost.Beast's parser as the judge of what a session makes of a message, for the tests and for the fuzz targets.
#pragma once

#include <sallyport/http2/field.hpp>

#include <boost/beast/http.hpp>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::http1::tests {

namespace beast = boost::beast::http;

struct message {
  std::string first, second;  // method and target; status
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  std::size_t end = 0;  // how many bytes there were when it was whole
};

inline std::string lower(std::string_view text) {
  std::string to(text);
  for (auto& c : to) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return to;
}

// What does not go further, by the rules and by what this message's Connection names.
template <class Fields>
void keep_fields(const Fields& fields, message& into) {
  std::vector<std::string> gone{"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
                                "host",       "expect"};
  for (const auto& f : fields) {
    if (lower(f.name_string()) != "connection") continue;
    std::string_view rest(f.value().data(), f.value().size());
    for (;;) {
      const auto comma = rest.find(',');
      auto word = rest.substr(0, comma);
      while (!word.empty() && (word.front() == ' ' || word.front() == '\t')) word.remove_prefix(1);
      while (!word.empty() && (word.back() == ' ' || word.back() == '\t')) word.remove_suffix(1);
      gone.push_back(lower(word));
      if (comma == rest.npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  for (const auto& f : fields) {
    auto name = lower(f.name_string());
    if (std::find(gone.begin(), gone.end(), name) == gone.end()) into.fields.emplace_back(std::move(name), std::string(f.value()));
  }
}

// Beast keeps fields of one name together, so order is compared within a name.
inline std::string shown(const message& m) {
  const std::multimap<std::string, std::string> by_name(m.fields.begin(), m.fields.end());
  std::string text = m.first + " " + m.second + "\n";
  for (const auto& [name, value] : by_name) text += name + ": " + value + "\n";
  return text + "\n" + m.body + "\nup to " + std::to_string(m.end);
}

inline void read_ours(const std::vector<http2::field>& fields, message& into) {
  for (const auto& f : fields)
    if (!f.name.starts_with(':')) into.fields.emplace_back(f.name, f.value);
}

// One message from the front of `text`; false when the judge refuses it, or finds no end of it. It adds trailers to the fields, so those
// are kept when the head is whole.
template <class Parser>
bool judge(std::string_view text, Parser& parser, std::size_t& taken, std::string& why, message& into) {
  parser.body_limit(boost::none);
  parser.header_limit(1 << 20);
  taken = 0;
  while (!parser.is_done()) {
    boost::system::error_code ec;
    const auto n = parser.put(boost::asio::buffer(text.data() + taken, text.size() - taken), ec);
    taken += n;
    if (parser.is_header_done() && !parser.eager()) {
      keep_fields(parser.get(), into);
      parser.eager(true);
      continue;
    }
    if (ec && ec != beast::error::need_more) return why = ec.message(), false;
    if (parser.is_done()) break;
    if (n == 0) return why = "needs more", false;
  }
  return true;
}

}  // namespace sallyport::http1::tests
