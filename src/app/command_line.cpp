#include "command_line.hpp"

#include "command_certs.hpp"
#include "exit_codes.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <ostream>

namespace sallyport::app {

namespace {

constexpr const char* exit_codes_text =
    "Exit codes: 0 ok; 1 warnings (check --strict), findings (certs probe, certs show), or a command was\n"
    "refused; 2 the configuration or the command line is wrong; 3 it could not start (port in use, store\n"
    "locked), or no server runs (ctl, connect); 70 a bug of ours.";

// An argument that nobody knows may be a password that somebody typed: only the names of options are shown.
std::string extras_of(const CLI::App& app) {
  std::string shown;
  for (const std::string& word : app.remaining(true))
    if (word.starts_with("-")) shown += (shown.empty() ? "" : " ") + word.substr(0, word.find('='));
  return shown.empty() ? "an argument too many" : "unknown option " + shown;
}

// CLI11 says of an unknown command only that one is required.
std::string unknown_command(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* at = &app;
  std::string path;
  for (const std::string& word : arguments) {
    if (word.starts_with("-")) return {};
    path += (path.empty() ? "" : " ") + word.substr(0, 40);
    const auto below = at->get_subcommands([&word](const CLI::App* one) { return one->check_name(word); });
    if (below.empty()) return at->get_require_subcommand_min() > 0 ? "unknown command " + path : std::string();
    at = below.front();
  }
  return {};
}

void files_option(CLI::App& to, std::vector<std::string>& into, bool one_each) {
  auto* option = to.add_option("-c,--config", into, "configuration file; several: later ones over earlier ones")->type_name("FILE");
  if (one_each) option->allow_extra_args(false);  // a name follows: -c FILE NAME
}

void serving_options(CLI::App& to, config::sources& from) {
  files_option(to, from.files, false);
  to.add_option("--milvus-config", from.milvus_config, "Milvus' own settings: milvus.yaml, Helm values or an operator's resource")
      ->type_name("FILE");
  to.add_option("--backend", from.backend, "where Milvus listens")->type_name("HOST:PORT");
  to.add_option("--listen", from.listen, "where to listen; 127.0.0.1:19530 when no file says it")->type_name("HOST:PORT");
  to.add_option("--store", from.store, "SQLite file of the users")->type_name("PATH");
}

struct parsed {
  certs_commands more_certs;
  config::sources from;
  check_options check;
  user_options user;
  ctl_options ctl;
  certs_options certs;
  fixtures_options fixtures;
  connect_options connect;
};

void add_user_commands(CLI::App& app, parsed& into) {
  CLI::App* user =
      app.add_subcommand("user", "add, change, drop and list users, through the running server or on the store")->require_subcommand(1);
  const auto verb = [&](const char* name, const char* text, bool named) {
    CLI::App* sub = user->add_subcommand(name, text);
    if (named) sub->add_option("NAME", into.user.name, "name of the user")->required();
    files_option(*sub, into.from.files, true);
    sub->add_option("--milvus-config", into.from.milvus_config, "Milvus' own settings, for its rules about names and passwords")
        ->type_name("FILE");
    sub->add_option("--store", into.from.store, "SQLite file of the users")->type_name("PATH");
    sub->callback([&into, name] { into.user.verb = name; });
    return sub;
  };
  CLI::App* add = verb("add", "a new user", true);
  auto* password =
      add->add_flag("--password-stdin", into.user.password_stdin, "the password comes from standard input (one newline at its end is cut)");
  add->add_flag("--hash-stdin", into.user.hash_stdin, "a bcrypt or argon2id hash comes from standard input")->excludes(password);
  add->add_option("--roles", into.user.roles, "admin: may manage users")->delimiter(',')->type_name("ROLE,...")->allow_extra_args(false);
  add->add_option("--description", into.user.description, "a note, 1024 bytes at most")->type_name("TEXT");
  CLI::App* passwd = verb("passwd", "a new password", true);
  passwd->add_flag("--password-stdin", into.user.password_stdin, "the password comes from standard input (one newline at its end is cut)");
  verb("drop", "remove a user", true);
  verb("list", "all users", false)->add_flag("--json", into.user.json, "as JSON");
  verb("show", "one user", true)->add_flag("--json", into.user.json, "as JSON");
  verb("token", "not in this version", true)->group("");
}

void add_ctl_commands(CLI::App& app, parsed& into) {
  CLI::App* ctl = app.add_subcommand("ctl", "ask the running server, through its admin socket")->require_subcommand(1);
  const auto verb = [&](const char* name, const char* what) {
    CLI::App* one = ctl->add_subcommand(name, what);
    files_option(*one, into.from.files, true);
    one->add_option("--store", into.from.store, "SQLite file of the users, beside which the socket is")->type_name("PATH");
    one->add_flag("--json", into.ctl.json, "as JSON");
    return one;
  };
  verb("status", "version, readiness, connections, listeners and their certificates, backends");
  verb("reload", "load certificates, CAs and CRLs again now; with a fault the last good ones stay")->callback([&into] {
    into.ctl.reload = true;
  });
}

void add_certs_commands(CLI::App& app, parsed& into) {
  CLI::App* certs = app.add_subcommand("certs", "make certificates, show them, and test others with them")->require_subcommand(1);
  CLI::App* init = certs->add_subcommand("init", "the nine files of Milvus' recipe: a CA, a server's and a client's certificate");
  init->add_option("DIR", into.certs.directory, "folder for the files; made when missing")->required()->type_name("DIR");
  init->add_option("--dns", into.certs.dns, "name of the server, beside localhost; may be repeated")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAME");
  init->add_option("--ip", into.certs.ip, "address of the server, beside 127.0.0.1 and ::1; may be repeated")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("ADDRESS");
  init->add_option("--client", into.certs.client, "common name in the client's certificate")->type_name("NAME");
  init->add_option("--days", into.certs.days, "life of the server's and the client's certificate")
      ->check(CLI::Range(1u, 36'500u))
      ->type_name("N");
  init->add_flag("--rsa", into.certs.rsa, "RSA keys instead of ECDSA");
  CLI::App* fixtures = certs->add_subcommand("fixtures", "good and bad certificates for tests, with a manifest of what a server must do");
  fixtures->add_option("DIR", into.fixtures.directory, "folder for the sets; new, or empty")->required()->type_name("DIR");
  fixtures->add_option("--seed", into.fixtures.seed, "the same seed and the same time make the same octets")->type_name("N");
  fixtures->add_option("--at", into.fixtures.at, "made for this moment, in seconds since 1970, instead of now")->type_name("SECONDS");
  fixtures->add_flag("--json", into.fixtures.json, "prints the manifest");
}

void add_connect_command(CLI::App& app, connect_options& into) {
  CLI::App* connect = app.add_subcommand(
      "connect", "standard input and output, or a port of the loopback, through a listener with protocol connect or tcp");
  connect->add_option("LISTENER", into.listener, "where Sallyport listens; its certificate must be for that name")
      ->required()
      ->type_name("HOST:PORT");
  connect
      ->add_option("--listen", into.listen, "each connection to this address of the loopback becomes a tunnel; port 0: the system chooses")
      ->type_name("ADDRESS:PORT");
  connect->add_option("--user", into.user, "name of the user")->type_name("NAME");
  auto* file = connect->add_option("--password-file", into.password_file, "the password is the first line of this file")->type_name("FILE");
  connect->add_flag("--password-stdin", into.password_stdin, "the password is the first line of standard input")->excludes(file);
  connect->add_option("--target", into.target, "the backend, as the listener's configuration names it; without it: whichever it has")
      ->type_name("HOST:PORT");
  connect->add_option("--ca", into.ca, "PEM: the authorities to trust, instead of the system's")->type_name("FILE");
  connect->add_option("--cert", into.cert, "PEM: the client certificate, then its chain")->type_name("FILE");
  connect->add_option("--key", into.key, "PEM: its key")->type_name("FILE");
  connect->add_flag("--tcp", into.tcp, "the listener has protocol tcp: no CONNECT, bytes at once");
  connect->add_flag("--plaintext", into.plaintext, "the listener has no TLS");
}

int dispatch(const CLI::App& app, const parsed& what, surroundings& around) {
  if (const auto code = dispatch_more_certs(app, what.more_certs, around)) return *code;
  if (app.got_subcommand("run")) return command_run(what.from, around);
  if (app.got_subcommand("check")) return command_check(what.from, what.check, around);
  if (app.got_subcommand("user")) return command_user(what.from, what.user, around);
  if (app.got_subcommand("ctl")) return command_ctl(what.from, what.ctl, around);
  if (app.got_subcommand("certs"))
    return app.get_subcommand("certs")->got_subcommand("fixtures") ? command_certs_fixtures(what.fixtures, around)
                                                                   : command_certs_init(what.certs, around);
  if (app.got_subcommand("connect")) return command_connect(what.connect, around);
  return command_version(around);
}

int parse_and_dispatch(const std::vector<std::string>& arguments, surroundings& around) {
  parsed what;
  what.from.environment = around.environment;
  CLI::App app("Sallyport: the two-door edge proxy for Milvus. Door 1 is TLS, door 2 a name and a password on every request.", "sallyport");
  app.footer(exit_codes_text);
  app.require_subcommand(1);
  serving_options(*app.add_subcommand("run", "the server, in the foreground"), what.from);
  CLI::App* check = app.add_subcommand("check", "validates all that can be validated without serving");
  serving_options(*check, what.from);
  check->add_flag("--json", what.check.json, "as JSON, on standard output");
  check->add_flag("--strict", what.check.strict, "warnings end with exit code 1");
  check->add_flag("--effective", what.check.effective, "prints every value and where it comes from");
  add_user_commands(app, what);
  add_ctl_commands(app, what);
  add_certs_commands(app, what);
  add_more_certs_commands(app, what.more_certs);
  add_connect_command(app, what.connect);
  app.add_subcommand("version", "versions of Sallyport and of its libraries");
  for (CLI::App* sub : app.get_subcommands({})) sub->footer(exit_codes_text);

  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants them
  const std::string hint = "see sallyport --help";
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    around.out << app.help();
    return ended_well;
  } catch (const CLI::CallForAllHelp&) {
    around.out << app.help("", CLI::AppFormatMode::All);
    return ended_well;
  } catch (const CLI::ExtrasError&) {
    complain(around, extras_of(app), hint);
    return bad_request;
  } catch (const CLI::RequiredError& e) {
    const std::string unknown = unknown_command(app, arguments);
    complain(around, arguments.empty() ? "no command" : unknown.empty() ? e.what() : unknown, hint);
    return bad_request;
  } catch (const CLI::ParseError& e) {
    complain(around, e.what(), hint);
    return bad_request;
  }
  return dispatch(app, what, around);
}

}  // namespace

std::string printable(std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7F)
      out += c;
    else
      out += std::string("\\x") + digits[byte >> 4] + digits[byte & 15];
  }
  return out;
}

void complain(surroundings& around, std::string_view what, std::string_view hint) {
  around.err << "sallyport: " << printable(what);
  if (!hint.empty()) around.err << ": " << printable(hint);
  around.err << std::endl;
}

int run_command_line(const std::vector<std::string>& arguments, surroundings& around) {
  try {
    return parse_and_dispatch(arguments, around);
  } catch (const std::exception& e) {
    complain(around, std::string("internal error: ") + e.what(), "this is a bug, please report it");
  } catch (...) {
    complain(around, "internal error", "this is a bug, please report it");
  }
  return internal;
}

}  // namespace sallyport::app
