#include "probe.hpp"

#include <algorithm>

namespace sallyport::app {

namespace {

using certs::verdict;
using tls::play_result;

constexpr const char* versions[] = {"TLSv1.3", "TLSv1.2"};
constexpr int protocol_version = 70, no_application_protocol = 120;
constexpr unsigned gone_max = 3;  // attempts in a row that find nobody there

verdict should_be(const certs::expectation& of, probe_mode mode) {
  if (mode == probe_mode::none) return of.none;
  return mode == probe_mode::optional ? of.optional : of.required;
}

const certs::fixture* good_of(const certs::fixtures& kit) {
  const auto named = std::find_if(kit.sets.begin(), kit.sets.end(), [](const certs::fixture& one) { return one.id == "good"; });
  if (named != kit.sets.end()) return &*named;
  const auto any = std::find_if(kit.sets.begin(), kit.sets.end(),
                                [](const certs::fixture& one) { return one.fault.empty() && one.expect.required == verdict::accept; });
  return any == kit.sets.end() ? nullptr : &*any;
}

class playing {
 public:
  playing(const certs::fixtures& kit, const probe_plan& plan) : kit_(kit), plan_(plan) {}

  probe_result run() {
    const auto* good = good_of(kit_);
    if (good == nullptr) stop("the kit has no good set", "make it anew: sallyport certs fixtures DIR");
    if (good == nullptr || !begin(*good)) return std::move(result_);
    list_rows(*good);
    unsigned gone = 0;
    for (std::size_t i = 0; i < result_.rows.size() && gone < gone_max; ++i) {
      auto& row = result_.rows[i];
      if (plan_.progress) plan_.progress(i, result_.rows.size(), row.id);
      if (row.is == judgement::not_played) continue;
      row.did = attempt(cert_of(row.id), row.version);
      row.is = judge(row.did, row.should);
      gone = row.did.how == play_result::unreachable ? gone + 1 : 0;
    }
    if (plan_.progress) plan_.progress(result_.rows.size(), result_.rows.size(), "");
    if (gone == gone_max) stop("the server went away while it was played at", "look at its log, and whether it runs");
    return std::move(result_);
  }

 private:
  void stop(std::string trouble, std::string hint) {
    result_.trouble = std::move(trouble);
    result_.hint = std::move(hint);
  }

  const certs::fixture* cert_of(const std::string& id) const {
    const auto found = std::find_if(kit_.sets.begin(), kit_.sets.end(), [&](const certs::fixture& one) { return one.id == id; });
    return found == kit_.sets.end() ? nullptr : &*found;
  }

  tls::played attempt(const certs::fixture* with, const std::string& version) const {
    tls::play_attempt one{.to = plan_.to,
                          .version = version,
                          .cert = {},
                          .key = {},
                          .sni = plan_.sni,
                          .host = plan_.host,
                          .alpn = alpn_,
                          .limit = plan_.limit};
    if (with != nullptr) {
      one.cert = with->cert;
      one.key = with->key;
    }
    return tls::play(one);
  }

  // The good set goes first: what a server that refuses it does with the others says nothing.
  bool begin(const certs::fixture& good) {
    std::vector<std::pair<std::string, tls::played>> tried;
    for (const char* version : versions) {
      auto did = attempt(&good, version);
      if (did.alert == no_application_protocol && alpn_) {
        alpn_ = false;
        did = attempt(&good, version);
      }
      if (did.how == play_result::unreachable)
        return stop("nobody is there: " + did.proof, "is the server running, and this its TLS port?"), false;
      if (did.how == play_result::unplayable) return stop(did.proof, "make the kit anew: sallyport certs fixtures DIR"), false;
      tried.emplace_back(version, std::move(did));
    }
    if (std::all_of(tried.begin(), tried.end(), [](const auto& one) { return one.second.version.empty() && !one.second.alert; }))
      return stop("this is no TLS server: " + std::string(name_of(tried.front().second.how)) + ", " + tried.front().second.proof,
                  "name its TLS port"),
             false;
    for (const auto& [version, did] : tried) {
      const bool spoken = did.alert != protocol_version && !(did.version.empty() && !did.alert);
      if (spoken)
        spoken_.push_back(version);
      else if (plan_.say)
        plan_.say("the server does not speak " + version, "the sets are not played in it");
    }
    if (spoken_.empty()) return stop("the server speaks neither TLS 1.3 nor TLS 1.2", "nothing can be judged"), false;
    for (const auto& [version, did] : tried)
      if (std::find(spoken_.begin(), spoken_.end(), version) != spoken_.end()) tell_of(version, did);
    return true;
  }

