// Mints permits for the tests of rooms that take one: what auth::gate alone does in the program. Any thread; nothing to cancel or bound.
#pragma once

#include <sallyport/auth/gate.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace sallyport::auth {

struct permit_for_tests {
  // As of a listener with tokens: none.
  static permit nobody() { return permit(nullptr, 1); }

  static permit of(std::shared_ptr<const users::record> user, std::uint64_t generation = 1) { return permit(std::move(user), generation); }

  static permit named(std::string name, std::vector<std::string> roles = {}, std::uint64_t version = 1) {
    std::sort(roles.begin(), roles.end());
    users::record user;
    user.name = std::move(name);
    user.roles = std::move(roles);
    user.version = version;
    return of(std::make_shared<const users::record>(std::move(user)));
  }
};

}  // namespace sallyport::auth
