// A session is fed twice: what comes in a turn goes in as one piece, and in pieces that the input chooses. At the end of a turn its owner
// does what it owes, and what there is to write is taken. Both runs must tell the same and write the same: whoever sits on the wire decides
// where bytes are cut.
#pragma once

#include "target.hpp"

#include <sallyport/core/asio.hpp>

#include <chrono>
#include <iostream>
#include <string>

namespace sallyport::fuzz {

// The first five bytes of an input.
struct plan {
  std::uint8_t habits = 0;            // of the owner
  std::size_t turn_bytes = 0;         // 0: all in one turn
  std::size_t pieces[2] = {1, 1};     // of these sizes, by turns
  std::chrono::milliseconds step{1};  // the length of a turn

  explicit plan(source& from) {
    habits = static_cast<std::uint8_t>(from.number(1));
    turn_bytes = from.number(1) * 8;
    for (auto& piece : pieces) piece = std::max<std::size_t>(from.number(1), 1);
    step = std::chrono::milliseconds(1 + from.number(1));
  }
  bool has(unsigned bit) const { return habits >> bit & 1; }
};
inline constexpr core::clock::time_point beginning{std::chrono::hours(1)};

// What was told, as lines, and what was written. An owner gathers content, which comes in other pieces, until the next line about it.
class transcript {
 public:
  void line(const std::string& text) { told_ += text + "\n"; }
  void written(core::bytes out) { written_ += text_of(out); }
  const std::string& told() const { return told_; }
  const std::string& written() const { return written_; }

 private:
  std::string told_, written_;
};

inline void demand_same(const std::string& one, const std::string& two, const char* what) {
  if (one == two) return;
  const auto at = static_cast<std::size_t>(std::mismatch(one.begin(), one.end(), two.begin(), two.end()).first - one.begin());
  const auto shown = [at](const std::string& text) {
    auto part = text.substr(at < 80 ? 0 : at - 80, 160);
    for (auto& c : part) c = c >= ' ' && c < 0x7f ? c : '.';
    return part;
  };
  std::cerr << "whole: " << shown(one) << "\ncut:   " << shown(two) << "\n";
  throw std::logic_error(what);
}

// What was kept for want of a window is dealt with, a window a turn.
template <class Peer>
void turns_until_quiet(Peer& peer) {
  for (int quiet = 0; quiet < 4; ++quiet) {
    const auto before = peer.notes.told().size() + peer.notes.written().size();
    peer.turn_ends();
    if (before != peer.notes.told().size() + peer.notes.written().size()) quiet = -1;
  }
}

template <class Peer>
transcript fed(Peer& peer, const plan& how, core::bytes stream, bool cut) {
  const auto turn = how.turn_bytes ? how.turn_bytes : stream.size();
  std::size_t number = 0;
  while (!stream.empty()) {
    auto now = stream.first(std::min(turn, stream.size()));
    stream = stream.subspan(now.size());
    if (!peer.wants_input()) break;
    while (!now.empty()) {
      const auto piece = loan(now.first(std::min(cut ? how.pieces[number++ % 2] : now.size(), now.size())));
      now = now.subspan(piece.size());
      peer.receive(piece);
    }
    peer.turn_ends();
  }
  peer.end();
  return peer.notes;
}

template <class Peer>
void feed_both_ways(const plan& how, core::bytes stream) {
  Peer first(how), second(how);
  const auto whole = fed(first, how, stream, false), cut = fed(second, how, stream, true);
  demand_same(whole.told(), cut.told(), "other pieces, other events");
  demand_same(whole.written(), cut.written(), "other pieces, other output");
}

}  // namespace sallyport::fuzz
