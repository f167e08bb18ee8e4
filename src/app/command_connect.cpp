// sallyport connect: what stands on its command line, and where the password comes from.
#include "command_line.hpp"
#include "connect_client.hpp"
#include "exit_codes.hpp"

#include <sallyport/net/names.hpp>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <istream>
#include <optional>
#include <ostream>

namespace sallyport::app {

namespace {

constexpr std::size_t password_max = 4096;
constexpr std::string_view any_backend = "backend.invalid:1";  // docs/tunnels.md

// HOST:PORT, an IPv6 address in brackets.
bool read_address(const std::string& text, bool port_zero, std::string& host, std::uint16_t& port) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return false;
  host = text.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const auto digits = text.substr(colon + 1);
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return ec == std::errc{} && end == digits.data() + digits.size() && !host.empty() && (port != 0 || port_zero);
}

// One line; what follows it belongs to the tunnel.
std::optional<core::secret> read_password(std::istream& from) {
  std::string line;
  line.reserve(password_max + 1);  // never moved, so that no copy stays behind
  for (int c = from.get(); c != std::istream::traits_type::eof() && c != '\n' && line.size() <= password_max; c = from.get())
    line += static_cast<char>(c);
  std::optional<core::secret> got;
  if (!line.empty() && line.size() <= password_max) got.emplace(line);
  core::wipe(line);
  return got;
}

std::optional<core::secret> password_of(const connect_options& options, surroundings& around, std::string& rest) {
  std::optional<core::secret> got;
  if (!options.password_file.empty()) {
    std::ifstream file(options.password_file, std::ios::binary);
    if (file) got = read_password(file);
    if (!got) complain(around, "cannot read a password from " + options.password_file, "one line of at most 4096 bytes");
  } else if (options.password_stdin) {
    got = read_password(around.in);
    if (!got)
      complain(around, "there is no password on standard input", "its first line is the password, what follows goes through the tunnel");
    char room[4096];
    for (auto n = around.in.readsome(room, sizeof room); n > 0; n = around.in.readsome(room, sizeof room))
      rest.append(room, static_cast<std::size_t>(n));
  } else if (around.ask_password) {
    auto typed = around.ask_password("password of " + printable(options.user) + ": ");
    if (typed) got = std::move(*typed);
    if (!typed) complain(around, typed.error().text);
  } else {
    complain(around, "no terminal to ask for a password", "pass --password-file, or --password-stdin and the password in the first line");
  }
  return got;
}

// What does not go together; empty: all does.
std::string fault_of(const connect_options& o) {
  if (o.cert.empty() != o.key.empty()) return "--cert and --key belong together";
  if (o.plaintext && !(o.ca.empty() && o.cert.empty())) return "--plaintext has no certificates";
  if (o.tcp && !(o.user.empty() && o.target.empty())) return "--tcp sends no CONNECT: neither --user nor --target";
  if (o.user.empty() && (o.password_stdin || !o.password_file.empty())) return "a password needs --user";
  if (o.user.find(':') != std::string::npos) return "a user's name has no colon";
  return {};
}

}  // namespace

int command_connect(const connect_options& options, surroundings& around) {
  connect_settings made;
  const auto wrong = [&around](std::string_view what, std::string_view hint) {
    complain(around, what, hint);
    return bad_request;
  };
  if (const auto fault = fault_of(options); !fault.empty()) return wrong(fault, "see sallyport connect --help");
  if (!read_address(options.listener, false, made.host, made.port))
    return wrong("'" + options.listener + "' is no HOST:PORT", "name the listener, for example localhost:19443");
  if (!options.listen.empty()) {
    const auto good = read_address(options.listen, true, made.listen_host, made.listen_port);
    const auto at = good ? net::known_addresses(made.listen_host, made.listen_port) : std::vector<core::asio::ip::tcp::endpoint>();
    // Whoever reaches that port is let in as this user.
    if (at.empty() || !at.front().address().is_loopback())
      return wrong("--listen must be an address of the loopback", "for example 127.0.0.1:15432");
  }
  made.target = options.target.empty() ? std::string(any_backend) : options.target;
  if (std::any_of(made.target.begin(), made.target.end(), [](unsigned char c) { return c <= ' ' || c >= 0x7f; }))
    return wrong("--target must be HOST:PORT", "as the listener's backend is called there");
  made.user = options.user;
  if (!made.user.empty()) {
    auto password = password_of(options, around, made.first);
    if (!password) return bad_request;
    made.password = std::move(*password);
  }
  made.plaintext = options.plaintext;
  made.bytes_at_once = options.tcp;
  made.ca = options.ca;
  made.cert = options.cert;
  made.key = options.key;
  return run_connect(
      made, [&around](const std::string& what, const std::string& hint) { complain(around, what, hint); },
      [&around](const std::string& what) { around.err << "sallyport: " << what << std::endl; });
}

}  // namespace sallyport::app
