// Standard base64 as Go's StdEncoding reads it, which is what Milvus uses: padding required, no other alphabet, no white space. Unused bits
// of the last digit may be anything, as with Go (a client that sends them gets in at Milvus, too). CR and LF, which Go skips, cannot occur
// in a field's value, so they are refused like any other byte. Pure, any thread, allocates nothing.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace sallyport::auth {

// What `text` says, written into `room`, which must hold text.size() / 4 * 3 bytes. Nothing when it is not base64.
std::optional<std::string_view> decode_base64(std::string_view text, std::span<char> room);

}  // namespace sallyport::auth
