#include "mint.hpp"

#include <algorithm>

namespace sallyport::certs {

namespace {

constexpr std::size_t rsa_supply = 2 * 1024 * 1024, supply_a_certificate = 4096;
constexpr std::size_t key_id_bytes = 20, serial_bytes = 16;

core::fault not_made(std::string_view what) {
  return {errc::failed, "OpenSSL could not make " + std::string(what) + ": " + openssl_reason()};
}

std::size_t supply_for(const blueprint& what) { return supply_a_certificate * (what.via.size() + 4); }

// RFC 7093 2 (1): the leftmost 160 bits of a SHA-256.
octets key_id_of(OSSL_LIB_CTX* library, const octets& public_key) {
  octets digest(32, '\0');
  std::size_t size = 0;
  if (EVP_Q_digest(library, "SHA256", nullptr, public_key.data(), public_key.size(), reinterpret_cast<unsigned char*>(digest.data()),
                   &size) != 1)
    return {};
  return digest.substr(0, key_id_bytes);
}

octets authority_key_identifier(const octets& key_id, bool critical) {
  return extension("2.5.29.35", critical, der::sequence({der::context_primitive(0, key_id)}));
}

}  // namespace

octets mint::extensions_of(const certificate_plan& plan, bool ca, const minted& own, const minted& issuer) const {
  octets all = plan.constraints.value_or(basic_constraints(ca));
  all += plan.usage.value_or(key_usage(ca ? key_cert_sign | crl_sign : digital_signature));
  all += plan.purposes.value_or(ca ? octets() : purposes({oid::client_auth, oid::server_auth}));
  if (plan.subject_key) all += extension("2.5.29.14", false, der::octet_string(own.key_id));
  if (plan.authority_key != key_identifier::left_out)
    all += authority_key_identifier(plan.authority_key == key_identifier::of_root ? root_.key_id : issuer.key_id,
                                    plan.authority_key == key_identifier::critical);
  all += plan.names.value_or(ca ? octets() : local_names());
  return all + plan.more;
}

octets mint::validity(const certificate_plan& plan) const {
  return der::sequence({plan.not_before.empty() ? der::time(at_ + plan.since) : plan.not_before,
                        plan.not_after.empty() ? der::time(at_ + plan.until) : plan.not_after});
}

octets mint::signature(const minted& signer, const octets& what, bool sha1) const {
  const std::unique_ptr<EVP_MD_CTX, freed_by<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  const char* digest = signer.type == key_type::ed25519 ? nullptr : sha1 ? "SHA1" : "SHA256";
  const auto* data = reinterpret_cast<const unsigned char*>(what.data());
  std::size_t size = 0;
  if (!context || EVP_DigestSignInit_ex(context.get(), nullptr, digest, numbers_.library(), nullptr, signer.key.get(), nullptr) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, data, what.size()) != 1)
    return {};
  octets made(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(made.data()), &size, data, what.size()) != 1) return {};
  made.resize(size);
  return made;
}

key_handle mint::key_for(key_type type) {
  const auto shared = shared_keys_.find(type);
  if (shared == shared_keys_.end()) return make_kit_key(numbers_, type);
  EVP_PKEY_up_ref(shared->second.get());
  return key_handle(shared->second.get());
}

core::outcome<minted> mint::prepare(const certificate_plan& plan, const std::string& name) {
  minted made;
  made.type = plan.key;
  made.key = key_for(plan.key);
  if (!made.key) return not_made("a key for " + name);
  made.subject = plan.subject.value_or(common_name(name));
  made.key_id = key_id_of(numbers_.library(), public_key_of(made.key.get()));
  if (plan.serial) {
    made.serial = *plan.serial;
  } else {
    made.serial = numbers_.draw(serial_bytes);
    if (made.serial.empty()) return not_made("a serial number for " + name);
    // Positive, and its first octet no zero: RFC 5280 4.1.2.2, X.690 8.3.2.
    made.serial[0] = static_cast<char>((static_cast<unsigned char>(made.serial[0]) & 0x7F) | 0x40);
  }
  return made;
}

