#include "grpc_calls.hpp"

#include <utility>

namespace sallyport::milvus {

namespace {

// Wipes a message's password wherever the call leaves.
struct wiped_at_exit {
  std::string* text;
  ~wiped_at_exit() { core::wipe(*text); }
};

when_ended in_a_frame(grpc_answer done) {
  return [done = std::move(done)](ending e) {
    if (auto* why = std::get_if<refusal>(&e)) return done(refused(why->grpc_status, std::move(why->text)));
    if (const auto* fault = std::get_if<fault_status>(&e)) return done(status_reply(*fault));
    done(success_reply());
  };
}

void add(wire::ListCredUsersResponse& to, const users::record& user) { to.add_usernames(user.name); }

void add(wire::SelectUserResponse& to, const users::record& user, bool with_roles) {
  wire::UserResult& result = *to.add_results();
  result.mutable_user()->set_name(user.name);
  if (with_roles)
    for (const auto& role : user.roles) result.add_roles()->set_name(role);
  result.set_description(user.description);
}

template <class Response, class... Options>
reply listing(std::variant<found_users, fault_status, refusal> read, Options... options) {
  if (auto* why = std::get_if<refusal>(&read)) return refused(why->grpc_status, std::move(why->text));
  Response response;
  response.mutable_status();
  if (const auto* fault = std::get_if<fault_status>(&read))
    fill(*response.mutable_status(), *fault);
  else
    for (const auto& user : std::get<found_users>(read)) add(response, *user, options...);
  return framed(response);
}

}  // namespace

void create_credential(const call& c, std::string_view message, grpc_answer done) {
  wire::CreateCredentialRequest request;
  const wiped_at_exit wipe{request.mutable_password()};
  if (!parse(message, request)) return done(malformed());
  if (!is_utf8(request.username()) || !is_utf8(request.password()) || !is_utf8(request.description())) return done(not_utf8());
  new_user wanted{request.username(), decode_base64(request.password()), request.description()};
  create_user(c, std::move(wanted), in_a_frame(std::move(done)));
}

void update_credential(const call& c, std::string_view message, grpc_answer done) {
  wire::UpdateCredentialRequest request;
  const wiped_at_exit wipe_old{request.mutable_old_password()}, wipe_new{request.mutable_new_password()};
  if (!parse(message, request)) return done(malformed());
  if (!is_utf8(request.username()) || !is_utf8(request.old_password()) || !is_utf8(request.new_password()) ||
      !is_utf8(request.description()))
    return done(not_utf8());
  user_change wanted{request.username(), decode_base64(request.old_password()), decode_base64(request.new_password()), {}};
  if (request.has_description()) wanted.description = request.description();
  wanted.description_only = request.has_description() && request.old_password().empty() && request.new_password().empty();
  update_user(c, std::move(wanted), in_a_frame(std::move(done)));
}

void delete_credential(const call& c, std::string_view message, grpc_answer done) {
  wire::DeleteCredentialRequest request;
  if (!parse(message, request)) return done(malformed());
  if (!is_utf8(request.username())) return done(not_utf8());
  drop_user(c, request.username(), in_a_frame(std::move(done)));
}

void list_cred_users(const call& c, std::string_view message, grpc_answer done) {
  wire::ListCredUsersRequest request;
  if (!parse(message, request)) return done(malformed());
  done(listing<wire::ListCredUsersResponse>(list_users(c)));
}

void select_user(const call& c, std::string_view message, grpc_answer done) {
  wire::SelectUserRequest request;
  if (!parse(message, request)) return done(malformed());
  const std::string& name = request.user().name();
  if (!is_utf8(name)) return done(not_utf8());
  const auto wanted = request.has_user() ? std::optional<std::string_view>(name) : std::nullopt;
  done(listing<wire::SelectUserResponse>(select_users(c, wanted), request.include_role_info()));
}

}  // namespace sallyport::milvus
