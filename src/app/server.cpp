#include "server.hpp"

#include "certificates.hpp"
#include "server_status.hpp"
#include "user_requests.hpp"

#include <sallyport/core/task_group.hpp>
#include <sallyport/proxy/worker.hpp>
#include <sallyport/users/password.hpp>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>

#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <deque>
#include <thread>

namespace sallyport::app {
namespace {

namespace asio = core::asio;
constexpr int ok = 0, bad_configuration = 2, cannot_start = 3;
constexpr auto warn_every = std::chrono::hours(1);  // of unsafe keys that are in force
constexpr auto look_every = std::chrono::seconds(1);
constexpr std::uint64_t burst_connections = 100;

int complain(int code, const std::string& what) {
  std::fprintf(stderr, "sallyport: %s\n", what.c_str());
  return code;
}

// Connections are files: as many as the system allows. No core file: it would hold keys and passwords.
void set_process_limits() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
  }
  const rlimit none{0, 0};
  (void)setrlimit(RLIMIT_CORE, &none);
}

// Everything that one run consists of, in the order in which it is built; `stop` takes it down in the order that the threads need.
class running_server {
 public:
  running_server(const config::settings& s, telemetry::logger& log) : settings_(s), log_(log), status_(s), certificates_(s, log, status_) {}
  ~running_server();

  int start();
  int run();

 private:
  int load_certificates();
  int open_users();
  int open_listeners();
  int open_admin();
  int open_page();
  void warn_of_unsafe();
  core::task<void> watch_signals();
  core::task<void> watch_reload_signals();
  core::task<void> watch_certificates();
  core::task<void> warn_hourly();
  core::task<void> return_memory();
  std::uint64_t accepted();
  void close_admin();
  void join();

  const config::settings& settings_;
  telemetry::logger& log_;
  server_status status_;    // and the metrics, which everything below counts in
  asio::io_context io_{1};  // signals and the admin socket: the main thread
  core::task_group tasks_{io_.get_executor()};
  asio::basic_signal_set<core::executor> signals_{io_.get_executor(), SIGTERM, SIGINT};  // before anything is opened: none is missed
  asio::basic_signal_set<core::executor> reload_signals_{io_.get_executor(), SIGHUP};
  certificates certificates_;
  std::shared_ptr<net::admission> gatekeeper_;
  std::shared_ptr<auth::hashing_pool> hashing_;
  std::deque<proxy::listener_settings> listeners_;  // of every worker; they are pointed to
  std::vector<std::uint16_t> ports_;                // one a listener, as bound
  std::vector<std::unique_ptr<proxy::worker>> workers_;
  std::unique_ptr<users::store> store_;
  std::unique_ptr<milvus::service> service_;
  std::unique_ptr<admin::server> admin_;
  std::unique_ptr<admin::page_server> page_;
  std::vector<std::thread> threads_;
  std::atomic<std::size_t> serving_{0};
  bool ran_ = false;
};

int running_server::load_certificates() {
  int code = ok;
  for (const auto& f : certificates_.load()) code = complain(bad_configuration, f.text);
  return code;
}

int running_server::open_users() {
  auto opened = users::store::open(settings_.users, log_);
  if (!opened) return complain(cannot_start, opened.error().text);
  store_ = std::move(*opened);
  const auto root = store_->snapshot()->find("root");
  const bool default_password = root && users::verify_password("Milvus", root->hash) != users::match::no;
  int code = ok;
  for (const auto& p : config::unsafe_default_root(settings_, default_password)) code = complain(bad_configuration, config::to_text(p));
  if (default_password)
    log_.warning("default_root_password",
                 {{"text", "root still has its first password: change it with update_password or `sallyport user passwd root`"}});
  service_ = std::make_unique<milvus::service>(settings_.user_calls, *store_, log_);
  status_.opened(*store_);
  return code;
}

int running_server::open_listeners() {
  gatekeeper_ = std::make_shared<net::admission>(settings_.limits.admission);
  hashing_ = auth::make_hashing_pool(settings_.auth);
  auto& metrics = status_.metrics_of_all();
  const proxy::shared_parts parts{
      *store_, *service_, hashing_, gatekeeper_, log_, metrics, settings_.auth, settings_.limits, certificates_.backends()};
  const auto count = settings_.workers ? settings_.workers : std::max(1u, std::thread::hardware_concurrency());
  for (std::uint32_t w = 0; w < count; ++w) {
    workers_.push_back(std::make_unique<proxy::worker>(parts));
    for (std::size_t i = 0; i < settings_.listeners.size(); ++i) {
      auto& on = listeners_.emplace_back(settings_.listeners[i]);
      on.address.alone = w == 0;
      if (w > 0) on.address.port = ports_[i];  // port 0: the system chose it for the first worker
      const auto bound = workers_.back()->listen(on, certificates_.of(i));
      if (!bound) return complain(cannot_start, bound.error().text);
      if (w > 0) continue;
      ports_.push_back(bound->port());
      status_.listening(i, net::peer_address{*bound}.text(), certificates_.of(i) != nullptr);
      log_.info("listening", {{"listener", on.address.name},
                              {"address", net::peer_address{*bound}.text()},
                              {"tls", certificates_.of(i) != nullptr},
                              {"tokens", on.certificate_user                   ? "certificate"
                                         : on.tokens == auth::tokens::required ? "required"
                                                                               : "none"},
                              {"backend", on.backend}});
    }
  }
  store_->on_change([this, &counts = metrics.make_shard()] {
    counts.count(telemetry::counter::users_changes);
    for (const auto& w : workers_) w->users_changed();
  });
  return ok;
}

