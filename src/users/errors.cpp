#include <sallyport/users/store.hpp>

namespace sallyport::users {

namespace {

// GCC 12 counts the protected destructor of Boost's category as accessible.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
class users_category final : public core::error_category {
 public:
  const char* name() const noexcept override { return "users"; }
  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::already_exists: return "a user of that name exists already";
      case errc::unknown_user: return "there is no user of that name";
      case errc::wrong_password: return "the old password is not right";
      case errc::busy: return "too many changes of users are under way";
      case errc::storage_failed: return "the change could not be stored";
      case errc::closed: return "the users are being closed";
      case errc::revoked: return "whoever asked for it was changed or dropped meanwhile";
      case errc::unknown_hash: return "not a hash of argon2id or bcrypt that can be verified";
    }
    return "unknown";
  }
};
#pragma GCC diagnostic pop

}  // namespace

core::error_code make_error_code(errc e) {
  static const users_category category;
  return {static_cast<int>(e), category};
}

}  // namespace sallyport::users
