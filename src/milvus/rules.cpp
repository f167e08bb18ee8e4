// Milvus' rules for names and passwords (its internal/proxy/util.go) in the texts of 2.3.5, where Go's slips of formatting are repaired.
#include <sallyport/milvus/service.hpp>

#include <algorithm>

namespace sallyport::milvus {

namespace {

bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
bool may_follow(char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; }

// Go's string(uint8): the byte as a code point, so that the reason stays UTF-8 whatever the byte was.
std::string as_character(char c) {
  const auto value = static_cast<unsigned char>(c);
  if (value < 0x80) return std::string(1, c);
  return {static_cast<char>(0xc0 | value >> 6), static_cast<char>(0x80 | (value & 0x3f))};
}

}  // namespace

std::string service::fault_of_user_name(std::string_view name) const {
  const std::string shown(name);
  if (name.empty()) return "username must be not empty: invalid parameter";
  if (name.size() > settings_.user_name_max_bytes)
    return "invalid username " + shown + " with length " + std::to_string(name.size()) + ", the length of username must be less than " +
           std::to_string(settings_.user_name_max_bytes) + ": invalid parameter";
  if (!is_letter(name.front()))
    return "invalid user name " + shown + ", the first character must be a letter, but got " + as_character(name.front()) +
           ": invalid parameter";
  const auto odd = std::find_if_not(name.begin(), name.end(), may_follow);
  if (odd != name.end())
    return "invalid user name " + shown + ", username must contain only numbers, letters and underscores, but got " + as_character(*odd) +
           ": invalid parameter";
  return {};
}

std::string service::fault_of_password(std::string_view password) const {
  if (password.size() >= settings_.password_min_bytes && password.size() <= settings_.password_max_bytes) return {};
  return "invalid password length: invalid parameter[" + std::to_string(password.size()) + " out of range " +
         std::to_string(settings_.password_min_bytes) + " <= value <= " + std::to_string(settings_.password_max_bytes) + "]";
}

}  // namespace sallyport::milvus
