// The user calls as REST v2 has them (its httpserver/handler_v2.go): what a body must hold, and how an ending looks in JSON.
#include <sallyport/milvus/rest.hpp>

#include "call.hpp"
#include "rest_json.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::milvus {

namespace {

using rest_answer = std::function<void(rest_reply)>;

constexpr rest_field database{"dbName", "DbName", &rest_fields::db_name, false};
constexpr rest_field user_name{"userName", "UserName", &rest_fields::user_name, true};
constexpr rest_field password{"password", "Password", &rest_fields::password, true};
constexpr rest_field new_password{"newPassword", "NewPassword", &rest_fields::new_password, true};

constexpr std::array list_fields{database};
constexpr std::array user_fields{user_name};
constexpr std::array create_fields{user_name, password};
constexpr std::array update_fields{user_name, password, new_password};

rest_reply not_authenticated() { return {401, json_fault(1800, "user hasn't authenticated")}; }

// As gRPC's errors print in Go, which is how Milvus' REST shows those of its own gRPC side.
rest_reply shown(const refusal& why) {
  if (why.grpc_status == grpc::unauthenticated) return not_authenticated();
  std::string_view name = "Internal";
  if (why.grpc_status == grpc::permission_denied) name = "PermissionDenied";
  if (why.grpc_status == grpc::unavailable) name = "Unavailable";
  constexpr std::int32_t unexpected_error = 65535;
  return {why.grpc_status == grpc::permission_denied ? 403u : 200u,
          json_fault(unexpected_error, "rpc error: code = " + std::string(name) + " desc = " + why.text)};
}

rest_reply shown(const fault_status& fault) { return {200, json_fault(fault.code, fault.reason)}; }

when_ended in_json(rest_answer done) {
  return [done = std::move(done)](ending e) {
    if (const auto* why = std::get_if<refusal>(&e)) return done(shown(*why));
    if (const auto* fault = std::get_if<fault_status>(&e)) return done(shown(*fault));
    done({200, json_nothing()});
  };
}

using read_users = std::variant<found_users, fault_status, refusal>;

template <class Names>
rest_reply listing(const read_users& read, Names names_of) {
  if (const auto* why = std::get_if<refusal>(&read)) return shown(*why);
  if (const auto* fault = std::get_if<fault_status>(&read)) return shown(*fault);
  std::vector<std::string> names;
  for (const auto& user : std::get<found_users>(read)) names_of(*user, names);
  return {200, json_list(names)};
}

void list(const call& c, rest_fields&, rest_answer done) {
  done(listing(list_users(c), [](const users::record& user, std::vector<std::string>& names) { names.push_back(user.name); }));
}

void describe(const call& c, rest_fields& sent, rest_answer done) {
  done(listing(select_users(c, sent.user_name), [](const users::record& user, std::vector<std::string>& names) { names = user.roles; }));
}

void create(const call& c, rest_fields& sent, rest_answer done) {
  create_user(c, new_user{sent.user_name, core::secret(sent.password), {}}, in_json(std::move(done)));
}

void update_password(const call& c, rest_fields& sent, rest_answer done) {
  user_change wanted{sent.user_name, core::secret(sent.password), core::secret(sent.new_password), {}};
  update_user(c, std::move(wanted), in_json(std::move(done)));
}

void drop(const call& c, rest_fields& sent, rest_answer done) { drop_user(c, sent.user_name, in_json(std::move(done))); }

struct endpoint {
  std::string_view action;
  rest_shape shape;
  void (*run)(const call&, rest_fields&, rest_answer);
};

constexpr std::array endpoints{
    endpoint{"list", {"DatabaseReq", list_fields}, list},
    endpoint{"describe", {"UserReq", user_fields}, describe},
    endpoint{"create", {"PasswordReq", create_fields}, create},
    endpoint{"update_password", {"NewPasswordReq", update_fields}, update_password},
    endpoint{"drop", {"UserReq", user_fields}, drop},
};

}  // namespace

void service::rest(std::string_view path, const auth::permit& caller, core::bytes body, std::function<void(rest_reply)> done) {
  const std::string_view action = path.substr(path.rfind('/') + 1);
  const auto at = std::find_if(endpoints.begin(), endpoints.end(), [&](const endpoint& e) { return e.action == action; });
  if (classify_rest(path) != disposition::answer || at == endpoints.end()) return done(rest_refusal(path));
  // On a listener without tokens nobody is anybody, and the users would be open to all who reach it.
  if (!caller.user()) return done(not_authenticated());
  rest_fields sent;
  if (const auto fault = read_json(body, at->shape, sent)) return done(shown(*fault));
  const milvus::call under_way{*this, settings_, store_, log_, caller};
  at->run(under_way, sent, std::move(done));
}

}  // namespace sallyport::milvus
