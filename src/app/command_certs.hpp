// The commands around certificates beside `certs init`: what stands on their command lines, and the commands. Rules as in command_line.hpp.
#pragma once

#include "command_line.hpp"

#include <sallyport/core/asio.hpp>

#include <optional>

namespace CLI {
class App;
}

namespace sallyport::app {

struct certs_issue_options {
  std::string kind, directory, name, ca_cert, ca_key, out;
  std::vector<std::string> dns, ip, uri, email;
  unsigned days = 0;
  bool rsa = false;
};
int command_certs_issue(const certs_issue_options& options, surroundings& around);

struct certs_revoke_options {
  std::string directory, reason, ca_cert, ca_key;
  std::vector<std::string> certificates, ocsp;
  unsigned days = 30;
};
int command_certs_revoke(const certs_revoke_options& options, surroundings& around);

struct certs_show_options {
  std::string what, host, ca;
  bool json = false;
};
int command_certs_show(const certs_show_options& options, surroundings& around);

struct certs_probe_options {
  std::string server, kit, mode = "required", sni, only, junit;
  unsigned timeout = 5;
  bool json = false;
};
int command_certs_probe(const certs_probe_options& options, surroundings& around);

struct certs_serve_options {
  std::string kit, address = "127.0.0.1";
  unsigned first_port = 0;
};
int command_certs_serve(const certs_serve_options& options, surroundings& around);

struct certs_commands {
  certs_issue_options issue;
  certs_revoke_options revoke;
  certs_show_options show;
  certs_probe_options probe;
  certs_serve_options serve;
};
void add_more_certs_commands(CLI::App& app, certs_commands& into);  // below `certs`, which is there
// Nothing: it is none of these.
std::optional<int> dispatch_more_certs(const CLI::App& app, const certs_commands& what, surroundings& around);

// HOST:PORT, an IPv6 address in brackets.
struct server_address {
  std::string host;
  core::asio::ip::tcp::endpoint at;  // the first address of the name
  bool is_literal = false;           // the host is an address
};
core::outcome<server_address> find_server(const std::string& text);

// A stranger's text on the operator's terminal: printable ASCII, all else escaped, and an end.
std::string shown_text(std::string_view text, std::size_t max = 300);

}  // namespace sallyport::app
