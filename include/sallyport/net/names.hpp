// What a host's name stands for without asking anybody. Pure.
#pragma once

#include <sallyport/core/asio.hpp>
#include <sallyport/core/result.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace sallyport::net {

// An address written out, or the loopback addresses for localhost, which is them whatever a resolver says (RFC 6761 6.3) and whether or not
// there is an /etc/hosts. Empty: a name that has to be resolved.
std::vector<boost::asio::ip::tcp::endpoint> known_addresses(std::string_view host, std::uint16_t port);

}  // namespace sallyport::net
