// Create, update and drop: codes, texts and order of checks of Milvus 2.3.5 (its internal/proxy/impl.go).
//
// Names are trimmed before anything else. Milvus validates the trimmed name of a new user; 2.3 to 2.5 then store the untrimmed one, later
// ones trim it too, in changes and drops as well. Trimmed everywhere, what was created as " pad " is dropped as " pad ", and no blank
// leads around root's protection.
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

// One change under way: who is told how it ended, and the line that an operator finds it by.
struct errand {
  telemetry::logger* log;
  std::string_view action;  // a literal
  std::string user, by;
  when_ended done;

  errand(const call& c, std::string_view what, std::string whom, when_ended told)
      : log(&c.log), action(what), user(std::move(whom)), by(c.caller.user_name()), done(std::move(told)) {}

  void changed() const {
    log->info("user_changed", {{"action", action}, {"user", user}, {"by", by}});
    done(done_well());
  }
  void turn_down(std::string_view reason, ending why) const {
    log->info("user_change_refused", {{"action", action}, {"user", user}, {"by", by}, {"reason", reason}});
    done(std::move(why));
  }
  // True, and the call is answered, when `fault` says something.
  bool turned_down_for(std::string_view reason, std::string fault) const {
    if (fault.empty()) return false;
    turn_down(reason, fault_status::invalid_parameter(std::move(fault)));
    return true;
  }
  // True, and the call is answered, when this was no base64.
  bool not_base64(std::string_view which, const sent_password& password) const {
    const auto* fault = std::get_if<base64_fault>(&password);
    if (!fault) return false;
    turn_down("not_base64",
              fault_status::unexpected(std::string(which) + ": illegal base64 data at input byte " + std::to_string(fault->at)));
    return true;
  }
};

struct unsettled {
  std::string_view reason;  // for the log
  ending why;               // for the client, who hears no internals of the store
};

unsettled why_not(core::error_code ec, const std::string& name) {
  using users::errc;
  if (ec == errc::already_exists)
    return {"already_exists", fault_status::by_hand(error_code_of::create_credential_failure, "user already exists: " + name)};
  if (ec == errc::wrong_password)
    return {"wrong_password", fault_status::not_authenticated("old password not correct for " + name + ": not authenticated")};
  if (ec == errc::unknown_user)
    return {"unknown_user", fault_status::by_hand(error_code_of::update_credential_failure, "user not found: " + name)};
  if (ec == errc::revoked) return {"revoked", refusal{grpc::unauthenticated, "the user was changed or dropped, authenticate again"}};
  if (ec == errc::busy) return {"busy", refusal{grpc::unavailable, "too many changes of users are under way, try again"}};
  if (ec == errc::closed) return {"closed", refusal{grpc::unavailable, "the server is shutting down, try again"}};
  return {"storage_failed", refusal{grpc::internal, "the change could not be saved"}};
}

users::store::answer settle(errand e) {
  return [e = std::move(e)](core::error_code ec) {
    if (!ec) return e.changed();
    unsettled end = why_not(ec, e.user);
    e.turn_down(end.reason, std::move(end.why));
  };
}

std::string fault_of_description(const settings& bounds, std::string_view text) {
  if (text.size() <= bounds.description_max_bytes) return {};
  return "invalid user description length: invalid parameter[" + std::to_string(text.size()) +
         " out of range 0 <= value <= " + std::to_string(bounds.description_max_bytes) + "]";
}

bool is_super_user(const call& c) {
  const auto& names = c.bounds.super_users;
  return std::find(names.begin(), names.end(), c.caller.user_name()) != names.end();
}

}  // namespace

void create_user(const call& c, new_user wanted, when_ended done) {
  const std::string name = trimmed(wanted.name);
  errand e(c, "create", name, std::move(done));
  if (auto no = denied(c, "PrivilegeCreateOwnership")) return e.turn_down("permission_denied", std::move(*no));
  if (e.turned_down_for("invalid_user_name", c.rules.fault_of_user_name(name))) return;
  if (e.not_base64("decode password fail", wanted.password)) return;
  auto& plain = std::get<core::secret>(wanted.password);
  if (e.turned_down_for("invalid_password", c.rules.fault_of_password(plain.reveal()))) return;
  if (e.turned_down_for("invalid_description", fault_of_description(c.bounds, wanted.description))) return;
  c.store.create(name, std::move(plain), {}, std::move(wanted.description), settle(std::move(e)), c.caller.user());
}

void update_user(const call& c, user_change wanted, when_ended done) {
  const std::string name = trimmed(wanted.name);
  errand e(c, wanted.description_only ? "change_description" : "change_password", name, std::move(done));
  if (auto no = denied(c, "PrivilegeUpdateUser", name)) return e.turn_down("permission_denied", std::move(*no));
  const std::string description = wanted.description.value_or("");
  if (wanted.description_only) {
    if (e.turned_down_for("invalid_description", fault_of_description(c.bounds, description))) return;
    return c.store.change_description(name, description, settle(std::move(e)), c.caller.user());
  }

  if (e.not_base64("decode old password failed", wanted.before)) return;
  if (e.not_base64("decode password failed", wanted.after)) return;
  auto& plain = std::get<core::secret>(wanted.after);
  if (e.turned_down_for("invalid_password", c.rules.fault_of_password(plain.reveal()))) return;
  if (e.turned_down_for("invalid_description", fault_of_description(c.bounds, description))) return;

  std::optional<core::secret> old;  // absent: not checked
  if (!is_super_user(c)) old = std::move(std::get<core::secret>(wanted.before));
  c.store.change_password(name, std::move(old), std::move(plain), std::move(wanted.description), settle(std::move(e)), c.caller.user());
}

void drop_user(const call& c, std::string_view sent_name, when_ended done) {
  const std::string name = trimmed(sent_name);
  errand e(c, "drop", name, std::move(done));
  if (auto no = denied(c, "PrivilegeDropOwnership")) return e.turn_down("permission_denied", std::move(*no));
  if (name.empty())
    return e.turn_down("invalid_user_name",
                       fault_status::by_hand(error_code_of::delete_credential_failure, "fail to execute task when deleting the user"));
  if (name == "root") return e.turn_down("root_stays", fault_status::not_permitted("root user cannot be deleted: privilege not permitted"));
  // Milvus lets an administrator saw off its own branch; we don't.
  if (name == c.caller.user_name())
    return e.turn_down("own_user", fault_status::not_permitted("user can not be deleted by itself: privilege not permitted"));
  const auto told = [e = std::move(e)](core::error_code ec) {
    // Milvus' answer to a drop of nobody is success; the log says what happened.
    if (ec == users::errc::unknown_user) return e.turn_down("unknown_user", done_well());
    settle(e)(ec);
  };
  c.store.drop(name, told, c.caller.user());
}

}  // namespace sallyport::milvus
