#include "hash_form.hpp"

#include <algorithm>
#include <charconv>

namespace sallyport::users {

namespace {

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<std::uint32_t> take_number(std::string_view& text) {
  std::uint32_t value = 0;
  // PHC strings have no leading zeros: two spellings of one hash are one too many.
  if (text.empty() || text.front() < '1' || text.front() > '9') return std::nullopt;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

bool is_alphanumeric(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// Unpadded base64 of a length that libsodium takes (argon2 itself allows shorter ones).
bool is_base64_of(std::string_view text, std::size_t bytes_min, std::size_t bytes_max) {
  const bool alphabet = std::all_of(text.begin(), text.end(), [](char c) { return is_alphanumeric(c) || c == '+' || c == '/'; });
  const std::size_t bytes = text.size() * 3 / 4;
  return alphabet && text.size() % 4 != 1 && bytes >= bytes_min && bytes <= bytes_max;
}

}  // namespace

std::optional<argon2id_cost> parse_argon2id(std::string_view hash) {
  if (hash.size() > argon2id_hash_max_bytes || !take(hash, "$argon2id$v=19$m=")) return std::nullopt;
  const auto memory = take_number(hash);
  if (!memory || !take(hash, ",t=")) return std::nullopt;
  const auto passes = take_number(hash);
  if (!passes || !take(hash, ",p=")) return std::nullopt;
  const auto lanes = take_number(hash);
  if (!lanes || !take(hash, "$")) return std::nullopt;
  const auto end_of_salt = hash.find('$');
  if (end_of_salt == std::string_view::npos) return std::nullopt;
  if (!is_base64_of(hash.substr(0, end_of_salt), 8, 64) || !is_base64_of(hash.substr(end_of_salt + 1), 16, 64)) return std::nullopt;

  const bool bounded = *memory <= argon2id_memory_max_kib && std::uint64_t{*memory} * *passes <= argon2id_work_max_kib && *lanes <= 16;
  // RFC 9106 3.1: at least 8 KiB a lane.
  if (!bounded || *memory < 8 * *lanes) return std::nullopt;
  return argon2id_cost{*memory, *passes, *lanes};
}

std::optional<std::uint32_t> parse_bcrypt(std::string_view hash) {
  if (hash.size() != 60) return std::nullopt;
  if (!hash.starts_with("$2a$") && !hash.starts_with("$2b$") && !hash.starts_with("$2y$")) return std::nullopt;
  const char tens = hash[4], ones = hash[5];
  if (tens < '0' || tens > '3' || ones < '0' || ones > '9' || hash[6] != '$') return std::nullopt;
  const auto digits = hash.substr(7);
  if (!std::all_of(digits.begin(), digits.end(), [](char c) { return is_alphanumeric(c) || c == '.' || c == '/'; })) return std::nullopt;
  const auto cost = static_cast<std::uint32_t>((tens - '0') * 10 + (ones - '0'));
  if (cost < 4 || cost > bcrypt_cost_max) return std::nullopt;
  return cost;
}

bool is_outdated(std::string_view hash) {
  const auto cost = parse_argon2id(hash);
  if (!cost) return true;
  // More memory may stand for fewer passes (OWASP's 47104 KiB with one pass is as good as ours), but nothing stands for memory.
  return cost->memory_kib < wanted_cost.memory_kib ||
         std::uint64_t{cost->memory_kib} * cost->passes < std::uint64_t{wanted_cost.memory_kib} * wanted_cost.passes;
}

}  // namespace sallyport::users
