// Passwords travel in base64 inside the user calls, and Milvus answers what is not base64 with the words of Go's decoder, the offset
// included. This is that decoder: standard alphabet, padding demanded, CR and LF skipped anywhere, stray bits in the last character let
// pass. Pure, any thread.
#pragma once

#include <sallyport/core/secret.hpp>

#include <cstddef>
#include <string_view>
#include <variant>

namespace sallyport::milvus {

struct base64_fault {
  std::size_t at;  // "illegal base64 data at input byte <at>"
};

std::variant<core::secret, base64_fault> decode_base64(std::string_view text);

}  // namespace sallyport::milvus
