// The words of the configuration: durations, sizes, counts, addresses, and which known word an unknown one was meant to be. Pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::config {

std::optional<std::uint64_t> parse_count(std::string_view text);                 // digits only
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);  // 500ms 10s 15m 1h; a bare 0
std::optional<std::uint64_t> parse_size(std::string_view text);                  // 4096 16KiB 1MiB 1GiB
std::string show_duration(std::chrono::milliseconds value);                      // in the largest unit that is exact
std::string show_size(std::uint64_t value);

// host:port; an IPv6 address in brackets.
struct host_port {
  std::string host;  // without brackets
  std::uint16_t port = 0;
};
// Nothing, and in `why` what is wrong and in `hint` what to write. Port 0 is allowed where the system may choose.
std::optional<host_port> parse_host_port(std::string_view text, bool port_zero, std::string& why, std::string& hint);
std::string show(const host_port& address);

bool is_host(std::string_view text);      // a name, or an address without brackets
bool is_loopback(std::string_view host);  // 127.0.0.0/8, ::1, localhost; any other name is not
bool is_wildcard(std::string_view host);  // 0.0.0.0, ::
// May a connection to `target` arrive at a listener on `listening`? By text alone; names other than localhost are compared as they are.
bool reaches(std::string_view target, std::string_view listening);

// The one of `known` that `word` was meant to be, or empty: few changes, transpositions and case count little.
std::string_view meant(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace sallyport::config
