// The admin socket: a unix socket of mode 0600, one JSON object a line in, one a line out. The `user` commands go through it when a server
// runs, so that a change is in force when the command returns. Served on one worker's thread; bounded: 64 KiB a request's line, 16 MiB an
// answer's, 16 connections, 10 s a request and 10 s between two. `close`, or cancelling `run`, ends it.
#pragma once

#include <sallyport/core/asio.hpp>
#include <sallyport/core/result.hpp>
#include <sallyport/telemetry/log.hpp>

#include <boost/json/object.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace sallyport::admin {

struct settings {
  std::string socket;       // path; empty: beside the store, <store>.sock
  std::string page_host{};  // admin.listen, an address of the loopback; empty: no page
  std::uint16_t page_port = 0;
};

// Answers one request; `done` may be called from any thread, once, also after the server has gone. Requests and answers hold secrets:
// neither is ever logged, and the memory of a request is wiped when it goes.
using handler = std::function<void(boost::json::object request, std::function<void(boost::json::object)> done)>;

class server {
 public:
  // A socket file that nobody listens on is replaced; a live one is a fault.
  static core::outcome<std::unique_ptr<server>> open(core::executor on, const settings& s, handler answer, telemetry::logger& log);
  ~server();               // removes the socket file
  core::task<void> run();  // once; returns when everything is closed
  void close() noexcept;   // on the worker's thread

 private:
  struct impl;
  explicit server(std::unique_ptr<impl> parts);
  std::unique_ptr<impl> impl_;
};

// The command line's side: blocking, 30 s at most. not_connected: no server listens there, and only then.
core::outcome<boost::json::object> ask(const std::string& socket_path, const boost::json::object& request);

}  // namespace sallyport::admin
