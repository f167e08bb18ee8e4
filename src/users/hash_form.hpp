// The written forms of the hashes that we verify, read strictly before a library sees them: what a stored hash may cost is bounded here.
// Pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sallyport::users {

struct argon2id_cost {
  std::uint32_t memory_kib = 0, passes = 0, lanes = 0;
};

// OWASP's second choice for argon2id: what we make, and what makes another hash outdated when it costs less.
inline constexpr argon2id_cost wanted_cost{19'456, 2, 1};

// 256 MiB is libsodium's MODERATE; 1 GiB in all passes together takes half a second of this CPU.
inline constexpr std::uint32_t argon2id_memory_max_kib = 256 * 1024;
inline constexpr std::uint64_t argon2id_work_max_kib = 1024 * 1024;
inline constexpr std::size_t argon2id_hash_max_bytes = 255;
inline constexpr std::uint32_t bcrypt_cost_max = 16;  // some four seconds

// $argon2id$v=19$m=…,t=…,p=…$salt$hash in PHC form, unpadded base64; nothing when it is anything else or beyond the bounds above.
std::optional<argon2id_cost> parse_argon2id(std::string_view hash);

// The cost of $2a$, $2b$, $2y$.
std::optional<std::uint32_t> parse_bcrypt(std::string_view hash);

// Known, but weaker than what we would make.
bool is_outdated(std::string_view hash);

}  // namespace sallyport::users
