// The product of one worker, built as worker.cpp builds it, on the test's own thread: nothing happens between two turns, so that what is
// written apart is read apart. Each conversation has its own, with a gate that remembers nothing.
#include "conversations_ends.hpp"

#include "buffer_budget.hpp"
#include "connection.hpp"
#include "exchange.hpp"

#include <sallyport/upstream/balancer.hpp>
#include <sallyport/upstream/tunnels.hpp>

#include "support/listening.hpp"
#include "support/user_store.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <unordered_set>

namespace sallyport::proxy::conversations {
namespace {

using namespace std::chrono_literals;
using support::steady;

// bcrypt's hashes of the passwords; the last one takes eight times as long.
constexpr std::pair<const char*, const char*> hashes[] = {
    {"warm", "$2b$04$abcdefghijklmnopqrstuujHQ/ZZ7eeNEazlCJL8k12luTSkjUwbi"},
    {"other", "$2b$04$abcdefghijklmnopqrstuurggt9.mnvtHELyAUVpDiKN80fY7.SJi"},
    {"slow", "$2b$07$abcdefghijklmnopqrstuuhPrPClN0j8HFxpQmsee3rSSdqdnVDhC"},
};

auth::settings quick() {
  auth::settings made;
  made.refusal_floor = 2ms;
  return made;
}

// What all conversations have in common: users, and the threads that hash.
struct ground {
  ground() {
    users::settings chosen;
    chosen.path = folder.file("users.db");
    chosen.change_queue_max = 1;  // no hash is made anew by the way: each would cost more than a conversation
    store = users::store::open(chosen, log).value();
    for (const auto& [name, hash] : hashes) {
      const auto failed = users::answer_of([&, n = name, h = hash](auto done) { store->import_hash(n, h, {}, done); });
      if (failed) throw std::runtime_error("no users: " + failed.message());
    }
  }
  users::temporary_folder folder;
  telemetry::logger log{users::quiet()};
  std::unique_ptr<users::store> store;
  const auth::settings auth = quick();
  std::shared_ptr<auth::hashing_pool> hashing = auth::make_hashing_pool(auth);
};

ground& the_ground() {
  static ground made;
  return made;
}

upstream::settings backend_at(std::uint16_t port) {
  upstream::settings made;
  made.name = "milvus";
  made.endpoints = {{"127.0.0.1", port}};
  made.wait = 25s;
  return made;
}

struct house {
  house(const conversation& talk, std::uint16_t port);
  ~house();

  void accept(int& made);
  core::task<void> serve(std::shared_ptr<connection> accepted);
  bool turn(bool idle);
  void sweep(core::clock::time_point now);

  const conversation& plan;
  const limits within;
  const upstream::settings backend;
  telemetry::metrics metrics{{"0", "0", {"test"}, {"milvus"}}};
  telemetry::shard& counts = metrics.make_shard();
  core::asio::io_context io{1};
  core::task_group tasks{io.get_executor()};
  net::turn turn_{io.get_executor()};
  net::workbench bench;
  http2::buffer_pool buffers;
  http2::decoded_block scratch;
  milvus::service service{{}, *the_ground().store, the_ground().log};
  auth::gate gate{io.get_executor(), the_ground().auth, *the_ground().store, the_ground().hashing, the_ground().log, counts};
  context around{io.get_executor(), tasks, turn_, bench, buffers, scratch, gate, service, the_ground().log, counts, within};
  buffer_budget budget{around, within.buffers_bytes};
  upstream::system_resolver names;
  const upstream::surroundings lent{io.get_executor(), tasks, turn_, bench, buffers, scratch, the_ground().log, counts};
  upstream::balancer pool{lent, backend, names};
  upstream::tunnels tunnels{lent, backend, names, pool};
  const listener_settings door_settings;
  const listener_context door;
  std::shared_ptr<net::admission> gatekeeper = std::make_shared<net::admission>(within.admission);
  core::tcp_acceptor acceptor{io.get_executor(), {core::asio::ip::address_v4::loopback(), 0}};
  std::unordered_set<connection*> connections;
  core::clock::time_point swept{};
};

listener_settings named_test() {
  listener_settings made;
  made.address.name = "test";
  made.backend = "milvus";
  return made;
}

house::house(const conversation& talk, std::uint16_t port)
    : plan(talk),
      backend(backend_at(port)),
      door_settings(named_test()),
      door{door_settings,
           nullptr,
           pool,
           talk.rest ? &pool : nullptr,
           talk.forwards_credential ? upstream::credentials::forward : upstream::credentials::strip,
           upstream::identity::none,
           tunnels} {
  around.budget = &budget;
}

house::~house() {
  for (auto* c : connections) c->abort();
  pool.stop();
  core::asio::post(io, [this] { tasks.cancel(); });
  const auto until = steady::now() + 10s;
  while (tasks.size() && steady::now() < until) {
    io.restart();
    io.run_one_for(10ms);
  }
}

// Both ends of a loopback connection: one for a client, the other one accepted.
void house::accept(int& made) {
  made = support::wire::dial(acceptor.local_endpoint().port());
  auto socket = acceptor.accept();
  const net::peer_address peer{socket.remote_endpoint()};
  auto place = net::admission::enter(gatekeeper, peer, false).place;
  socket.set_option(core::asio::ip::tcp::no_delay(true));
  socket.non_blocking(true);
  tasks.spawn(serve(std::make_shared<connection>(around, door, net::accepted{std::move(socket), peer, std::move(place)})));
}

core::task<void> house::serve(std::shared_ptr<connection> accepted) {
  connections.insert(accepted.get());
  co_await accepted->run();
  connections.erase(accepted.get());
}

void house::sweep(core::clock::time_point now) {
  const auto present = connections;
  for (auto* c : present) c->sweep(now);
  budget.look(connections);
  pool.sweep(now);
}

// Nobody waits here for what is due a moment later (docs/passage.md 12).
bool house::turn(bool idle) {
  io.restart();
  const bool moved = io.poll() > 0;
  const auto now = core::clock::now();
  if (now - swept < (idle ? 1ms : 20ms)) return moved;
  swept = now;
  sweep(idle ? now + 150ms : now);
  return moved;
}

// The scripted ends around it.
class talk {
 public:
  explicit talk(const conversation& plan) : plan_(plan), desk_{plan, what_, {}} {
    listen();
    house_.emplace(plan, port_);
    what_.seen.resize(plan.clients.size());
    for (std::size_t c = 0; c < plan.clients.size(); ++c) {
      const auto& all = plan.clients[c].requests;
      what_.reached.emplace_back(all.size());
      for (std::size_t r = 0; r < all.size(); ++r)
        if (all[r].kind == fate::passes) desk_.by_path[support::find(all[r].head, ":path")] = {c, r};
      int made = -1;
      house_->accept(made);
      callers_.push_back(std::make_unique<caller>(made, plan.clients[c], c, what_.seen[c]));
    }
  }
  ~talk() {
    for (const auto& s : servers_) s->house_closes();
    ::close(listener_);
  }

