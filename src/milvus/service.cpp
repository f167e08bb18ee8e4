#include "grpc_calls.hpp"

#include <algorithm>
#include <array>

namespace sallyport::milvus {

namespace {

struct handler {
  std::string_view method;
  void (*run)(const call&, std::string_view, grpc_answer);
};

constexpr std::array handlers{
    handler{"CreateCredential", create_credential},
    handler{"UpdateCredential", update_credential},
    handler{"DeleteCredential", delete_credential},
    handler{"ListCredUsers", list_cred_users},
    handler{"SelectUser", select_user},
};

}  // namespace

void service::call(std::string_view path, const auth::permit& caller, core::bytes body, std::function<void(reply)> done) {
  const std::string_view method = path.substr(path.rfind('/') + 1);
  const auto at = std::find_if(handlers.begin(), handlers.end(), [&](const handler& h) { return h.method == method; });
  if (classify(path) != disposition::answer || at == handlers.end())
    return done(refused(grpc::unimplemented, "unknown method " + std::string(method)));
  // On a listener without tokens nobody is anybody, and the users would be open to all who reach it.
  if (!caller.user()) return done(refused(grpc::unauthenticated, "missing authorization in header"));
  auto message = deframe(body);
  if (auto* why = std::get_if<reply>(&message)) return done(std::move(*why));
  const milvus::call under_way{*this, settings_, store_, log_, caller};
  at->run(under_way, std::get<std::string_view>(message), std::move(done));
}

std::optional<refusal> denied(const call& c, std::string_view privilege, std::optional<std::string_view> own) {
  if (c.caller.administrator()) return {};
  if (own && *own == c.caller.user_name()) return {};
  return refusal{grpc::permission_denied, std::string(privilege) + ": permission deny to " + std::string(c.caller.user_name())};
}

}  // namespace sallyport::milvus
