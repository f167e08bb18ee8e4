// Milvus' own calls, as far as we answer them: which RPC is what, and the user calls in Milvus' words (codes, texts, order of checks, as
// Milvus 2.3.5 has them). `classify` is pure. The service is shared by all workers and may be called from any; an answer that needs the
// store comes on the store's thread.
#pragma once

#include <sallyport/auth/gate.hpp>
#include <sallyport/core/result.hpp>
#include <sallyport/telemetry/log.hpp>
#include <sallyport/users/store.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::milvus {

enum class disposition {
  forward,  // goes to the backend, with a permit
  answer,   // one of the user calls that we answer ourselves
  refuse,   // user, role, privilege, privilege-group, tag or RBAC-backup family: UNIMPLEMENTED, never forwarded
};
// The path is canonical already (/package.Service/Method). Unknown methods and other services are forward: the backend knows them or says
// that it does not.
disposition classify(std::string_view path);
std::string_view refusal_text(std::string_view path);  // for disposition::refuse: a sentence that says what to do instead

// Of a call that is answered here: a name, two passwords and a description are far below. Milvus takes 64 MiB for any call.
inline constexpr std::size_t message_max_bytes = 32 * 1024;

struct settings {
  std::vector<std::string> super_users;  // common.security.superUsers: reset passwords without the old one
  std::uint32_t password_min_bytes = 6, password_max_bytes = 256, user_name_max_bytes = 32, description_max_bytes = 1024;
};

struct reply {
  std::uint32_t grpc_status = 0;
  std::string grpc_message;  // not yet percent-encoded
  std::string body;          // a gRPC message with its 5-byte prefix; empty when grpc_status is not 0
};

struct rest_reply;  // rest.hpp

class service {
 public:
  service(const settings& s, users::store& store, telemetry::logger& log) : settings_(s), store_(store), log_(log) {}

  // `body` is everything the client sent: one length-prefixed message. `done` is called once, on this thread or on the store's.
  void call(std::string_view path, const auth::permit& caller, core::bytes body, std::function<void(reply)> done);

  // The same for a POST of REST v2 whose path is disposition::answer to classify_rest: `body` is the whole JSON. Before `?` the path, as it
  // was sent.
  void rest(std::string_view path, const auth::permit& caller, core::bytes body, std::function<void(rest_reply)> done);

  // The rules for names and passwords, for the user command too: nothing when fine, else Milvus' reason.
  std::string fault_of_user_name(std::string_view name) const;
  std::string fault_of_password(std::string_view password) const;

 private:
  const settings settings_;
  users::store& store_;
  telemetry::logger& log_;
};

}  // namespace sallyport::milvus
