#include "command_line.hpp"
#include "exit_codes.hpp"

#include <sallyport/certs/recipe.hpp>

#include <ostream>

namespace sallyport::app {

int command_certs_init(const certs_options& options, surroundings& around) {
  certs::recipe recipe;
  if (options.rsa) recipe.keys = certs::key_kind::rsa_2048;
  if (!options.client.empty()) recipe.client_common_name = options.client;
  if (options.days) {
    recipe.leaf_days = options.days;
    recipe.ca_days = std::max(recipe.ca_days, options.days);  // a leaf does not outlive its CA
  }
  for (const std::string& name : options.dns) recipe.server_dns_names.push_back(name);
  for (const std::string& address : options.ip) recipe.server_ip_addresses.push_back(address);
  const auto made = certs::init(options.directory, recipe);
  if (!made) {
    complain(around, made.error().text);
    return made.error().code == certs::errc::bad_option ? bad_request : refused;
  }
  for (const std::string& path : *made) around.out << path << "\n";
  around.out.flush();
  return ended_well;
}

}  // namespace sallyport::app
