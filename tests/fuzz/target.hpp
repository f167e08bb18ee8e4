// What a fuzz target is made of: a function that is lent a stranger's bytes and throws when something does not hold that must. In the
// preset `fuzz` SALLYPORT_FUZZ_TARGET makes it libFuzzer's entry, where a throw ends the program; in every other build it enters the table
// that replay.cpp goes through. Each file beside this one is a target of its own name, and says on top what its input looks like.
#pragma once

#include <sallyport/core/result.hpp>

#include <algorithm>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::fuzz {

inline void demand(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

inline core::bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }
inline std::string_view text_of(core::bytes from) { return {reinterpret_cast<const char*>(from.data()), from.size()}; }

// A copy of exactly this size, so that ASan sees what is read beside it, or after it has gone.
inline std::vector<std::byte> loan(core::bytes from) { return {from.begin(), from.end()}; }

// Takes an input apart, from its front. What is not there is zeros and empty texts.
class source {
 public:
  explicit source(core::bytes input) : left_(input) {}
  bool empty() const { return left_.empty(); }
  std::uint32_t number(int octets) {
    std::uint32_t value = 0;
    for (; octets > 0; --octets) value = value << 8 | (left_.empty() ? 0u : static_cast<std::uint32_t>(take(1)[0]));
    return value;
  }
  core::bytes take(std::size_t most) {
    const auto taken = left_.first(std::min(most, left_.size()));
    left_ = left_.subspan(taken.size());
    return taken;
  }
  std::string_view text(std::size_t most) { return text_of(take(most)); }
  core::bytes rest() { return take(left_.size()); }

 private:
  core::bytes left_;
};

struct registration {
  registration(const char* name, void (*run)(core::bytes));
};

}  // namespace sallyport::fuzz

#ifdef SALLYPORT_LIBFUZZER
#define SALLYPORT_FUZZ_TARGET(name, run)                                               \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size);  \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) { \
    run(std::as_bytes(std::span(input, size)));                                        \
    return 0;                                                                          \
  }
#else
#define SALLYPORT_FUZZ_TARGET(name, run)                             \
  namespace {                                                        \
  const sallyport::fuzz::registration registered_##name(#name, run); \
  }
#endif
