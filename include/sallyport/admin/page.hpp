// The page for operators: HTTP/1.1 on the loopback, GET and HEAD of /metrics, /livez and /readyz. It has no door of its own, so it only
// reads, and only listens where nobody from outside arrives. Served on one thread that is no worker's: however often it is asked, no worker
// waits. Bounded (page_limits): connections, the size of a request's head and its time, the time between two. `close`, or cancelling
// `run`, ends it.
#pragma once

#include <sallyport/admin/socket.hpp>
#include <sallyport/core/asio.hpp>
#include <sallyport/core/result.hpp>
#include <sallyport/telemetry/log.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace sallyport::admin {

// What the page asks the program; called on the page's thread, must not wait.
class status_source {
 public:
  virtual std::string metrics() = 0;        // text exposition format 0.0.4
  virtual std::string why_not_ready() = 0;  // one sentence; empty: it serves and will go on
 protected:
  ~status_source() = default;
};

struct page_limits {
  std::uint32_t connections = 16;             // at once; more are accepted and closed
  std::size_t head_bytes = 8 * 1024;          // of a request; more is 431
  std::chrono::milliseconds head{5'000};      // from the first byte, or from accept, to the whole head; then 408
  std::chrono::milliseconds between{30'000};  // two requests of one connection; then it is closed
  std::chrono::milliseconds answer{10'000};   // the client takes it; then the connection is closed
};

class page_server {
 public:
  // `about` outlives it. A fault: the address is in use, or is none of this machine's.
  static core::outcome<std::unique_ptr<page_server>> open(core::executor on, const settings& s, status_source& about,
                                                          telemetry::logger& log, const page_limits& within = {});
  ~page_server();
  core::task<void> run();  // once; returns when everything is closed
  void close() noexcept;   // on its thread
  boost::asio::ip::tcp::endpoint local() const;

 private:
  struct impl;
  explicit page_server(std::unique_ptr<impl> parts);
  std::unique_ptr<impl> impl_;
};

}  // namespace sallyport::admin
