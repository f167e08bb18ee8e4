// Size. The server takes a list of certificates of 64 KiB at most.
#include "blueprint.hpp"

namespace sallyport::certs {

namespace {

constexpr std::size_t kibibyte = 1024;
// The whole Certificate message must stay below 64 KiB, and OpenSSL's clients add the root where they have it.
constexpr std::size_t room_for_the_rest = 2 * kibibyte;

}  // namespace

std::vector<blueprint> size_sets() {
  return {
      {.id = "size-16k", .says = "A certificate of 16 KiB, which does not fit into one record.", .leaf = {.more = filler(16 * kibibyte)}},
      {.id = "size-64k",
       .says = "A certificate of nearly 64 KiB: with what is around it as much as the server takes.",
       .leaf = {.more = filler(64 * kibibyte - room_for_the_rest)}},
      {.id = "size-180k",
       .fault = "a certificate of 180 KiB",
       .says = "A certificate that is three times as large as all that the server takes.",
       .leaf = {.more = filler(180 * kibibyte)},
       .check = "size"},
      {.id = "size-of-the-chain",
       .fault = "four CAs of 30 KiB each",
       .says = "No certificate is too large, but all of them together are.",
       .via = std::vector<certificate_plan>(4, {.more = filler(30 * kibibyte)}),
       .check = "size"},
  };
}

}  // namespace sallyport::certs
