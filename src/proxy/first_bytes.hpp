// Which protocol a connection opens with, from its first bytes (of a client without ALPN, or one that knocks in another protocol). Pure.
#pragma once

#include <sallyport/core/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport::proxy {

enum class opening { undecided, http2, http1, tls, proxy_header, unknown };
opening look_at(core::bytes first);  // undecided for 24 bytes at most
std::string_view name_of(opening kind);

// What a client is told, in the protocol that it seems to speak. Empty: there is no way to say it.
std::string words_for_plaintext_on_tls(opening kind);  // it forgot TLS

}  // namespace sallyport::proxy
