// The commands: arguments in, exit code out. Everything outside that a command touches beside files is in `surroundings`, so that a test
// can stand in for it. One thread (a store that a command opens has its own); no exception leaves.
#pragma once

#include <sallyport/config/settings.hpp>
#include <sallyport/core/result.hpp>
#include <sallyport/core/secret.hpp>
#include <sallyport/telemetry/log.hpp>

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::app {

struct surroundings {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  std::map<std::string, std::string> environment;
  // Asks a person for a password without showing it; empty: standard input is no terminal.
  std::function<core::outcome<core::secret>(const std::string& prompt)> ask_password;
  std::function<int(const config::settings&, telemetry::logger&)> serve;
  bool err_is_terminal = false;  // then progress is shown on it
};

// `arguments` without the program's name.
int run_command_line(const std::vector<std::string>& arguments, surroundings& around);

// One line on standard error: sallyport: <what and where>: <hint>. Control characters are escaped.
void complain(surroundings& around, std::string_view what, std::string_view hint = {});
std::string printable(std::string_view text);

// The commands behind it.
int command_run(const config::sources& from, surroundings& around);

struct check_options {
  bool json = false, strict = false, effective = false;
};
int command_check(const config::sources& from, const check_options& options, surroundings& around);

struct user_options {
  std::string verb, name;  // add passwd drop list show
  std::vector<std::string> roles;
  std::string description;
  bool password_stdin = false, hash_stdin = false, json = false;
};
int command_user(config::sources from, const user_options& options, surroundings& around);

struct ctl_options {
  bool json = false, reload = false;
};
int command_ctl(const config::sources& from, const ctl_options& options, surroundings& around);

struct certs_options {
  std::string directory, client;
  std::vector<std::string> dns, ip;
  unsigned days = 0;  // 0: the recipe's
  bool rsa = false;
};
int command_certs_init(const certs_options& options, surroundings& around);

struct fixtures_options {
  std::string directory;
  std::optional<std::uint64_t> seed;
  std::optional<std::int64_t> at;
  bool json = false;
};
int command_certs_fixtures(const fixtures_options& options, surroundings& around);

struct connect_options {
  std::string listener, target, listen;  // HOST:PORT
  std::string ca, cert, key, user, password_file;
  bool password_stdin = false, plaintext = false, tcp = false;
};
int command_connect(const connect_options& options, surroundings& around);

int command_version(surroundings& around);

}  // namespace sallyport::app
