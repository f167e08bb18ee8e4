#include "command_line.hpp"
#include "exit_codes.hpp"

#include <sallyport/certs/kit.hpp>
#include <sallyport/certs/recipe.hpp>

#include <algorithm>
#include <fstream>
#include <ostream>

namespace sallyport::app {

namespace {

// One line that is written over: ESC [K clears what is left of the longer one before.
void show_progress(std::ostream& err, std::size_t done, std::size_t of, std::string_view id) {
  err << "\r\x1B[K";
  if (done < of) err << done + 1 << "/" << of << " " << id;
  err << std::flush;
}

int exit_code_of(const core::fault& fault) { return fault.code == certs::errc::bad_option ? bad_request : refused; }

}  // namespace

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
    return exit_code_of(made.error());
  }
  for (const std::string& path : *made) around.out << path << "\n";
  around.out.flush();
  return ended_well;
}

int command_certs_fixtures(const fixtures_options& options, surroundings& around) {
  certs::fixture_options wanted{.seed = options.seed, .at = options.at, .progress = {}};
  if (around.err_is_terminal)
    wanted.progress = [&around](std::size_t done, std::size_t of, std::string_view id) { show_progress(around.err, done, of, id); };
  const auto made = certs::make_fixtures(options.directory, wanted);
  if (!made) {
    if (around.err_is_terminal) show_progress(around.err, 0, 0, {});
    complain(around, made.error().text);
    return exit_code_of(made.error());
  }
  if (options.json) {
    around.out << std::ifstream(made->directory + "/manifest.json", std::ios::binary).rdbuf();
  } else {
    const auto good = std::count_if(made->sets.begin(), made->sets.end(), [](const certs::fixture& one) { return one.good(); });
    around.out << made->directory << "/manifest.json: " << good << " good, " << made->sets.size() - static_cast<std::size_t>(good)
               << " bad\n";
  }
  around.out.flush();
  return ended_well;
}

}  // namespace sallyport::app
