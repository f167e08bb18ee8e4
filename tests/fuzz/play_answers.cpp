// What a strange server answers to a play, and what a strange client asks of a play's server. Input: an octet, whose first bit says HTTP/2;
// then what comes after the handshake.
//
// Invariants: bytes that are cut otherwise prove the same and are answered with the same; a status is one that HTTP has.
#include "target.hpp"

#include <tls/play_answer.hpp>
#include <tls/play_reply.hpp>

namespace {

using namespace sallyport;
using namespace sallyport::fuzz;

struct read {
  tls::play_answer::proof proof;
  int status;
  std::string words, said;
  bool done;
  friend bool operator==(const read&, const read&) = default;
};

read through(std::string_view alpn, core::bytes input, std::size_t piece) {
  tls::play_answer answer(alpn, "localhost");
  tls::play_reply reply(alpn);
  std::string said = reply.received({});
  while (!input.empty()) {
    const auto some = loan(input.first(std::min(piece, input.size())));
    input = input.subspan(some.size());
    answer.received(text_of(some));
    said += reply.received(text_of(some));
  }
  return {answer.so_far(), answer.status(), answer.words(), said, reply.done()};
}

void check(core::bytes input) {
  source from(input);
  const std::string_view alpn = (from.number(1) & 1) != 0 ? "h2" : "http/1.1";
  const auto rest = from.rest();
  const auto whole = through(alpn, rest, std::max<std::size_t>(1, rest.size()));
  demand(whole == through(alpn, rest, 1), "cut otherwise, read otherwise");
  demand(whole.status == 0 || (whole.status >= 200 && whole.status <= 999), "no status");
}

}  // namespace

SALLYPORT_FUZZ_TARGET(play_answers, check)
