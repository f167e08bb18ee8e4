// What a set of the kit is made of, as plain values: the words in which the catalogue is written. Whatever a line of it does not say is as
// in a good certificate. Pure, any thread.
#pragma once

#include <sallyport/certs/kit.hpp>

#include "der.hpp"

#include <optional>

namespace sallyport::certs {

inline constexpr std::int64_t minute = 60, hour = 3600, day = 24 * hour, year = 365 * day;

enum class key_type { p256, p256_explicit, p256_off_curve, p384, p521, p192, secp256k1, ed25519, rsa_1024, rsa_2048, rsa_16384 };

// Who stands at the top of a set's chain. ca.pem has root and lax.
enum class anchor {
  root,
  lax,       // as Milvus' recipe makes its CA: basicConstraints not critical, no keyUsage; its serial number is zero, as old roots' are
  stranger,  // a CA of whom the server knows nothing
  impostor,  // the root's name, and another key
  itself,    // the leaf, or the topmost of `via`, signs itself
};

enum class key_identifier { of_issuer, of_root, critical, left_out };

struct crl_plan {
  bool made = true;
  std::int64_t since = -hour, until = year;       // seconds from `at`
  bool by_another_key = false;                    // in the CA's name and with its key identifier
  bool first_version = false;                     // no extensions, so no number: what `openssl ca -gencrl` makes without a crlnumber
  octets extensions = {}, entry_extensions = {};  // beside those of a good one
};

struct certificate_plan {
  std::optional<octets> subject = {};       // a Name; not given: CN = the set's id
  std::int64_t since = -day, until = year;  // seconds from `at`
  octets not_before = {}, not_after = {};   // a whole Time, instead
  std::optional<octets> serial = {};        // contents of the INTEGER; not given: 16 octets, random and positive
  key_type key = key_type::p256;
  unsigned version = 3;

  // Extensions, whole. Not given: as a good leaf or a good CA has it; empty: left out.
  std::optional<octets> constraints = {}, usage = {}, purposes = {}, names = {};
  bool subject_key = true;
  key_identifier authority_key = key_identifier::of_issuer;
  octets more = {};

  bool sha1 = false;                    // how it is signed
  bool says_another_algorithm = false;  // outside of what is signed
  octets (*before_signing)(const octets& tbs) = nullptr;
  octets (*after_signing)(const octets& certificate) = nullptr;

  bool revoked = false;         // by its issuer's CRL
  unsigned reason = 0;          // RFC 5280 5.3.1; 0: not said
  bool serial_revoked = false;  // the root's CRL names this serial, but the root is not its issuer
  crl_plan crl = {};            // that of a CA
};

// What a client sends beside the leaf.
enum class sent {
  chain,           // `via`, in order
  leaf_alone,      // `via` is kept back
  reversed,        // `via`, the topmost first
  with_anchor,     // `via`, then the anchor
  with_twin,       // `via`, then the first of it once more, as another CA has certified it
  with_strangers,  // certificates of others before and after `via`
  loop,            // `via`, where each of two has certified the other
};

enum class sender { any, level_0, raw };  // see fixture::needs

struct blueprint {
  std::string id = {}, fault = {}, says = {};
  certificate_plan leaf = {};
  std::vector<certificate_plan> via = {};  // the CAs between the leaf and the anchor; the leaf's issuer first
  anchor under = anchor::root;
  certs::sent sends = certs::sent::chain;

  // One of the two, or neither: then it is good.
  const char* error = "";  // the first X509_V_ERR_… that OpenSSL reports
  const char* check = "";  // the check that finds what OpenSSL's verification does not
  sender needs = sender::any;
  std::vector<std::string> versions = {"TLSv1.2", "TLSv1.3"};
};

// ------------------------------------------------------------ names

namespace oid {
inline constexpr const char *country = "2.5.4.6", *state = "2.5.4.8", *locality = "2.5.4.7", *organisation = "2.5.4.10", *unit = "2.5.4.11",
                            *common_name = "2.5.4.3";
inline constexpr const char *client_auth = "1.3.6.1.5.5.7.3.2", *server_auth = "1.3.6.1.5.5.7.3.1", *code_signing = "1.3.6.1.5.5.7.3.3",
                            *any_purpose = "2.5.29.37.0";
inline constexpr const char* nobodys = "1.3.6.1.4.1.32473.1";  // of the arc for examples, RFC 5612
}  // namespace oid

octets attribute(std::string_view type, const octets& value);  // a RelativeDistinguishedName of one
octets common_name(std::string_view utf8);                     // a Name of CN alone
octets utf8(std::string_view text);
octets bmp(std::string_view big_endian);

octets dns_name(std::string_view text);
octets uri_name(std::string_view text);
octets ip_name(std::string_view address);

// ------------------------------------------------------------ extensions

octets extension(std::string_view type, bool critical, const octets& value);
octets basic_constraints(bool ca, bool critical = true);
octets path_length(unsigned most, bool ca = true);
octets alternative_names(const octets& general_names, bool critical = false);
octets local_names();  // as every leaf has them: localhost, 127.0.0.1
octets purposes(std::initializer_list<std::string_view> types, bool critical = false);
octets permitted(const octets& general_name, bool critical = true);
octets excluded(const octets& general_name, bool critical = true);
octets policy_constraints(bool critical);
octets filler(std::size_t bytes);  // an extension that means nothing, not critical

enum use : unsigned {
  digital_signature = 0x8000,
  non_repudiation = 0x4000,
  key_encipherment = 0x2000,
  key_agreement = 0x0800,
  key_cert_sign = 0x0400,
  crl_sign = 0x0200,
};
octets key_usage(unsigned uses, bool critical = true);

// ------------------------------------------------------------ the catalogue

std::vector<blueprint> dates_sets();
std::vector<blueprint> names_sets();
std::vector<blueprint> chain_sets();
std::vector<blueprint> extensions_sets();
std::vector<blueprint> keys_sets();
std::vector<blueprint> revocation_sets();
std::vector<blueprint> encoding_sets();
std::vector<blueprint> size_sets();

struct chapter {
  certs::family family;
  std::vector<blueprint> sets;
};
std::vector<chapter> catalogue();  // all eight

// The alert with which OpenSSL's server answers an error, or that a check has; empty for an unknown one.
std::string_view alert_of(std::string_view error, std::string_view check);

}  // namespace sallyport::certs
