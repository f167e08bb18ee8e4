#include "user_requests.hpp"

#include <sallyport/core/secret.hpp>
#include <sallyport/users/password.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <optional>

namespace sallyport::app {

namespace {

namespace json = boost::json;
using users::errc;
using reply = std::function<void(json::object)>;

constexpr std::size_t description_max = 1024;  // proxy.maxUserDescriptionLength

json::object refusal(std::string_view code, const std::string& text) { return {{"error", text}, {"code", code}}; }

std::string text_of(const json::object& request, std::string_view name) {
  const json::value* found = request.if_contains(name);
  return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

int digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

std::optional<core::secret> password_of(const json::object& request) {
  const json::value* found = request.if_contains("password_hex");
  if (!found || !found->is_string() || found->get_string().size() % 2) return {};
  const auto& hex = found->get_string();
  std::string bytes;
  bytes.reserve(hex.size() / 2);
  bool good = true;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = digit(hex[i]), low = digit(hex[i + 1]);
    good = good && high >= 0 && low >= 0;
    bytes += static_cast<char>(high * 16 + low);
  }
  core::secret password(bytes);
  core::wipe(bytes);
  if (!good) return {};
  return password;
}

// A description came from a client and may be anything; JSON may not.
std::string as_utf8(std::string text) {
  core::error_code ec;
  json::value parsed = json::parse(json::serialize(json::value(text)), ec);
  if (ec) std::replace_if(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  return text;
}

json::object described(const users::record& user) {
  json::array roles;
  for (const std::string& role : user.roles) roles.push_back(json::value(as_utf8(role)));
  return {{"name", as_utf8(user.name)}, {"roles", std::move(roles)}, {"description", as_utf8(user.description)},
          {"created", user.created},    {"modified", user.modified}, {"hash", kind_of_hash(user.hash)}};
}

json::object outcome_of(core::error_code ec, const std::string& name) {
  if (!ec) return {{"ok", true}};
  if (ec == errc::already_exists) return refusal("refused", "user " + name + " already exists");
  if (ec == errc::unknown_user || ec == errc::wrong_password) return refusal("refused", "there is no user " + name);
  if (ec == errc::unknown_hash) return refusal("refused", "not a bcrypt or argon2id hash");
  if (ec == errc::busy) return refusal("busy", "too many changes at once; try again");
  return refusal("failed", "the change was not made: " + ec.message());
}

// A grant that is not enforced must not look like one that is: only admin has a meaning so far.
std::string fault_of_roles(const json::object& request, std::vector<std::string>& roles) {
  const json::value* found = request.if_contains("roles");
  if (!found) return {};
  if (!found->is_array()) return "roles must be a list";
  for (const json::value& one : found->get_array()) {
    const std::string role = one.is_string() ? std::string(one.get_string()) : std::string();
    if (role == "readwrite" || role == "readonly")
      return "role " + role + " is not in this version: it would not be enforced; leave it out";
    if (role != "admin") return "there is no role " + role + "; the one of this version is admin";
    roles.push_back(role);
  }
  std::sort(roles.begin(), roles.end());
  roles.erase(std::unique(roles.begin(), roles.end()), roles.end());
  return {};
}

class handling {
 public:
  handling(users::store& store, milvus::service& rules) : store_(store), rules_(rules) {}

  void add(const json::object& request, const reply& done) {
    const std::string name = text_of(request, "name"), description = text_of(request, "description"), hash = text_of(request, "hash");
    std::vector<std::string> roles;
    if (const std::string what = rules_.fault_of_user_name(name); !what.empty()) return done(refusal("refused", what));
    if (const std::string what = fault_of_roles(request, roles); !what.empty()) return done(refusal("refused", what));
    if (description.size() > description_max) return done(refusal("refused", "a description has at most 1024 bytes"));
    if (request.contains("hash")) return import(name, hash, std::move(roles), description, done);
    auto password = password_of(request);
    if (!password) return done(refusal("bad_request", "no password"));
    if (const std::string what = rules_.fault_of_password(password->reveal()); !what.empty()) return done(refusal("refused", what));
    store_.create(name, std::move(*password), std::move(roles), description,
                  [done, name](core::error_code ec) { done(outcome_of(ec, name)); });
  }

  void passwd(const json::object& request, const reply& done) {
    const std::string name = text_of(request, "name");
    auto password = password_of(request);
    if (!password) return done(refusal("bad_request", "no password"));
    if (!store_.snapshot()->find(name)) return done(outcome_of(errc::unknown_user, name));
    if (const std::string what = rules_.fault_of_password(password->reveal()); !what.empty()) return done(refusal("refused", what));
    store_.change_password(name, std::nullopt, std::move(*password), std::nullopt,
                           [done, name](core::error_code ec) { done(outcome_of(ec, name)); });
  }

  void drop(const json::object& request, const reply& done) {
    const std::string name = text_of(request, "name");
    if (name == "root") return done(refusal("refused", "user root cannot be dropped"));
    store_.drop(name, [done, name](core::error_code ec) { done(outcome_of(ec, name)); });
  }

  void list(const reply& done) {
    json::array all;
    const auto users = store_.snapshot();
    for (const auto& [name, user] : users->all()) all.push_back(described(*user));
    done({{"users", std::move(all)}});
  }

  void show(const json::object& request, const reply& done) {
    const std::string name = text_of(request, "name");
    const auto user = store_.snapshot()->find(name);
    if (!user) return done(outcome_of(errc::unknown_user, name));
    done({{"user", described(*user)}});
  }

 private:
  void import(const std::string& name, const std::string& hash, std::vector<std::string> roles, const std::string& description,
              const reply& done) {
    if (!users::is_known_hash(hash)) return done(outcome_of(errc::unknown_hash, name));
    users::store& store = store_;
    store_.import_hash(name, hash, std::move(roles), [&store, done, name, description](core::error_code ec) {
      if (ec || description.empty()) return done(outcome_of(ec, name));
      store.change_description(name, description, [done, name](core::error_code then) { done(outcome_of(then, name)); });
    });
  }

  users::store& store_;
  milvus::service& rules_;
};

}  // namespace

admin::handler make_user_handler(users::store& store, milvus::service& rules) {
  const auto commands = std::make_shared<handling>(store, rules);
  return [commands](json::object request, std::function<void(json::object)> done) {
    const std::string op = text_of(request, "op");
    if (op == "user.add") return commands->add(request, done);
    if (op == "user.passwd") return commands->passwd(request, done);
    if (op == "user.drop") return commands->drop(request, done);
    if (op == "user.list") return commands->list(done);
    if (op == "user.show") return commands->show(request, done);
    done(refusal("bad_request", "unknown op"));
  };
}

std::string to_hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * bytes.size());
  for (const char c : bytes) {
    hex += digits[static_cast<unsigned char>(c) >> 4];
    hex += digits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

std::string kind_of_hash(std::string_view hash) {
  if (hash.starts_with("$argon2id$")) return "argon2id";
  // $2b$10$...: the cost is two digits.
  const bool bcrypt = hash.size() > 7 && hash.starts_with("$2") && hash[3] == '$' && hash[6] == '$';
  if (!bcrypt) return "unknown";
  return "bcrypt-" + std::string(hash.substr(hash[4] == '0' ? 5 : 4, hash[4] == '0' ? 1 : 2));
}

}  // namespace sallyport::app
