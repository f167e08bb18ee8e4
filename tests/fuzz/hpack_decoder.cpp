// Header blocks through one hpack_decoder, and through nghttp2's inflater beside it. Input: which limits (a byte), then blocks, each of the
// length that stands before it: a byte below 224, else two.
//
// Invariants: the same verdict and the same fields with the same never_index, block after block, as far as the limits go; beyond them
// too_large, and of the fields at most the one word that the gRPC refusal needs.
#include "hpack_judge.hpp"

#include <sallyport/http2/media_type.hpp>

#include <http2/hpack.hpp>

#include <algorithm>

namespace {

using namespace sallyport;
using namespace sallyport::fuzz;
using verdict = http2::hpack_decoder::verdict;

http2::limits limits_for(std::uint32_t choice) {
  http2::limits within;
  if (choice & 1) within.header_list_bytes = 200;
  if (choice & 2) within.header_fields = 4;
  if (choice & 4) within.header_list_bytes = 1 << 16;
  return within;
}

core::bytes next_block(source& from) {
  const auto length = from.number(1);
  return from.take(length < 224 ? length : (length - 224) << 8 | from.number(1));
}

bool same(const http2::field& ours, const judged_field& theirs) {
  return ours.name == theirs.name && ours.value == theirs.value && ours.never_index == theirs.never_index;
}

void compare(verdict said, const http2::decoded_block& ours, const std::vector<judged_field>& theirs, const http2::limits& within) {
  std::size_t bytes = 0, fitting = 0;
  for (; fitting < theirs.size() && fitting < within.header_fields; ++fitting) {
    bytes += theirs[fitting].name.size() + theirs[fitting].value.size() + 32;
    if (bytes > within.header_list_bytes) break;
  }
  demand(said == (fitting == theirs.size() ? verdict::ok : verdict::too_large), "another verdict on the limits");
  for (const auto& f : ours.fields) demand(f.id == http2::identify(f.name), "a field that is not what it is called");
  if (said == verdict::ok) {
    demand(ours.fields.size() == theirs.size(), "a field is missing");
    for (std::size_t i = 0; i < theirs.size(); ++i) demand(same(ours.fields[i], theirs[i]), "another field");
    return;
  }
  const bool grpc =
      std::any_of(theirs.begin(), theirs.end(), [](const judged_field& f) { return f.name == "content-type" && http2::is_grpc(f.value); });
  demand(ours.fields.size() == (grpc ? 1 : 0), "a refusal that does not know whether it is of gRPC");
  for (const auto& f : ours.fields) demand(f.name == "content-type" && f.value == "application/grpc", "a field beyond the limits");
}

void check(core::bytes input) {
  source from(input);
  const auto within = limits_for(from.number(1));
  http2::hpack_decoder decoder;
  http2::decoded_block into;
  hpack_judge judge;
  while (!from.empty()) {
    const auto block = next_block(from);
    std::vector<judged_field> theirs;
    const bool accepted = judge.read(block, theirs);
    const auto said = [&] { return decoder.decode(loan(block), within, into); }();
    demand((said != verdict::malformed) == accepted, accepted ? "we refuse what the judge reads" : "we read what the judge refuses");
    if (!accepted) return;  // the connection is over
    compare(said, into, theirs, within);
  }
}

}  // namespace

SALLYPORT_FUZZ_TARGET(hpack_decoder, check)
