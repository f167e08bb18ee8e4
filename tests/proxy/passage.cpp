#include "passage.hpp"

#include <sallyport/proxy/worker.hpp>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <fstream>
#include <sstream>
#include <thread>

namespace sallyport::proxy::testing {
namespace {

telemetry::log_settings to_file(const std::string& path) {
  telemetry::log_settings made;
  made.threshold = telemetry::level::debug;
  made.file = path;
  return made;
}

auth::settings quick(const passage::options& chosen) {
  auth::settings made;
  made.refusal_floor = chosen.refusal_floor;
  made.hash_queue_max = chosen.hash_queue;
  return made;
}

limits limits_of(const passage::options& chosen) {
  limits made;
  made.handshake = chosen.handshake;
  made.first_request = chosen.first_request;
  made.idle = chosen.idle;
  made.write_stall = chosen.write_stall;
  made.drain = chosen.drain;
  made.http1_head = chosen.http1_head;
  made.http1_idle = chosen.http1_idle;
  made.http2.response_stall = chosen.response_stall;
  made.buffers_bytes = chosen.buffers;
  made.tunnel_idle = chosen.tunnel_idle;
  made.admission.connections = chosen.connections;
  return made;
}

upstream::settings backend_of(const passage::options& chosen, std::uint16_t port) {
  auto made = chosen.backend;
  made.name = "milvus";
  made.endpoints = {{"127.0.0.1", chosen.bytes_port ? chosen.bytes_port : port}};
  if (chosen.rest_port)
    made.rest_endpoints = {{"127.0.0.1", chosen.rest_port}};
  else if (made.speaks == upstream::rest::http1)
    made.speaks = upstream::rest::off;
  return made;
}

listener_settings door_of(const passage::options& chosen) {
  listener_settings made;
  made.address = {"test", "127.0.0.1", 0};
  made.tokens = chosen.tokens ? auth::tokens::required : auth::tokens::none;
  made.backend = "milvus";
  if (chosen.connect) made.speaks = listener_settings::protocol::connect;
  if (chosen.tcp) made.speaks = listener_settings::protocol::tcp;
  made.certificate_user = chosen.certificate_user;
  if (chosen.cert.empty()) return made;
  made.tls.emplace();
  made.tls->certificates = {{chosen.cert, chosen.key}};
  made.tls->any_protocol = chosen.tcp;
  made.tls->client_ca = chosen.client_ca;
  if (!chosen.client_ca.empty()) made.tls->clients = tls::client_certificates::required;
  return made;
}

// A signal's handler stands in the thread's way; pipes are what it may use (signal-safety(7)).
struct gate_of_a_thread {
  std::array<int, 2> stands{-1, -1}, may_go{-1, -1};
  gate_of_a_thread() {
    BOOST_REQUIRE(::pipe2(stands.data(), O_CLOEXEC) == 0 && ::pipe2(may_go.data(), O_CLOEXEC) == 0);
    struct sigaction how{};
    how.sa_handler = [](int) {
      const auto kept = errno;
      char one = 0;
      (void)!::write(of_the_worker().stands[1], &one, 1);
      while (::read(of_the_worker().may_go[0], &one, 1) < 0 && errno == EINTR) {
      }
      errno = kept;
    };
    how.sa_flags = SA_RESTART;
    ::sigaction(SIGUSR2, &how, nullptr);
  }
  static gate_of_a_thread& of_the_worker() {
    static gate_of_a_thread only;
    return only;
  }
};

}  // namespace

struct passage::impl {
  impl(const options& chosen, std::uint16_t backend_port, users::user_store& users)
      : settings(quick(chosen)),
        within(limits_of(chosen)),
        backends{backend_of(chosen, backend_port)},
        service({}, *users, log),
        door(door_of(chosen)) {
    serving = std::make_unique<worker>(shared_parts{*users, service, auth::make_hashing_pool(settings),
                                                    std::make_shared<net::admission>(within.admission), log, metrics, settings, within,
                                                    backends});
    std::shared_ptr<tls::live<tls::context>> trust;
    if (door.tls) {
      auto loaded = tls::context::load(*door.tls);
      BOOST_REQUIRE(loaded);
      trust = std::make_shared<tls::live<tls::context>>(std::move(*loaded));
    }
    port = serving->listen(door, trust).value().port();
    users->on_change([this] { serving->users_changed(); });
    thread = std::thread([this] {
      serving->run();
      ended = true;
    });
  }

  users::temporary_folder folder;
  telemetry::logger log{to_file(folder.file("log"))};
  const auth::settings settings;
  const limits within;
  const std::vector<upstream::settings> backends;
  milvus::service service;
  const listener_settings door;
  telemetry::metrics metrics{{"0", "0", {door.address.name}, {backends.front().name}}};
  std::unique_ptr<worker> serving;
  std::uint16_t port = 0;
  std::atomic<bool> ended{false};
  std::thread thread;
};

passage::passage() : passage(options{}) {}
passage::passage(const options& chosen) : backend(chosen.fake), impl_(std::make_unique<impl>(chosen, backend.port(), users)) {}

passage::~passage() {
  if (impl_->thread.joinable()) {
    impl_->serving->abandon();
    impl_->thread.join();
  }
  BOOST_TEST(backend.faults().empty(), backend.faults());
  // The store answers from its own thread into the worker: it ends first.
  users.close();
}

passage::standstill::standstill(const passage& of) {
  auto& gate = gate_of_a_thread::of_the_worker();
  BOOST_REQUIRE(::pthread_kill(of.impl_->thread.native_handle(), SIGUSR2) == 0);
  char one = 0;
  BOOST_REQUIRE(::read(gate.stands[0], &one, 1) == 1);
}
passage::standstill::~standstill() {
  const char one = 0;
  BOOST_TEST(::write(gate_of_a_thread::of_the_worker().may_go[1], &one, 1) == 1);
}

std::uint16_t passage::port() const { return impl_->port; }
void passage::drain() { impl_->serving->drain(); }
void passage::abandon() { impl_->serving->abandon(); }
bool passage::ended() const { return impl_->ended; }
void passage::join() { impl_->thread.join(); }

std::string passage::metrics() const { return impl_->metrics.page(); }

std::string passage::log() {
  impl_->log.flush();
  std::stringstream all;
  all << std::ifstream(impl_->folder.file("log")).rdbuf();
  return all.str();
}

bool passage::metrics_have(const std::string& line, support::steady::duration limit) const {
  const auto until = support::steady::now() + limit;
  while (metrics().find("\n" + line + "\n") == std::string::npos) {
    if (support::steady::now() > until) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

bool passage::log_has(std::string_view text, support::steady::duration limit) {
  const auto until = support::steady::now() + limit;
  while (log().find(text) == std::string::npos) {
    if (support::steady::now() > until) return false;
    std::this_thread::sleep_for(5ms);  // a file tells nobody that it has grown
  }
  return true;
}

}  // namespace sallyport::proxy::testing
