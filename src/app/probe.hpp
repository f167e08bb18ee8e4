// A kit of certificates played at one TLS server, and the judgement of what it did. Blocking, one thread, one attempt after the other; each
// is bounded by tls::play. No output but through `progress` and `say`.
#pragma once

#include <sallyport/certs/kit.hpp>
#include <sallyport/tls/play.hpp>

#include <functional>
#include <string>
#include <vector>

namespace sallyport::app {

enum class probe_mode { none, optional, required };

struct probe_plan {
  core::asio::ip::tcp::endpoint to;
  std::string host, sni;
  probe_mode mode = probe_mode::required;
  std::string only;  // a family or an id; empty: all
  std::chrono::milliseconds limit{5000};
  std::function<void(std::size_t done, std::size_t of, const std::string& id)> progress;
  std::function<void(const std::string& what, const std::string& hint)> say;  // what the operator should know before the table
};

enum class judgement { good, wrong, not_played };

struct probe_row {
  std::string id, family, version, why;
  certs::verdict should = certs::verdict::refuse;
  std::string alert;  // what it should be refused with
  tls::played did;
  judgement is = judgement::good;
};

struct probe_result {
  std::vector<probe_row> rows;
  std::string trouble, hint;  // not empty: it could not be played
};

probe_result probe(const certs::fixtures& kit, const probe_plan& plan);

// Did the server do what it should? Nothing may be read out of a connection that neither took nor refused.
judgement judge(const tls::played& did, certs::verdict should);

// Whether `only` names a family or a set of the kit.
bool is_known(const certs::fixtures& kit, const std::string& only);

inline constexpr const char* without_certificate = "without-a-certificate";

}  // namespace sallyport::app
