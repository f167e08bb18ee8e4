// The commands that ask the running server through its admin socket.
#include "command_line.hpp"
#include "exit_codes.hpp"

#include <sallyport/admin/socket.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <ctime>
#include <optional>
#include <ostream>

namespace sallyport::app {

namespace {

namespace json = boost::json;

const json::value* member(const json::object& of, std::string_view name) { return of.if_contains(name); }

std::string text_of(const json::object& of, std::string_view name) {
  const json::value* found = member(of, name);
  if (!found) return {};
  return printable(found->is_string() ? std::string(found->get_string()) : json::serialize(*found));
}

bool yes(const json::object& of, std::string_view name) {
  const json::value* found = member(of, name);
  return found && found->is_bool() && found->get_bool();
}

template <class Each>
void for_each(const json::object& of, std::string_view name, Each each) {
  const json::value* found = member(of, name);
  if (!found || !found->is_array()) return;
  for (const json::value& one : found->get_array())
    if (one.is_object()) each(one.get_object());
}

// 3 d 4 h 5 min 6 s, from the first that is not 0.
std::string duration_text(const json::object& status) {
  const json::value* found = member(status, "uptime_seconds");
  std::int64_t left = found && found->is_int64() ? found->get_int64() : 0;
  std::string text;
  const std::pair<std::int64_t, const char*> units[] = {{86'400, " d "}, {3'600, " h "}, {60, " min "}};
  for (const auto& [seconds, unit] : units) {
    if (left >= seconds || !text.empty()) text += std::to_string(left / seconds) + unit;
    left %= seconds;
  }
  return text + std::to_string(left) + " s";
}

std::string date_text(const json::object& of, std::string_view name) {
  const json::value* found = member(of, name);
  const std::time_t when = found && found->is_int64() ? static_cast<std::time_t>(found->get_int64()) : 0;
  std::tm parts{};
  char text[32] = "";
  if (::gmtime_r(&when, &parts) == nullptr || std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts) == 0) return "for ever";
  return text;
}

std::string endpoints_text(const json::object& backend) {
  const json::value* found = member(backend, "endpoints");
  std::string text;
  if (found && found->is_array())
    for (const json::value& one : found->get_array())
      if (one.is_string()) text += (text.empty() ? "" : ", ") + printable(std::string(one.get_string()));
  return text;
}

void show(const json::object& status, std::ostream& out) {
  out << "version:     " << text_of(status, "version") << " (" << text_of(status, "openssl") << ")\n"
      << "uptime:      " << duration_text(status) << "\n"
      << "ready:       " << (yes(status, "ready") ? "yes" : "no, " + text_of(status, "why_not_ready")) << "\n"
      << "workers:     " << text_of(status, "workers") << "\n"
      << "connections: " << text_of(status, "connections") << "\n"
      << "users:       " << text_of(status, "users") << "\n";
  for_each(status, "listeners", [&out](const json::object& l) {
    out << "listener " << text_of(l, "name") << ": " << text_of(l, "address") << (yes(l, "tls") ? ", TLS" : ", plaintext")
        << (yes(l, "certificate_user") ? ", users by certificate"
            : yes(l, "tokens")         ? ", tokens required"
                                       : ", no tokens")
        << ", to " << text_of(l, "backend") << "; connections: " << text_of(l, "connections") << "\n";
    for_each(l, "certificates", [&out](const json::object& c) {
      out << "  " << text_of(c, "kind") << " " << text_of(c, "file") << ": " << text_of(c, "subject") << ", until "
          << date_text(c, "expires") << "\n";
    });
  });
  for_each(status, "backends", [&out](const json::object& b) {
    out << "backend " << text_of(b, "name") << ": " << endpoints_text(b) << "; connections: " << text_of(b, "connections")
        << ", requests: " << text_of(b, "streams") << ", waiting: " << text_of(b, "waiting") << "\n";
  });
  out.flush();
}

// The server's answer, or the exit code after the complaint.
struct asked {
  std::optional<json::object> answer;
  int code = ended_well;
};

asked ask_server(config::sources from, json::object question, surroundings& around) {
  from.users_only = true;
  const config::loaded loaded = config::load(from);
  if (!loaded.value) {
    for (const config::problem& p : loaded.problems) complain(around, config::to_text(p));
    return {std::nullopt, bad_request};
  }
  auto answer = admin::ask(loaded.value->admin.socket, std::move(question));
  if (!answer) {
    const bool nobody = answer.error().code == boost::system::errc::not_connected;
    complain(around, answer.error().text, nobody ? "name the configuration of the server that runs by -c FILE" : "");
    return {std::nullopt, not_started};
  }
  if (answer->contains("error")) {
    complain(around, text_of(*answer, "error"));
    return {std::nullopt, refused};
  }
  return {std::move(*answer)};
}

int command_status(config::sources from, const ctl_options& options, surroundings& around) {
  const auto asked = ask_server(std::move(from), {{"op", "status"}}, around);
  if (!asked.answer) return asked.code;
  const json::value* status = member(*asked.answer, "status");
  if (!status || !status->is_object()) {
    complain(around, "the server's answer is no status", "is it of another version?");
    return refused;
  }
  if (options.json)
    around.out << json::serialize(*status) << std::endl;
  else
    show(status->get_object(), around.out);
  return ended_well;
}

int command_reload(config::sources from, const ctl_options& options, surroundings& around) {
  const auto asked = ask_server(std::move(from), {{"op", "reload"}}, around);
  if (!asked.answer) return asked.code;
  const json::value* faults = member(*asked.answer, "faults");
  if (!faults || !faults->is_array()) {
    complain(around, "the server's answer is none to a reload", "is it of another version?");
    return refused;
  }
  if (options.json) {
    around.out << json::serialize(*asked.answer) << std::endl;
  } else {
    around.out << "with new certificates: " << text_of(*asked.answer, "replaced") << ", unchanged: " << text_of(*asked.answer, "unchanged")
               << std::endl;
    for (const json::value& one : faults->get_array())
      if (one.is_string()) complain(around, printable(std::string(one.get_string())), "the last good ones are still served");
  }
  return faults->get_array().empty() ? ended_well : refused;
}

}  // namespace

int command_ctl(const config::sources& from, const ctl_options& options, surroundings& around) {
  return options.reload ? command_reload(from, options, around) : command_status(from, options, around);
}

}  // namespace sallyport::app
