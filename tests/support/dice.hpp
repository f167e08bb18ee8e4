// Chance that can be had again: a seed is all that a random test prints. One owner, one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <random>
#include <string>

namespace sallyport::support {

class dice {
 public:
  explicit dice(std::uint64_t seed) : engine_(seed) {}

  // Not the library's distributions: what they draw is not the same everywhere.
  std::size_t below(std::size_t n) { return n ? engine_() % n : 0; }
  std::size_t between(std::size_t least, std::size_t most) { return least + below(most - least + 1); }
  bool percent(unsigned chance) { return below(100) < chance; }
  // Small ones are as frequent as large ones: 1 to `most`.
  std::size_t size(std::size_t most) {
    std::size_t bits = 0;
    while (bits < 40 && (std::size_t{1} << bits) < most) ++bits;
    const auto size = between(1, std::size_t{1} << below(bits + 1));
    return size < most ? size : most;
  }
  template <class T>
  T one_of(std::initializer_list<T> all) {
    return *std::next(all.begin(), static_cast<std::ptrdiff_t>(below(all.size())));
  }
  std::string bytes(std::size_t n) {
    std::string text(n, '\0');
    for (auto& c : text) c = static_cast<char>(engine_());
    return text;
  }
  std::string word(std::size_t n) {
    std::string text(n, '\0');
    for (auto& c : text) c = static_cast<char>('a' + below(26));
    return text;
  }
  std::uint64_t seed() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

}  // namespace sallyport::support
