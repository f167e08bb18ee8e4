// What the tests of this room share: who gets an answer, and a loop with a balancer, run by the test.
#pragma once

#include <sallyport/upstream/balancer.hpp>

#include "support/fake_backend.hpp"
#include "support/permit_for_tests.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/test/unit_test.hpp>

#include <functional>
#include <map>
#include <optional>

namespace sallyport::upstream {

using namespace std::chrono_literals;
using support::fake_backend;
namespace h2 = support::h2;

inline core::bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

inline telemetry::log_settings quiet() {
  telemetry::log_settings made;
  made.threshold = telemetry::level::off;
  return made;
}

// What a request was told.
struct told final : responder {
  std::uint32_t status = 0;
  std::string body, trailers;
  bool ended = false;
  std::size_t taken = 0;
  std::optional<failure> why;
  exchange* on = nullptr;
  bool credits = true;
  std::function<void()> then;

  // The pool wants open exchanges cancelled before they lose their responder.
  ~told() {
    if (!over()) cancel();
  }
  void cancel() {
    if (on) std::exchange(on, nullptr)->cancel();
  }
  void response_head(const http2::response_head& head, bool end) override {
    status = head.status;
    finish(end);
  }
  void response_data(core::bytes payload, bool end) override {
    body.append(reinterpret_cast<const char*>(payload.data()), payload.size());
    if (!end && credits) on->credit(payload.size());
    finish(end);
  }
  void response_trailers(const http2::response_head& head) override {
    for (const auto& f : *head.fields) trailers.append(f.name).append("=").append(f.value).append(";");
    finish(true);
  }
  void request_taken(std::size_t bytes) override { taken += bytes; }
  void failed(failure f) override {
    BOOST_TEST(!over());
    why = f;
    if (then) then();
  }
  bool over() const { return ended || why; }

 private:
  void finish(bool end) {
    BOOST_TEST(!over());
    ended = end;
    if (end && then) then();
  }
};

// Names that stand for what the test says, and how often they were asked.
struct told_names final : resolver {
  std::map<std::string, answer> known;
  std::size_t asked = 0;
  std::optional<system_resolver> instead;  // is asked, where a test wants it

  core::task<answer> resolve(endpoint name) override {
    ++asked;
    if (instead) {
      auto asking = instead->resolve(std::move(name));
      co_return co_await std::move(asking);
    }
    const auto found = known.find(name.host);
    if (found == known.end()) co_return core::error_code(core::asio::error::host_not_found);
    co_return found->second;
  }
  void say(const std::string& name, std::initializer_list<std::uint16_t> ports) {
    std::vector<core::asio::ip::tcp::endpoint> all;
    for (const auto port : ports) all.emplace_back(core::asio::ip::address_v4::loopback(), port);
    known.insert_or_assign(name, all);
  }
};

struct loop {
  settings chosen;
  core::asio::io_context io{1};
  core::asio::executor_work_guard<core::executor> work{io.get_executor()};
  core::task_group tasks{io.get_executor()};
  net::turn turn{io.get_executor()};
  net::workbench bench;
  http2::buffer_pool buffers;
  http2::decoded_block scratch;
  telemetry::logger log{quiet()};
  telemetry::metrics metrics{{"0", "0", {}, {"milvus"}}};
  telemetry::shard& counts = metrics.make_shard();
  telemetry::backend_counts& counted = counts.backend("milvus");
  told_names names;
  std::optional<balancer> at;
  const auth::permit permit = auth::permit_for_tests::nobody();

  void make(settings s) {
    chosen = std::move(s);
    chosen.name = "milvus";
    at.emplace(surroundings{io.get_executor(), tasks, turn, bench, buffers, scratch, log, counts}, chosen, names);
  }
  ~loop() {
    at->stop();
    io.poll();  // tasks that have ended leave their group before it cancels them from outside the loop
    tasks.cancel();
    until([this] { return tasks.size() == 0; });
  }

  exchange* open(told& who, const std::string& method, bool end = true) {
    failure why{};
    return open(who, method, end, why);
  }
  exchange* open(told& who, const std::string& method, bool end, failure& why) { return open(permit, who, method, end, why); }
  exchange* open_as(const std::string& user, told& who, const std::string& method, bool end = true) {
    failure why{};
    return open(auth::permit_for_tests::named(user), who, method, end, why);
  }
  exchange* open(const auth::permit& with, told& who, const std::string& method, bool end, failure& why) {
    const auto path = "/test.Backend/" + method;
    const std::vector<http2::field> fields{
        http2::make_field(http2::known::method, ":method", "POST"), http2::make_field(http2::known::scheme, ":scheme", "http"),
        http2::make_field(http2::known::path, ":path", path), http2::make_field(http2::known::te, "te", "trailers"),
        http2::make_field(http2::known::content_type, "content-type", "application/grpc")};
    who.on = at->open(with, fields, end, who, why);
    return who.on;
  }
  bool until(const std::function<bool()>& reached, core::clock::duration limit = 10s) {
    const auto end = core::clock::now() + limit;
    for (;;) {
      if (reached()) return true;
      if (core::clock::now() >= end) return false;
      io.run_one_for(10ms);
      at->sweep(core::clock::now());
    }
  }
  void sweep_in(core::clock::duration ahead) { at->sweep(core::clock::now() + ahead); }
  bool until_up(std::int64_t n, core::clock::duration limit = 10s) {
    return until([&] { return counted.endpoints_up.value() == n; }, limit);
  }
  std::uint64_t ejected(telemetry::ejection why) const { return counted.ejections[static_cast<std::size_t>(why)].value(); }
  std::uint64_t resent(telemetry::retry_result what) const { return counted.retries[static_cast<std::size_t>(what)].value(); }
};

}  // namespace sallyport::upstream
