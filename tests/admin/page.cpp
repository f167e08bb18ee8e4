// The page for operators with real sockets: what it answers, what it refuses, and that no stranger holds it up.
#include <sallyport/admin/page.hpp>
#include <sallyport/core/task_group.hpp>

#include <boost/asio/post.hpp>
#include <boost/test/unit_test.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <optional>
#include <thread>

using namespace sallyport;
using namespace std::chrono_literals;

namespace {

telemetry::log_settings quiet() {
  telemetry::log_settings settings;
  settings.threshold = telemetry::level::off;
  return settings;
}

struct program final : admin::status_source {
  std::atomic<bool> draining{false};
  std::string page = "# HELP a_total Of a.\n# TYPE a_total counter\na_total 1\n";
  std::string metrics() override { return page; }
  std::string why_not_ready() override { return draining ? "draining" : ""; }
};

admin::settings at_port(std::uint16_t port) {
  admin::settings settings;
  settings.page_host = "127.0.0.1";
  settings.page_port = port;
  return settings;
}

// A page on a thread of its own until it goes.
class running {
 public:
  explicit running(const admin::page_limits& within = {}, std::uint16_t port = 0)
      : log_(quiet()), tasks_(io_.get_executor()), last_(io_.get_executor()) {
    auto opened = admin::page_server::open(io_.get_executor(), at_port(port), about, log_, within);
    if (!opened) {
      fault = opened.error().text;
      return;
    }
    server_ = std::move(*opened);
    port_ = server_->local().port();
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
  std::uint16_t port() const { return port_; }

  program about;
  std::string fault;

 private:
  // As soon as run() has returned the page may go: a connection that it left behind would be found by ASan.
  core::task<void> gone() {
    co_await tasks_.joined();
    server_.reset();
  }

  boost::asio::io_context io_{1};
  telemetry::logger log_;
  core::task_group tasks_, last_;
  std::unique_ptr<admin::page_server> server_;
  std::thread thread_;
  std::uint16_t port_ = 0;
};

// A client that says what it likes.
class raw_client {
 public:
  explicit raw_client(const running& to) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(to.port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    BOOST_TEST_REQUIRE(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  ~raw_client() { ::close(socket_); }
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;

  void say(std::string_view words) {
    while (!words.empty()) {
      const ssize_t sent = ::send(socket_, words.data(), words.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      words.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void shut() { ::shutdown(socket_, SHUT_WR); }
  // Everything up to the end of the connection; what came by then and " (silence)" after 20 s, " (reset)" after a reset.
  std::string hear_all() {
    while (more()) continue;
    return kept_ + ended_;
  }
  // One answer by its Content-Length.
  std::string hear_one() {
    for (;;) {
      const auto end = kept_.find("\r\n\r\n");
      if (const auto at = kept_.find("Content-Length: "); end != std::string::npos && at < end) {
        const std::size_t size = end + 4 + std::stoul(kept_.substr(at + 16));
        if (kept_.size() >= size) {
          std::string one = kept_.substr(0, size);
          kept_.erase(0, size);
          return one;
        }
      }
      if (!more()) return kept_ + ended_;
    }
  }

 private:
  bool more() {
    pollfd waiting{socket_, POLLIN, 0};
    if (::poll(&waiting, 1, 20'000) <= 0) {
      ended_ = " (silence)";
      return false;
    }
    char buffer[4096];
    const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
    if (got < 0) ended_ = " (reset)";
    if (got <= 0) return false;
    kept_.append(buffer, static_cast<std::size_t>(got));
    return true;
  }

  int socket_;
  std::string kept_, ended_;
};

std::string get(std::string_view path, std::string_view more = {}) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(more) + "\r\n";
}
std::string status_of(std::string_view answer) { return std::string(answer.substr(0, std::min(answer.find("\r\n"), answer.size()))); }
std::string body_of(std::string_view answer) {
  const auto end = answer.find("\r\n\r\n");
  return end == std::string_view::npos ? "no head" : std::string(answer.substr(end + 4));
}
bool has(std::string_view answer, std::string_view line) {
  return answer.find("\r\n" + std::string(line) + "\r\n") < answer.find("\r\n\r\n") + 2;
}
bool is_between(core::clock::duration took, core::clock::duration least, core::clock::duration most) {
  return took >= least && took <= most;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(admin_page)

BOOST_AUTO_TEST_CASE(it_answers_the_three_paths_and_nothing_else) {
  running page;
  const struct {
    std::string request, status, body;
  } table[] = {
      {get("/metrics"), "200 OK", page.about.page},
      {get("/metrics?x=1"), "200 OK", page.about.page},
      {get("/livez"), "200 OK", "ok\n"},
      {get("/readyz"), "200 OK", "ok\n"},
      {get("/"), "404 Not Found", "not found: there are /metrics, /livez and /readyz\n"},
      {get("/metrics/"), "404 Not Found", "not found: there are /metrics, /livez and /readyz\n"},
      {get("//metrics"), "404 Not Found", "not found: there are /metrics, /livez and /readyz\n"},
      {get("/../metrics"), "404 Not Found", "not found: there are /metrics, /livez and /readyz\n"},
      {get("/%6detrics"), "404 Not Found", "not found: there are /metrics, /livez and /readyz\n"},
      {"POST /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "405 Method Not Allowed", "only GET and HEAD are served here\n"},
      {"DELETE /livez HTTP/1.1\r\nHost: h\r\n\r\n", "405 Method Not Allowed", "only GET and HEAD are served here\n"},
      {"BREW /readyz HTTP/1.1\r\nHost: h\r\n\r\n", "405 Method Not Allowed", "only GET and HEAD are served here\n"},
  };
  // All of them on one connection, and each on one of its own.
  raw_client same(page);
  for (const auto& row : table) {
    same.say(row.request);
    const std::string kept = same.hear_one();
    raw_client fresh(page);
    fresh.say(row.request);
    fresh.shut();
    for (const std::string& answer : {kept, fresh.hear_all()}) {
      BOOST_TEST(status_of(answer) == "HTTP/1.1 " + row.status, row.request);
      BOOST_TEST(body_of(answer) == row.body, row.request);
      BOOST_TEST(has(answer, "Cache-Control: no-store"), answer);
      const bool metrics = row.body == page.about.page;
      BOOST_TEST(
          has(answer, metrics ? "Content-Type: text/plain; version=0.0.4; charset=utf-8" : "Content-Type: text/plain; charset=utf-8"),
          answer);
      BOOST_TEST(has(answer, "Allow: GET, HEAD") == row.status.starts_with("405"), answer);
    }
  }
}

BOOST_AUTO_TEST_CASE(it_is_not_ready_while_the_program_says_why) {
  running page;
  page.about.draining = true;
  raw_client client(page);
  client.say(get("/readyz"));
  const std::string answer = client.hear_one();
  BOOST_TEST(status_of(answer) == "HTTP/1.1 503 Service Unavailable");
  BOOST_TEST(body_of(answer) == "draining\n");
  client.say(get("/livez"));
  BOOST_TEST(status_of(client.hear_one()) == "HTTP/1.1 200 OK");
}

BOOST_AUTO_TEST_CASE(head_has_the_length_and_no_body_and_the_next_request_is_whole) {
  running page;
  raw_client client(page);
  client.say("HEAD /metrics HTTP/1.1\r\nHost: h\r\n\r\n" + get("/livez", "Connection: close\r\n"));
  const std::string both = client.hear_all();
  BOOST_TEST(has(both, "Content-Length: " + std::to_string(page.about.page.size())), both);
  BOOST_TEST(both.find("a_total") == std::string::npos);
  BOOST_TEST(body_of(both).starts_with("HTTP/1.1 200 OK\r\n"), both);
  BOOST_TEST(both.ends_with("\r\n\r\nok\n"), both);
}

BOOST_AUTO_TEST_CASE(what_is_no_request_of_ours_is_refused_and_the_connection_ends) {
  running page;
  const std::pair<std::string, const char*> table[] = {
      {"nonsense\r\n\r\n", "400 Bad Request"},
      {"GET /livez HTTP/1.1\r\n\r\n", "400 Bad Request"},  // no Host
      {"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400 Bad Request"},
      {"GET /livez HTTP/1.1\r\nHost: h\r\n folded: 1\r\n: 2\r\n\r\n", "400 Bad Request"},
      {std::string("GET /livez HTTP/1.1\r\nHost: h\r\nX: \0\r\n\r\n", 38), "400 Bad Request"},
      {"GET /livez HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", "400 Bad Request"},
      {"GET /livez HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 Bad Request"},
      {"GET /livez HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 Bad Request"},
      {"GET /livez HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400 Bad Request"},
      {"POST /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 30\r\n\r\nGET /livez HTTP/1.1\r\nHost: h\r\n\r\n", "405 Method Not Allowed"},
      {"GET /" + std::string(9'000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", "431 Request Header Fields Too Large"},
      {"GET /livez HTTP/1.1\r\nHost: h\r\nX: " + std::string(200'000, 'a'), "431 Request Header Fields Too Large"},
      {std::string(9'000, '\0'), "431 Request Header Fields Too Large"},
  };
  for (const auto& [request, status] : table) {
    raw_client client(page);
    client.say(request);
    const std::string answer = client.hear_all();
    BOOST_TEST(status_of(answer) == "HTTP/1.1 " + std::string(status), request.substr(0, 80));
    BOOST_TEST(has(answer, "Connection: close"), answer);
    // One answer: what came after the head was taken for no second request.
    BOOST_TEST(answer.rfind("HTTP/1.1 ") == 0U, answer);
    BOOST_TEST(!answer.ends_with(")"), answer);
  }
}

BOOST_AUTO_TEST_CASE(a_head_may_come_in_pieces_and_have_8_KiB_to_the_byte) {
  running page;
  const std::string begin = "GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX: ", end = "\r\n\r\n";
  for (const std::size_t size : {8'192u, 8'193u}) {
    raw_client client(page);
    const std::string request = begin + std::string(size - begin.size() - end.size(), 'a') + end;
    client.say(request.substr(0, 1));
    client.say(request.substr(1, 7'000));
    client.say(request.substr(7'001));
    BOOST_TEST(status_of(client.hear_all()) == (size == 8'192u ? "HTTP/1.1 200 OK" : "HTTP/1.1 431 Request Header Fields Too Large"));
  }
}

BOOST_AUTO_TEST_CASE(an_old_client_gets_an_old_answer) {
  running page;
  raw_client client(page);
  client.say("GET /livez HTTP/1.0\r\n\r\n");
  const std::string answer = client.hear_all();
  BOOST_TEST(status_of(answer) == "HTTP/1.0 200 OK");
  BOOST_TEST(body_of(answer) == "ok\n");
}

BOOST_AUTO_TEST_CASE(a_head_that_dawdles_is_cut_off_however_it_trickles) {
  admin::page_limits within;
  within.head = 500ms;
  running page(within);
  const auto began = core::clock::now();
  raw_client silent(page), slow(page), trickling(page);
  slow.say("GET /livez HTT");
  std::atomic<bool> over{false};
  std::thread drops([&] {
    while (!over) {
      trickling.say("G");
      ::poll(nullptr, 0, 20);
    }
  });
  BOOST_TEST(status_of(slow.hear_all()) == "HTTP/1.1 408 Request Timeout");
  BOOST_TEST(is_between(core::clock::now() - began, 500ms, 10s));
  BOOST_TEST(silent.hear_all() == "");
  BOOST_TEST(status_of(trickling.hear_one()) == "HTTP/1.1 408 Request Timeout");
  BOOST_TEST(is_between(core::clock::now() - began, 500ms, 10s));
  over = true;
  drops.join();
}

BOOST_AUTO_TEST_CASE(an_idle_connection_is_kept_for_its_time_and_no_longer) {
  admin::page_limits within;
  within.head = 500ms;
  within.between = 1500ms;
  running page(within);
  raw_client client(page);
  const auto began = core::clock::now();
  client.say(get("/livez"));
  client.hear_one();
  BOOST_TEST(client.hear_all() == "");
  BOOST_TEST(is_between(core::clock::now() - began, 1400ms, 10s));
}

BOOST_AUTO_TEST_CASE(the_seventeenth_connection_is_closed_and_a_place_that_is_free_again_is_given) {
  running page;
  std::deque<raw_client> clients;
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back(page).say(get("/livez"));
    BOOST_TEST(status_of(clients.back().hear_one()) == "HTTP/1.1 200 OK");
  }
  {
    raw_client late(page);
    late.say(get("/livez"));
    const std::string heard = late.hear_all();
    BOOST_TEST((heard.empty() || heard == " (reset)"), heard);
  }
  clients.front().say(get("/livez", "Connection: close\r\n"));
  clients.front().hear_all();
  clients.pop_front();
  // The place is free when the server has seen the end, a moment later.
  std::string heard;
  for (const auto until = core::clock::now() + 20s; core::clock::now() < until && !heard.starts_with("HTTP/1.1 200 OK");) {
    raw_client next(page);
    next.say(get("/livez", "Connection: close\r\n"));
    heard = next.hear_all();
  }
  BOOST_TEST(status_of(heard) == "HTTP/1.1 200 OK");
  for (auto& client : clients) {
    client.say(get("/livez"));
    BOOST_TEST(status_of(client.hear_one()) == "HTTP/1.1 200 OK");
  }
}

BOOST_AUTO_TEST_CASE(a_client_that_takes_no_answer_is_let_go) {
  admin::page_limits within;
  within.answer = 300ms;
  within.connections = 1;
  running page(within);
  page.about.page = std::string(32 << 20, 'a');
  raw_client greedy(page);
  greedy.say(get("/metrics"));
  // The only place becomes free without a byte read by the client that has it.
  std::string heard;
  for (const auto until = core::clock::now() + 20s; core::clock::now() < until && heard.empty();) {
    raw_client next(page);
    next.say(get("/livez", "Connection: close\r\n"));
    heard = next.hear_all();
    if (!heard.starts_with("HTTP")) heard.clear();
  }
  BOOST_TEST(status_of(heard) == "HTTP/1.1 200 OK");
}

BOOST_AUTO_TEST_CASE(it_ends_with_its_connections_by_close_and_by_cancelling) {
  for (const bool by_cancelling : {false, true}) {
    running page;
    raw_client idle(page), half(page);
    idle.say(get("/livez"));
    BOOST_TEST(status_of(idle.hear_one()) == "HTTP/1.1 200 OK");
    half.say("GET /li");
    const auto began = core::clock::now();
    page.stop(by_cancelling);
    BOOST_TEST(is_between(core::clock::now() - began, 0s, 4s));  // not by the limits of theirs
    BOOST_TEST(idle.hear_all() != " (silence)");
    BOOST_TEST(half.hear_all() != " (silence)");
  }
}

BOOST_AUTO_TEST_CASE(an_address_that_is_taken_is_a_fault_that_names_the_key) {
  running first;
  running second({}, first.port());
  BOOST_TEST(second.fault == "listener admin.listen: cannot listen on 127.0.0.1:" + std::to_string(first.port()) +
                                 ": Address already in use: another program listens there, see `ss -ltnp`");
}

BOOST_AUTO_TEST_SUITE_END()
