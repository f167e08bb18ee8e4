// sallyport certs show: a chain from a file, or as a server sends it.
#include "command_certs.hpp"
#include "exit_codes.hpp"

#include <sallyport/certs/show.hpp>
#include <sallyport/tls/play.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <ostream>

#include <sys/stat.h>

namespace sallyport::app {

namespace {

namespace json = boost::json;

struct source {
  std::vector<std::string> chain;
  certs::show_options how;
  std::string version, alpn;  // of a server
};

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& one : texts) all += (all.empty() ? "" : ", ") + shown_text(one);
  return all;
}

core::outcome<source> from_server(const certs_show_options& options) {
  const auto server = find_server(options.what);
  if (!server) return core::fault{server.error().code, options.what + " is no file, and " + server.error().text};
  const auto seen = tls::play({.to = server->at,
                               .version = {},
                               .cert = {},
                               .key = {},
                               .sni = server->is_literal ? std::string() : server->host,
                               .host = server->host});
  if (seen.chain.empty())
    return core::fault{boost::system::errc::make_error_code(boost::system::errc::not_connected),
                       options.what + " showed no certificate: " + std::string(name_of(seen.how)) + ", " + seen.proof};
  source made{seen.chain, {}, seen.version, seen.alpn};
  made.how.host = server->host;
  return made;
}

core::outcome<source> find(const certs_show_options& options) {
  struct stat about{};
  const bool is_file = ::stat(options.what.c_str(), &about) == 0;
  source made;
  if (is_file) {
    auto chain = certs::read_chain(options.what);
    if (!chain) return chain.error();
    made.chain = std::move(*chain);
    const auto first = certs::show(made.chain, {});
    made.how.for_server = !first || !certs::is_clients_only(first->chain.front());
  } else {
    auto served = from_server(options);
    if (!served) return served;
    made = std::move(*served);
  }
  if (!options.host.empty()) made.how.host = options.host;
  made.how.ca = options.ca;
  return made;
}

json::array as_json(const std::vector<std::string>& texts) {
  json::array all;
  for (const auto& one : texts) all.emplace_back(shown_text(one));
  return all;
}

json::object as_json(const certs::shown_certificate& one) {
  return {{"subject", shown_text(one.subject)},
          {"issuer", shown_text(one.issuer)},
          {"serial", one.serial},
          {"not_before", one.not_before},
          {"not_after", one.not_after},
          {"days_left", one.days_left},
          {"key", shown_text(one.key)},
          {"signature", shown_text(one.signature)},
          {"authority", one.authority},
          {"self_signed", one.self_signed},
          {"dns", as_json(one.dns)},
          {"ips", as_json(one.ips)},
          {"uris", as_json(one.uris)},
          {"emails", as_json(one.emails)},
          {"purposes", as_json(one.purposes)},
          {"sha256", one.sha256}};
}

void print_json(const source& from, const certs::shown& all, surroundings& around) {
  json::array chain, findings;
  for (const auto& one : all.chain) chain.push_back(as_json(one));
  for (const auto& one : all.findings)
    findings.push_back(
        json::object{{"id", one.id}, {"weight", certs::name_of(one.weight)}, {"text", shown_text(one.text)}, {"said", as_json(one.said)}});
  around.out << json::serialize(json::object{{"version", from.version},
                                             {"alpn", shown_text(from.alpn)},
                                             {"for", from.how.for_server ? "server" : "client"},
                                             {"chain", std::move(chain)},
                                             {"findings", std::move(findings)}})
             << std::endl;
}

void print(const certs::shown_certificate& one, std::size_t number, std::ostream& out) {
  std::vector<std::string> names = one.dns;
  for (const auto* more : {&one.ips, &one.uris, &one.emails}) names.insert(names.end(), more->begin(), more->end());
  const std::string left =
      one.days_left < 0 ? "expired " + std::to_string(-one.days_left) + " days ago" : std::to_string(one.days_left) + " days left";
  out << "certificate " << number << (one.self_signed ? ", signed by itself" : "") << (one.authority ? ", an authority" : "") << "\n"
      << "  subject   " << shown_text(one.subject) << "\n";
  if (!one.self_signed) out << "  issuer    " << shown_text(one.issuer) << "\n";
  out << "  names     " << (names.empty() ? "none" : joined(names)) << "\n"
      << "  valid     " << one.not_before << " to " << one.not_after << ", " << left << "\n"
      << "  key       " << shown_text(one.key) << ", signed with " << shown_text(one.signature) << "\n"
      << "  purposes  " << (one.purposes.empty() ? "not limited" : joined(one.purposes)) << "\n"
      << "  serial    " << one.serial << "\n"
      << "  sha256    " << one.sha256 << "\n\n";
}

}  // namespace

int command_certs_show(const certs_show_options& options, surroundings& around) {
  const auto from = find(options);
  if (!from) {
    complain(around, shown_text(from.error().text), "name a PEM file, or a server as HOST:PORT");
    return bad_request;
  }
  const auto all = certs::show(from->chain, from->how);
  if (!all) {
    complain(around, shown_text(options.what + ": " + all.error().text));
    return bad_request;
  }
  const bool faulty =
      std::any_of(all->findings.begin(), all->findings.end(), [](const certs::finding& one) { return one.weight == certs::weight::fault; });
  if (options.json) {
    print_json(*from, *all, around);
    return faulty ? refused : ended_well;
  }
  if (!from->version.empty())
    around.out << "as served in " << from->version << (from->alpn.empty() ? "" : ", " + shown_text(from->alpn)) << "\n\n";
  std::size_t number = 0;
  for (const auto& one : all->chain) print(one, ++number, around.out);
  for (const auto& one : all->findings) {
    around.out << certs::name_of(one.weight) << " " << one.id << ": " << shown_text(one.text) << "\n";
    for (const auto& words : one.said) around.out << "    " << shown_text(words) << "\n";
  }
  if (all->findings.empty()) around.out << "nothing to say against it\n";
  around.out.flush();
  return faulty ? refused : ended_well;
}

}  // namespace sallyport::app
