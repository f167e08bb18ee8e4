// sallyport certs issue and revoke.
#include "command_certs.hpp"
#include "exit_codes.hpp"

#include <sallyport/certs/issue.hpp>
#include <sallyport/certs/revoke.hpp>

#include <algorithm>
#include <array>
#include <ctime>
#include <ostream>

namespace sallyport::app {

namespace {

int refuse(const core::fault& why, surroundings& around) {
  complain(around, why.text);
  return why.code == certs::errc::bad_option ? bad_request : refused;
}

std::string date_of(std::int64_t seconds) {
  const auto when = static_cast<std::time_t>(seconds);
  std::tm parts{};
  std::array<char, 40> text{};
  ::gmtime_r(&when, &parts);
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts)};
}

}  // namespace

int command_certs_issue(const certs_issue_options& options, surroundings& around) {
  certs::issue_request asked;
  if (options.kind == "client") asked.kind = certs::issue_kind::client;
  if (options.kind == "intermediate") asked.kind = certs::issue_kind::intermediate;
  asked.name = options.name;
  asked.dns = options.dns;
  asked.ips = options.ip;
  asked.uris = options.uri;
  asked.emails = options.email;
  if (options.rsa) asked.keys = certs::key_kind::rsa_2048;
  asked.days = options.days;
  asked.ca_cert = options.ca_cert;
  asked.ca_key = options.ca_key;
  asked.out = options.out;
  if (asked.ca_cert.empty() != asked.ca_key.empty()) {
    complain(around, "--ca-cert and --ca-key belong together", "see sallyport certs issue --help");
    return bad_request;
  }
  const auto made = certs::issue(options.directory, asked);
  if (!made) return refuse(made.error(), around);
  for (const auto& path : *made) around.out << path << "\n";
  around.out.flush();
  return ended_well;
}

int command_certs_revoke(const certs_revoke_options& options, surroundings& around) {
  if (options.ca_cert.empty() != options.ca_key.empty()) {
    complain(around, "--ca-cert and --ca-key belong together", "see sallyport certs revoke --help");
    return bad_request;
  }
  const auto done =
      certs::revoke(options.directory, {options.certificates, options.reason, options.days, options.ocsp, options.ca_cert, options.ca_key});
  if (!done) return refuse(done.error(), around);
  for (const auto& path : done->already) complain(around, path + " was revoked before", "its date and reason stay as they are");
  around.out << printable(done->crl) << ": list " << done->number << ", " << done->entries << " revoked, to be renewed before "
             << date_of(done->next_update) << "\n";
  for (const auto& path : done->responses) around.out << printable(path) << "\n";
  around.out.flush();
  return ended_well;
}

}  // namespace sallyport::app
