#include "connect_client.hpp"

#include "exit_codes.hpp"
#include "stdio_stream.hpp"

#include <sallyport/core/deadline.hpp>
#include <sallyport/core/task_group.hpp>
#include <sallyport/net/names.hpp>
#include <sallyport/net/plain_stream.hpp>
#include <sallyport/net/relay.hpp>
#include <sallyport/tls/session.hpp>

#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/signal_set.hpp>

#include <unistd.h>

#include <csignal>
#include <memory>

namespace sallyport::app {
namespace {

namespace asio = core::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;
constexpr auto connect_limit = 10s, answer_limit = 30s;
constexpr std::size_t head_max_bytes = 16 * 1024;
constexpr std::size_t tunnels_max = 1024;

// Why there is no tunnel. A code of exit_codes.hpp; 0: there is one.
struct trouble {
  int code = ended_well;
  std::string what, hint;
};

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t three = 0;
    for (std::size_t i = 0; i < 3; ++i) three = three << 8 | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i) text += at + i <= bytes.size() ? digits[three >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

struct collector final : net::receiver {
  std::string all;
  void received(core::bytes in) override { all.append(reinterpret_cast<const char*>(in.data()), in.size()); }
  // Answers before the answer are passed over (RFC 9110 15.2); 101 would be the last one.
  bool has_head() {
    for (;;) {
      const auto end = all.find("\r\n\r\n");
      if (end == std::string::npos) return false;
      const std::string_view line(all.data(), end);
      if (!line.starts_with("HTTP/1.") || line.size() < 12 || line[9] != '1' || line.substr(9, 3) == "101") return true;
      all.erase(0, end + 4);
    }
  }
};

core::task<core::result<core::progress>> receive_head(net::stream& from, collector& into) {
  while (into.all.size() <= head_max_bytes) {
    const auto got = co_await from.receive(into);
    if (into.has_head()) co_return core::progress::done;  // its end, or what follows, may have come along
    if (!got) co_return got;
    if (*got == core::progress::ended) co_return core::error_code(asio::error::eof);
  }
  co_return core::error_code(asio::error::message_size);
}

class client {
 public:
  client(const connect_settings& s, std::shared_ptr<const tls::client_trust> trust,
         const std::function<void(const std::string&, const std::string&)>& complain, const std::function<void(const std::string&)>& tell)
      : settings_(s), trust_(std::move(trust)), complain_(complain), tell_(tell) {}

  int run();

 private:
  core::task<core::result<core::tcp_socket>> dial();
  core::task<trouble> open(std::unique_ptr<net::stream>& made, std::string& first);
  core::task<trouble> ask(net::stream& over, std::string& first);
  trouble read_answer(const std::string& head) const;
  trouble broken(std::string what) const;
  core::task<void> serve_stdio();
  core::task<void> serve_port(core::tcp_acceptor acceptor);
  core::task<void> serve_one(core::tcp_socket from);
  core::task<void> watch_signals();
  void end();
  std::string listener() const {
    return (settings_.host.find(':') != std::string::npos ? "[" + settings_.host + "]" : settings_.host) + ":" +
           std::to_string(settings_.port);
  }

  const connect_settings& settings_;
  std::shared_ptr<const tls::client_trust> trust_;
  const std::function<void(const std::string&, const std::string&)>& complain_;
  const std::function<void(const std::string&)>& tell_;
  asio::io_context io_{1};
  core::task_group tasks_{io_.get_executor()};
  asio::basic_signal_set<core::executor> signals_{io_.get_executor(), SIGINT, SIGTERM};
  net::workbench bench_;
  std::string last_reason_;
  int code_ = ended_well;
  bool interrupted_ = false;
};

core::task<core::result<core::tcp_socket>> client::dial() {
  auto addresses = net::known_addresses(settings_.host, settings_.port);
  if (addresses.empty()) {
    asio::ip::basic_resolver<tcp, core::executor> names(io_.get_executor());
    const auto port = std::to_string(settings_.port);
    auto [error, found] = co_await names.async_resolve(settings_.host, port, core::await);
    if (error) co_return error;
    for (const auto& one : found) addresses.push_back(one.endpoint());
  }
  core::error_code last = asio::error::host_not_found;
  for (const auto& address : addresses) {
    auto made = co_await net::connect(address);
    if (made) co_return std::move(*made);
    last = made.error();
  }
  co_return last;
}

trouble client::broken(std::string what) const {
  const auto has = [&what](std::string_view word) { return what.find(word) != std::string::npos; };
  std::string hint;
  if (has("the server's certificate"))
    hint = "is --ca the authority that signed it, and is this the name in it?";
  else if (has("alert") && (has("certificate") || has("CA")))
    hint = "pass a client certificate of the listener's authority: --cert and --key";
  return {refused, listener() + ": " + what, hint};
}

core::task<trouble> client::open(std::unique_ptr<net::stream>& made, std::string& first) {
  auto attempt = dial();
  auto socket = co_await core::with_deadline(std::move(attempt), connect_limit);
  if (!socket)
    co_return trouble{not_started, "cannot connect to " + listener() + ": " + socket.error().message(),
                      "is it the address of the listener?"};
  if (settings_.plaintext) {
    made = std::make_unique<net::plain_stream>(std::move(*socket), bench_);
  } else {
    const std::string_view protocol = settings_.bytes_at_once ? "" : "http/1.1";
    auto session = std::make_unique<tls::session>(std::move(*socket), *trust_, settings_.host, protocol, bench_);
    auto shaking = session->connect();
    const auto done = co_await core::with_deadline(std::move(shaking), connect_limit);
    if (!done) {
      const auto& why = session->failure();
      const std::string of = why.depth ? "the server's certificate: " : "";
      co_return broken("TLS: " + of + (why.reason.empty() ? done.error().message() : why.reason));
    }
    made = std::move(session);
  }
  if (settings_.bytes_at_once) co_return trouble{};
  auto asking = ask(*made, first);
  co_return co_await std::move(asking);
}

core::task<trouble> client::ask(net::stream& over, std::string& first) {
  std::string head = "CONNECT " + settings_.target + " HTTP/1.1\r\nHost: " + settings_.target + "\r\n";
  if (!settings_.user.empty()) {
    std::string token = settings_.user + ":" + std::string(settings_.password.reveal());
    std::string encoded = base64(token);
    head += "Proxy-Authorization: Basic " + encoded + "\r\n";
    core::wipe(token);
    core::wipe(encoded);
  }
  head += "\r\n";
  const auto sent = over.write(std::as_bytes(std::span(head)));
  core::wipe(head);
  if (!sent) co_return broken(sent.error().message());
  collector answer;
  auto reading = receive_head(over, answer);
  const auto got = co_await core::with_deadline(std::move(reading), answer_limit);
  if (!got) {
    if (!over.reason().empty()) co_return broken(std::string(over.reason()));
    co_return broken("no answer to CONNECT: " + got.error().message());
  }
  const auto end = answer.all.find("\r\n\r\n") + 4;
  first = answer.all.substr(end);
  co_return read_answer(answer.all.substr(0, end));
}

trouble client::read_answer(const std::string& head) const {
  const std::string status = head.starts_with("HTTP/1.") && head.size() > 12 ? head.substr(9, 3) : std::string();
  if (status.starts_with('2')) return {};
  const std::string where = listener() + ": ";
  if (status == "407" && settings_.user.empty())
    return {refused, where + "a user and a password are needed (407)", "pass --user and --password-file or --password-stdin"};
  if (status == "407") return {refused, where + "user and password were not accepted (407)", "check both"};
  if (status == "403")
    return {refused, where + "the listener does not lead to " + settings_.target + " (403)",
            "leave --target out, or write it as the listener's backends[].endpoints has it"};
  if (status == "503")
    return {refused, where + "the backend cannot be reached, or has all the tunnels that it may have (503)", "try again later"};
  if (status == "405") return {refused, where + "this listener serves no CONNECT (405)", "it needs protocol: connect"};
  if (status.empty())
    return {refused, where + "the answer is not HTTP", "is it a listener with protocol: connect? One of protocol: tcp needs --tcp"};
  return {refused, where + "CONNECT was refused (" + status + ")", ""};
}

core::task<void> client::serve_stdio() {
  std::unique_ptr<net::stream> far;
  std::string first;
  auto opening = open(far, first);
  const auto why = co_await std::move(opening);
  if (interrupted_) co_return;
  if (why.code != ended_well) {
    complain_(why.what, why.hint);
    code_ = why.code;
    co_return end();
  }
  stdio_stream near(io_.get_executor(), STDIN_FILENO, STDOUT_FILENO);
  net::relay bytes(near, *far);
  bytes.begin(std::as_bytes(std::span(settings_.first)), std::as_bytes(std::span(first)));
  co_await bytes.run();
  if (interrupted_) co_return;
  if (bytes.cause() == "backend_broken") {
    const auto said = broken(far->reason().empty() ? "the tunnel broke" : std::string(far->reason()));
    complain_(said.what, said.hint);
    code_ = refused;
  } else if (bytes.cause() != "ended") {
    complain_(near.reason().empty() ? "the tunnel broke here" : "standard output: " + std::string(near.reason()), "");
    code_ = refused;
  }
  end();
}

core::task<void> client::serve_one(core::tcp_socket from) {
  net::plain_stream near(std::move(from), bench_);
  std::unique_ptr<net::stream> far;
  std::string first;
  auto opening = open(far, first);
  const auto why = co_await std::move(opening);
  if (why.code != ended_well) {
    if (why.what != last_reason_) complain_(why.what, why.hint);  // a program that tries again and again is not to fill the screen
    last_reason_ = why.what;
    co_return near.reset();
  }
  last_reason_.clear();
  net::relay bytes(near, *far);
  bytes.begin({}, std::as_bytes(std::span(first)));
  co_await bytes.run();
}

core::task<void> client::serve_port(core::tcp_acceptor acceptor) {
  for (;;) {
    auto [ec, socket] = co_await acceptor.async_accept(core::await);
    if (ec == asio::error::operation_aborted) co_return;
    if (ec || tasks_.size() > tunnels_max) {
      core::timer pause(io_.get_executor(), 100ms);
      co_await pause.async_wait(core::await);
      continue;
    }
    core::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    tasks_.spawn(serve_one(std::move(socket)));
  }
}

core::task<void> client::watch_signals() {
  auto [ec, signal] = co_await signals_.async_wait(core::await);
  interrupted_ = !ec;
  end();
}

void client::end() {
  tasks_.cancel();
  signals_.cancel();
}

int client::run() {
  if (settings_.listen_host.empty()) {
    tasks_.spawn(serve_stdio());
  } else {
    const auto at = net::known_addresses(settings_.listen_host, settings_.listen_port);
    core::tcp_acceptor acceptor(io_.get_executor());
    core::error_code ec;
    acceptor.open(at.front().protocol(), ec);
    if (!ec) acceptor.set_option(asio::socket_base::reuse_address(true), ec);
    if (!ec) acceptor.bind(at.front(), ec);
    if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
    if (ec) {
      complain_("--listen: cannot listen on " + net::peer_address{at.front()}.text() + ": " + ec.message(), "choose another port");
      return not_started;
    }
    tell_("listening on " + net::peer_address{acceptor.local_endpoint(ec)}.text());
    tasks_.spawn(serve_port(std::move(acceptor)));
  }
  tasks_.spawn(watch_signals());
  io_.run();
  return code_;
}

}  // namespace

int run_connect(const connect_settings& settings, const std::function<void(const std::string&, const std::string&)>& complain,
                const std::function<void(const std::string&)>& tell) {
  std::shared_ptr<const tls::client_trust> trust;
  if (!settings.plaintext) {
    const tls::client_settings files{settings.ca, settings.cert, settings.key};
    auto loaded = tls::client_trust::load(files);
    if (!loaded) {
      for (const auto& fault : loaded.error()) complain(fault.text, "");
      return bad_request;
    }
    trust = std::move(*loaded);
  }
  std::signal(SIGPIPE, SIG_IGN);  // whoever read our standard output may have gone
  return client(settings, std::move(trust), complain, tell).run();
}

}  // namespace sallyport::app
