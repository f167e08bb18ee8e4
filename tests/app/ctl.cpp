// sallyport ctl status: what the running server tells of itself, and what is said when there is none.
#include "support.hpp"

#include "server_status.hpp"

#include <sallyport/core/task_group.hpp>

#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>

#include <memory>
#include <thread>

using namespace sallyport;
using namespace sallyport::app;
using namespace sallyport::app::tests;
namespace json = boost::json;

namespace {

telemetry::log_settings quiet() {
  telemetry::log_settings settings;
  settings.threshold = telemetry::level::off;
  return settings;
}

config::settings two_listeners() {
  config::settings settings;
  settings.listeners.resize(2);
  settings.listeners[0].address.name = "milvus";
  settings.listeners[0].backend = "near";
  settings.listeners[1].address.name = "open";
  settings.listeners[1].backend = "far";
  settings.listeners[1].tokens = auth::tokens::none;
  settings.backends.resize(2);
  settings.backends[0].name = "near";
  settings.backends[0].endpoints = {{"127.0.0.1", 19540}};
  settings.backends[1].name = "far";
  settings.backends[1].endpoints = {{"fd00::1", 19540}};
  return settings;
}

// What the running server has of it, behind the admin socket.
class server {
 public:
  server(const std::string& socket, admin::handler answer) : log_(quiet()), tasks_(io_.get_executor()) {
    socket_ = admin::server::open(io_.get_executor(), {socket}, std::move(answer), log_).value();
    tasks_.spawn(socket_->run());
    thread_ = std::thread([this] { io_.run(); });
  }
  ~server() {
    boost::asio::post(io_, [this] { socket_->close(); });
    thread_.join();
    socket_.reset();
  }
  server(const server&) = delete;
  server& operator=(const server&) = delete;

 private:
  boost::asio::io_context io_{1};
  telemetry::logger log_;
  core::task_group tasks_;
  std::unique_ptr<admin::server> socket_;
  std::thread thread_;
};

void none_other(json::object, const std::function<void(json::object)>& done) { done({{"error", "unknown op"}, {"code", "bad_request"}}); }

}  // namespace

BOOST_AUTO_TEST_SUITE(ctl_status)

BOOST_AUTO_TEST_CASE(it_shows_what_the_server_tells) {
  const folder in;
  const config::settings settings = two_listeners();
  server_status status(settings);
  auto& counts = status.metrics_of_all().make_shard();
  auto& more = status.metrics_of_all().make_shard();
  counts.listener("milvus").open.set(3);
  more.listener("milvus").open.set(4);
  counts.listener("milvus").accepted.add(70);
  more.listener("open").open.raise();
  counts.backend("far").connections.set(2);
  counts.backend("far").waiting.set(5);
  more.backend("far").streams.set(6);
  status.listening(0, "127.0.0.1:19530", true);
  status.listening(1, "[::1]:19531", false);
  status.serving(4);
  const server running(in.at("users.db.sock"), with_status(status, none_other));
  const outcome shown = run({"ctl", "status", "--store", in.at("users.db")});
  BOOST_TEST(shown.code == ended_well, shown.err);
  for (const char* line : {"version:     0", "\nuptime:      0 s\n", "\nready:       yes\n", "\nworkers:     4\n", "\nconnections: 8\n",
                           "\nusers:       0\n", "\nlistener milvus: 127.0.0.1:19530, TLS, tokens required, to near; connections: 7\n",
                           "\nlistener open: [::1]:19531, plaintext, no tokens, to far; connections: 1\n",
                           "\nbackend near: 127.0.0.1:19540; connections: 0, requests: 0, waiting: 0\n",
                           "\nbackend far: [fd00::1]:19540; connections: 2, requests: 6, waiting: 5\n"})
    BOOST_TEST(shown.out.find(line) != std::string::npos, line << " is not in " << shown.out);
  const outcome as_json = run({"ctl", "status", "--store", in.at("users.db"), "--json"});
  BOOST_TEST(as_json.code == ended_well, as_json.err);
  const json::object told = json::parse(as_json.out).as_object();
  BOOST_TEST(told.at("version").as_string() == SALLYPORT_VERSION);
  BOOST_TEST(told.at("ready").as_bool());
  BOOST_TEST(told.at("connections").as_int64() == 8);
  BOOST_TEST(told.at("listeners").at(0).at("accepted").as_int64() == 70);
  BOOST_TEST(told.at("backends").at(1).at("waiting").as_int64() == 5);
}

BOOST_AUTO_TEST_CASE(it_is_ready_from_serving_to_draining) {
  const config::settings settings = two_listeners();
  server_status status(settings);
  BOOST_TEST(status.why_not_ready() == "starting");
  status.serving(1);
  BOOST_TEST(status.why_not_ready() == "");
  status.draining();
  BOOST_TEST(status.why_not_ready().starts_with("draining: "));
  BOOST_TEST(!status.as_json().at("ready").as_bool());
}

BOOST_AUTO_TEST_CASE(without_a_server_it_says_so_and_ends_with_3) {
  const folder in;
  const outcome alone = run({"ctl", "status", "--store", in.at("users.db")});
  BOOST_TEST(alone.code == not_started);
  BOOST_TEST(alone.out == "");
  BOOST_TEST(in.without(alone.err) ==
             "sallyport: no server listens on F/users.db.sock: name the configuration of the server that runs by -c FILE\n");
}

BOOST_AUTO_TEST_CASE(a_server_that_does_not_know_the_question_is_a_refusal) {
  const folder in;
  const server running(in.at("users.db.sock"), none_other);
  const outcome old = run({"ctl", "status", "--store", in.at("users.db")});
  BOOST_TEST(old.code == refused);
  BOOST_TEST(old.err == "sallyport: unknown op\n");
}

BOOST_AUTO_TEST_CASE(what_a_server_says_drives_no_terminal) {
  const folder in;
  const server running(in.at("users.db.sock"), [](json::object, const std::function<void(json::object)>& done) {
    done({{"status", json::object{{"version", "\x1b[2J"}, {"listeners", json::array{json::object{{"name", "a\nb"}}}}, {"backends", 3}}}});
  });
  const outcome shown = run({"ctl", "status", "--store", in.at("users.db")});
  BOOST_TEST(shown.code == ended_well);
  BOOST_TEST(shown.out.find('\x1b') == std::string::npos);
  BOOST_TEST(shown.out.find("listener a\\x0ab: ") != std::string::npos, shown.out);
}

BOOST_AUTO_TEST_CASE(the_command_line_wants_a_verb) {
  BOOST_TEST(run({"ctl"}).code == bad_request);
  BOOST_TEST(run({"ctl", "stauts"}).code == bad_request);
  BOOST_TEST(run({"ctl", "status", "-c", "/nonexistent/file.yaml"}).code == bad_request);
  const outcome help = run({"ctl", "status", "--help"});
  BOOST_TEST(help.code == ended_well);
  BOOST_TEST(help.out.find("--json") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
