// What the operator learns of one tunnel: a line when it opens, a line when it ends, the metrics. Owned by the tunnel; keeps what it says
// of the connection, and so may outlive that.
#pragma once

#include "context.hpp"

#include <sallyport/upstream/tunnels.hpp>

#include <string>

namespace sallyport::proxy {

class connection;
struct refusal;

class tunnel_record {
 public:
  tunnel_record(connection& on, std::string_view protocol);

  void opened(upstream::tunnels::connection& to, const auth::permit& passed);
  void moved(std::uint64_t to_backend, std::uint64_t to_client);  // all so far
  void closed(std::string_view cause);                            // once; nothing if it had not opened
  void refused(const refusal& why, std::string_view user, std::string_view target, std::string_view certificate);
  void gone();  // the client went away before there was a tunnel or a refusal

 private:
  void count(telemetry::request_outcome of);

  context& around_;
  core::clock::time_point began_;
  std::string_view protocol_;  // connect over http/1.1 or h2, or tcp; fixed words
  std::string peer_, listener_, backend_, user_;
  upstream::tunnels::connection* to_ = nullptr;
  std::uint64_t to_backend_ = 0, to_client_ = 0;
};

}  // namespace sallyport::proxy
