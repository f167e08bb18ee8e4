// Makes the certificates and CRLs of blueprints. Owned by one call of make_fixtures, on its thread; a fault means that OpenSSL could not.
#pragma once

#include "blueprint.hpp"
#include "make.hpp"
#include "seeded.hpp"

#include <map>

namespace sallyport::certs {

struct minted {
  key_handle key;
  octets subject, key_id, serial;
  octets certificate;  // DER
  key_type type = key_type::p256;
};

// One set, ready to be written.
struct minted_set {
  minted leaf;
  std::vector<octets> sent;  // beside the leaf, in order
  std::vector<octets> crls;  // of the CAs between
};

class mint {
 public:
  mint(seeded& numbers, std::int64_t at) : numbers_(numbers), at_(at) {}

  core::outcome<void> open();  // makes the anchors, and what sets share
  core::outcome<minted_set> make(const blueprint& what);
  // After all sets: the CRLs of the anchors know what was revoked.
  core::outcome<std::vector<octets>> anchor_crls();

  const minted& root() const { return root_; }
  const minted& lax() const { return lax_; }
  core::outcome<minted> server();

 private:
  struct revocation {
    octets serial;
    unsigned reason = 0;
  };

  key_handle key_for(key_type type);
  // A key and what goes with it; then its certificate, by `issuer`, who may be the same.
  core::outcome<minted> prepare(const certificate_plan& plan, const std::string& name);
  core::outcome<octets> certify(const certificate_plan& plan, bool ca, const minted& own, const minted& issuer);
  core::outcome<minted> issue(const certificate_plan& plan, const std::string& name, bool ca, const minted* issuer);
  core::outcome<void> make_via(const blueprint& what, std::vector<minted>& via);
  core::outcome<void> make_crls(const blueprint& what, const std::vector<minted>& via, minted_set& into);
  core::outcome<octets> crl(const crl_plan& plan, const minted& issuer, const std::vector<revocation>& revoked);
  core::outcome<void> send(const blueprint& what, const std::vector<minted>& via, minted_set& into);
  octets extensions_of(const certificate_plan& plan, bool ca, const minted& own, const minted& issuer) const;
  octets signature(const minted& signer, const octets& what, bool sha1) const;
  const minted* anchor_of(const blueprint& what) const;
  octets validity(const certificate_plan& plan) const;

  seeded& numbers_;
  const std::int64_t at_;
  minted root_, lax_, stranger_, impostor_;
  std::map<key_type, key_handle> shared_keys_;  // RSA keys take long to find
  std::vector<revocation> root_revoked_, lax_revoked_;
};

key_handle make_kit_key(seeded& numbers, key_type type);
octets public_key_of(EVP_PKEY* key);                             // SubjectPublicKeyInfo
octets signature_algorithm_of(const minted& signer, bool sha1);  // AlgorithmIdentifier

}  // namespace sallyport::certs