  void tell_of(const std::string& version, const tls::played& did) const {
    if (!plan_.say) return;
    if (did.how != play_result::accepted)
      plan_.say("the good set is not let in (" + version + ": " + std::string(name_of(did.how)) + ", " + did.proof +
                    "): what follows says little",
                "is the server's client_ca the kit's ca.pem (" + kit_.ca + ") and its crl the kit's crl.pem (" + kit_.crl +
                    "), has it read them since, and is its clock right?");
    else if (!did.asked && plan_.mode != probe_mode::none)
      plan_.say("the server does not ask for a certificate in " + version,
                "let it ask (client_certificates: required, with client_ca " + kit_.ca + "), or say --mode none");
    else if (did.asked && plan_.mode == probe_mode::none)
      plan_.say("the server asks for a certificate in " + version, "say --mode optional or --mode required, as it is meant to be");
  }

  bool wanted(const std::string& id, std::string_view family) const {
    return plan_.only.empty() || plan_.only == id || plan_.only == family;
  }

  void list_rows(const certs::fixture& good) {
    const auto add = [this](const certs::fixture& one) {
      for (const auto& version : spoken_) {
        if (!wanted(one.id, name_of(one.family))) continue;
        probe_row row{one.id,         std::string(name_of(one.family)), version, one.says, should_be(one.expect, plan_.mode), one.alert, {},
                      judgement::good};
        const bool possible = std::find(one.versions.begin(), one.versions.end(), version) != one.versions.end();
        if (!possible) {
          row.is = judgement::not_played;
          row.did.how = play_result::unplayable;
          row.did.proof = "cannot be judged in this version";
        }
        result_.rows.push_back(std::move(row));
      }
    };
    add(good);
    if (cert_of(without_certificate) == nullptr && wanted(without_certificate, ""))
      for (const auto& version : spoken_)
        result_.rows.push_back({without_certificate,
                                "",
                                version,
                                "A client that shows no certificate is let in only where none is required.",
                                plan_.mode == probe_mode::required ? verdict::refuse : verdict::accept,
                                version == "TLSv1.3" ? "certificate_required" : "handshake_failure",
                                {},
                                judgement::good});
    for (const auto& one : kit_.sets)
      if (&one != &good) add(one);
  }

  const certs::fixtures& kit_;
  const probe_plan& plan_;
  probe_result result_;
  std::vector<std::string> spoken_;
  bool alpn_ = true;
};

}  // namespace

judgement judge(const tls::played& did, verdict should) {
  switch (did.how) {
    case play_result::accepted: return should == verdict::accept ? judgement::good : judgement::wrong;
    case play_result::refused:
    case play_result::http_refused:
    case play_result::closed: return should == verdict::refuse ? judgement::good : judgement::wrong;
    case play_result::unplayable: return judgement::not_played;
    case play_result::broken:
    case play_result::timed_out:
    case play_result::unreachable: break;
  }
  return judgement::wrong;
}

bool is_known(const certs::fixtures& kit, const std::string& only) {
  return only == without_certificate || std::any_of(kit.sets.begin(), kit.sets.end(), [&](const certs::fixture& one) {
           return one.id == only || certs::name_of(one.family) == only;
         });
}

probe_result probe(const certs::fixtures& kit, const probe_plan& plan) { return playing(kit, plan).run(); }

}  // namespace sallyport::app
