#include "command_certs.hpp"

#include <sallyport/certs/revoke.hpp>
#include <sallyport/net/names.hpp>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <boost/asio/ip/basic_resolver.hpp>

#include <charconv>

namespace sallyport::app {

namespace {

namespace asio = core::asio;

void add_list(CLI::App& to, const char* name, std::vector<std::string>& into, const char* text, const char* type) {
  to.add_option(name, into, text)->delimiter(',')->allow_extra_args(false)->type_name(type);
}

void add_issue(CLI::App& certs, certs_issue_options& into) {
  CLI::App* issue = certs.add_subcommand("issue", "one more certificate and its key, from the authority in DIR");
  issue->add_option("KIND", into.kind, "server, client or intermediate (an authority below the first)")
      ->required()
      ->check(CLI::IsMember({"server", "client", "intermediate"}))
      ->type_name("");
  issue->add_option("DIR", into.directory, "folder of `certs init`, where the files are put")->required()->type_name("");
  issue->add_option("--name", into.name, "common name; a server's is one of its names, too")->required()->type_name("NAME");
  add_list(*issue, "--dns", into.dns, "DNS name; may be repeated", "NAME");
  add_list(*issue, "--ip", into.ip, "IP address; may be repeated", "ADDRESS");
  add_list(*issue, "--uri", into.uri, "URI, such as spiffe://...; may be repeated", "URI");
  add_list(*issue, "--email", into.email, "e-mail address; may be repeated", "ADDRESS");
  issue->add_option("--days", into.days, "life of the certificate; 825, for an intermediate authority 1825")
      ->check(CLI::Range(1u, 36'500u))
      ->type_name("N");
  issue->add_flag("--rsa", into.rsa, "an RSA key instead of ECDSA");
  issue->add_option("--ca-cert", into.ca_cert, "PEM: who signs, instead of DIR/ca.pem")->type_name("FILE");
  issue->add_option("--ca-key", into.ca_key, "PEM: its key, instead of DIR/ca.key")->type_name("FILE");
  issue->add_option("--out", into.out, "name of the files without their endings; made from --name when missing")->type_name("NAME");
}

void add_revoke(CLI::App& certs, certs_revoke_options& into) {
  CLI::App* revoke = certs.add_subcommand("revoke", "takes certificates back: writes DIR/crl.pem, signed by the authority in DIR");
  revoke->add_option("DIR", into.directory, "folder of `certs init`")->required()->type_name("");
  revoke->add_option("CERT", into.certificates, "PEM files; none: the list is made anew, with later dates")->type_name("");
  revoke->add_option("--reason", into.reason, "such as keyCompromise, superseded, cessationOfOperation")->type_name("REASON");
  revoke->add_option("--days", into.days, "until the list is stale, and whoever checks it refuses everybody")
      ->check(CLI::Range(1u, 36'500u))
      ->type_name("N")
      ->capture_default_str();
  add_list(*revoke, "--ocsp", into.ocsp, "PEM file for which DIR/NAME.ocsp is written, a response for stapling; may be repeated", "CERT");
  revoke->add_option("--ca-cert", into.ca_cert, "PEM: who signs, instead of DIR/ca.pem")->type_name("FILE");
  revoke->add_option("--ca-key", into.ca_key, "PEM: its key, instead of DIR/ca.key")->type_name("FILE");
}

void add_show(CLI::App& certs, certs_show_options& into) {
  CLI::App* show = certs.add_subcommand("show", "what is in a chain, and what Milvus' clients will say to it");
  show->add_option("WHAT", into.what, "a PEM file, or a TLS server")->required()->type_name("FILE|HOST:PORT");
  show->add_option("--host", into.host, "the name or address that clients ask for; HOST when it is a server")->type_name("NAME");
  show->add_option("--ca", into.ca, "PEM: what clients trust; says whether the chain reaches it")->type_name("FILE");
  show->add_flag("--json", into.json, "as JSON");
}

void add_probe(CLI::App& certs, certs_probe_options& into) {
  CLI::App* probe =
      certs.add_subcommand("probe", "plays good and bad client certificates at a TLS server, and says where it judges wrongly");
  probe->add_option("SERVER", into.server, "its client_ca must be the kit's ca.pem, its crl the kit's crl.pem")
      ->required()
      ->type_name("HOST:PORT");
  probe->add_option("--kit", into.kit, "folder of `certs fixtures`")->type_name("DIR");
  probe->add_option("--mode", into.mode, "what the server is to do with client certificates: required, optional or none")
      ->check(CLI::IsMember({"required", "optional", "none"}))
      ->capture_default_str()
      ->type_name("MODE");
  probe->add_option("--sni", into.sni, "the name that is asked for; HOST when it is one")->type_name("NAME");
  probe->add_option("--only", into.only, "one family, or one set")->type_name("FAMILY|ID");
  probe->add_option("--timeout", into.timeout, "seconds for each attempt")
      ->check(CLI::Range(1u, 60u))
      ->capture_default_str()
      ->type_name("S");
  probe->add_option("--junit", into.junit, "writes the result in JUnit's XML as well")->type_name("FILE");
  probe->add_flag("--json", into.json, "as JSON");
}

void add_serve(CLI::App& certs, certs_serve_options& into) {
  CLI::App* serve = certs.add_subcommand("serve", "one bad server a port, for tests of clients; ends with SIGINT or SIGTERM");
  serve->add_option("DIR", into.kit, "folder of `certs fixtures`")->required()->type_name("");
  serve->add_option("--address", into.address, "where to listen")->capture_default_str()->type_name("ADDRESS");
  serve->add_option("--first-port", into.first_port, "the first port, the others follow; 0: the system chooses each")
      ->check(CLI::Range(0u, 65'535u))
      ->capture_default_str()
      ->type_name("N");
}

}  // namespace

void add_more_certs_commands(CLI::App& app, certs_commands& into) {
  CLI::App& certs = *app.get_subcommand("certs");
  add_issue(certs, into.issue);
  add_revoke(certs, into.revoke);
  add_show(certs, into.show);
  add_probe(certs, into.probe);
  add_serve(certs, into.serve);
}

std::optional<int> dispatch_more_certs(const CLI::App& app, const certs_commands& what, surroundings& around) {
  const CLI::App& certs = *app.get_subcommand("certs");
  if (certs.got_subcommand("issue")) return command_certs_issue(what.issue, around);
  if (certs.got_subcommand("revoke")) return command_certs_revoke(what.revoke, around);
  if (certs.got_subcommand("show")) return command_certs_show(what.show, around);
  if (certs.got_subcommand("probe")) return command_certs_probe(what.probe, around);
  if (certs.got_subcommand("serve")) return command_certs_serve(what.serve, around);
  return {};
}

core::outcome<server_address> find_server(const std::string& text) {
  const auto wrong = [&](const std::string& what) {
    return core::fault{boost::system::errc::make_error_code(boost::system::errc::invalid_argument), what};
  };
  server_address made;
  std::uint16_t port = 0;
  const auto colon = text.rfind(':');
  const auto digits = colon == text.npos ? std::string() : text.substr(colon + 1);
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (ec != std::errc{} || end != digits.data() + digits.size() || port == 0 || colon == 0) return wrong("'" + text + "' is no HOST:PORT");
  made.host = text.substr(0, colon);
  if (made.host.front() == '[' && made.host.back() == ']') made.host = made.host.substr(1, made.host.size() - 2);
  core::error_code code;
  (void)asio::ip::make_address(made.host, code);
  made.is_literal = !code;
  auto known = net::known_addresses(made.host, port);
  if (known.empty()) {
    asio::io_context io{1};
    asio::ip::basic_resolver<asio::ip::tcp, core::executor> resolver(io.get_executor());
    for (const auto& one : resolver.resolve(made.host, std::to_string(port), code)) known.push_back(one.endpoint());
    if (known.empty()) return wrong("nobody knows the name " + made.host + ": " + code.message());
  }
  made.at = known.front();
  return made;
}

std::string shown_text(std::string_view text, std::size_t max) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    if (out.size() >= max) return out + "...";
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f)
      out += c;
    else
      out += std::string("\\x") + digits[byte >> 4] + digits[byte & 15];
  }
  return out;
}

}  // namespace sallyport::app
