#include <sallyport/net/stream.hpp>

#include <algorithm>

namespace sallyport::net {

namespace ip = core::asio::ip;

namespace {

// An IPv4 client of a listener on [::] must be the same source as on 0.0.0.0.
ip::address unmapped(const ip::address& from) {
  if (from.is_v6() && from.to_v6().is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, from.to_v6());
  return from;
}

}  // namespace

std::string peer_address::text() const {
  const auto address = unmapped(endpoint.address());
  const auto port = std::to_string(endpoint.port());
  return address.is_v4() ? address.to_string() + ':' + port : '[' + address.to_string() + "]:" + port;
}

std::string peer_address::source_host() const {
  const auto address = unmapped(endpoint.address());
  return address.is_v4() ? address.to_string() : source_prefix();
}

std::string peer_address::source_prefix() const {
  const auto address = unmapped(endpoint.address());
  if (address.is_v4()) return ip::address_v4(address.to_v4().to_uint() & 0xffffff00U).to_string() + "/24";
  auto bytes = address.to_v6().to_bytes();
  std::fill(bytes.begin() + 6, bytes.end(), static_cast<unsigned char>(0));
  return ip::address_v6(bytes).to_string() + "/48";
}

}  // namespace sallyport::net