core::outcome<octets> mint::certify(const certificate_plan& plan, bool ca, const minted& own, const minted& issuer) {
  octets public_key = public_key_of(own.key.get());
  if (public_key.empty() || own.key_id.empty()) return not_made("a public key");
  // The last octet is the end of a coordinate: a point that is not on the curve.
  if (plan.key == key_type::p256_off_curve) public_key.back() = static_cast<char>(public_key.back() ^ 1);
  const octets algorithm = signature_algorithm_of(issuer, plan.sha1);
  const octets extensions = extensions_of(plan, ca, own, issuer);
  octets to_sign = der::sequence({plan.version > 1 ? der::context(0, der::number(plan.version - 1)) : octets(), der::integer(own.serial),
                                  algorithm, issuer.subject, validity(plan), own.subject, public_key,
                                  extensions.empty() ? octets() : der::context(3, der::sequence({extensions}))});
  if (plan.before_signing) to_sign = plan.before_signing(to_sign);
  const octets signature_value = signature(issuer, to_sign, plan.sha1);
  if (signature_value.empty()) return not_made("a signature");
  const octets outside = plan.says_another_algorithm ? der::sequence({der::object("1.2.840.10045.4.3.3")}) : algorithm;
  const octets made = der::sequence({to_sign, outside, der::bits(signature_value)});
  return plan.after_signing ? plan.after_signing(made) : made;
}

core::outcome<minted> mint::issue(const certificate_plan& plan, const std::string& name, bool ca, const minted* issuer) {
  auto made = prepare(plan, name);
  if (!made) return made;
  auto certificate = certify(plan, ca, *made, issuer ? *issuer : *made);
  if (!certificate) return certificate.error();
  made->certificate = std::move(*certificate);
  return made;
}

core::outcome<void> mint::open() {
  for (const auto type : {key_type::rsa_1024, key_type::rsa_2048}) {
    auto& key = shared_keys_[type];
    if (numbers_.begin(type == key_type::rsa_1024 ? "RSA-1024" : "RSA-2048", rsa_supply)) key = make_kit_key(numbers_, type);
    if (!key) return not_made("an RSA key");
  }
  struct anchor_line {
    minted& into;
    const char* name;
    certificate_plan plan;
  };
  const certificate_plan usual{.since = -2 * day, .until = 10 * year};
  certificate_plan lax = usual, impostor = usual;
  lax.constraints = basic_constraints(true, false);
  lax.usage = octets();
  lax.serial = octets(1, '\0');
  impostor.subject = common_name("Kit root");
  for (const auto& [into, name, plan] : {anchor_line{root_, "Kit root", usual}, anchor_line{lax_, "Kit lax root", lax},
                                         anchor_line{stranger_, "Kit stranger", usual}, anchor_line{impostor_, "Kit impostor", impostor}}) {
    if (!numbers_.begin(name)) return not_made("random numbers");
    auto made = issue(plan, name, true, nullptr);
    if (!made) return made.error();
    into = std::move(*made);
  }
  return {};
}

core::outcome<minted> mint::server() {
  if (!numbers_.begin("server")) return not_made("random numbers");
  return issue({}, "localhost", false, &root_);
}

const minted* mint::anchor_of(const blueprint& what) const {
  switch (what.under) {
    case anchor::root: return &root_;
    case anchor::lax: return &lax_;
    case anchor::stranger: return &stranger_;
    case anchor::impostor: return &impostor_;
    case anchor::itself: break;
  }
  return nullptr;
}

core::outcome<void> mint::make_via(const blueprint& what, std::vector<minted>& via) {
  for (std::size_t i = 0; i < what.via.size(); ++i) {
    auto made = prepare(what.via[i], what.id + " CA " + std::to_string(i + 1));
    if (!made) return made.error();
    via.push_back(std::move(*made));
  }
  for (std::size_t i = 0; i < via.size(); ++i) {
    const bool topmost = i + 1 == via.size();
    const minted* above = topmost ? anchor_of(what) : &via[i + 1];
    if (topmost && what.sends == sent::loop) above = &via.front();
    auto certificate = certify(what.via[i], true, via[i], above ? *above : via[i]);
    if (!certificate) return certificate.error();
    via[i].certificate = std::move(*certificate);
  }
  return {};
}

