#include "options.hpp"

#include <arpa/inet.h>

#include <algorithm>

namespace sallyport::certs {

namespace {

// The underscore is no letter of a host name, but of the names that Docker Compose gives.
bool may_be_in_label(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; }

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), may_be_in_label);
}

std::string fault_of_names(const recipe& options) {
  if (options.server_dns_names.empty() && options.server_ip_addresses.empty()) return "the server needs a DNS name or an IP address";
  if (options.server_dns_names.size() + options.server_ip_addresses.size() > names_max)
    return "more than " + std::to_string(names_max) + " names of the server are not possible";
  for (const auto& name : options.server_dns_names) {
    if (is_address(name)) return quoted(name) + " is an IP address, not a DNS name: give it as an IP address";
    if (!is_dns_name(name)) return quoted(name) + " is not a DNS name";
  }
  for (const auto& address : options.server_ip_addresses)
    if (address.find('\0') != address.npos || !is_address(address)) return quoted(address) + " is not an IP address";
  return {};
}

}  // namespace

bool is_address(const std::string& text) {
  in6_addr room;
  return ::inet_pton(AF_INET, text.c_str(), &room) == 1 || ::inet_pton(AF_INET6, text.c_str(), &room) == 1;
}

// RFC 1035 2.3.1 and 2.3.4; RFC 6125 6.4.3 for the wildcard, which is a whole label, the leftmost one, and not the only one.
bool is_dns_name(std::string_view name) {
  if (name.size() > 253) return false;
  if (name.starts_with("*.")) name.remove_prefix(2);
  while (true) {
    const auto dot = name.find('.');
    if (!is_label(name.substr(0, dot))) return false;
    if (dot == name.npos) return true;
    name.remove_prefix(dot + 1);
  }
}

// What the operator wrote, without what a terminal would obey.
std::string quoted(std::string_view text) {
  std::string shown = "\"";
  for (const char c : text.substr(0, 80)) shown.push_back(c >= ' ' && c < '\x7f' ? c : '?');
  return shown + (text.size() > 80 ? "...\"" : "\"");
}

std::string fault_of_days(std::string_view which, std::uint32_t days) {
  if (days >= 1 && days <= days_max) return {};
  return std::string(which) + " of " + std::to_string(days) + " days is not possible: 1 to " + std::to_string(days_max);
}

std::string fault_of_common_name(std::string_view whose, std::string_view name) {
  // RFC 5280 appendix A: ub-common-name. Control characters have no place in a name that logs and rules will show.
  const bool printable = std::none_of(name.begin(), name.end(), [](unsigned char c) { return c < ' ' || c >= 0x7f; });
  if (!name.empty() && name.size() <= 64 && printable) return {};
  return std::string(whose) + " name " + quoted(name) + " is not possible: 1 to 64 printable ASCII characters";
}

std::string fault_of_options(const recipe& options) {
  for (std::string fault :
       {fault_of_days("a validity of the CA", options.ca_days), fault_of_days("a validity of the certificates", options.leaf_days),
        fault_of_common_name("the client's", options.client_common_name), fault_of_names(options)})
    if (!fault.empty()) return fault;
  return {};
}

}  // namespace sallyport::certs
