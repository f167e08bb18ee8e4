// sallyport certs probe: what stands on its command line, and what is said before and after.
#include "command_certs.hpp"
#include "exit_codes.hpp"
#include "probe_report.hpp"

#include <chrono>
#include <fstream>
#include <ostream>

namespace sallyport::app {

namespace {

constexpr auto tell_every = std::chrono::seconds(2);
constexpr const char* way_to_play =
    "make a kit with `sallyport certs fixtures DIR`, give the server DIR/ca.pem as client_ca and DIR/crl.pem as crl, then `sallyport certs "
    "probe HOST:PORT --kit DIR`";

int could_not(surroundings& around, const std::string& what, const std::string& hint) {
  complain(around, shown_text(what, 600), hint);
  return bad_request;
}

probe_mode mode_of(const std::string& name) {
  if (name == "none") return probe_mode::none;
  return name == "optional" ? probe_mode::optional : probe_mode::required;
}

// A line now and then on standard error; none for what is over in a moment.
auto telling(surroundings& around) {
  return [&around, next = std::chrono::steady_clock::now() + tell_every](std::size_t done, std::size_t of, const std::string& id) mutable {
    const auto now = std::chrono::steady_clock::now();
    if (now < next || done == of) return;
    next = now + tell_every;
    around.err << "sallyport: " << done << " of " << of << " played, now " << shown_text(id, 60) << std::endl;
  };
}

}  // namespace

int command_certs_probe(const certs_probe_options& options, surroundings& around) {
  if (options.kit.empty()) return could_not(around, "--kit is missing", way_to_play);
  const auto kit = certs::load_fixtures(options.kit);
  if (!kit) return could_not(around, kit.error().text, way_to_play);
  if (!options.only.empty() && !is_known(*kit, options.only))
    return could_not(around, "the kit has no family and no set " + options.only,
                     "families: dates, names, chain, extensions, keys, revocation, encoding, size");
  const auto server = find_server(options.server);
  if (!server) return could_not(around, server.error().text, "name the server, for example localhost:19443");
  std::ofstream junit;
  if (!options.junit.empty()) {
    junit.open(options.junit, std::ios::binary | std::ios::trunc);
    if (!junit) return could_not(around, "cannot write " + options.junit, "name a file that can be written with --junit");
  }

  probe_plan plan;
  plan.to = server->at;
  plan.host = server->host;
  plan.sni = !options.sni.empty() ? options.sni : server->is_literal ? std::string() : server->host;
  plan.mode = mode_of(options.mode);
  plan.only = options.only;
  plan.limit = std::chrono::seconds(options.timeout);
  plan.progress = telling(around);
  plan.say = [&around](const std::string& what, const std::string& hint) { complain(around, shown_text(what, 600), hint); };
  const auto result = probe(*kit, plan);
  if (!result.trouble.empty()) return could_not(around, result.trouble, result.hint);

  const auto counted = count(result.rows);
  if (options.json) {
    print_json(options.server, options.mode, result.rows, around.out);
  } else {
    print_table(result.rows, around.out);
    around.out << "\n" << counted.played << " played, " << counted.findings << (counted.findings == 1 ? " finding" : " findings");
    if (counted.skipped != 0) around.out << ", " << counted.skipped << " not played";
    around.out << std::endl;
  }
  if (!options.junit.empty()) {
    print_junit(options.server, result.rows, junit);
    junit.close();
    if (!junit) return could_not(around, "cannot write " + options.junit, "is the disk full?");
  }
  if (counted.played == 0) return could_not(around, "nothing was played", "without --only all sets are");
  return counted.findings == 0 ? ended_well : refused;
}

}  // namespace sallyport::app
