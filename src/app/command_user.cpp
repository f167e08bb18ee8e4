#include "command_line.hpp"
#include "exit_codes.hpp"
#include "user_requests.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <future>
#include <istream>
#include <optional>
#include <ostream>

namespace sallyport::app {

namespace {

namespace json = boost::json;

constexpr std::size_t input_max = 4096;

// Everything on standard input, less one newline at its end.
std::optional<core::secret> read_input(surroundings& around, std::string_view what) {
  std::string text(input_max + 2, '\0');
  around.in.read(text.data(), static_cast<std::streamsize>(text.size()));
  std::size_t size = static_cast<std::size_t>(around.in.gcount());
  if (size > 0 && text[size - 1] == '\n') --size;
  std::optional<core::secret> got;
  if (size > input_max)
    complain(around, "the " + std::string(what) + " on standard input is longer than 4096 bytes", "give nothing else");
  else if (size == 0)
    complain(around, "there is no " + std::string(what) + " on standard input",
             "for example printf %s \"$PASSWORD\" | sallyport user ... --password-stdin");
  else
    got.emplace(std::string_view(text).substr(0, size));
  core::wipe(text);
  return got;
}

std::optional<core::secret> new_password(const user_options& options, surroundings& around) {
  if (options.password_stdin) return read_input(around, "password");
  if (!around.ask_password) {
    complain(around, "no terminal to ask for a password", "pass --password-stdin and the password on standard input");
    return {};
  }
  auto first = around.ask_password("password of " + printable(options.name) + ": ");
  if (first) {
    auto again = around.ask_password("the same again: ");
    if (again && first->reveal() == again->reveal()) return std::move(*first);
    complain(around, again ? "the two passwords differ" : again.error().text, "nothing was changed");
  } else {
    complain(around, first.error().text, "nothing was changed");
  }
  return {};
}

bool is_utf8(const std::string& text) {
  core::error_code ec;
  json::parse(json::serialize(json::value(text)), ec);
  return !ec;
}

// Nothing when something is wrong; it has been told.
std::optional<json::object> request_of(const user_options& options, surroundings& around) {
  if (!is_utf8(options.name) || !is_utf8(options.description)) {
    complain(around, "a name and a description must be UTF-8", "names have letters, digits and underscores");
    return {};
  }
  json::object request{{"op", "user." + options.verb}};
  if (options.verb != "list") request["name"] = options.name;
  if (options.verb == "add") {
    json::array roles;
    for (const std::string& role : options.roles) roles.push_back(json::value(role));
    request["roles"] = std::move(roles);
    request["description"] = options.description;
    if (!std::all_of(options.roles.begin(), options.roles.end(), is_utf8)) {
      complain(around, "roles must be UTF-8", "the one of this version is admin");
      return {};
    }
  }
  if (options.hash_stdin) {
    const auto hash = read_input(around, "hash");
    if (!hash || !is_utf8(std::string(hash->reveal()))) return {};
    request["hash"] = hash->reveal();
  } else if (options.verb == "add" || options.verb == "passwd") {
    const auto password = new_password(options, around);
    if (!password) return {};
    std::string hex = to_hex(password->reveal());
    request["password_hex"] = hex;
    core::wipe(hex);
  }
  return request;
}

// Without a server: the store under its lock, and the server's own handler on it.
core::outcome<json::object> ask_store(const config::settings& settings, const user_options& options, json::object request) {
  // Only what sets a password may make a store: a list of a misspelt path must not.
  const bool may_create = options.verb == "add" || options.verb == "passwd";
  if (!may_create && ::access(settings.users.path.c_str(), F_OK) != 0)
    return core::fault{
        boost::system::errc::make_error_code(boost::system::errc::no_such_file_or_directory),
        "there is no store " + settings.users.path + " and no server: name the configuration (-c FILE) or the store (--store PATH)"};
  telemetry::log_settings quiet;
  quiet.threshold = telemetry::level::error;
  telemetry::logger log(quiet);
  auto store = users::store::open(settings.users, log);
  if (!store) return store.error();
  milvus::service rules(settings.user_calls, **store, log);
  std::promise<json::object> answered;
  make_user_handler(**store, rules)(std::move(request), [&answered](json::object answer) { answered.set_value(std::move(answer)); });
  return answered.get_future().get();
}

std::string time_text(const json::value& seconds) {
  const std::time_t at = seconds.is_int64() ? static_cast<std::time_t>(seconds.get_int64()) : 0;
  std::tm utc{};
  char text[64] = {};
  if (!::gmtime_r(&at, &utc) || std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0) return std::to_string(at);
  return text;
}

std::string text_of(const json::object& from, std::string_view name) {
  const json::value* found = from.if_contains(name);
  return found && found->is_string() ? printable(std::string(found->get_string())) : std::string();
}

void show(const json::object& user, surroundings& around) {
  std::string roles;
  if (const json::value* list = user.if_contains("roles"); list && list->is_array())
    for (const json::value& role : list->get_array())
      if (role.is_string()) roles += (roles.empty() ? "" : ", ") + printable(std::string(role.get_string()));
  const std::string name = text_of(user, "name");
  if (roles.empty()) roles = name == "root" ? "none (root is an administrator)" : "none";
  const auto when = [&](const char* key) {
    const json::value* found = user.if_contains(key);
    return found ? time_text(*found) : std::string();
  };
  around.out << "name:        " << name << "\n"
             << "roles:       " << roles << "\n"
             << "description: " << text_of(user, "description") << "\n"
             << "created:     " << when("created") << "\n"
             << "modified:    " << when("modified") << "\n"
             << "hash:        " << text_of(user, "hash") << std::endl;
}

int tell(const json::object& answer, const user_options& options, surroundings& around) {
  if (answer.contains("error")) {
    complain(around, text_of(answer, "error"));
    return refused;
  }
  const json::value* users = answer.if_contains("users");
  const json::value* user = answer.if_contains("user");
  if (options.json && (users || user)) {
    around.out << json::serialize(users ? *users : *user) << std::endl;
  } else if (users && users->is_array()) {
    for (const json::value& one : users->get_array())
      if (one.is_object()) around.out << text_of(one.get_object(), "name") << "\n";
    around.out.flush();
  } else if (user && user->is_object()) {
    show(user->get_object(), around);
  } else {
    const std::string done = options.verb == "add" ? "added" : options.verb == "drop" ? "dropped" : "given a new password";
    around.out << "user " << printable(options.name) << " was " << done << std::endl;
  }
  return ended_well;
}

}  // namespace

int command_user(config::sources from, const user_options& options, surroundings& around) {
  if (options.verb == "token") {
    complain(around, "API tokens are not in this version", "give the client a user of its own");
    return bad_request;
  }
  from.users_only = true;
  const config::loaded loaded = config::load(from);
  if (!loaded.value) {
    for (const config::problem& p : loaded.problems) complain(around, config::to_text(p));
    return bad_request;
  }
  auto request = request_of(options, around);
  if (!request) return bad_request;
  auto answer = admin::ask(loaded.value->admin.socket, *request);
  if (!answer && answer.error().code == boost::system::errc::not_connected) answer = ask_store(*loaded.value, options, std::move(*request));
  if (!answer) {
    complain(around, answer.error().text);
    return not_started;
  }
  return tell(*answer, options, around);
}

}  // namespace sallyport::app
