#include "values.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace sallyport::config {

namespace {

struct unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr std::array<unit, 4> times{{{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::array<unit, 4> sizes{{{"GiB", 1u << 30}, {"MiB", 1u << 20}, {"KiB", 1u << 10}, {"", 1}}};
constexpr std::uint64_t most = std::uint64_t{1} << 53;  // what JSON's readers keep exactly, and far from overflow

std::optional<std::uint64_t> parse_with_unit(std::string_view text, const std::array<unit, 4>& units) {
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_count(text.substr(0, digits));
  if (!number) return {};
  for (const unit& u : units)
    if (text.substr(digits) == u.name && *number <= most / u.factor) return *number * u.factor;
  return {};
}

std::string show_with_unit(std::uint64_t value, const std::array<unit, 4>& units) {
  for (const unit& u : units)
    if (value >= u.factor && value % u.factor == 0) return std::to_string(value / u.factor) + std::string(u.name);
  return "0" + std::string(units.back().name);
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::optional<boost::asio::ip::address> address_of(std::string_view host) {
  boost::system::error_code ec;
  auto parsed = boost::asio::ip::make_address(std::string(host), ec);
  if (ec) return {};
  if (parsed.is_v6() && parsed.to_v6().is_v4_mapped()) return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, parsed.to_v6());
  return parsed;
}

bool is_name(std::string_view host) {
  // A name that begins with a dot would be every name below it where a certificate is judged.
  if (host.empty() || host.size() > 253 || host.front() == '.' || host.find("..") != std::string_view::npos) return false;
  return std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  });
}

}  // namespace

std::optional<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || text[0] == '-' || ec != std::errc{} || end != text.data() + text.size() || value > most) return {};
  return value;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  if (text == "0") return std::chrono::milliseconds(0);
  const auto value = parse_with_unit(text, times);
  if (!value) return {};
  return std::chrono::milliseconds(*value);
}

std::optional<std::uint64_t> parse_size(std::string_view text) { return parse_with_unit(text, sizes); }

std::string show_duration(std::chrono::milliseconds value) { return show_with_unit(static_cast<std::uint64_t>(value.count()), times); }
std::string show_size(std::uint64_t value) { return show_with_unit(value, sizes); }

std::optional<host_port> parse_host_port(std::string_view text, bool port_zero, std::string& why, std::string& hint) {
  const auto refuse = [&](std::string what, std::string instead) {
    why = std::move(what);
    hint = std::move(instead);
    return std::optional<host_port>();
  };
  if (text.find("://") != std::string_view::npos) return refuse("an address has no scheme", "write HOST:PORT, for example 127.0.0.1:19530");
  if (text.starts_with("unix:")) return refuse("unix sockets are not in this version", "write HOST:PORT, for example 127.0.0.1:19530");
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return refuse("no port", "write HOST:PORT, for example 127.0.0.1:19530");
  std::string_view host = text.substr(0, colon);
  const auto port = parse_count(text.substr(colon + 1));
  if (!port || *port > 65'535 || (*port == 0 && !port_zero))
    return refuse("'" + std::string(text.substr(colon + 1)) + "' is no port",
                  "a port is a number from " + std::string(port_zero ? "0" : "1") + " to 65535");
  if (host.empty())
    return refuse("no host before the port",
                  "write 127.0.0.1:" + std::to_string(*port) + ", or 0.0.0.0:" + std::to_string(*port) + " for every address");
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (bracketed || host.find(':') != std::string_view::npos) {
    boost::system::error_code ec;
    boost::asio::ip::make_address_v6(std::string(host), ec);
    if (ec) return refuse("'" + std::string(host) + "' is no IPv6 address", "write [ADDRESS]:PORT, for example [::1]:19530");
    if (!bracketed) return refuse("an IPv6 address without brackets", "write [ADDRESS]:PORT, for example [::1]:19530");
  } else if (!is_name(host)) {
    return refuse("'" + std::string(host) + "' is no host name and no address", "write HOST:PORT, for example 127.0.0.1:19530");
  } else if (host.find_first_not_of("0123456789.") == std::string_view::npos && !address_of(host)) {
    return refuse("'" + std::string(host) + "' is no IPv4 address", "four numbers from 0 to 255, for example 127.0.0.1:19530");
  }
  return host_port{std::string(host), static_cast<std::uint16_t>(*port)};
}

bool is_host(std::string_view text) {
  const bool numbers = text.find_first_not_of("0123456789.") == std::string_view::npos;
  return address_of(text) || (is_name(text) && !numbers);
}

std::string show(const host_port& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

bool is_loopback(std::string_view host) {
  if (const auto parsed = address_of(host)) return parsed->is_loopback();
  return lower(host) == "localhost";
}

bool is_wildcard(std::string_view host) {
  const auto parsed = address_of(host);
  return parsed && parsed->is_unspecified();
}

bool reaches(std::string_view target, std::string_view listening) {
  // Linux connects to the loopback when told to connect to 0.0.0.0 or ::.
  const auto to = address_of(target), at = address_of(listening);
  const bool to_here = is_loopback(target) || is_wildcard(target);
  if (is_wildcard(listening)) return to_here || lower(target) == lower(listening);
  if (to && at && !is_wildcard(target)) return *to == *at;
  if (to_here && is_loopback(listening)) {
    const auto is_first = [](const auto& a) {
      return !a || a->is_unspecified() || a->to_string() == "127.0.0.1" || a->to_string() == "::1";
    };
    return is_first(to) && is_first(at);
  }
  return lower(target) == lower(listening);
}

std::string_view meant(std::string_view word, const std::vector<std::string_view>& known) {
  std::string_view best;
  std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;
  if (word.size() > 64) return best;  // no key is that long, and the table below would grow with a stranger's file
  for (const std::string_view candidate : known) {
    const std::size_t far = distance(lower(word), lower(candidate));
    if (far < least) {
      least = far;
      best = candidate;
    }
  }
  return best;
}

}  // namespace sallyport::config
