#include <sallyport/auth/gate.hpp>

#include <algorithm>

namespace sallyport::auth {

std::string_view name_of(denial why) {
  switch (why) {
    case denial::missing_token: return "missing_token";
    case denial::invalid_token: return "invalid_token";
    case denial::several_tokens: return "several_tokens";
    case denial::token_too_long: return "token_too_long";
    case denial::api_key_unknown: return "api_key_unknown";
    case denial::unknown_user: return "unknown_user";
    case denial::wrong_password: return "wrong_password";
    case denial::overloaded: return "overloaded";
    case denial::revoked: return "revoked";
    case denial::no_certificate: return "no_certificate";
    case denial::certificate_user: return "certificate_user";
  }
  return "unknown";
}

std::string_view denial_text(denial why) {
  switch (why) {
    case denial::missing_token: return "missing authorization in header";
    case denial::invalid_token:
    case denial::several_tokens:
    case denial::token_too_long: return "invalid token format";
    case denial::api_key_unknown: return "auth check failure, please check api key is correct";
    case denial::unknown_user:
    case denial::wrong_password:
    case denial::revoked: return "auth check failure, please check username and password are correct";
    case denial::overloaded: return "too many logins are being checked, try again";
    case denial::no_certificate:
    case denial::certificate_user: return "auth check failure, please check the client certificate";
  }
  return "auth check failure, please check username and password are correct";
}

std::uint32_t grpc_status_of(denial why) {
  constexpr std::uint32_t unavailable = 14, unauthenticated = 16;
  return why == denial::overloaded ? unavailable : unauthenticated;
}

bool is_basic(std::string_view authorization) {
  constexpr std::string_view scheme = "basic ";
  if (authorization.size() < scheme.size()) return false;
  for (std::size_t i = 0; i < scheme.size(); ++i)
    if ((authorization[i] >= 'A' && authorization[i] <= 'Z' ? authorization[i] + ('a' - 'A') : authorization[i]) != scheme[i]) return false;
  return true;
}

bool permit::administrator() const {
  if (!user_) return false;
  return user_->name == "root" || std::find(user_->roles.begin(), user_->roles.end(), "admin") != user_->roles.end();
}

memo::~memo() { core::wipe(value_); }

}  // namespace sallyport::auth