  record hold() {
    drive("the clients", [this] { return std::all_of(callers_.begin(), callers_.end(), [](const auto& c) { return c->done(); }); });
    drive("the product", [this] { return house_->connections.empty(); });
    drive("the backend", [this] { return std::all_of(servers_.begin(), servers_.end(), [](const auto& s) { return s->at_rest(); }); });
    nothing_is_left();
    return std::move(what_);
  }
  lengths written() const { return {callers_[0]->script_bytes(), servers_.empty() ? 0 : servers_[0]->written()}; }

 private:
  void listen() {
    const auto made = support::listen_on_loopback(0, SOCK_NONBLOCK);
    listener_ = made.descriptor;
    port_ = made.port;
  }
  bool turn() {
    bool moved = false;
    for (const auto& c : callers_) moved = c->turn(idle_) || moved;
    for (int made; (made = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0; moved = true) {
      const auto number = servers_.size();
      servers_.push_back(std::make_unique<server>(made, plan_.backend[std::min(number, plan_.backend.size() - 1)], number, desk_));
    }
    for (const auto& s : servers_) moved = s->turn(idle_) || moved;
    return house_->turn(idle_) || moved;
  }
  template <class Reached>
  void drive(const std::string& whom, Reached&& reached) {
    const auto until = steady::now() + 12s;
    while (!reached()) {
      idle_ = !turn();
      still_ = idle_ ? still_ + 1 : 0;
      if (still_ > 5) {
        house_->io.restart();
        house_->io.run_one_for(1ms);
      }
      if (steady::now() < until) continue;
      std::string left;
      for (const auto& c : callers_) left += c->left_open();
      for (const auto& s : servers_) left += s->left_open();
      throw std::runtime_error(whom + " did not come to an end:" + left);
    }
  }
  void nothing_is_left() {
    auto& h = *house_;
    h.sweep(core::clock::now());
    const auto& counted = h.counts.backend("milvus");
    const auto demand = [](bool condition, const std::string& what) {
      if (!condition) throw std::runtime_error("at the end: " + what);
    };
    demand(h.around.spare.size() == h.around.exchanges.size(), "an exchange is left");
    demand(counted.streams.value() == 0, std::to_string(counted.streams.value()) + " streams are open upstream");
    demand(counted.waiting.value() == 0 && counted.orphans.value() == 0, "requests wait, or are orphans");
    demand(h.buffers.used_bytes() == 0, std::to_string(h.buffers.used_bytes()) + " octets of buffers are in use");
    demand(h.gatekeeper->connections() == 0, "a place is taken by nobody");
  }

  const conversation& plan_;
  record what_;
  desk desk_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  bool idle_ = false;
  unsigned still_ = 0;  // turns
  std::optional<house> house_;
  std::vector<std::unique_ptr<caller>> callers_;
  std::vector<std::unique_ptr<server>> servers_;
};

lengths last;

}  // namespace

record hold(const conversation& plan) {
  talk held(plan);
  auto what = held.hold();
  last = held.written();
  return what;
}

lengths last_lengths() { return last; }

}  // namespace sallyport::proxy::conversations
