// CreateCredential, UpdateCredential and DeleteCredential (milvus-behaviour 3.7 and 3.8: codes, texts, order of checks).
//
// Names are trimmed before anything else. Milvus validates the trimmed name of a new user; 2.3 to 2.5 then store the untrimmed one, later
// ones trim it too, in changes and drops as well. Trimmed everywhere, what was created as " pad " is dropped as " pad ", and no blank
// leads around root's protection.
#include "base64.hpp"
#include "call.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::milvus {

namespace {

std::string trimmed(std::string_view name) {
  constexpr std::string_view blanks = " \t\n\v\f\r";
  const auto first = name.find_first_not_of(blanks);
  if (first == name.npos) return {};
  return std::string(name.substr(first, name.find_last_not_of(blanks) - first + 1));
}

// Wipes a message's password wherever the call leaves.
struct wiped_at_exit {
  std::string* text;
  ~wiped_at_exit() { core::wipe(*text); }
};

// The line that an operator finds a change by. Copied to wherever the change is settled.
struct audit {
  telemetry::logger* log;
  std::string_view action;  // a literal
  std::string user, by;

  audit(const call& c, std::string_view what, std::string_view whom) : log(&c.log), action(what), user(whom), by(c.caller.user_name()) {}

  void changed() const { log->info("user_changed", {{"action", action}, {"user", user}, {"by", by}}); }
  void refused(std::string_view reason) const {
    log->info("user_change_refused", {{"action", action}, {"user", user}, {"by", by}, {"reason", reason}});
  }
};

void turn_down(call& c, const audit& line, std::string_view reason, reply why) {
  line.refused(reason);
  c.done(std::move(why));
}

struct unsettled {
  std::string_view reason;  // for the log
  reply why;                // for the client, who hears no internals of the store
};

unsettled why_not(core::error_code ec, const std::string& name) {
  using users::errc;
  if (ec == errc::already_exists)
    return {"already_exists",
            status_reply(fault_status::by_hand(error_code_of::create_credential_failure, "user already exists: " + name))};
  if (ec == errc::wrong_password)
    return {"wrong_password",
            status_reply(fault_status::not_authenticated("old password not correct for " + name + ": not authenticated"))};
  if (ec == errc::unknown_user)
    return {"unknown_user", status_reply(fault_status::by_hand(error_code_of::update_credential_failure, "user not found: " + name))};
  if (ec == errc::busy) return {"busy", refused(grpc::unavailable, "too many changes of users are under way, try again")};
  if (ec == errc::closed) return {"closed", refused(grpc::unavailable, "the server is shutting down, try again")};
  return {"storage_failed", refused(grpc::internal, "the change could not be saved")};
}

users::store::answer settle(audit line, std::string name, answer done) {
  return [line = std::move(line), name = std::move(name), done = std::move(done)](core::error_code ec) {
    if (!ec) {
      line.changed();
      return done(success_reply());
    }
    unsettled end = why_not(ec, name);
    line.refused(end.reason);
    done(std::move(end.why));
  };
}

reply not_base64(std::string_view which, base64_fault fault) {
  return status_reply(fault_status::unexpected(std::string(which) + ": illegal base64 data at input byte " + std::to_string(fault.at)));
}

std::string fault_of_description(const settings& bounds, std::string_view text) {
  if (text.size() <= bounds.description_max_bytes) return {};
  return "invalid user description length: invalid parameter[" + std::to_string(text.size()) +
         " out of range 0 <= value <= " + std::to_string(bounds.description_max_bytes) + "]";
}

// True, and the call is answered, when `fault` says something.
bool turned_down_for(call& c, const audit& line, std::string_view reason, std::string fault) {
  if (fault.empty()) return false;
  turn_down(c, line, reason, status_reply(fault_status::invalid_parameter(std::move(fault))));
  return true;
}

bool is_super_user(const call& c) {
  const auto& names = c.bounds.super_users;
  return std::find(names.begin(), names.end(), c.caller.user_name()) != names.end();
}

}  // namespace