int running_server::open_admin() {
  auto answers = with_reload(certificates_, with_status(status_, make_user_handler(*store_, *service_)));
  auto opened = admin::server::open(io_.get_executor(), settings_.admin, std::move(answers), log_);
  if (!opened) return complain(cannot_start, opened.error().text);
  admin_ = std::move(*opened);
  tasks_.spawn(admin_->run());
  return ok;
}

int running_server::open_page() {
  if (settings_.admin.page_host.empty()) return ok;
  auto opened = admin::page_server::open(io_.get_executor(), settings_.admin, status_, log_);
  if (!opened) return complain(cannot_start, opened.error().text);
  page_ = std::move(*opened);
  tasks_.spawn(page_->run());
  log_.info("admin_listening", {{"address", net::peer_address{page_->local()}.text()}});
  return ok;
}

void running_server::close_admin() {
  if (admin_) admin_->close();
  if (page_) page_->close();
  tasks_.cancel();
}

int running_server::start() {
  for (const auto step : {&running_server::load_certificates, &running_server::open_users, &running_server::open_admin,
                          &running_server::open_page, &running_server::open_listeners})
    if (const int code = (this->*step)(); code != ok) return code;
  warn_of_unsafe();
  return ok;
}

void running_server::warn_of_unsafe() {
  for (const auto& text : config::unsafe_in_force(settings_)) log_.warning("unsafe_setting", {{"text", text}});
}

core::task<void> running_server::warn_hourly() {
  core::timer pause(io_.get_executor());
  for (;;) {
    pause.expires_after(warn_every);
    const auto [error] = co_await pause.async_wait(core::await);
    if (error) co_return;
    warn_of_unsafe();
  }
}

std::uint64_t running_server::accepted() {
  std::uint64_t all = 0;
  for (const auto& l : status_.metrics_of_all().sums().listeners) all += l.accepted;
  return all;
}

// A handshake takes some 20 KiB for a moment, and the allocator keeps them: the start and each burst of connections would be paid for ever.
core::task<void> running_server::return_memory() {
  core::timer pause(io_.get_executor());
  std::uint64_t trimmed_at = 0, before = 0;
  ::malloc_trim(0);
  for (;;) {
    pause.expires_after(look_every);
    const auto [error] = co_await pause.async_wait(core::await);
    if (error) co_return;
    const auto now = accepted();
    const bool is_over = now - std::exchange(before, now) < burst_connections / 10;
    if (!is_over || now - trimmed_at < burst_connections) continue;
    trimmed_at = now;
    ::malloc_trim(0);
  }
}

core::task<void> running_server::watch_signals() {
  const auto [error, number] = co_await signals_.async_wait(core::await);
  if (error) co_return;
  status_.draining();
  log_.info("draining", {{"signal", number}, {"limit_ms", settings_.limits.drain.count()}});
  for (const auto& w : workers_) w->drain();
  const auto [again, second] = co_await signals_.async_wait(core::await);
  if (again) co_return;
  log_.warning("ending_at_once", {{"signal", second}});
  for (const auto& w : workers_) w->abandon();
}

core::task<void> running_server::watch_reload_signals() {
  for (;;) {
    const auto [error, number] = co_await reload_signals_.async_wait(core::await);
    if (error) co_return;
    const auto came = certificates_.reload();
    log_.info("reloaded", {{"signal", number}, {"replaced", came.replaced}, {"unchanged", came.unchanged}, {"failed", came.faults.size()}});
  }
}

core::task<void> running_server::watch_certificates() {
  core::timer pause(io_.get_executor());
  for (;;) {
    pause.expires_after(certificates::look_every);
    const auto [error] = co_await pause.async_wait(core::await);
    if (error) co_return;
    certificates_.look();
  }
}

int running_server::run() {
  ran_ = true;
  serving_ = workers_.size();
  for (const auto& w : workers_)
    threads_.emplace_back([this, worker = w.get()] {
      worker->run();
      if (--serving_ > 0) return;
      asio::post(io_, [this] { close_admin(); });
    });
  tasks_.spawn(watch_signals());
  tasks_.spawn(watch_reload_signals());
  tasks_.spawn(watch_certificates());
  tasks_.spawn(warn_hourly());
  tasks_.spawn(return_memory());
  status_.serving(workers_.size());
  log_.info("ready", {{"workers", workers_.size()}, {"version", SALLYPORT_VERSION}});
  io_.run();
  // From here on nobody waits for a signal: a second SIGTERM must not turn a drain that is over into a death.
  sigset_t late;
  sigemptyset(&late);
  for (const int one : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&late, one);
  pthread_sigmask(SIG_BLOCK, &late, nullptr);
  join();
  log_.info("stopped", {});
  return ok;
}

void running_server::join() {
  for (auto& t : threads_) t.join();
  threads_.clear();
}

running_server::~running_server() {
  if (!ran_) {
    // A start that failed half way: what was begun ends as it would after a drain.
    for (const auto& w : workers_) {
      w->abandon();
      w->run();
    }
    close_admin();
    io_.run();
  }
  // The store answers from its own thread into the workers: it ends first.
  admin_.reset();
  store_.reset();
}

}  // namespace

int serve(const config::settings& s, telemetry::logger& log) {
  set_process_limits();
  std::signal(SIGPIPE, SIG_IGN);  // a reader of the log that goes away is no reason to end
  running_server server(s, log);
  if (const int code = server.start(); code != ok) return code;
  return server.run();
}

}  // namespace sallyport::app
