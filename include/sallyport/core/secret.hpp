// A password or key in memory: move-only in practice, wiped when it goes, never printed.
// Owned by whoever holds it; no thread affinity; no errors. There is no operator<< on purpose: a log line with a secret does not compile.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::core {

class secret {
 public:
  secret() = default;
  explicit secret(std::string_view text) : bytes_(text.begin(), text.end()) {}
  secret(secret&& other) noexcept : bytes_(std::move(other.bytes_)) { other.bytes_.clear(); }
  secret& operator=(secret&& other) noexcept;
  secret(const secret&) = delete;
  secret& operator=(const secret&) = delete;
  ~secret() { wipe(); }

  secret copy() const { return secret(reveal()); }
  std::string_view reveal() const { return {bytes_.data(), bytes_.size()}; }
  bool empty() const { return bytes_.empty(); }
  std::size_t size() const { return bytes_.size(); }
  void wipe() noexcept;

 private:
  std::vector<char> bytes_;  // not std::string: its small buffer would be copied by a move and left behind
};

// Wipes a string that held a secret on its way here (a command line's stdin, a decoded token).
void wipe(std::string& text) noexcept;

}  // namespace sallyport::core