core::outcome<minted_set> mint::make(const blueprint& what) {
  if (!numbers_.begin(what.id, supply_for(what))) return not_made("random numbers");
  std::vector<minted> via;
  if (auto made = make_via(what, via); !made) return made.error();
  auto leaf = issue(what.leaf, what.id, false, via.empty() ? anchor_of(what) : &via.front());
  if (!leaf) return leaf.error();
  minted_set made;
  made.leaf = std::move(*leaf);
  if (auto done = send(what, via, made); !done) return done.error();
  if (auto done = make_crls(what, via, made); !done) return done.error();
  return made;
}

core::outcome<void> mint::send(const blueprint& what, const std::vector<minted>& via, minted_set& into) {
  if (what.sends == sent::leaf_alone) return {};
  if (what.sends == sent::with_strangers) into.sent = {lax_.certificate, stranger_.certificate};
  for (const auto& one : via) into.sent.push_back(one.certificate);
  if (what.sends == sent::reversed) std::reverse(into.sent.begin(), into.sent.end());
  if (what.sends == sent::with_strangers) into.sent.push_back(impostor_.certificate);
  if (what.sends == sent::with_anchor) into.sent.push_back(anchor_of(what)->certificate);
  if (what.sends == sent::with_twin) {
    auto twin = certify(what.via.front(), true, via.front(), stranger_);
    if (!twin) return twin.error();
    into.sent.push_back(std::move(*twin));
  }
  return {};
}

core::outcome<void> mint::make_crls(const blueprint& what, const std::vector<minted>& via, minted_set& into) {
  if (what.under != anchor::root && what.under != anchor::lax) return {};  // whoever is not trusted is not asked
  auto& anchors = what.under == anchor::lax ? lax_revoked_ : root_revoked_;
  const minted* below = &into.leaf;
  const certificate_plan* plan = &what.leaf;
  for (std::size_t i = 0; i <= via.size(); ++i) {
    std::vector<revocation> revoked;
    if (plan->revoked) revoked.push_back({below->serial, plan->reason});
    if (plan->serial_revoked) root_revoked_.push_back({below->serial, 0});
    if (i == via.size()) {
      anchors.insert(anchors.end(), revoked.begin(), revoked.end());
      break;
    }
    if (what.via[i].crl.made) {
      auto made = crl(what.via[i].crl, via[i], revoked);
      if (!made) return made.error();
      into.crls.push_back(std::move(*made));
    }
    below = &via[i];
    plan = &what.via[i];
  }
  return {};
}

core::outcome<octets> mint::crl(const crl_plan& plan, const minted& issuer, const std::vector<revocation>& revoked) {
  const minted& signer = plan.by_another_key ? stranger_ : issuer;
  octets entries;
  for (const auto& [serial, reason] : revoked) {
    octets more = plan.entry_extensions;
    if (reason != 0) more += extension("2.5.29.21", false, der::element(der::enumerated_tag, octets(1, static_cast<char>(reason))));
    entries += der::sequence({der::integer(serial), der::time(at_ + plan.since), more.empty() ? octets() : der::sequence({more})});
  }
  const octets algorithm = signature_algorithm_of(signer, false);
  // RFC 5280 5.2: the key identifier and a number are in every CRL of version 2.
  const octets extensions =
      authority_key_identifier(issuer.key_id, false) + extension("2.5.29.20", false, der::number(1)) + plan.extensions;
  const octets to_sign =
      der::sequence({plan.first_version ? octets() : der::number(1), algorithm, issuer.subject, der::time(at_ + plan.since),
                     der::time(at_ + plan.until), entries.empty() ? octets() : der::sequence({entries}),
                     plan.first_version ? octets() : der::context(0, der::sequence({extensions}))});
  const octets signature_value = signature(signer, to_sign, false);
  if (signature_value.empty()) return not_made("a CRL");
  return der::sequence({to_sign, algorithm, der::bits(signature_value)});
}

core::outcome<std::vector<octets>> mint::anchor_crls() {
  if (!numbers_.begin("CRLs")) return not_made("random numbers");
  std::vector<octets> all;
  for (const auto& [ca, revoked] : {std::pair{&root_, &root_revoked_}, std::pair{&lax_, &lax_revoked_}}) {
    auto made = crl({}, *ca, *revoked);
    if (!made) return made.error();
    all.push_back(std::move(*made));
  }
  return all;
}

}  // namespace sallyport::certs
