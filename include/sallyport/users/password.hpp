// Passwords and their hashes: argon2id for what we make, bcrypt ($2a$, $2b$, $2y$ of any cost) and argon2id for what we verify.
// Pure functions, any thread, 20 to 200 ms of CPU each: never on a worker's thread. Lengths are explicit: a NUL in a password is a byte
// like any other for argon2id and a mismatch for bcrypt; more than 72 bytes is a mismatch for bcrypt (libcrypt would compare the first 72
// only).
#pragma once

#include <string>
#include <string_view>

namespace sallyport::users {

// argon2id, 19 MiB, t=2, p=1 (OWASP's parameters), in PHC form.
std::string hash_password(std::string_view password);

enum class match { no, yes, yes_outdated };  // yes_outdated: right, and the hash deserves to be made anew by hash_password
match verify_password(std::string_view password, std::string_view hash);

// Is this a hash that verify_password understands? What an import and a file of users are checked with.
bool is_known_hash(std::string_view hash);

// A hash of nobody's password, of the cost of a new one: what an unknown user is measured against.
const std::string& decoy_hash();

}  // namespace sallyport::users
