// sallyport certs serve: one server a port, each with another set of the kit, until a signal ends it.
#include "command_certs.hpp"
#include "exit_codes.hpp"

#include <sallyport/certs/kit.hpp>
#include <sallyport/tls/play.hpp>

#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <ostream>
#include <thread>

namespace sallyport::app {

namespace {

namespace asio = core::asio;
constexpr auto answer_limit = std::chrono::seconds(5);
constexpr std::size_t threads_max = 16, waiting_max = 64;

struct bad_server {
  std::string id, should, says;
  std::shared_ptr<const tls::play_server> with;
  int listening = -1;
  std::uint16_t port = 0;
};

// Threads that answer, one connection each at a time. What is too much is closed at once.
class crew {
 public:
  crew() {
    for (std::size_t i = 0; i < threads_max; ++i) threads_.emplace_back([this] { work(); });
  }
  ~crew() {
    {
      const std::lock_guard held(lock_);
      over_ = true;
    }
    changed_.notify_all();
    for (auto& one : threads_) one.join();
    for (const auto& one : jobs_) ::close(one.descriptor);
  }
  crew(const crew&) = delete;
  crew& operator=(const crew&) = delete;

  void take(int descriptor, const bad_server& by) {
    {
      const std::lock_guard held(lock_);
      if (jobs_.size() < waiting_max) {
        jobs_.push_back({descriptor, &by});
        descriptor = -1;
      }
    }
    if (descriptor >= 0) ::close(descriptor);
    changed_.notify_one();
  }

 private:
  struct job {
    int descriptor;
    const bad_server* by;
  };
  void work() {
    for (;;) {
      std::unique_lock held(lock_);
      changed_.wait(held, [this] { return over_ || !jobs_.empty(); });
      if (over_) return;
      const auto next = jobs_.front();
      jobs_.pop_front();
      held.unlock();
      (void)next.by->with->answer(next.descriptor, answer_limit);
    }
  }

  std::mutex lock_;
  std::condition_variable changed_;
  std::deque<job> jobs_;
  bool over_ = false;
  std::vector<std::thread> threads_;
};

// The descriptors and the signals of the command, given back when it ends.
class serving {
 public:
  explicit serving(surroundings& around) : around_(around) {
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &ours, &before_);  // before any thread is made, so that none of them takes the signal
    signals_ = ::signalfd(-1, &ours, SFD_CLOEXEC);
  }
  ~serving() {
    for (const auto& one : servers_)
      if (one.listening >= 0) ::close(one.listening);
    if (signals_ >= 0) ::close(signals_);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  serving(const serving&) = delete;
  serving& operator=(const serving&) = delete;

  void load(const certs::fixtures& kit);
  bool listen(const asio::ip::address& at, unsigned first_port);
  void print_table(const std::string& address);
  int run();
  bool empty() const { return servers_.empty(); }

 private:
  void add(const std::string& id, const char* should, const std::string& says, const std::string& cert, const std::string& key);

  surroundings& around_;
  std::vector<bad_server> servers_;
  int signals_ = -1;
  sigset_t before_;
};

void serving::add(const std::string& id, const char* should, const std::string& says, const std::string& cert, const std::string& key) {
  auto loaded = tls::play_server::load(cert, key);
  if (!loaded) {
    complain(around_, id + " is left out: " + shown_text(loaded.error().text));
    return;
  }
  servers_.push_back({id, should, says, std::move(*loaded)});
}

void serving::load(const certs::fixtures& kit) {
  add("server", "accept", "The kit's own server: what is good.", kit.server_cert, kit.server_key);
  for (const auto& one : kit.sets)
    add(one.id, one.expect.required == certs::verdict::accept ? "accept" : "refuse", one.says, one.cert, one.key);
}

bool serving::listen(const asio::ip::address& at, unsigned first_port) {
  unsigned next = first_port;
  for (auto& one : servers_) {
    if (next > 65'535) {
      complain(around_, "there are not enough ports above " + std::to_string(first_port), "choose a smaller --first-port, or 0");
      return false;
    }
    asio::ip::tcp::endpoint where(at, static_cast<std::uint16_t>(next));
    one.listening = ::socket(at.is_v6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    ::setsockopt(one.listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(one.listening, where.data(), static_cast<socklen_t>(where.size())) != 0 || ::listen(one.listening, 64) != 0) {
      complain(around_, "cannot listen on port " + std::to_string(next) + ": " + std::strerror(errno), "choose another --first-port, or 0");
      return false;
    }
    socklen_t size = static_cast<socklen_t>(where.capacity());
    ::getsockname(one.listening, where.data(), &size);
    one.port = where.port();
    if (next != 0) ++next;
  }
  return true;
}

void serving::print_table(const std::string& address) {
  std::size_t width = 2;
  for (const auto& one : servers_) width = std::max(width, one.id.size());
  around_.out << "port   id" << std::string(width, ' ') << "client should\n";
  for (const auto& one : servers_) {
    const auto port = std::to_string(one.port);
    around_.out << port << std::string(7 - port.size(), ' ') << one.id << std::string(width + 2 - one.id.size(), ' ') << one.should << "  "
                << shown_text(one.says) << "\n";
  }
  around_.out << servers_.size() << " servers listen on " << address << "; SIGINT or SIGTERM ends them" << std::endl;
}

int serving::run() {
  std::vector<pollfd> watched{{signals_, POLLIN, 0}};
  for (const auto& one : servers_) watched.push_back({one.listening, POLLIN, 0});
  crew answering;
  for (;;) {
    if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) return internal;
    if (watched[0].revents != 0) {
      signalfd_siginfo taken;  // or it would end the process as soon as the mask is what it was
      return ::read(signals_, &taken, sizeof taken) == sizeof taken ? ended_well : internal;
    }
    for (std::size_t i = 1; i < watched.size(); ++i) {
      if (watched[i].revents == 0) continue;
      const int accepted = ::accept4(watched[i].fd, nullptr, nullptr, SOCK_CLOEXEC);
      if (accepted >= 0) answering.take(accepted, servers_[i - 1]);
    }
  }
}

}  // namespace

int command_certs_serve(const certs_serve_options& options, surroundings& around) {
  const auto kit = certs::load_fixtures(options.kit);
  if (!kit) {
    complain(around, shown_text(kit.error().text), "make a kit with `sallyport certs fixtures DIR`");
    return bad_request;
  }
  core::error_code no_address;
  const auto at = asio::ip::make_address(options.address, no_address);
  if (no_address) {
    complain(around, "'" + options.address + "' is no IP address", "for example --address 127.0.0.1");
    return bad_request;
  }
  serving servers(around);
  servers.load(*kit);
  if (servers.empty()) return bad_request;
  if (!servers.listen(at, options.first_port)) return not_started;
  servers.print_table(options.address);
  return servers.run();
}

}  // namespace sallyport::app
