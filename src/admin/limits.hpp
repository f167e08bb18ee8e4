// The bounds of the admin socket, for its two sides.
#pragma once

#include <chrono>
#include <cstddef>

namespace sallyport::admin {

inline constexpr std::size_t request_max_bytes = 64 * 1024;
inline constexpr std::size_t answer_max_bytes = 16 * 1024 * 1024;  // a list of every user is one answer
inline constexpr std::size_t depth_max = 8;
inline constexpr std::size_t connections_max = 16;
inline constexpr std::chrono::seconds request_limit{10};  // and between two requests
inline constexpr std::chrono::seconds ask_limit{30};
inline constexpr std::size_t socket_path_max = 107;  // sizeof sockaddr_un::sun_path less its NUL

}  // namespace sallyport::admin
