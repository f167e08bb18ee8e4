// The admin socket with real sockets: who may open it, what it refuses, and that no stranger holds it up.
#include <sallyport/admin/socket.hpp>
#include <sallyport/core/task_group.hpp>

#include "limits.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/test/unit_test.hpp>

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <optional>
#include <thread>

using namespace sallyport;
namespace json = boost::json;
using boost::system::errc::make_error_code;

namespace {

class folder {
 public:
  folder() {
    std::string name = (std::filesystem::temp_directory_path() / "sallyport-admin-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~folder() { std::filesystem::remove_all(path_); }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  std::string at(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

telemetry::log_settings quiet() {
  telemetry::log_settings settings;
  settings.threshold = telemetry::level::off;
  return settings;
}

void echo(json::object request, const std::function<void(json::object)>& done) { done({{"echo", std::move(request)}}); }

// A server on a thread of its own until it goes.
class running {
 public:
  running(const std::string& path, admin::handler answer) : log_(quiet()), tasks_(io_.get_executor()), last_(io_.get_executor()) {
    auto opened = admin::server::open(io_.get_executor(), {path}, std::move(answer), log_);
    if (!opened) {
      fault_ = opened.error();
      return;
    }
    server_ = std::move(*opened);
    tasks_.spawn(server_->run());
    thread_ = std::thread([this] { io_.run(); });
  }
  ~running() { stop(); }
  running(const running&) = delete;
  running& operator=(const running&) = delete;

  // By close, or by cancelling the task that runs it: both must end every connection.
  void stop(bool by_cancelling = false) {
    if (!thread_.joinable()) return;
    boost::asio::post(io_, [this, by_cancelling] {
      if (by_cancelling)
        tasks_.cancel();
      else
        server_->close();
      last_.spawn(gone());
    });
    thread_.join();
  }
  const std::optional<core::fault>& fault() const { return fault_; }

 private:
  // As soon as run() has returned the server may go: a connection that it left behind would be found by ASan.
  core::task<void> gone() {
    co_await tasks_.joined();
    server_.reset();
  }

  boost::asio::io_context io_{1};
  telemetry::logger log_;
  core::task_group tasks_, last_;
  std::unique_ptr<admin::server> server_;
  std::thread thread_;
  std::optional<core::fault> fault_;
};

// A client that says what it likes.
class raw_client {
 public:
  explicit raw_client(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    connected_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~raw_client() { ::close(socket_); }
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;

  bool connected() const { return connected_; }
  bool say(std::string_view words) {
    while (!words.empty()) {
      const ssize_t sent = ::send(socket_, words.data(), words.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      words.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // The next line, or "closed" when the server ends the connection, or "silence" after `limit`.
  std::string hear(std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    const auto until = std::chrono::steady_clock::now() + limit;
    for (;;) {
      if (const auto end = kept_.find('\n'); end != std::string::npos) {
        std::string line = kept_.substr(0, end);
        kept_.erase(0, end + 1);
        return line;
      }
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
      pollfd waiting{socket_, POLLIN, 0};
      if (left <= 0 || ::poll(&waiting, 1, static_cast<int>(left)) <= 0) return "silence";
      char buffer[4096];
      const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
      if (got <= 0) return "closed";
      kept_.append(buffer, static_cast<std::size_t>(got));
    }
  }

 private:
  int socket_;
  bool connected_ = false;
  std::string kept_;
};

constexpr const char* not_an_object = R"({"error":"a request is one JSON object in one line","code":"bad_request"})";

}  // namespace

BOOST_AUTO_TEST_SUITE(admin_socket)

BOOST_AUTO_TEST_CASE(a_question_gets_its_answer) {
  const folder in;
  running server(in.at("s"), echo);
  BOOST_TEST_REQUIRE(!server.fault().has_value());
  const auto answer = admin::ask(in.at("s"), {{"op", "x"}, {"n", 1}});
  BOOST_TEST_REQUIRE(answer.has_value());
  BOOST_TEST(json::serialize(*answer) == R"({"echo":{"op":"x","n":1}})");
}

BOOST_AUTO_TEST_CASE(the_file_is_for_its_owner_alone_whatever_the_umask_and_goes_with_the_server) {
  const folder in;
  const mode_t before = ::umask(0);
  {
    running server(in.at("new/folder/s"), echo);
    ::umask(before);
    BOOST_TEST_REQUIRE(!server.fault().has_value());
    struct stat status{};
    BOOST_TEST_REQUIRE(::lstat(in.at("new/folder/s").c_str(), &status) == 0);
    BOOST_TEST((status.st_mode & 07777) == 0600u);
    BOOST_TEST_REQUIRE(::lstat(in.at("new/folder").c_str(), &status) == 0);
    BOOST_TEST((status.st_mode & 07777) == 0700u);
  }
  BOOST_TEST(!std::filesystem::exists(in.at("new/folder/s")));
}

BOOST_AUTO_TEST_CASE(a_socket_that_nobody_listens_on_is_replaced_and_a_living_one_is_not) {
  const folder in;
  {
    // Left behind by a server that was killed: bound, and never removed.
    const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    in.at("s").copy(address.sun_path, sizeof address.sun_path - 1);
    BOOST_TEST_REQUIRE(::bind(dead, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    ::close(dead);
  }
  running first(in.at("s"), echo);
  BOOST_TEST_REQUIRE(!first.fault().has_value());
  running second(in.at("s"), echo);
  BOOST_TEST_REQUIRE(second.fault().has_value());
  BOOST_TEST(second.fault()->text ==
             "admin socket " + in.at("s") + ": a server listens there already; stop it first, or set admin.socket to another path");
  BOOST_TEST(admin::ask(in.at("s"), {}).has_value());
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_socket_is_left_alone) {
  const folder in;
  std::ofstream(in.at("precious")) << "data";
  std::filesystem::create_symlink(in.at("precious"), in.at("link"));
  for (const char* name : {"precious", "link"}) {
    running server(in.at(name), echo);
    BOOST_TEST_REQUIRE(server.fault().has_value());
    BOOST_TEST(server.fault()->text.find("it is no socket") != std::string::npos, server.fault()->text);
  }
  BOOST_TEST(std::filesystem::file_size(in.at("precious")) == 4u);
  BOOST_TEST(std::filesystem::is_symlink(in.at("link")));
}

BOOST_AUTO_TEST_CASE(a_socket_that_somebody_else_has_put_there_meanwhile_is_not_removed) {
  const folder in;
  running first(in.at("s"), echo);
  ::unlink(in.at("s").c_str());
  running second(in.at("s"), echo);
  BOOST_TEST_REQUIRE(!second.fault().has_value());
  first.stop();
  BOOST_TEST(admin::ask(in.at("s"), {}).has_value());
}

BOOST_AUTO_TEST_CASE(where_no_server_is_the_answer_is_not_connected_and_nothing_else_is) {
  const folder in;
  const auto code_of = [](const std::string& path) {
    const auto answer = admin::ask(path, {});
    BOOST_TEST_REQUIRE(!answer.has_value());
    return answer.error().code;
  };
  const auto not_connected = make_error_code(boost::system::errc::not_connected);
  BOOST_TEST(code_of(in.at("nowhere")) == not_connected);
  std::ofstream(in.at("file")) << "x";
  BOOST_TEST(code_of(in.at("file")) == not_connected);
  BOOST_TEST(code_of(in.at("file/below")) == not_connected);
  {
    running server(in.at("s"), echo);
  }
  BOOST_TEST(code_of(in.at("s")) == not_connected);
  BOOST_TEST(code_of("") != not_connected);
  BOOST_TEST(code_of("/" + std::string(200, 'x')) != not_connected);
  {
    std::promise<void> asked;
    running server(in.at("t"), [&asked](json::object, const std::function<void(json::object)>&) { asked.set_value(); });
    std::thread stopper([&] {
      asked.get_future().wait();  // the request has arrived, and is never answered
      server.stop();
    });
    BOOST_TEST(code_of(in.at("t")) != not_connected);  // it may have been carried out: never done again on the store
    stopper.join();
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_request_is_refused_in_words_and_the_connection_lives_on) {
  const folder in;
  running server(in.at("s"), echo);
  raw_client client(in.at("s"));
  const std::string deep = "{\"a\":" + std::string(100'000 / 16, '[') + std::string(100'000 / 16, ']') + "}";
  for (const std::string& line :
       {std::string("hello"), std::string(""), std::string("[1]"), std::string("1"), std::string("{\"a\":1} x"), std::string("{\"a\":"),
        std::string("\xff\xfe"), std::string("{\"a\":\"\xff\"}"), std::string("\0", 1), deep, std::string("GET / HTTP/1.1\r")}) {
    BOOST_TEST_REQUIRE(client.say(line + "\n"));
    BOOST_TEST(client.hear() == not_an_object, line.substr(0, 20));
  }
  BOOST_TEST_REQUIRE(client.say("{\"a\":1}\n"));
  BOOST_TEST(client.hear() == R"({"echo":{"a":1}})");
}

BOOST_AUTO_TEST_CASE(requests_may_come_in_pieces_and_several_at_once) {
  const folder in;
  running server(in.at("s"), echo);
  raw_client client(in.at("s"));
  for (const char c : std::string("{\"a\":1}\n")) BOOST_TEST_REQUIRE(client.say(std::string_view(&c, 1)));
  BOOST_TEST(client.hear() == R"({"echo":{"a":1}})");
  BOOST_TEST_REQUIRE(client.say("{\"a\":2}\n{\"a\":3}\n{\"a\""));
  BOOST_TEST(client.hear() == R"({"echo":{"a":2}})");
  BOOST_TEST(client.hear() == R"({"echo":{"a":3}})");
  BOOST_TEST_REQUIRE(client.say(":4}\n"));
  BOOST_TEST(client.hear() == R"({"echo":{"a":4}})");
}

BOOST_AUTO_TEST_CASE(a_request_has_64_kib_and_an_answer_may_have_more) {
  const folder in;
  running server(in.at("s"), [](json::object request, const std::function<void(json::object)>& done) {
    json::array many;
    for (int i = 0; i < 100; ++i) many.push_back(request.at("a"));
    done({{"many", std::move(many)}});
  });
  const std::string most(64 * 1024 - std::string("{\"a\":\"\"}").size(), 'x');
  const auto answer = admin::ask(in.at("s"), {{"a", most}});
  BOOST_TEST_REQUIRE(answer.has_value());
  BOOST_TEST(answer->at("many").get_array().size() == 100u);
  const auto too_long = admin::ask(in.at("s"), {{"a", most + "x"}});
  BOOST_TEST_REQUIRE(!too_long.has_value());
  BOOST_TEST(too_long.error().text.find("at most 64 KiB") != std::string::npos);
  raw_client client(in.at("s"));
  client.say(std::string(69'000, 'x'));
  const std::string heard = client.hear();
  BOOST_TEST((heard == R"({"error":"a request has at most 64 KiB","code":"bad_request"})" || heard == "closed"), heard);
  BOOST_TEST(client.hear() == "closed");
}

BOOST_AUTO_TEST_CASE(sixteen_connections_are_served_and_the_next_is_closed) {
  const folder in;
  running server(in.at("s"), echo);
  std::vector<std::unique_ptr<raw_client>> clients;
  for (std::size_t i = 0; i < 16; ++i) {
    clients.push_back(std::make_unique<raw_client>(in.at("s")));
    BOOST_TEST_REQUIRE(clients.back()->say("{\"a\":1}\n"));
    BOOST_TEST(clients.back()->hear() == R"({"echo":{"a":1}})");
  }
  raw_client one_more(in.at("s"));
  BOOST_TEST(one_more.hear() == "closed");
  BOOST_TEST_REQUIRE(clients[3]->say("{\"a\":2}\n"));
  BOOST_TEST(clients[3]->hear() == R"({"echo":{"a":2}})");
  clients.clear();
  // Places come back when the server has seen the ends.
  std::string heard;
  for (int attempt = 0; attempt < 1000 && heard != R"({"echo":{"a":3}})"; ++attempt) {
    raw_client later(in.at("s"));
    heard = later.say("{\"a\":3}\n") ? later.hear() : "";
  }
  BOOST_TEST(heard == R"({"echo":{"a":3}})");
}

BOOST_AUTO_TEST_CASE(an_answer_may_come_from_another_thread) {
  const folder in;
  std::vector<std::thread> threads;
  {
    running server(in.at("s"), [&](json::object request, std::function<void(json::object)> done) {
      threads.emplace_back([request = std::move(request), done = std::move(done)] {
        done({{"echo", request}});
        done({{"second", true}});  // a bug of the handler's that must not harm
      });
    });
    for (int i = 0; i < 20; ++i) {
      const auto answer = admin::ask(in.at("s"), {{"a", i}});
      BOOST_TEST_REQUIRE(answer.has_value());
      BOOST_TEST(json::serialize(*answer) == "{\"echo\":{\"a\":" + std::to_string(i) + "}}");
    }
  }
  for (auto& thread : threads) thread.join();
}

BOOST_AUTO_TEST_CASE(a_late_answer_is_told_as_late_and_comes_to_nobody) {
  const folder in;
  std::promise<std::function<void(json::object)>> kept;
  auto late = kept.get_future();
  {
    running server(in.at("s"), [&](json::object request, std::function<void(json::object)> done) {
      if (request.contains("wait")) return kept.set_value(std::move(done));
      done({{"ok", true}});
    });
    raw_client waiting(in.at("s")), idle(in.at("s"));
    BOOST_TEST_REQUIRE(waiting.say("{\"wait\":1}\n"));
    // Meanwhile others are served, and one who says nothing is closed after the same time.
    BOOST_TEST(admin::ask(in.at("s"), {}).has_value());
    const auto start = std::chrono::steady_clock::now();
    BOOST_TEST(waiting.hear() == R"({"error":"no answer within 10 s; the request may still be carried out","code":"timeout"})");
    BOOST_TEST((std::chrono::steady_clock::now() - start > std::chrono::seconds(8)));
    BOOST_TEST(waiting.hear() == "closed");
    BOOST_TEST(idle.hear() == "closed");
  }
  late.get()({{"ok", true}});  // after the server has gone, too
}

BOOST_AUTO_TEST_CASE(close_and_cancellation_end_the_connections_that_are_open) {
  for (const bool by_cancelling : {false, true}) {
    const folder in;
    std::promise<std::function<void(json::object)>> kept;
    auto asked = kept.get_future();
    running server(in.at("s"), [&](json::object, std::function<void(json::object)> done) { kept.set_value(std::move(done)); });
    raw_client idle(in.at("s")), waiting(in.at("s"));
    BOOST_TEST_REQUIRE(waiting.say("{}\n"));
    const auto done = asked.get();
    server.stop(by_cancelling);  // returns when all tasks have ended
    BOOST_TEST(idle.hear() == "closed");
    BOOST_TEST(waiting.hear() == "closed");
    done({{"ok", true}});
  }
}

BOOST_AUTO_TEST_CASE(a_client_that_leaves_at_any_moment_harms_nobody) {
  const folder in;
  running server(in.at("s"), echo);
  const std::string words = "{\"a\":1}\n";
  for (std::size_t said = 0; said <= words.size(); ++said) {
    raw_client client(in.at("s"));
    client.say(words.substr(0, said));
  }
  BOOST_TEST(admin::ask(in.at("s"), {}).has_value());
}

BOOST_AUTO_TEST_CASE(a_server_that_answers_nonsense_is_told) {
  const folder in;
  for (const std::string& words : {std::string("hello\n"), std::string("[1]\n"), std::string("")}) {
    const std::string path = in.at("s" + std::to_string(words.size()));
    const int listening = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    BOOST_TEST_REQUIRE(::bind(listening, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    BOOST_TEST_REQUIRE(::listen(listening, 1) == 0);
    std::thread peer([&] {
      const int one = ::accept(listening, nullptr, nullptr);
      char buffer[64];
      [[maybe_unused]] const ssize_t heard = ::recv(one, buffer, sizeof buffer, 0);
      if (!words.empty()) ::send(one, words.data(), words.size(), MSG_NOSIGNAL);
      ::close(one);
    });
    const auto answer = admin::ask(path, {});
    peer.join();
    ::close(listening);
    BOOST_TEST_REQUIRE(!answer.has_value());
    BOOST_TEST((answer.error().code == boost::system::errc::protocol_error || answer.error().code == boost::system::errc::connection_reset),
               answer.error().text);
  }
}

BOOST_AUTO_TEST_SUITE_END()
