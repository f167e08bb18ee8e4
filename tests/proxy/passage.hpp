// A whole passage in one process: a client over loopback, a worker on a thread of its own, users in a store of their own, a backend that
// keeps what reached it. Built by each test, in the order in which app builds it, and taken down by its destructor. Limits are small where
// a test waits for one. What is behind it is in passage.cpp: Asio is compiled once.
#pragma once

#include <sallyport/upstream/settings.hpp>

#include "support/base64.hpp"
#include "support/fake_backend.hpp"
#include "support/h2_client.hpp"
#include "support/user_store.hpp"

#include <boost/test/unit_test.hpp>

#include <memory>
#include <optional>
#include <string>

namespace sallyport::proxy::testing {

using namespace std::chrono_literals;
using support::answer;
using support::client_options;
using support::h2_client;
using support::header;
using support::headers;
using support::pattern;
namespace h2 = support::h2;

using support::base64;

inline std::string token(std::string_view user, std::string_view password) {
  return base64(std::string(user) + ":" + std::string(password));
}
inline const std::string root = token("root", "Milvus");

inline std::string path_of(std::string_view method) { return "/test.Backend/" + std::string(method); }
inline std::string user_call(std::string_view method) { return "/milvus.proto.milvus.MilvusService/" + std::string(method); }

// A gRPC request's head. No token: no authorization field.
inline headers request(std::string_view path, std::string_view shown = root, const headers& more = {}) {
  headers all{{":method", "POST"},          {":scheme", "http"},
              {":path", std::string(path)}, {":authority", "milvus.example:19530"},
              {"te", "trailers"},           {"content-type", "application/grpc"}};
  if (!shown.empty()) all.push_back({"authorization", std::string(shown)});
  all.insert(all.end(), more.begin(), more.end());
  return all;
}
// One field replaced, or removed by an empty value.
inline headers with(headers in, std::string_view name, std::string_view value) {
  for (auto at = in.begin(); at != in.end(); ++at)
    if (at->name == name) {
      if (value.empty())
        in.erase(at);
      else
        at->value = value;
      return in;
    }
  in.push_back({std::string(name), std::string(value)});
  return in;
}
inline std::string message(std::string_view content) {
  std::string framed(1, '\0');
  return (framed += h2::big_endian(content.size(), 4)).append(content);
}

class passage {
 public:
  struct options {
    std::chrono::milliseconds handshake{10'000}, first_request{60'000}, idle{900'000}, write_stall{60'000}, drain{30'000};
    std::chrono::milliseconds http1_head{10'000}, http1_idle{60'000}, tunnel_idle{0};
    std::chrono::milliseconds response_stall{60'000}, refusal_floor{2};
    std::size_t buffers = 256 * 1024 * 1024;
    std::uint32_t connections = 1'000, hash_queue = 1'024;
    bool tokens = true;
    std::string cert = {}, key = {};    // PEM files; a plaintext port without
    std::string client_ca = {};         // likewise; with it client certificates are required
    bool connect = false, tcp = false;  // the port's protocol
    bool certificate_user = false;
    std::uint16_t bytes_port = 0;  // of the backend, when it is not the one in here
    upstream::settings backend = {};
    std::uint16_t rest_port = 0;  // of a backend that speaks HTTP/1.1; without one REST is off, unless backend says h2
    support::fake_backend::options fake = {};
  };

  passage();
  explicit passage(const options& chosen);
  ~passage();
  passage(const passage&) = delete;
  passage& operator=(const passage&) = delete;

  std::uint16_t port() const;
  h2_client client(const client_options& chosen = {}, int receive_buffer = 0) const {
    return h2_client(support::wire::dial(port(), receive_buffer), chosen);
  }
  // While this lives the worker's thread stands still, and what happens meanwhile it sees at one go. The test's own wait for that must not
  // need the worker. One at a time.
  class standstill {
   public:
    explicit standstill(const passage& of);
    ~standstill();
    standstill(const standstill&) = delete;
    standstill& operator=(const standstill&) = delete;
  };
  void drain();
  void abandon();
  bool ended() const;  // the worker's run has returned
  void join();         // waits for that

  std::string log();
  std::string metrics() const;
  bool log_has(std::string_view text, support::steady::duration limit = 10s);
  bool metrics_have(const std::string& line, support::steady::duration limit = 10s) const;  // a whole line

  support::fake_backend backend;
  users::user_store users;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace sallyport::proxy::testing
