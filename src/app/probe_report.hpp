// What a probe came to, for people, for programs and for CI. A stranger's text in it is escaped.
#pragma once

#include "probe.hpp"

#include <iosfwd>

namespace sallyport::app {

struct probe_count {
  std::size_t played = 0, findings = 0, skipped = 0;
};
probe_count count(const std::vector<probe_row>& rows);

void print_table(const std::vector<probe_row>& rows, std::ostream& out);
void print_json(const std::string& server, const std::string& mode, const std::vector<probe_row>& rows, std::ostream& out);
void print_junit(const std::string& server, const std::vector<probe_row>& rows, std::ostream& out);

}  // namespace sallyport::app