void create_user(call& c, std::string_view message) {
  wire::CreateCredentialRequest request;
  const wiped_at_exit wipe{request.mutable_password()};
  if (!parse(message, request)) return c.done(malformed());
  if (!is_utf8(request.username()) || !is_utf8(request.password()) || !is_utf8(request.description())) return c.done(not_utf8());

  const std::string name = trimmed(request.username());
  const audit line(c, "create", name);
  if (auto no = denied(c, "PrivilegeCreateOwnership")) return turn_down(c, line, "permission_denied", std::move(*no));
  if (turned_down_for(c, line, "invalid_user_name", c.rules.fault_of_user_name(name))) return;
  auto password = decode_base64(request.password());
  if (const auto* fault = std::get_if<base64_fault>(&password))
    return turn_down(c, line, "not_base64", not_base64("decode password fail", *fault));
  auto& plain = std::get<core::secret>(password);
  if (turned_down_for(c, line, "invalid_password", c.rules.fault_of_password(plain.reveal()))) return;
  if (turned_down_for(c, line, "invalid_description", fault_of_description(c.bounds, request.description()))) return;
  c.store.create(name, std::move(plain), {}, request.description(), settle(line, name, std::move(c.done)));
}

void update_user(call& c, std::string_view message) {
  wire::UpdateCredentialRequest request;
  const wiped_at_exit wipe_old{request.mutable_old_password()}, wipe_new{request.mutable_new_password()};
  if (!parse(message, request)) return c.done(malformed());
  if (!is_utf8(request.username()) || !is_utf8(request.old_password()) || !is_utf8(request.new_password()) ||
      !is_utf8(request.description()))
    return c.done(not_utf8());

  const std::string name = trimmed(request.username());
  const bool description_only = request.has_description() && request.old_password().empty() && request.new_password().empty();
  const audit line(c, description_only ? "change_description" : "change_password", name);
  if (auto no = denied(c, "PrivilegeUpdateUser", name)) return turn_down(c, line, "permission_denied", std::move(*no));
  if (description_only) {
    if (turned_down_for(c, line, "invalid_description", fault_of_description(c.bounds, request.description()))) return;
    return c.store.change_description(name, request.description(), settle(line, name, std::move(c.done)));
  }

  auto before = decode_base64(request.old_password());
  if (const auto* fault = std::get_if<base64_fault>(&before))
    return turn_down(c, line, "not_base64", not_base64("decode old password failed", *fault));
  auto after = decode_base64(request.new_password());
  if (const auto* fault = std::get_if<base64_fault>(&after))
    return turn_down(c, line, "not_base64", not_base64("decode password failed", *fault));
  auto& plain = std::get<core::secret>(after);
  if (turned_down_for(c, line, "invalid_password", c.rules.fault_of_password(plain.reveal()))) return;
  std::optional<std::string> description;
  if (request.has_description()) description = request.description();
  if (turned_down_for(c, line, "invalid_description", fault_of_description(c.bounds, request.description()))) return;

  std::optional<core::secret> old;  // absent: not checked
  if (!is_super_user(c)) old = std::move(std::get<core::secret>(before));
  c.store.change_password(name, std::move(old), std::move(plain), std::move(description), settle(line, name, std::move(c.done)));
}

void drop_user(call& c, std::string_view message) {
  wire::DeleteCredentialRequest request;
  if (!parse(message, request)) return c.done(malformed());
  if (!is_utf8(request.username())) return c.done(not_utf8());

  const std::string name = trimmed(request.username());
  const audit line(c, "drop", name);
  if (auto no = denied(c, "PrivilegeDropOwnership")) return turn_down(c, line, "permission_denied", std::move(*no));
  if (name.empty())
    return turn_down(
        c, line, "invalid_user_name",
        status_reply(fault_status::by_hand(error_code_of::delete_credential_failure, "fail to execute task when deleting the user")));
  if (name == "root")
    return turn_down(c, line, "root_stays",
                     status_reply(fault_status::not_permitted("root user cannot be deleted: privilege not permitted")));
  // Milvus lets an administrator saw off its own branch; we don't.
  if (name == c.caller.user_name())
    return turn_down(c, line, "own_user",
                     status_reply(fault_status::not_permitted("user can not be deleted by itself: privilege not permitted")));
  auto settled = settle(line, name, c.done);
  c.store.drop(name, [settled = std::move(settled), line, done = std::move(c.done)](core::error_code ec) {
    if (ec != users::errc::unknown_user) return settled(ec);
    // Milvus' answer to a drop of nobody is success; the log says what happened.
    line.refused("unknown_user");
    done(success_reply());
  });
}

}  // namespace sallyport::milvus
