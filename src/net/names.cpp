#include <sallyport/net/names.hpp>

#include <boost/algorithm/string/predicate.hpp>

namespace sallyport::net {

std::vector<core::asio::ip::tcp::endpoint> known_addresses(std::string_view host, std::uint16_t port) {
  namespace ip = core::asio::ip;
  core::error_code ec;
  const auto literal = ip::make_address(host, ec);
  if (!ec) return {{literal, port}};
  if (!boost::algorithm::iequals(host, "localhost")) return {};
  return {{ip::address_v4::loopback(), port}, {ip::address_v6::loopback(), port}};
}

}  // namespace sallyport::net
