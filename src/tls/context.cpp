#include <sallyport/tls/context.hpp>

#include <sallyport/core/expect.hpp>

#include "certificate.hpp"
#include "pem.hpp"
#include "server_policy.hpp"

#include <algorithm>
#include <array>

namespace sallyport::tls {

using core::fault;

namespace {

void add_dates(const policy& of, std::vector<context::dated>& to) {
  using kind = context::dated::kind;
  for (std::size_t i = 0; i < of.pairs.size(); ++i) {
    const X509* leaf = of.pairs[i].chain.front().get();
    auto until = seconds_of(X509_get0_notAfter(leaf));
    for (const auto& one : of.pairs[i].chain) until = std::min(until, seconds_of(X509_get0_notAfter(one.get())));
    to.push_back({kind::server, of.settings.certificates[i].cert, subject_of(leaf), sha256_of(leaf), until});
  }
  if (!of.trust) return;
  for (const auto& one : of.trust->dates())
    to.push_back({one.is_crl ? kind::crl : kind::client_ca, one.path, one.subject, one.sha256, one.until});
}

// Of all that was read, so that an equal fingerprint means that nothing has changed.
std::string fingerprint_of(const context::parts& all) {
  std::string text;
  const auto append = [&](const digest& part) { text.append(reinterpret_cast<const char*>(part.data()), part.size()); };
  for (const auto& one : all.policies) {
    append(one->id);
    for (const auto& pair : one->pairs) {
      for (const auto& certificate : pair.chain) text += sha256_of(certificate.get());
      if (pair.response) text += pair.response->der;
      text += '/';
    }
  }
  digest made{};
  SALLYPORT_EXPECT(EVP_Digest(text.data(), text.size(), made.data(), nullptr, EVP_sha256(), nullptr) == 1);
  return hex_of(made);
}

void add_files(const policy_settings& of, std::vector<std::string>& to) {
  for (const auto& pair : of.certificates)
    for (const auto* file : {&pair.cert, &pair.key, &pair.ocsp})
      if (!file->empty()) to.push_back(*file);
  if (of.clients == client_certificates::none) return;
  if (!of.client_ca.empty()) to.push_back(of.client_ca);
  to.insert(to.end(), of.crls.begin(), of.crls.end());
}

// Of policies that name none. A name that is said goes before one that a certificate has; of two certificates that have it, neither does,
// for one may ask for client certificates where the other does not.
void add_certificate_names(const server_settings& settings, context::parts& all, std::vector<fault>& faults) {
  for (std::size_t index = 1; index < all.policies.size(); ++index) {
    if (!settings.by_name[index - 1].names.empty()) continue;
    for (const auto& pair : all.policies[index]->pairs)
      for (const auto& name : pair.names) {
        const auto owner = all.names.add(name, index);
        if (owner != index && settings.by_name[owner - 1].names.empty())
          faults.push_back(wrong(settings.by_name[index - 1].policy.certificates.front().cert,
                                 "its name " + name + " has a policy already, by another certificate: say in one 'names' whose it is"));
      }
  }
}

}  // namespace

bool always_requires_certificates(const server_settings& s) {
  const auto requires_one = [](const policy_settings& p) { return p.clients == client_certificates::required; };
  return requires_one(s) && std::all_of(s.by_name.begin(), s.by_name.end(), [&](const name_settings& n) { return requires_one(n.policy); });
}

std::vector<std::string> files_of(const server_settings& settings) {
  std::vector<std::string> all;
  add_files(settings, all);
  for (const auto& named : settings.by_name) add_files(named.policy, all);
  if (!settings.ticket_keys_file.empty()) all.push_back(settings.ticket_keys_file);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

context::context() : parts_(std::make_unique<parts>()) {}

context::~context() = default;

boost::system::result<std::shared_ptr<const context>, std::vector<fault>> context::load(const server_settings& settings,
                                                                                        std::shared_ptr<ticket_keys> keys) {
  const std::shared_ptr<context> made(new context);
  auto& all = *made->parts_;
  std::vector<fault> faults;
  all.unknown = settings.unknown;
  all.tickets = keys ? std::move(keys) : std::make_shared<ticket_keys>();
  ticket_keys::list shared;
  if (!settings.ticket_keys_file.empty()) {
    auto read = ticket_keys::in_file(settings.ticket_keys_file);
    if (read)
      shared = std::move(*read);
    else
      faults.push_back(read.error());
    if (readable_by_others(settings.ticket_keys_file))
      all.warnings.push_back(settings.ticket_keys_file + ": the ticket keys may be read by others than their owner; chmod 600 it");
  }
  all.policies.push_back(load_policy(settings, settings.any_protocol, faults, all.warnings));
  for (const auto& named : settings.by_name) {
    all.policies.push_back(load_policy(named.policy, settings.any_protocol, faults, all.warnings));
    for (const auto& name : named.names) all.names.add(name, all.policies.size() - 1);
  }
  add_certificate_names(settings, all, faults);
  ERR_clear_error();
  if (!faults.empty()) return faults;
  if (!shared.empty()) all.tickets->use(std::move(shared));  // they are in force at once, and nothing is wrong any more
  for (const auto& one : all.policies) add_dates(*one, all.dates);
  all.fingerprint = fingerprint_of(all);
  return std::shared_ptr<const context>(made);
}

context::parts::choice context::parts::choose(std::string_view name) const {
  const auto own = names.find(name);
  const auto& by = *policies[own.value_or(0)];
  return {&by, by.context_for(name), own || by.names.find(name)};
}

const std::vector<std::string>& context::warnings() const { return parts_->warnings; }

const std::string& context::fingerprint() const { return parts_->fingerprint; }

const std::vector<context::dated>& context::dates() const { return parts_->dates; }

std::size_t context::policy_for(std::string_view name) const { return parts_->names.find(name).value_or(0); }

std::size_t context::policies() const { return parts_->policies.size(); }

}  // namespace sallyport::tls
