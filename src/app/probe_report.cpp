#include "probe_report.hpp"

#include "command_certs.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <ostream>

namespace sallyport::app {

namespace {

namespace json = boost::json;

std::string_view words(certs::verdict which) { return which == certs::verdict::accept ? "accept" : "refuse"; }
std::string_view words(judgement which) {
  switch (which) {
    case judgement::good: return "ok";
    case judgement::wrong: return "FINDING";
    case judgement::not_played: return "not played";
  }
  return "";
}

// accepted, HTTP 200; refused, certificate_expired
std::string did_of(const probe_row& row) {
  const std::string how(name_of(row.did.how));
  if (row.did.how == tls::play_result::refused) return how + ", " + row.did.alert_name;
  return row.did.proof.empty() ? how : how + ", " + shown_text(row.did.proof, 60);
}

// RFC: text of an element or of an attribute in quotes; control characters are no XML at all, and are gone by shown_text.
std::string xml(std::string_view text) {
  std::string out;
  for (const char c : shown_text(text, 1000)) {
    switch (c) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

}  // namespace

probe_count count(const std::vector<probe_row>& rows) {
  probe_count made;
  for (const auto& row : rows) {
    ++(row.is == judgement::not_played ? made.skipped : made.played);
    if (row.is == judgement::wrong) ++made.findings;
  }
  return made;
}

void print_table(const std::vector<probe_row>& rows, std::ostream& out) {
  constexpr std::size_t columns = 5;
  std::vector<std::array<std::string, columns + 1>> cells{{"id", "TLS", "did", "should", "", "why"}};
  for (const auto& row : rows)
    cells.push_back({shown_text(row.id, 60), row.version.substr(std::min<std::size_t>(4, row.version.size())), did_of(row),
                     std::string(words(row.should)), std::string(words(row.is)), shown_text(row.why)});
  std::array<std::size_t, columns> widths{};
  for (const auto& line : cells)
    for (std::size_t i = 0; i < columns; ++i) widths[i] = std::max(widths[i], line[i].size());
  for (const auto& line : cells) {
    for (std::size_t i = 0; i < columns; ++i) out << line[i] << std::string(widths[i] - line[i].size() + 2, ' ');
    out << line[columns] << "\n";
  }
}

void print_json(const std::string& server, const std::string& mode, const std::vector<probe_row>& rows, std::ostream& out) {
  const auto counted = count(rows);
  json::array all;
  for (const auto& row : rows) {
    json::object one{{"id", shown_text(row.id)},
                     {"family", row.family},
                     {"version", row.version},
                     {"did", name_of(row.did.how)},
                     {"proof", shown_text(row.did.proof)},
                     {"should", words(row.should)},
                     {"verdict", row.is == judgement::good    ? "ok"
                                 : row.is == judgement::wrong ? "finding"
                                                              : "not played"},
                     {"asked", row.did.asked},
                     {"why", shown_text(row.why)}};
    if (row.did.alert) one["alert"] = row.did.alert_name;
    if (!row.alert.empty()) one["alert_expected"] = shown_text(row.alert);
    if (row.did.status != 0) one["status"] = row.did.status;
    all.push_back(std::move(one));
  }
  out << json::serialize(json::object{{"server", shown_text(server)},
                                      {"mode", mode},
                                      {"played", counted.played},
                                      {"findings", counted.findings},
                                      {"not_played", counted.skipped},
                                      {"rows", std::move(all)}})
      << std::endl;
}

void print_junit(const std::string& server, const std::vector<probe_row>& rows, std::ostream& out) {
  const auto counted = count(rows);
  out << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"sallyport certs probe " << xml(server) << "\" tests=\""
      << rows.size() << "\" failures=\"" << counted.findings << "\" errors=\"0\" skipped=\"" << counted.skipped << "\">\n";
  for (const auto& row : rows) {
    out << "  <testcase classname=\"" << xml(row.family.empty() ? "probe" : row.family) << "\" name=\"" << xml(row.id + " " + row.version)
        << "\"";
    if (row.is == judgement::good) {
      out << "/>\n";
    } else if (row.is == judgement::wrong) {
      out << "><failure message=\"" << xml(did_of(row) + "; should " + std::string(words(row.should))) << "\">" << xml(row.why)
          << "</failure></testcase>\n";
    } else {
      out << "><skipped message=\"" << xml(row.did.proof) << "\"/></testcase>\n";
    }
  }
  out << "</testsuite>\n";
}

}  // namespace sallyport::app
