// Why the ids that are not open any more are not: for the last 1,024 ids of one side's streams, two bits each (RFC 9113 5.1,
// docs/passage.md 2). Owned by one session. What is older is forgotten, and treated like what we reset: ignored and credited.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace sallyport::http2 {

class closed_ids {
 public:
  enum class state : std::uint8_t {
    skipped,  // a lower id than one that was used, and never used itself: closed without a word (RFC 9113 5.1.1)
    in_use,   // told by `use`; it is open, or will be told closed
    reset,    // by us: what still comes was on its way, and is ignored
    ended,    // by the peer, or in good order on both sides: nothing may come any more
    forgotten,
  };

  // A new highest id; those between it and the last one are skipped.
  void use(std::uint32_t id) {
    const auto at = id >> 1;
    const auto first_new = used_any_ ? highest_ + 1 : at;
    const auto from = at - first_new >= remembered ? at - remembered + 1 : first_new;
    for (auto skipped = from; skipped < at; ++skipped) put(skipped, state::skipped);
    if (!used_any_) lowest_ = at;
    highest_ = at;
    used_any_ = true;
    put(at, state::in_use);
  }

  void close(std::uint32_t id, state why) {
    if (!is_forgotten(id >> 1)) put(id >> 1, why);
  }

  state of(std::uint32_t id) const {
    const auto at = id >> 1;
    if (is_forgotten(at)) return state::forgotten;
    if (at < lowest_) return state::skipped;
    return static_cast<state>(bits_[at % remembered / per_word] >> at % per_word * 2 & 3);
  }

 private:
  static constexpr std::uint32_t remembered = 1024, per_word = 32;
  bool is_forgotten(std::uint32_t at) const { return !used_any_ || (at < highest_ && highest_ - at >= remembered); }
  void put(std::uint32_t at, state what) {
    auto& word = bits_[at % remembered / per_word];
    const auto shift = at % per_word * 2;
    word = (word & ~(std::uint64_t{3} << shift)) | std::uint64_t{static_cast<std::uint8_t>(what)} << shift;
  }

  std::array<std::uint64_t, remembered / per_word> bits_{};
  std::uint32_t highest_ = 0, lowest_ = 0;  // ids without their lowest bit
  bool used_any_ = false;
};

}  // namespace sallyport::http2
